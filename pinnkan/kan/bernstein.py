"""Polynomials in Bernstein's basis: what a spline on one interval is."""

from functools import lru_cache

import numpy as np

from pinnkan.kan.field import Array


@lru_cache(maxsize=64)
def elevation(low: int, high: int) -> Array:
    """Polynomials of degree ``low`` on an interval of any length in Bernstein's basis of degree ``high``, step by step.

    By blossoms, four more degrees took 495 of them and a tenth of a second.
    """
    matrix = np.eye(low + 1)
    for p in range(low, high):
        share = np.arange(1, p + 2) / (p + 1)
        raised = np.vstack([matrix, np.zeros(low + 1)]) * np.append(1.0, 1.0 - share)[:, None]
        raised[1:] += share[:, None] * matrix
        matrix = raised
    matrix.flags.writeable = False
    return matrix
