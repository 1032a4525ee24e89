"""Matrices of one coordinate, dense or sparse: applied along one index of an array, and factorised."""

from typing import TypeAlias

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import SuperLU, splu

from pinnkan.kan.field import Array

#: Dense, or sparse if it is large.
Matrix: TypeAlias = "Array | scipy.sparse.csr_array"


def apply_matrix(matrix: Matrix, values: Array, axis: int) -> Array:
    """Apply a matrix (new, old) to index ``axis`` of an array."""
    if isinstance(matrix, np.ndarray):
        return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    first = np.moveaxis(values, axis, 0)
    found = matrix @ first.reshape(len(first), -1)
    return np.moveaxis(found.reshape(-1, *first.shape[1:]), 0, axis)


def factorise_banded(matrix: scipy.sparse.csc_array) -> SuperLU:
    """Factorise a positive definite matrix that is banded, up to a periodic seam: without pivots and reordering."""
    return splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
