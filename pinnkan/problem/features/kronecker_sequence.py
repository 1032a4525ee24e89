"""Quasi-random points that cover a box of any dimension evenly."""

import numpy as np
from numpy.typing import NDArray


def kronecker_points(count: int, dimension: int) -> NDArray[np.float64]:
    """Return points of the unit box, (point, coordinate), by additive recurrence with the root of x^(d+1) = x + 1.

    Roberts (2018), The unreasonable effectiveness of quasirandom sequences. Without coordinates there is one point.
    """
    if dimension == 0:
        return np.zeros((1, 0))
    root = 1.5
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    points: NDArray[np.float64] = np.mod(
        0.5 + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, dimension + 1), 1.0
    )
    return points
