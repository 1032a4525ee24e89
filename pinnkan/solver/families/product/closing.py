"""Whether halving some intervals of a line closes in on something, or follows chance.

Towards a layer the piece that is chosen is half as long on every level. Of waves that no knots resolve yet it is
wherever the points happen to fall: sin(300 pi x) had 430 intervals on its fourteenth level, each with 40 more than the
last, and needs 800. Halving all of them, which the correction has done already, gets there on the thirteenth.
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.judging import HalvedEstimate

#: A choice that has left more than this share of the estimate has not helped.
LEFT = 0.5
#: What is closed in on is half as long on the next level; this is between that and as long as before.
CLOSING = 0.75
#: On a line of more intervals all of them are never halved for this reason: in a file that asks for so many levels
#: there would be millions by the fortieth.
MOST = 4096


@dataclass(frozen=True)
class Halved:
    """The length of the intervals of a line that were chosen on the level before, and its estimate."""

    length: float
    estimate: float


def halved_of(coarse: Space, fine: Space, estimate: HalvedEstimate) -> Halved | None:
    """What a level on a line leaves to the next, whose space is ``fine``; None where all intervals were halved."""
    axis = coarse.axes[0]
    if len(coarse.axes) > 1 or fine.axes[0].intervals >= estimate.space.axes[0].intervals:
        return None
    inside = np.setdiff1d(fine.axes[0].breaks, axis.breaks)
    return Halved(_length(axis, np.unique(np.searchsorted(axis.breaks, inside) - 1)), estimate.size)


def is_lost(before: Halved | None, axis: Axis, chosen: Array, estimate: HalvedEstimate) -> bool:
    """Whether the choice ``before`` has not helped, and as long a piece is ``chosen`` (mask of intervals) again."""
    if before is None or axis.intervals > MOST or estimate.size <= LEFT * before.estimate:
        return False
    return _length(axis, chosen) > CLOSING * before.length


def _length(axis: Axis, chosen: Array) -> float:
    return float(np.diff(axis.breaks)[chosen].sum())
