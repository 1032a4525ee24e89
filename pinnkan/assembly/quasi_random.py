"""Points where no tensor grid can go: Sobol's sequence in a box of any dimension, and what conditions weigh there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import qmc

from pinnkan.kan.field import Array

#: Weight of a condition relative to the equations in units of the box. The five-dimensional Gaussian with singles and
#: pairs has the error of the best approximation from 1 to 10 and 12 % more with 100 (measured); below ten the smallest
#: singular value is that of the conditions, and the estimate grows with it.
CONDITION_WEIGHT = 10.0

#: A function of points (point, coordinate) and orders: derivatives (point, unknown, order). None is the zero function.
Jets = Callable[[Array, Sequence[tuple[int, ...]]], Array]


def sobol(ranges: Sequence[tuple[float, float]], count: int, seed: int) -> Array:
    """The first ``count`` points of a scrambled Sobol sequence in a box: (point, coordinate)."""
    if not ranges:
        return np.zeros((count, 0))
    low, high = np.array(ranges, dtype=np.float64).T
    unit = qmc.Sobol(len(ranges), seed=seed).random_base2(max(1, (count - 1).bit_length()))[:count]
    return np.asarray(low + (high - low) * unit)
