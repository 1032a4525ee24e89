"""A feature that points have missed: where it is, how much of it is left, and the knots that see it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.features.subdivision import PER_PART, Feature
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.integrand_knots import narrowed
from pinnkan.solver.estimate.neighbourhood import REACH

#: Of those with ALIKE the largest share one that is narrow in more coordinates goes first: of a bump a line sees as
#: much, no place.
ALIKE = 0.5
#: Slabs do not end within this share of the time after another one, since rates of what is rounded would be large.
NO_LATER = 1e-11


@dataclass(frozen=True, eq=False)
class HiddenFeature:
    """A feature between the points: where and how wide, per coordinate, and its share of the squared terms.

    ``passed``: when the solution passes a jump or a bend there, all over space; None of others. ``beside``: those that
    are narrow in the same one coordinate: a train of pulses gets its knots at once.
    """

    place: Array
    width: Array
    share: float
    passed: float | None = None
    beside: tuple["HiddenFeature", ...] = ()

    def words(self, problem: Problem) -> str:
        """``not seen by the points: x = 0.4, t = 0.1``."""
        at = zip(problem.coordinates, self.place, strict=True)
        return "not seen by the points near " + ", ".join(f"{c} = {x:.6g}" for c, x in at)


def with_knots(axes: Sequence[Axis], missed: HiddenFeature) -> tuple[Axis, ...]:
    """The axes with their intervals at a missed feature halved until they are about as narrow as it."""
    for feature in (missed, *missed.beside):
        axes = narrowed(axes, feature.place, feature.width)
    return tuple(axes)


def worst(found: Sequence[HiddenFeature], lengths: Array, known: Sequence[Feature]) -> HiddenFeature | None:
    """What is passed or has the largest share, with those of its train.

    As few as before a pole share their mass: knots at all of them would be narrower than it asks for. Those of a train
    are no wider than the formula has them, though another one may lie nearby.
    """
    first, near = max(found, key=lambda m: (m.passed is not None, m.share), default=None), REACH * lengths
    if first is None or first.passed is not None:
        return first
    first = max((m for m in found if m.share >= ALIKE * first.share), key=lambda m: ((m.width <= near).sum(), m.share))
    if (narrow := first.width <= near).sum() != 1:
        return first
    train = [first, *(f for f in found if f is not first and f.passed is None and ((f.width <= near) == narrow).all())]
    if len(train) <= PER_PART:
        return first
    own = {float(f.place[narrow][0]): f.width for f in known}
    train = [replace(f, width=np.fmin(f.width, own.get(float(f.place[narrow][0]), np.inf))) for f in train]
    return replace(first, width=train[0].width, beside=tuple(train[1:]))
