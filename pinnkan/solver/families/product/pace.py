"""Step control: the length of time slabs and the degree in time, from the errors of the last attempts."""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.solver.families.product.slab_start import SlabStart

#: Limits on the change of a length, and a safety factor (Hairer, Norsett, Wanner 1993, II.4).
SHRINK, GROW, MARGIN = 0.25, 4.0, 0.85

#: Least order that is assumed; there, as at a jump, a slab may be shortened by this factor at once.
LOWEST, SHARPLY = 0.5, 1e-4

#: Failures of Gauss-Newton after which each next slab is shortened by more.
FAILING = 2

#: Additional degrees in time of a correction. One has an effectivity of 1.1 to 1.5 for smooth solutions, four 1.04 to
#: 1.14 where a kink runs through the slabs (one: 0.5 to 0.7).
FEW, MANY = 1, 4

#: Least and most degree in time; shares of the allowed error above and below which the degree changes. Heuristic.
LEAST, MOST = 7, 10
LIMITS, IDLE = 0.05, 1e-4
#: Least degree, and the lower share, for slabs whose length is limited by something else.
LEAST_HELD, IDLE_HELD = 4, 3e-2


@dataclass(frozen=True, eq=False)
class Aim:
    """The next attempt at a slab: its initial state, intended length, and degree in time.

    ``rejections``: attempts at this slab that were rejected, ``failures``: that did not converge; ``guess``: initial
    coefficients; ``late``: length and error in time of the last attempt; ``more``: additional degrees in time of the
    correction, ``doubts``: how often many more were tried in vain.
    """

    start: SlabStart
    length: float
    degree: int
    rejections: int = 0
    guess: Array | None = None
    late: tuple[float, float] | None = None
    more: int = FEW
    doubts: int = 0
    failures: int = 0


def slab_length(aim: Aim, start: float, until: float, end: float, number: int | None) -> float:
    """Return the intended length, fitted to the time ``until`` the slab has to end.

    With a given ``number`` of slabs an equal part of the time from ``start`` to ``end`` instead.
    """
    remaining = until - aim.start.time
    if number:
        even = (end - start) / number
        return even if remaining > 1.5 * even else remaining
    return fitted(aim.length, remaining)


def fitted(length: float, remaining: float) -> float:
    """Return the length, shortened or extended so that no small part of the time ``remaining`` is left over."""
    fits = length < 0.6 * remaining or length >= remaining
    return min(length, remaining) if fits else 0.5 * remaining


def change(h: float, in_time: float, allowed: float, late: tuple[float, float] | None, degree: int) -> float:
    """Return the factor on a length ``h`` at which the error ``in_time`` would be half of what is ``allowed``.

    By the order degree + 1/2, or a lower one that two attempts at the slab have shown (``late``), as at a kink.
    """
    order, least = degree + 0.5, SHRINK
    if late is not None and late[0] > 1.05 * h and min(late[1], in_time) > 0.0:
        shown = float(np.log(late[1] / in_time) / np.log(late[0] / h))
        order, least = min(max(shown, LOWEST), order), SHRINK**2 if shown > LOWEST else SHARPLY
    return max(MARGIN * (0.5 * allowed / max(in_time, 1e-300)) ** (1.0 / order), least)


def no_shorter(length: float, tried: float, least: float) -> float:
    """Return ``length``, at least ``least`` while the length ``tried`` is longer than that."""
    return max(length, least) if tried > 1.01 * least else length


def failed(aim: Aim, length: float) -> Aim:
    """Return the next attempt at a slab without convergence: shorter, after some failures by more from one to the next.

    Next to a jump only slabs shorter than its width converge: 1e-10 of the time in one case.
    """
    further = (length / aim.length) ** max(0, aim.failures + 1 - FAILING)
    return replace(aim, length=length * further, guess=None, failures=aim.failures + 1)


def next_degree(degree: int, in_time: float, allowed: float, is_held: bool = False) -> int:
    """Return the degree in time of the next slab, up where errors in time limit it, down where they are small.

    ``is_held``: whether something else limits the length. Two solitons at 3e-8: 5.6 s, with degree 8 throughout 7.4 s.
    """
    least, idle = (LEAST_HELD, IDLE_HELD) if is_held else (LEAST, IDLE)
    if in_time > LIMITS * allowed and not (is_held and in_time < 0.5 * allowed):
        return min(degree + 1, MOST)
    return max(degree - 1, min(degree, least)) if in_time < idle * allowed else degree
