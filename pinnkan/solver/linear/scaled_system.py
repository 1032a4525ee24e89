"""Small symmetric positive definite systems, scaled to a unit diagonal."""

import numpy as np
import scipy.linalg

from pinnkan.kan.field import Array

#: Multiples of the identity tried in turn where rounding has made the scaled matrix indefinite.
DIAGONAL_SHIFTS = (0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-10, 1e-8)


def solve_scaled(matrix: Array, vector: Array, damping: float = 0.0) -> Array:
    """Return (matrix + damping * its diagonal)^-1 times ``vector``, by Cholesky after scaling to a unit diagonal.

    Raises numpy.linalg.LinAlgError where entries are not finite or no shift helps.
    """
    diagonal = np.diag(matrix)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    scaled = matrix * scale[:, None] * scale
    if not (np.isfinite(scaled).all() and np.isfinite(vector).all()):
        raise np.linalg.LinAlgError("the rows are not finite")
    for shift in DIAGONAL_SHIFTS:
        shifted = scaled + (damping + shift) * np.eye(len(scaled))
        try:
            factor = scipy.linalg.cho_factor(shifted, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        return np.asarray(scale * scipy.linalg.cho_solve(factor, scale * vector, check_finite=False))
    raise np.linalg.LinAlgError("the rows do not determine the edges")
