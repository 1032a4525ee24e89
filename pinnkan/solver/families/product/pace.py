"""The length of time slabs: aimed at from the last ones, shortened by what their attempts have shown."""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.solver.families.product.slab_start import SlabStart

#: Step-size limits of one change, and the margin below the predicted step (Hairer, Norsett, Wanner 1993, II.4).
SHRINK, GROW, MARGIN = 0.25, 4.0, 0.85

#: Of an order no more than that, where knots are graded to a jump, a first slab may be a million times too long: it is
#: shortened so far at once.
LOWEST, SHARPLY = 0.5, 1e-4

#: Attempts at a slab that Gauss-Newton does not solve before it is shortened further from one to the next.
FAILING = 2

#: Degrees in time that a correction has more than its slab. One, two, or the interval halved: effectivity 1.1 to 1.5,
#: Burgers at 1e-8 in 3.3, 4.2 and 5.9 s. Where a kink runs through the slabs one degree sees half of the error
#: (effectivity 0.5 to 0.7 for a plucked string and a transported hat), four see it (1.04 to 1.14).
FEW, MANY = 1, 4

#: Degrees in time, where the file names none, and the shares of the allowed correction beyond which they change.
LEAST, MOST = 7, 10
LIMITS, IDLE = 0.05, 1e-4
#: The same of slabs that are held short by what conjugate gradients can do in them: time is idle there all along.
LEAST_HELD, IDLE_HELD = 4, 3e-2


@dataclass(frozen=True, eq=False)
class Aim:
    """The next attempt: where it begins, how long it is meant to be and its degree in time.

    ``rejections``: attempts at this slab so far; ``guess``: coefficients to begin with; ``late``: length and share in
    time of the last attempt. ``more``: degrees in time that a correction has more than its slab; ``doubts``: how often
    it was not worth while to take many more; ``failures``: attempts at this slab that were not solved.
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
    """What is aimed at, fitted to the time that remains ``until`` a slab has to end.

    With a given ``number`` of slabs the whole time from ``start`` to ``end`` over that, or until then.
    """
    remaining = until - aim.start.time
    if number:
        even = (end - start) / number
        return even if remaining > 1.5 * even else remaining
    return fitted(aim.length, remaining)


def fitted(length: float, remaining: float) -> float:
    """A length that leaves no sliver of the time that remains."""
    fits = length < 0.6 * remaining or length >= remaining
    return min(length, remaining) if fits else 0.5 * remaining


def change(h: float, in_time: float, allowed: float, late: tuple[float, float] | None, degree: int) -> float:
    """Factor on the length of a slab: of order degree + 1/2, or as two attempts at the same slab have shown.

    Where the solution is not smooth in time, as at a kink of the initial data, the order is below one.
    """
    order, least = degree + 0.5, SHRINK
    if late is not None and late[0] > 1.05 * h and min(late[1], in_time) > 0.0:
        shown = float(np.log(late[1] / in_time) / np.log(late[0] / h))
        order, least = min(max(shown, LOWEST), order), SHRINK**2 if shown > LOWEST else SHARPLY
    return max(MARGIN * (0.5 * allowed / max(in_time, 1e-300)) ** (1.0 / order), least)


def no_shorter(length: float, tried: float, least: float) -> float:
    """A ``length``, no shorter than ``least`` while longer ones are ``tried``.

    Late in time a slab of 1e-10 of that is as long as it is meant to be to a millionth: it was tried ten times.
    """
    return max(length, least) if tried > 1.01 * least else length


def failed(aim: Aim, length: float) -> Aim:
    """The next attempt at a slab that was not solved: shorter, after FAILING of them by more and more.

    From a jump none begins near enough that is much longer than it takes to widen: twelve were tried to 1e-7 of the
    time, where the first to be solved was 1e-10.
    """
    further = (length / aim.length) ** max(0, aim.failures + 1 - FAILING)
    return replace(aim, length=length * further, guess=None, failures=aim.failures + 1)


def next_degree(degree: int, in_time: float, allowed: float, is_held: bool = False) -> int:
    """One more where time limits the length of slabs, one less where it leaves nearly all that is ``allowed`` unused.

    In processor time, against degree 8 throughout: two solitons at 3e-8 in 5.6 s instead of 7.4 s, a standing wave in
    1.0 s instead of 1.7 s; Burgers, Allen-Cahn and a reaction front within 10 %. Up to 12 gained no more. ``is_held``:
    whether something else limits the length.
    """
    least, idle = (LEAST_HELD, IDLE_HELD) if is_held else (LEAST, IDLE)
    if in_time > LIMITS * allowed and not (is_held and in_time < 0.5 * allowed):
        return min(degree + 1, MOST)
    return max(degree - 1, min(degree, least)) if in_time < idle * allowed else degree
