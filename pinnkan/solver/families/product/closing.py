"""Choices of the next space of a level other than all intervals, or the marked ones, halved.

On a line all are halved if the marked ones follow chance: marking gave sin(300 pi x) 430 intervals in 14 levels, and
800 are needed. In space evenly more intervals replace halving, which costs a factor of eight, where the corrected
solution should miss the tolerance by little. Where no interval has a share of the error that counts, the fewest are
halved that should do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks
from pinnkan.solver.families.product.judging import HalvedEstimate

#: Marking has helped if the next estimate is at most this share of the one before.
LEFT = 0.5
#: Larger relative estimates are compared as if they were this large.
UNKNOWN = 1.0
#: A marked piece longer than this share of the one before does not shrink towards a layer, which halves it.
CLOSING = 0.75
#: On a line of more intervals all of them are never halved for this reason: there would soon be millions.
MOST = 4096


@dataclass(frozen=True)
class Halved:
    """Total ``length`` of the intervals of a line that were marked on a level, and the relative ``estimate`` there."""

    length: float
    estimate: float


def halved_of(before: Halved | None, coarse: Space, fine: Space, estimate: HalvedEstimate) -> Halved | None:
    """Return the record of marked intervals that a level on a line passes to the next one, whose space is ``fine``.

    Where all intervals were halved: the record ``before`` if marking has not helped yet, else None. None in the plane
    and in space.
    """
    axis = coarse.axes[0]
    if len(coarse.axes) > 1:
        return None
    if fine.axes[0].intervals >= estimate.space.axes[0].intervals:
        return None if before is None or _has_helped(before, estimate) else replace(before, estimate=estimate.size)
    inside = np.setdiff1d(fine.axes[0].breaks, axis.breaks)
    return Halved(_length(axis, np.unique(np.searchsorted(axis.breaks, inside) - 1)), estimate.size)


def is_lost(before: Halved | None, axis: Axis, chosen: Array, estimate: HalvedEstimate) -> bool:
    """Whether marking follows chance: ``before`` has not helped, and as long a piece is marked again.

    ``chosen``: mask of the intervals that are marked now.
    """
    if before is None or axis.intervals > MOST or _has_helped(before, estimate):
        return False
    return _length(axis, chosen) > CLOSING * before.length


def _has_helped(before: Halved, estimate: HalvedEstimate) -> bool:
    """Whether the estimate has been halved since the marking ``before``."""
    return estimate.size <= LEFT * min(before.estimate, UNKNOWN)


def _length(axis: Axis, chosen: Array) -> float:
    return float(np.diff(axis.breaks)[chosen].sum())


#: Share of the tolerance that is aimed at, with evenly more intervals and with as few halved as possible.
AIM, ENOUGH = 0.5, 0.7
#: Least number of coordinates for evenly more intervals: in the plane halving costs a factor of four only, and each
#: skipped one is a look less at the stability constant.
SPATIAL = 3
#: Factors on the number of intervals: the least that is expected to show, the largest that is cheaper than halving.
LEAST, WIDEST = 1.1, 1.5


def between(model: Model, space: Space, predicted: float, share: float) -> Space | None:
    """Return the space with evenly more intervals whose corrected solution should be accurate; None to halve instead.

    ``predicted``: relative error in ``space`` after the correction on halved intervals; ``share``: ratio q of the root
    mean square residuals after and before it. With errors like h^r, 2^-r = q, the factor on the number of intervals is
    (predicted / aim)^(1/r). None in less than three coordinates, and with breakpoints at interfaces or kinks.
    """
    if len(space.axes) < SPATIAL or not 0.0 < share < 1.0:
        return None
    wanted = predicted / (AIM * model.problem.solver.tolerance)
    with np.errstate(over="ignore"):  # ``share`` is nearly one
        growth = max(LEAST, wanted ** (np.log(2.0) / -np.log(share)))
    problem = model.problem
    if growth > WIDEST or any(axis.joints for axis in space.axes):
        return None
    if any(kinks(formulas(problem), problem.coordinates, problem.box.ranges).planes):  # breakpoints are at kinks
        return None
    return Space(tuple(_stretched(axis, growth) for axis in space.axes), space.unknowns)


def _stretched(axis: Axis, growth: float) -> Axis:
    """Return the axis with ``growth`` times as many intervals (rounded up), of the same density."""
    count = int(np.ceil(axis.intervals * growth))
    places = np.linspace(0.0, axis.intervals, count + 1)
    return replace(axis, breaks=np.interp(places, np.arange(axis.intervals + 1.0), axis.breaks))


def needed(masses: Sequence[Array], fall: float, times: float) -> list[np.ndarray]:
    """Return masks of the fewest intervals to halve for an error ``times`` what is allowed; all if that is not enough.

    ``masses`` (interval): its squared parts, by coordinate; ``fall``: the share that halving leaves of a part,
    unsquared.
    """
    mass = np.concatenate(masses)
    order = np.argsort(-mass)
    left = mass.sum() - (1.0 - fall**2) * np.cumsum(mass[order])
    will_do = left <= (ENOUGH / times) ** 2 * mass.sum()
    marks = np.ones(len(mass), dtype=bool)
    if will_do.any():
        marks[order[int(np.argmax(will_do)) + 1 :]] = False
    return np.split(marks, np.cumsum([len(m) for m in masses])[:-1])
