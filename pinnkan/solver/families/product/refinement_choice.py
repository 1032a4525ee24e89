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
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.solver.estimate.marking import mark_bulk
from pinnkan.solver.families.product.enriched_correction import HalvedEstimate

#: Marking has helped if the next estimate is at most this share of the one before.
HELPFUL_RATIO = 0.5
#: Larger relative estimates are compared as if they were this large.
ESTIMATE_CAP = 1.0
#: A marked piece longer than this share of the one before does not shrink towards a layer, which halves it.
SHRINKING_RATIO = 0.75
#: On a line of more intervals all of them are never halved for this reason: there would soon be millions.
MOST_INTERVALS = 4096


@dataclass(frozen=True)
class MarkedPiece:
    """Total ``marked_length`` of the marked intervals of a line on a level, and the relative ``estimate`` there."""

    marked_length: float
    estimate: float


def record_marked_piece(
    previous: MarkedPiece | None, coarse: Space, fine: Space, estimate: HalvedEstimate
) -> MarkedPiece | None:
    """Return the record of marked intervals that a level on a line passes to the next one, whose space is ``fine``.

    Where all intervals were halved: the record ``previous`` if marking has not helped yet, else None. None in the plane
    and in space.
    """
    axis = coarse.axes[0]
    if len(coarse.axes) > 1:
        return None
    if fine.axes[0].intervals >= estimate.space.axes[0].intervals:
        return (
            None if previous is None or _has_helped(previous, estimate) else replace(previous, estimate=estimate.size)
        )
    inside = np.setdiff1d(fine.axes[0].breaks, axis.breaks)
    return MarkedPiece(_length(axis, np.unique(np.searchsorted(axis.breaks, inside) - 1)), estimate.size)


def is_marking_erratic(previous: MarkedPiece | None, axis: Axis, marks: Array, estimate: HalvedEstimate) -> bool:
    """Whether marking follows chance: ``previous`` has not helped, and as long a piece is marked again.

    ``marks``: mask of the intervals that are marked now.
    """
    if previous is None or axis.intervals > MOST_INTERVALS or _has_helped(previous, estimate):
        return False
    return _length(axis, marks) > SHRINKING_RATIO * previous.marked_length


def _has_helped(previous: MarkedPiece, estimate: HalvedEstimate) -> bool:
    """Whether the estimate has been halved since the marking ``previous``."""
    return estimate.size <= HELPFUL_RATIO * min(previous.estimate, ESTIMATE_CAP)


def _length(axis: Axis, chosen: Array) -> float:
    return float(np.diff(axis.breaks)[chosen].sum())


#: Share of the tolerance that is aimed at, with evenly more intervals and with as few halved as possible.
UNIFORM_AIM, SELECTIVE_AIM = 0.5, 0.7
#: Least number of coordinates for evenly more intervals: in the plane halving costs a factor of four only, and each
#: skipped one is a look less at the stability constant.
LEAST_COORDINATES = 3
#: Factors on the number of intervals: the least that is expected to show, the largest that is cheaper than halving.
LEAST_GROWTH, MOST_GROWTH = 1.1, 1.5


def uniformly_refined_space(model: Model, space: Space, predicted_error: float, residual_ratio: float) -> Space | None:
    """Return the space with evenly more intervals whose corrected solution should be accurate; None to halve instead.

    ``predicted_error``: relative error in ``space`` after the correction on halved intervals; ``residual_ratio``: ratio
    q of the root mean square residuals after and before it. With errors like h^r, 2^-r = q, the factor on the number of
    intervals is (predicted / aim)^(1/r). None in less than three coordinates, and with breakpoints at interfaces or
    kinks.
    """
    if len(space.axes) < LEAST_COORDINATES or not 0.0 < residual_ratio < 1.0:
        return None
    wanted = predicted_error / (UNIFORM_AIM * model.problem.solver.tolerance)
    with np.errstate(over="ignore"):  # ``share`` is nearly one
        growth = max(LEAST_GROWTH, wanted ** (np.log(2.0) / -np.log(residual_ratio)))
    problem = model.problem
    if growth > MOST_GROWTH or any(axis.joints for axis in space.axes):
        return None
    if any(find_kinks(formulas(problem), problem.coordinates, problem.box.ranges).planes):  # breakpoints are at kinks
        return None
    return Space(tuple(_denser_axis(axis, growth) for axis in space.axes), space.unknowns)


def _denser_axis(axis: Axis, growth: float) -> Axis:
    """Return the axis with ``growth`` times as many intervals (rounded up), of the same density."""
    count = int(np.ceil(axis.intervals * growth))
    places = np.linspace(0.0, axis.intervals, count + 1)
    return replace(axis, breaks=np.interp(places, np.arange(axis.intervals + 1.0), axis.breaks))


def mark_fewest_intervals(masses: Sequence[Array], error_ratio: float, excess: float) -> list[np.ndarray]:
    """Return masks of the fewest intervals to halve for an error ``excess`` what is allowed; all if that is not enough.

    ``masses`` (interval): its squared parts, by coordinate; ``error_ratio``: the share that halving leaves of a part,
    unsquared.
    """
    return mark_bulk(masses, (1.0 - (SELECTIVE_AIM / excess) ** 2) / max(1.0 - error_ratio**2, 1e-300))
