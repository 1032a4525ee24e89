"""The change of basis as a finite difference (arXiv:2603.04827, Lemma 4): its eigenvalues, condition, eigenvectors.

For uniform knots A is ``1 / ((r-1)! h^(r-1))`` times the r-th forward difference with the values beyond the last knot
zero. The prediction for A^T A is the difference of order 2 r with zero values on both sides, ``G = D^T D``, D the full
(N + r) x N difference. The two differ in an r x r corner: the rows of A that would start before the first knot are
missing. Everything is computed from singular values, which keep the smallest eigenvalues accurate.
"""

from math import comb, factorial

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.spline import Basis, uniform_breaks
from pinnkan.study.bases.change_of_basis import change_matrix, inverse_matrix

#: Entries of an eigenvector below this share of the largest have no sign: rounding.
NO_SIGN = 1e-10


def uniform_splines(order: int, intervals: int) -> Basis:
    """Splines of order r on [0, 1] with extended uniform knots."""
    return Basis.extended(uniform_breaks(0.0, 1.0, intervals), order - 1)


def gram_eigenvalues(splines: Basis) -> Array:
    """Eigenvalues of A^T A, ascending."""
    values: Array = np.linalg.svd(change_matrix(splines).numpy(), compute_uv=False)
    return values[::-1] ** 2


def gram_eigenvectors(splines: Basis) -> Array:
    """Eigenvectors of A^T A as columns, in the order of :func:`gram_eigenvalues`."""
    return np.asarray(np.linalg.svd(change_matrix(splines).numpy())[2][::-1].T)


def difference_eigenvalues(order: int, count: int, step: float) -> Array:
    """Eigenvalues of G, ascending: the difference of order 2 r on ``count`` values, scaled as A^T A."""
    full = np.zeros((count + order, count))
    for s in range(order + 1):
        full[np.arange(count) + s, np.arange(count)] = (-1) ** s * comb(order, s)
    values = np.linalg.svd(full, compute_uv=False)[::-1]
    return np.asarray((values / (factorial(order - 1) * step ** (order - 1))) ** 2)


def condition(splines: Basis) -> float:
    """Largest over smallest eigenvalue of A^T A, the smallest from the inverse, which has no negative entry."""
    largest, least = (np.linalg.norm(m(splines).numpy(), 2) for m in (change_matrix, inverse_matrix))
    return float(largest * least) ** 2


def rescaled_norm(order: int, intervals: int) -> float:
    """|A h^(r-1)|: the norm of the change to ``((x - t)/h)^(r-1)``; Theorem 2 bounds it by ``2^r / (r-1)!``."""
    splines = uniform_splines(order, intervals)
    return float(np.linalg.norm(change_matrix(splines).numpy(), 2)) / intervals ** (order - 1)


def sign_changes(vector: Array) -> int:
    """Number of sign changes along a vector."""
    signs = np.sign(vector[np.abs(vector) > NO_SIGN * np.abs(vector).max()])
    return int((signs[1:] != signs[:-1]).sum())


def slope(x: Array, y: Array) -> float:
    """Exponent of the power law through the last points of a doubly logarithmic plot."""
    half = len(x) // 2
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])
