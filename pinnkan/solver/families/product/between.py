"""Fewer knots than twice as many: where the level after the next would be predicted far below the tolerance.

Levels halve all intervals, and what a large one takes is what the last of them takes: eight times as much in space as
the one before. A solution whose error, once it is corrected, is predicted a little above the tolerance is not halved
again but solved on a few knots more, of the same density, and corrected from there.
"""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks

#: Share of the tolerance that is aimed at.
AIM = 0.5
#: Coordinates from which on that pays. In the plane a level costs four times the one before, and more of them can cost
#: the verdict: what holds Helmholtz' equation with k = 300 was not told from 216 intervals, the last of all levels.
SPATIAL = 3
#: More intervals than MOST times as many are as well halved, fewer than LEAST times as many may not show.
LEAST, MOST = 1.1, 1.5


def between(model: Model, space: Space, predicted: float, share: float) -> Space | None:
    """The space with just so many knots that it is accurate once corrected; None where halving is as good.

    ``predicted``: relative error of a solution of ``space`` with its correction on halved intervals added; ``share``:
    that of the residual which the correction leaves, a power of the width of the intervals.
    """
    if len(space.axes) < SPATIAL or not 0.0 < share < 1.0:
        return None
    wanted = predicted / (AIM * model.problem.solver.tolerance)
    growth = max(LEAST, wanted ** (np.log(2.0) / -np.log(share)))
    problem = model.problem
    if growth > MOST or any(axis.joints for axis in space.axes):
        return None
    if any(kinks(formulas(problem), problem.coordinates, problem.box.ranges).planes):  # knots have places of their own
        return None
    return Space(tuple(_stretched(axis, growth) for axis in space.axes), space.unknowns)


def _stretched(axis: Axis, growth: float) -> Axis:
    """So many times as many intervals, of the same density."""
    count = int(np.ceil(axis.intervals * growth))
    places = np.linspace(0.0, axis.intervals, count + 1)
    return replace(axis, breaks=np.interp(places, np.arange(axis.intervals + 1.0), axis.breaks))
