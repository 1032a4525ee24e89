"""Least squares over all blocks at once: assembly at scattered rows, one factorisation that serves every prefix.

Columns stand in the order of the groups. The triangular factor of the first k columns is the leading part of the whole
one, so that a sum of blocks and a richer one that begins with it are solved together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.field import Array, Jets
from pinnkan.solver.families.blocks.scattered import ScatteredRows, alike, linearised

#: Up to so many columns the rows are factorised by QR, above by Cholesky of the normal equations: both cost n^2 per
#: row, the latter half and on all cores; orthonormal products keep the condition number near 300 (measured).
QR_COLUMNS = 400
#: A unit column that is this near to the others is not determined: rounding, which normal equations take the root of.
SEEN = 1e-13
#: Steps of inverse iteration for the smallest singular value: it settles to a few per cent in less than ten.
INVERSE_STEPS = 10


def jacobian(rows: Sequence[ScatteredRows], space: BlockSum, function: Jets | None) -> tuple[Array, Array]:
    """Matrix (row, coefficient) and residual (row) of all rows, linearised at a function (None: zero).

    Groups of rows with the same derivatives, such as values on all sides, are assembled in one batch.
    """
    at = np.cumsum([0, *(len(g.points) for g in rows)])
    matrix = np.zeros((at[-1], space.products, space.unknowns))
    residual = np.empty(at[-1])
    found = linearised(rows, function)
    for jets, numbers in alike(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        slopes = np.concatenate([found[n][1] for n in numbers])
        place = np.concatenate([np.arange(at[n], at[n + 1]) for n in numbers])
        residual[place] = np.concatenate([found[n][0] for n in numbers])
        for unknown in range(space.unknowns):
            terms = {jet.order: _bare(slopes[:, k]) for k, jet in enumerate(jets) if jet.unknown == unknown}
            if terms:
                matrix[place, :, unknown] = space.features(points, terms)
    return matrix.reshape(len(residual), -1), residual


def _bare(values: Array) -> Array | float:
    """A constant as one number, which saves a product per column."""
    return float(values[0]) if np.ptp(values) == 0.0 else values


@dataclass(frozen=True, eq=False)
class Factor:
    """J = Q R with columns scaled to unit length, and Q^T r: solves min |J d + r| over the first columns."""

    triangle: Array
    right: Array
    scale: Array
    variance: float  # of a row that the columns leave over

    @classmethod
    def of(cls, matrix: Array, residual: Array) -> "Factor":
        """Factorise.

        Raises:
            numpy.linalg.LinAlgError: the rows are not finite, or do not determine the coefficients.
        """
        norms = np.linalg.norm(matrix, axis=0)
        if not (np.isfinite(norms).all() and np.isfinite(residual).all()):
            raise np.linalg.LinAlgError("the rows are not finite")
        scale = 1.0 / np.where(norms > 0.0, norms, 1.0)
        n = matrix.shape[1]
        if n <= QR_COLUMNS:
            r: Array = np.asarray(np.linalg.qr(np.column_stack([matrix * scale, residual]), mode="r"))
            triangle, right, least = r[:n, :n], r[:n, n], SEEN
        else:
            triangle = scipy.linalg.cholesky(matrix.T @ matrix * np.outer(scale, scale))
            right = scipy.linalg.solve_triangular(triangle, matrix.T @ residual * scale, trans="T")
            least = SEEN**0.5
        if np.abs(np.diag(triangle)).min() < least:
            raise np.linalg.LinAlgError("the rows do not determine the coefficients")
        rest = max(float(residual @ residual - right @ right), 0.0)
        return cls(triangle, right, scale, rest / max(len(matrix) - n, 1))

    def step(self, count: int) -> Array:
        """The minimiser over the first ``count`` coefficients."""
        return -self.scale[:count] * scipy.linalg.solve_triangular(self.triangle[:count, :count], self.right[:count])

    def chance(self) -> Array:
        """Expected square of every coefficient if what the columns leave over were noise."""
        inverse = scipy.linalg.solve_triangular(self.triangle, np.eye(len(self.scale)))
        return np.asarray(self.variance * self.scale**2 * (inverse**2).sum(1))

    def smallest(self) -> float:
        """The smallest singular value of J: how little the rows can see of a function of size one."""
        vector = np.random.default_rng(0).standard_normal(len(self.scale))
        norm = 1.0
        for _ in range(INVERSE_STEPS):
            y = scipy.linalg.solve_triangular(self.triangle, self.scale * vector, trans="T")
            vector = self.scale * scipy.linalg.solve_triangular(self.triangle, y)
            norm = float(np.linalg.norm(vector))
            vector = vector / norm
        return float(norm**-0.5)
