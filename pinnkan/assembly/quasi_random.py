"""Points where no tensor grid can go: Sobol's sequence, and what equations and conditions weigh."""

from collections.abc import Sequence

import numpy as np

from pinnkan.domain.box import UnitPoints
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Jet, Place, Point, Problem, Whole, position_of

#: Weight of a condition relative to the equations in units of the box. The five-dimensional Gaussian with singles and
#: pairs has the error of the best approximation from 1 to 10 and 12 % more with 100 (measured); below ten the smallest
#: singular value is that of the conditions, and the estimate grows with it.
CONDITION_WEIGHT = 10.0


def sobol(seed: int) -> UnitPoints:
    """Scrambled Sobol points of the unit cube: of a count and a dimension the first so many, (point, coordinate)."""

    from scipy.stats import qmc  # a third of a second, and only many coordinates need it

    def points(count: int, dimension: int) -> Array:
        if dimension == 0:
            return np.zeros((count, 0))
        found = qmc.Sobol(dimension, seed=seed).random_base2(max(1, (count - 1).bit_length()))
        return np.asarray(found[:count])

    return points


def pseudo_random(seed: int) -> UnitPoints:
    """Independent uniform points of the unit cube, the same for a seed."""
    return lambda count, dimension: np.random.default_rng(seed).random((count, dimension))


def points_of(problem: Problem, place: Place | None, count: int, draw: UnitPoints) -> Array:
    """So many points of a place, of the domain for None: (point, coordinate); of a point or of the whole one."""
    if isinstance(place, Point | Whole):
        return np.array([position_of(place)])
    return (problem.domain if place is None else problem.domain.pieces[place]).sample(count, draw)


def largest_term(problem: Problem, jets: Sequence[Jet], sizes: Array) -> float:
    """The largest term of an equation, whose factors have these ``sizes`` (jet), of a function of size one
    that varies over the box.
    """
    lengths = problem.box.lengths
    terms = (float(s * np.prod(lengths ** -np.array(j.order, float))) for s, j in zip(sizes, jets, strict=True))
    return max(terms, default=0.0)
