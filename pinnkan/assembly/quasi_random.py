"""Points for domains without tensor grids, from Sobol sequences, and weights of equations and conditions there."""

from collections.abc import Sequence

import numpy as np

from pinnkan.domain.box import UnitPoints
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Jet, Place, Point, Problem, WholeDomain, position_of
from pinnkan.problem.units.term_sizes import jet_sizes

#: The weight of a condition relative to the equations, in units of the box. From 1 to 10 a five-dimensional Gaussian
#: has the error of the best approximation, 12 % more with 100; below 10 the conditions set the stability constant.
CONDITION_WEIGHT = 10.0


def sobol_generator(seed: int) -> UnitPoints:
    """A generator of scrambled Sobol points of the unit cube: (count, dimension) to (point, coordinate)."""

    from scipy.stats import qmc  # takes a third of a second; many coordinates only

    def points(count: int, dimension: int) -> Array:
        if dimension == 0:
            return np.zeros((count, 0))
        found = qmc.Sobol(dimension, seed=seed).random_base2(max(1, (count - 1).bit_length()))
        return np.asarray(found[:count])

    return points


def uniform_generator(seed: int) -> UnitPoints:
    """A generator of independent uniform points of the unit cube, reproducible by seed."""
    return lambda count, dimension: np.random.default_rng(seed).random((count, dimension))


def draw_points(problem: Problem, place: Place | None, count: int, draw: UnitPoints) -> Array:
    """Draw ``count`` points of a place, (point, coordinate), None for the domain; a point or integral has one."""
    if isinstance(place, Point | WholeDomain):
        return np.array([position_of(place)])
    return (problem.domain if place is None else problem.domain.boundary_pieces[place]).sample(count, draw)


def largest_term(problem: Problem, jets: Sequence[Jet], sizes: Array) -> float:
    """The largest term of an equation with factors of ``sizes`` (jet), for unit functions that vary over the box."""
    return float(np.fmax.reduce(sizes * jet_sizes(jets, problem.box.lengths), initial=0.0))
