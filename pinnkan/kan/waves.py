"""The splines of one coordinate as waves: orthonormal, sorted by roughness.

    mean(w_i w_j) = delta_ij,    mean(w_i' w_j') = delta_ij lambda_i,    lambda_0 <= lambda_1 <= ..

With both ends held at zero the first are near sines, with free ends near cosines, on any knots. Rows of a differential
operator are nearly orthogonal in them, so that scaled normal equations stay well conditioned where those of B-splines
lose what the square of the largest eigenvalue costs: near a resonance all (measured: f21's mode, residual 1e-2 of
size-one functions beside 1e4, was lost in B-splines and is found in waves).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array


@dataclass(frozen=True, eq=False)
class Waves:
    """``transform`` (axis.count, wave): B-spline coefficients of each; ``dual``: from coefficients to waves."""

    axis: Axis
    transform: Array
    dual: Array

    @classmethod
    def of(cls, axis: Axis, held: Sequence[bool] = (False, False)) -> "Waves":
        """All splines of an axis that are zero at its ``held`` ends."""
        free = np.ones(axis.count, dtype=bool)
        for end, fixed in enumerate(held):
            if fixed:
                free[-end] = False
        mass = _gram(axis, 0)
        inner = np.ix_(free, free)
        _, vectors = scipy.linalg.eigh(_gram(axis, 1)[inner], mass[inner])
        transform = np.zeros((axis.count, vectors.shape[1]))
        transform[free] = vectors
        dual = np.zeros((vectors.shape[1], axis.count))
        dual[:, free] = np.linalg.inv(vectors)
        return cls(axis, transform, dual)

    @property
    def count(self) -> int:
        """Number of waves."""
        return self.transform.shape[1]

    def matrix(self, x: Array, order: int = 0) -> Array:
        """Derivative of every wave at points x: (point, wave)."""
        return np.asarray(self.axis.matrix(x, order) @ self.transform)


def _gram(axis: Axis, order: int) -> Array:
    """Mean products of a derivative of all functions of an axis."""
    nodes, weights = axis.gauss(axis.degree + 1)
    table = axis.matrix(nodes.ravel(), order)
    return np.asarray((table * (weights.ravel() / weights.sum())[:, None]).T @ table)
