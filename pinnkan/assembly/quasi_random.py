"""Points where no tensor grid can go: Sobol's sequence, and what conditions weigh there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pinnkan.domain.box import UnitPoints
from pinnkan.kan.field import Array

#: Weight of a condition relative to the equations in units of the box. The five-dimensional Gaussian with singles and
#: pairs has the error of the best approximation from 1 to 10 and 12 % more with 100 (measured); below ten the smallest
#: singular value is that of the conditions, and the estimate grows with it.
CONDITION_WEIGHT = 10.0

#: A function of points (point, coordinate) and orders: derivatives (point, unknown, order). None is the zero function.
Jets = Callable[[Array, Sequence[tuple[int, ...]]], Array]


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
