"""Damped descent on a sum of squares: one loop, to which the step and its control are given.

A step is tried with one control after the other until it is accepted: shares of it that fall, or dampings that rise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

Point = TypeVar("Point")

#: A loss that rises by less than this share, or up to this loss, is taken for rounding (heuristic).
LOSS_ROUNDING, LOSS_FLOOR = 1e-6, 1e-28
#: Most trials of a step that is halved.
MOST_HALVINGS = 20
#: Below the first number a damping by the gain ratio only acts on rounding in a Cholesky factor (unit diagonal,
#: float64); a step is given up after so many rejections in a row: the damping has then grown by about 1e16.
LEAST_DAMPING, MOST_REJECTIONS = 1e-14, 10


@dataclass(frozen=True, eq=False)
class Iterate(Generic[Point]):
    """A ``point`` and its loss; of the step there the relative ``size``, ``control`` and ``promised`` fall of the loss.

    ``number``: of steps so far; ``next_control``: that of the next step, tried first.
    """

    point: Point
    loss: float
    size: float = math.inf
    control: float = 0.0
    promised: float = 0.0
    next_control: float = 0.0
    number: int = 0


#: From an iterate, one that was tried from there and its number of rejections in a row: the control of the next trial,
#: at the accepted iterate after no rejection; None to give up.
Control = Callable[[Iterate[Any], Iterate[Any], int], float | None]


def halve(now: Iterate[Any], tried: Iterate[Any], rejections: int) -> float | None:
    """Return shares of a step: the whole one first, then halves."""
    return 1.0 if rejections == 0 else 0.5 * tried.control if rejections < MOST_HALVINGS else None


def damp_by_gain_ratio(now: Iterate[Any], tried: Iterate[Any], rejections: int) -> float | None:
    """Return dampings that follow the ratio of the fall of the loss to the promised one.

    Nielsen 1999; Madsen, Nielsen, Tingleff 2004, section 3.2.
    """
    if rejections:
        return tried.control * 2.0**rejections if rejections < MOST_REJECTIONS else None
    ratio = (now.loss - tried.loss) / max(tried.promised, 1e-300)
    return max(tried.control * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3), LEAST_DAMPING)


def is_small_or_lowers(now: Iterate[Any], tried: Iterate[Any], tolerance: float, rounding: float = 0.0) -> bool:
    """Whether the loss is finite, and rises by no more than rounding or after a step below ``tolerance`` only.

    ``rounding``: the norm of the rounding error of the residual.
    """
    most = now.loss * (1.0 + LOSS_ROUNDING) + max(LOSS_FLOOR, rounding**2)
    return math.isfinite(tried.loss) and (tried.loss <= most or tried.size <= tolerance)


def descend(
    start: Iterate[Point],
    linearise: Callable[[Iterate[Point]], Callable[[float], Iterate[Point]]],
    control: Control,
    is_over: Callable[[Iterate[Point], Iterate[Point]], bool],
    max_steps: float = math.inf,
    accepts: Callable[[Iterate[Point], Iterate[Point]], bool] = lambda now, tried: tried.loss < now.loss,
) -> tuple[Iterate[Point], Iterate[Point] | None]:
    """Descend until ``is_over`` of the last two iterates, at first twice ``start``, or at most ``max_steps`` steps.

    Returns the end, and where the control gave up the last trial that was rejected. ``linearise``: the function from
    controls to the iterates that they lead to from one; ``accepts``: whether a step from the first to the second is.
    """
    before, now = start, start
    while not is_over(before, now) and now.number < max_steps:
        try_step, rejections = linearise(now), 0
        tried = try_step(now.next_control)
        while not accepts(now, tried):
            rejections += 1
            harder = control(now, tried, rejections)
            if harder is None:
                return now, tried
            tried = try_step(harder)
        following = replace(tried, next_control=control(now, tried, 0) or 0.0, number=now.number + 1)
        before, now = now, following
    return now, None
