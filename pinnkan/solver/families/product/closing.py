"""Other knots for the next level than all of them halved: hardly more, some where that closes in, as few as will do.

Levels halve all intervals, and what a large one takes is what the last of them takes: eight times as much in space as
the one before. A solution whose error, once it is corrected, is predicted a little above the tolerance is not halved
again but solved on a few knots more, of the same density, and corrected from there.

Halving some intervals of a line may close in on something, or follow chance: towards a layer the piece that is chosen
is half as long on every level. Of waves that no knots resolve yet it is wherever the points happen to fall:
sin(300 pi x) had 430 intervals on its fourteenth level, each with 40 more than the last, and needs 800. Halving all of
them, which the correction has done already, gets there on the thirteenth.

Where an error is made elsewhere, as next to a corner of the domain, no interval has a share of it that counts, and a
little is missing to the tolerance: then as few are halved as are predicted to do. A lid that is singular at its
corners, in splines of degree 6, took 53 x 35 intervals after 45 x 29, not 90 x 58, and 13 s for 36.
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

#: A choice that has left more than this share of the estimate has not helped.
LEFT = 0.5
#: A relative estimate above it says as much as one of so much.
UNKNOWN = 1.0
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


def halved_of(before: Halved | None, coarse: Space, fine: Space, estimate: HalvedEstimate) -> Halved | None:
    """What a level on a line leaves to the next, whose space is ``fine``.

    Where all intervals were halved what was chosen ``before`` in vain, None if that is nothing.
    """
    axis = coarse.axes[0]
    if len(coarse.axes) > 1:
        return None
    if fine.axes[0].intervals >= estimate.space.axes[0].intervals:
        return None if before is None or _has_helped(before, estimate) else replace(before, estimate=estimate.size)
    inside = np.setdiff1d(fine.axes[0].breaks, axis.breaks)
    return Halved(_length(axis, np.unique(np.searchsorted(axis.breaks, inside) - 1)), estimate.size)


def is_lost(before: Halved | None, axis: Axis, chosen: Array, estimate: HalvedEstimate) -> bool:
    """Whether the choice ``before`` has not helped, and as long a piece is ``chosen`` (mask of intervals) again."""
    if before is None or axis.intervals > MOST or _has_helped(before, estimate):
        return False
    return _length(axis, chosen) > CLOSING * before.length


def _has_helped(before: Halved, estimate: HalvedEstimate) -> bool:
    """Whether the estimate is far less after the choice ``before``."""
    return estimate.size <= LEFT * min(before.estimate, UNKNOWN)


def _length(axis: Axis, chosen: Array) -> float:
    return float(np.diff(axis.breaks)[chosen].sum())


#: Share of the tolerance that is aimed at; where as few intervals are halved as will do.
AIM, ENOUGH = 0.5, 0.7
#: Coordinates from which on that pays. In the plane a level costs four times the one before, and more of them can cost
#: the verdict: what holds Helmholtz' equation with k = 300 was not told from 216 intervals, the last of all levels.
SPATIAL = 3
#: More intervals than WIDEST times as many are as well halved, fewer than LEAST times as many may not show.
LEAST, WIDEST = 1.1, 1.5


def between(model: Model, space: Space, predicted: float, share: float) -> Space | None:
    """The space with just so many knots that it is accurate once corrected; None where halving is as good.

    ``predicted``: relative error of a solution of ``space`` with its correction on halved intervals added; ``share``:
    that of the residual which the correction leaves, a power of the width of the intervals.
    """
    if len(space.axes) < SPATIAL or not 0.0 < share < 1.0:
        return None
    wanted = predicted / (AIM * model.problem.solver.tolerance)
    with np.errstate(over="ignore"):  # of what a correction leaves nearly all of the residual
        growth = max(LEAST, wanted ** (np.log(2.0) / -np.log(share)))
    problem = model.problem
    if growth > WIDEST or any(axis.joints for axis in space.axes):
        return None
    if any(kinks(formulas(problem), problem.coordinates, problem.box.ranges).planes):  # knots have places of their own
        return None
    return Space(tuple(_stretched(axis, growth) for axis in space.axes), space.unknowns)


def _stretched(axis: Axis, growth: float) -> Axis:
    """So many times as many intervals, of the same density."""
    count = int(np.ceil(axis.intervals * growth))
    places = np.linspace(0.0, axis.intervals, count + 1)
    return replace(axis, breaks=np.interp(places, np.arange(axis.intervals + 1.0), axis.breaks))


def needed(masses: Sequence[Array], fall: float, times: float) -> list[np.ndarray]:
    """The fewest intervals to halve for an error that is so many ``times`` what is allowed; all where that is too much.

    ``masses`` (interval): its squared parts, by coordinate; ``fall``: the share that halving leaves of each.
    """
    mass = np.concatenate(masses)
    order = np.argsort(-mass)
    left = mass.sum() - (1.0 - fall**2) * np.cumsum(mass[order])
    will_do = left <= (ENOUGH / times) ** 2 * mass.sum()
    marks = np.ones(len(mass), dtype=bool)
    if will_do.any():
        marks[order[int(np.argmax(will_do)) + 1 :]] = False
    return np.split(marks, np.cumsum([len(m) for m in masses])[:-1])
