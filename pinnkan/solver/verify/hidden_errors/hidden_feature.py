"""A narrow feature between the training points: its place, its residual, and the knots that resolve it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.features.subdivision import PLACES_PER_PART, Feature
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.integrand_knots import refine_towards_place
from pinnkan.solver.estimate.neighbourhood import HALF_WIDTH

#: Among features with this share of the largest residual, the one narrow in most coordinates goes first.
SIMILAR_SHARE = 0.5
#: Least distance of two ends of slabs, over the whole time: rates in shorter slabs would be rounding.
CLOSEST_ENDS = 1e-11


@dataclass(frozen=True, eq=False)
class HiddenFeature:
    """A feature between training points: place, width (coordinate,), its residual as a ``share`` of squared terms.

    ``event_time``: the time at which the solution passes a jump or kink all over space, else None. ``train``: features
    narrow in the same single coordinate, a train of pulses, that get their knots together.
    """

    place: Array
    width: Array
    share: float
    event_time: float | None = None
    train: tuple["HiddenFeature", ...] = ()

    def words(self, problem: Problem) -> str:
        """``not seen by the points: x = 0.4, t = 0.1``."""
        at = zip(problem.coordinates, self.place, strict=True)
        return "not seen by the points near " + ", ".join(f"{c} = {x:.6g}" for c, x in at)


def refine_at_feature(axes: Sequence[Axis], missed: HiddenFeature) -> tuple[Axis, ...]:
    """Return the axes with intervals halved at a missed feature until they are about as narrow as it is."""
    for feature in (missed, *missed.train):
        axes = refine_towards_place(axes, feature.place, feature.width)
    return tuple(axes)


def worst_feature(
    candidates: Sequence[HiddenFeature], lengths: Array, formula_features: Sequence[Feature]
) -> HiddenFeature | None:
    """Return the event, else the feature with the largest share, with all others of its train; None of no features.

    Up to PER_PART features get knots one at a time: they may share the residual of a pole. ``formula_features``:
    features of the formulas, whose widths bound those of a train.
    """
    first, near = max(candidates, key=lambda m: (m.event_time is not None, m.share), default=None), HALF_WIDTH * lengths
    if first is None or first.event_time is not None:
        return first
    first = max(
        (m for m in candidates if m.share >= SIMILAR_SHARE * first.share),
        key=lambda m: ((m.width <= near).sum(), m.share),
    )
    if (narrow := first.width <= near).sum() != 1:
        return first
    train = [
        first,
        *(f for f in candidates if f is not first and f.event_time is None and ((f.width <= near) == narrow).all()),
    ]
    if len(train) <= PLACES_PER_PART:
        return first
    own = {float(f.place[narrow][0]): f.width for f in formula_features}
    train = [replace(f, width=np.fmin(f.width, own.get(float(f.place[narrow][0]), np.inf))) for f in train]
    return replace(first, width=train[0].width, train=tuple(train[1:]))
