"""Step control: the length of time slabs and the degree in time, from the errors of the last attempts."""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.verify.growth.slab_growth import FULL_GROWTH_DEGREE

#: Limits on the change of a length, and a safety factor (Hairer, Norsett, Wanner 1993, II.4).
SHRINK, GROW, MARGIN = 0.25, 4.0, 0.85

#: Least order that is assumed; there, as at a jump, a slab may be shortened by this factor at once.
LEAST_ORDER, LEAST_FACTOR = 0.5, 1e-4

#: Failures of Gauss-Newton after which each next slab is shortened by more.
FREE_FAILURES = 2

#: Additional degrees in time of a correction. One has an effectivity of 1.1 to 1.5 for smooth solutions, four 1.04 to
#: 1.14 where a kink runs through the slabs (one: 0.5 to 0.7).
FEW_DEGREES, MANY_DEGREES = 1, 4

#: Least and most degree in time; shares of the allowed error above and below which the degree changes. Heuristic.
LEAST_DEGREE, MOST_DEGREE = 7, 10
RAISING_SHARE, LOWERING_SHARE = 0.05, 1e-4
#: Least degree, and the lower share, for slabs whose length is limited by something else.
LIMITED_LEAST_DEGREE, LIMITED_LOWERING_SHARE = 4, 3e-2


@dataclass(frozen=True, eq=False)
class Aim:
    """The next attempt at a slab: its initial state, intended length, and degree in time.

    ``rejections``: attempts at this slab that were rejected, ``failures``: that did not converge; ``guess``: initial
    coefficients; ``last_attempt``: length and error in time of the last attempt; ``extra_degrees``: additional degrees
    in time of the correction, ``vain_enrichments``: how often many more were tried in vain.
    """

    start: SlabStart
    length: float
    degree: int
    rejections: int = 0
    guess: Array | None = None
    last_attempt: tuple[float, float] | None = None
    extra_degrees: int = FEW_DEGREES
    vain_enrichments: int = 0
    failures: int = 0


def slab_length(aim: Aim, start: float, latest_end: float, end: float, slab_count: int | None) -> float:
    """Return the intended length, fitted to the time ``latest_end`` the slab has to end.

    With a given ``slab_count`` of slabs an equal part of the time from ``start`` to ``end`` instead.
    """
    remaining = latest_end - aim.start.time
    if slab_count:
        even = (end - start) / slab_count
        return even if remaining > 1.5 * even else remaining
    return fit_length(aim.length, remaining)


def fit_length(length: float, remaining: float) -> float:
    """Return the length, shortened or extended so that no small part of the time ``remaining`` is left over."""
    fits = length < 0.6 * remaining or length >= remaining
    return min(length, remaining) if fits else 0.5 * remaining


def length_factor(
    h: float, time_error: float, allowed: float, last_attempt: tuple[float, float] | None, degree: int
) -> float:
    """Return the factor on a length ``h`` at which the error ``time_error`` would be half of what is ``allowed``.

    By the order degree + 1/2, or a lower one that two attempts at the slab have shown (``last_attempt``), as at a kink.
    """
    order, least = degree + 0.5, SHRINK
    if last_attempt is not None and last_attempt[0] > 1.05 * h and min(last_attempt[1], time_error) > 0.0:
        shown = float(np.log(last_attempt[1] / time_error) / np.log(last_attempt[0] / h))
        order, least = min(max(shown, LEAST_ORDER), order), SHRINK**2 if shown > LEAST_ORDER else LEAST_FACTOR
    return max(MARGIN * (0.5 * allowed / max(time_error, 1e-300)) ** (1.0 / order), least)


def limit_shortening(length: float, tried_length: float, least_length: float) -> float:
    """Return ``length``, at least ``least_length`` while the length ``tried_length`` is longer than that."""
    return max(length, least_length) if tried_length > 1.01 * least_length else length


def plan_after_failure(aim: Aim, length: float) -> Aim:
    """Return the next attempt at a slab without convergence: shorter, after some failures by more from one to the next.

    Next to a jump only slabs shorter than its width converge: 1e-10 of the time in one case.
    """
    further = (length / aim.length) ** max(0, aim.failures + 1 - FREE_FAILURES)
    return replace(aim, length=length * further, guess=None, failures=aim.failures + 1)


def next_degree(degree: int, time_error: float, allowed: float, is_limited: bool = False) -> int:
    """Return the degree in time of the next slab, up where errors in time limit it, down where they are small.

    ``is_limited``: whether something else limits the length. Two solitons at 3e-8: 5.6 s, with degree 8 throughout 7.4
    s.
    """
    least, idle = (LIMITED_LEAST_DEGREE, LIMITED_LOWERING_SHARE) if is_limited else (LEAST_DEGREE, LOWERING_SHARE)
    if time_error > RAISING_SHARE * allowed and not (is_limited and time_error < 0.5 * allowed):
        return min(degree + 1, MOST_DEGREE)
    return max(degree - 1, min(degree, least)) if time_error < idle * allowed else degree


def plan_slab(
    aim: Aim, length: float, error: float, allowed: float, limits: tuple[float, float], may_change_degree: bool
) -> tuple[float, int]:
    """The factor on the length of an accepted slab, and the degree, of the next one.

    ``error``: that in time, of which ``allowed``; ``limits``: factors allowed by rates that vary in space, and by
    growth. Growth needs degrees, however small the growing part.
    """
    spread, growth = limits
    degree = next_degree(aim.degree, error, allowed, min(limits) < GROW) if may_change_degree else aim.degree
    if growth < min(spread, GROW):
        degree = max(degree, min(aim.degree, FULL_GROWTH_DEGREE))
    factor = min(length_factor(length, error, allowed, aim.last_attempt, aim.degree), max(min(limits), SHRINK))
    return min(factor, GROW), degree
