"""u_xx + (c0 + c1 x) u_yy + c2 u = x on [0, 1] x [0, H], zero around: sines in y, Legendre-Galerkin in x (Shen)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.polynomial import legendre

from adversaries.adversary import Array

#: Sines, and Legendre polynomials.
SINES, POLYNOMIALS = 120, 360


def separated(c0: float, c1: float, c2: float, height: float) -> Array:
    """Coefficients (sine, function L_k - L_k+2)."""
    nodes, weights = legendre.leggauss(POLYNOMIALS + 4)
    x, weights = 0.5 * (nodes + 1), 0.5 * weights
    values = _functions(nodes)
    slopes = -2.0 * (2 * np.arange(POLYNOMIALS) + 3) * legendre.legvander(nodes, POLYNOMIALS)[:, 1:]
    form = lambda a, weight: scipy.sparse.csc_array(_sparse(a.T @ ((weights * weight)[:, None] * a)))  # noqa: E731
    stiffness, mass, across = form(slopes, 1.0), form(values, 1.0), form(values, c0 + c1 * x)
    data, out = values.T @ (weights * x), []
    for m in range(1, SINES + 1):
        matrix = -stiffness - (m * np.pi / height) ** 2 * across + c2 * mass
        out.append(scipy.sparse.linalg.spsolve(matrix, data * (4 / (m * np.pi) if m % 2 else 0.0)))
    return np.array(out)


def summed(coefficients: Array, height: float, points: Sequence[Array]) -> Array:
    """Values at x (n, 1) and y (1, m)."""
    sines = np.sin(np.pi / height * np.outer(np.arange(1, SINES + 1), points[1].ravel()))
    return _functions(2 * points[0].ravel() - 1) @ coefficients.T @ sines


def _functions(nodes: Array) -> Array:
    table = legendre.legvander(nodes, POLYNOMIALS + 1)
    return table[:, :-2] - table[:, 2:]


def _sparse(matrix: Array) -> Array:
    return np.where(np.abs(matrix) > 1e-12, matrix, 0.0)
