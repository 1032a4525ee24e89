"""Polynomials in the Bernstein basis, the B-spline basis of a single interval."""

from functools import lru_cache

import numpy as np

from pinnkan.kan.field import Array


@lru_cache(maxsize=64)
def degree_elevation(low_degree: int, high_degree: int) -> Array:
    """Return the matrix (high + 1, low + 1) that elevates Bernstein coefficients, one degree after the other."""
    matrix = np.eye(low_degree + 1)
    for p in range(low_degree, high_degree):
        share = np.arange(1, p + 2) / (p + 1)
        raised = np.vstack([matrix, np.zeros(low_degree + 1)]) * np.append(1.0, 1.0 - share)[:, None]
        raised[1:] += share[:, None] * matrix
        matrix = raised
    matrix.flags.writeable = False
    return matrix
