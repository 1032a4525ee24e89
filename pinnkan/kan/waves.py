"""Splines of one coordinate in the basis of generalised eigenvectors of stiffness and mass: waves.

    mean(w_i w_j) = delta_ij,    mean(w_i' w_j') = delta_ij lambda_i,    lambda_0 <= lambda_1 <= ..

With ends fixed at zero the first are near sines, with free ends near cosines, on any knots. Rows of a differential
operator are nearly orthogonal in them, so that scaled normal equations stay well conditioned where those of B-splines
lose all digits, as near a resonance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array


@dataclass(frozen=True, eq=False)
class Waves:
    """``transform`` (axis.count, wave): B-spline coefficients of each wave; ``dual``: from these to waves."""

    axis: Axis
    transform: Array
    dual: Array

    @classmethod
    def from_axis(cls, axis: Axis, fixed_ends: Sequence[bool] = (False, False)) -> "Waves":
        """Return the waves of the splines of an axis that are zero at its ``fixed_ends`` ends (lower, upper)."""
        free = np.ones(axis.count, dtype=bool)
        for end, fixed in enumerate(fixed_ends):
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
        """The number of waves."""
        return self.transform.shape[1]

    def matrix(self, x: Array, order: int = 0) -> Array:
        """Return a derivative of every wave at points x: (point, wave)."""
        return np.asarray(self.axis.matrix(x, order) @ self.transform)


def _gram(axis: Axis, order: int) -> Array:
    """Return the mean products (count, count) of the ``order``-th derivatives of the functions of an axis."""
    x, w = axis.mean_rule()
    table = axis.matrix(x, order)
    return np.asarray((table * w[:, None]).T @ table)
