"""Cholesky factors of what rounding has made indefinite, and small systems scaled to a unit diagonal."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.linalg

from pinnkan.kan.field import Array
from pinnkan.solver.linear.solver import require_finite

Factor = TypeVar("Factor")

#: Multiples of the diagonal added in turn where rounding has made a matrix indefinite.
DIAGONAL_SHIFTS = (0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-10, 1e-8)


def factorise_shifted(factorise: Callable[[float], Factor | None]) -> tuple[Factor, float]:
    """Return ``factorise(shift)`` and the shift, the first of DIAGONAL_SHIFTS for which there is a factor.

    There is none where ``factorise`` returns None. Raises numpy.linalg.LinAlgError where no shift helps.
    """
    for shift in DIAGONAL_SHIFTS:
        if (factor := factorise(shift)) is not None:
            return factor, shift
    raise np.linalg.LinAlgError("the rows do not determine the coefficients")


def scaled_factor(matrix: Array, damping: float) -> tuple[Array, Array]:
    """Return L with L L^T = S A S + damping, and S, which makes the diagonal of A one; of A the lower half is given.

    Where the diagonal of A is zero there is no function: S A S has a unit row. ``matrix`` is overwritten. Raises
    numpy.linalg.LinAlgError where entries are not finite or no shift helps.
    """
    diagonal = require_finite(matrix).diagonal().copy()
    there = diagonal > 0.0
    scale = np.where(there, diagonal, 1.0) ** -0.5
    matrix *= scale[:, None]
    matrix *= scale

    def factorise(shift: float) -> Array | None:
        np.fill_diagonal(matrix, np.where(there, 1.0 + damping + shift, 1.0))
        lower, failed = scipy.linalg.lapack.dpotrf(matrix, lower=1, clean=0)
        return None if failed else lower

    return factorise_shifted(factorise)[0], scale


def solve_scaled(matrix: Array, vector: Array) -> Array:
    """Return matrix^-1 times ``vector``, by :func:`scaled_factor`."""
    lower, scale = scaled_factor(np.array(matrix, order="F"), 0.0)
    return np.asarray(scale * scipy.linalg.cho_solve((lower, True), scale * require_finite(vector), check_finite=False))
