"""Splines of one coordinate: values, Gauss rules, refinement, prolongation and projection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.sparse.linalg import SuperLU

from pinnkan.domain.gauss import gauss_legendre, map_rule_to_intervals
from pinnkan.kan.bernstein import degree_elevation
from pinnkan.kan.field import Array
from pinnkan.kan.matrices import Matrix, apply_matrix, factorise_banded
from pinnkan.kan.spline import Basis, prolongation_rows

#: Steps of iterative refinement of a projection: the mass matrix has a condition near 4^degree, the table 2^degree.
ITERATIVE_REFINEMENTS = 2
#: Right sides per sample from which a projection uses its dense matrix: ten times as fast on faces in space.
DENSE_PROJECTION_RATIO = 10
#: The most coefficients of an axis for which a dense QR triangle is computed, in about 0.1 s.
MAX_TRIANGLE_SIZE = 400
#: The most entries of a dense matrix; a larger one is sparse, which costs 200 microseconds to build.
MAX_DENSE_ENTRIES = 2**16


@dataclass(frozen=True, eq=False)
class Axis:
    """Splines of one coordinate: clamped at both ends, so that end coefficients are end values, or periodic.

    ``joints``: breaks of reduced smoothness, of a periodic axis possibly the first one; ``smooth``: at each of them the
    highest continuous derivative; empty for continuity of values only.
    """

    breaks: Array
    degree: int
    periodic: bool = False
    joints: tuple[float, ...] = ()
    smooth: tuple[int, ...] = ()

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return self.breaks.tobytes(), self.degree, self.periodic, self.joints, self.smooth

    def __eq__(self, other: object) -> bool:
        """Whether both have the same splines, so that cached results of one hold for the other."""
        return isinstance(other, Axis) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def basis(self) -> Basis:
        """The B-splines before periodic copies are identified."""
        if self.periodic:
            more = [self.degree - 1 - order for order in self.smoothness]
            return Basis.periodic(self.breaks, self.degree, repeated_breaks=np.repeat(self.joints, more).tolist())
        if self.joints:
            return Basis.with_joints(self.breaks, self.degree, self.joints, self.smoothness)
        return Basis.clamped(self.breaks, self.degree)

    @property
    def smoothness(self) -> tuple[int, ...]:
        """The highest continuous derivative at each joint."""
        return self.smooth or (0,) * len(self.joints)

    @property
    def intervals(self) -> int:
        """The number of knot intervals."""
        return len(self.breaks) - 1

    @property
    def count(self) -> int:
        """The number of coefficients: intervals + degree, or intervals if periodic; plus those that joints add."""
        more = sum(self.degree - 1 - order for order in self.smoothness)
        return self.intervals + more + (0 if self.periodic else self.degree)

    @property
    def min_intervals_between_joints(self) -> int:
        """The least number of intervals between two neighbouring joints or ends."""
        return int(np.diff(np.unique([0, *np.searchsorted(self.breaks, self.joints), self.intervals])).min())

    def coefficient_index(self, index: Array | np.ndarray) -> np.ndarray:
        """Return the coefficient of function ``index`` of :attr:`basis`: of a periodic axis modulo count."""
        return np.asarray(index) % self.count if self.periodic else np.asarray(index)

    def matrix(self, x: Array, order: int = 0) -> Array:
        """Return a derivative of every function at points x: (point, count)."""
        first, values = self.local(x, order)
        return self._full(first, values[order])

    def sampling_matrix(self, x: Array, order: int = 0) -> Matrix:
        """Return :meth:`matrix`, sparse if it is large, as degree + 1 functions are nonzero at a point."""
        first, values = self.local(x, order)
        return self.rows_matrix(first, values[order])

    def local(self, x: Array, max_order: int) -> tuple[np.ndarray, Array]:
        """Return the first function of :attr:`basis` nonzero at each point, and derivatives (order, point, local)."""
        import torch

        if self.periodic:
            x = self.breaks[0] + np.mod(np.asarray(x) - self.breaks[0], np.ptp(self.breaks))
        values, first = self.basis.local(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)), max_order)
        return first.numpy(), values.numpy()

    def rows_matrix(self, first: np.ndarray, weights: Array) -> Matrix:
        """Return the matrix (row, count), sparse if large, of ``weights`` (row, function) from function ``first`` on.

        Periodic copies of one function in a row are added.
        """
        rows, width = weights.shape
        if rows * self.count <= MAX_DENSE_ENTRIES:
            return self._full(first, weights)
        columns = self.coefficient_index(first[:, None] + np.arange(width)).ravel()
        return scipy.sparse.csr_array((weights.ravel(), columns, width * np.arange(rows + 1)), shape=(rows, self.count))

    def _full(self, first: np.ndarray, weights: Array) -> Array:
        columns = self.coefficient_index(first[:, None] + np.arange(weights.shape[1]))
        out, rows = np.zeros((len(weights), self.count)), np.arange(len(weights))[:, None]
        if self.periodic and self.count <= self.degree:  # two copies of one function in a row
            np.add.at(out, (rows, columns), weights)
        else:
            out[rows, columns] = weights
        return out

    def end_derivatives(self, end: int, order: int) -> Array:
        """Return d[k, j]: contribution of the j-th coefficient counted from that end to the k-th derivative there."""
        return _end_derivatives(self, end, order)

    def gauss(self, points: int, parts: int = 1) -> tuple[Array, Array]:
        """Return Gauss nodes and weights in every interval, or in each of its equal parts: both (interval, point)."""
        nodes, weights = gauss_legendre(points)
        if parts > 1:
            centres = (2.0 * np.arange(parts) + 1.0) / parts - 1.0
            nodes, weights = (centres[:, None] + nodes / parts).ravel(), np.tile(weights / parts, parts)
        return map_rule_to_intervals(self.breaks, nodes, weights)

    def mean_rule(self, more_points: int = 0) -> tuple[Array, Array]:
        """Return degree + 1 or more Gauss points of all intervals, and weights of the mean over the range: (point)."""
        nodes, weights = self.gauss(self.degree + 1 + more_points)
        return nodes.ravel(), weights.ravel() / (self.breaks[-1] - self.breaks[0])

    def weighted_table(self, order: int) -> Array:
        """Return derivatives at Gauss points times roots of weights (point, count): factors of mass and stiffness."""
        nodes, weights = self.gauss(self.degree + 1)
        return self.matrix(nodes.ravel(), order) * np.sqrt(weights.ravel())[:, None]

    def halved(self) -> Axis:
        """Return the axis with every interval halved; the same object each time, so that its tables are cached."""
        return self._halved

    @cached_property
    def _halved(self) -> Axis:
        return self.refined(np.ones(self.intervals, dtype=bool))

    def elevated(self, extra_degrees: int) -> Axis:
        """Return a single interval with ``extra_degrees`` degrees.

        Raises ValueError if there are several or it is periodic.
        """
        if self.intervals > 1 or self.periodic:
            raise ValueError("only the polynomials of a single interval are nested in those of a higher degree")
        return replace(self, degree=self.degree + extra_degrees)

    @cached_property
    def gauss_tables(self) -> tuple[Array, np.ndarray]:
        """Values of the nonzero functions of every interval on degree + 1 Gauss points, and their indices.

        Shapes (interval, point, function) and (interval, function).
        """
        import torch

        values, first = self.basis.local(torch.from_numpy(self.gauss(self.degree + 1)[0]))
        return values[0].numpy(), self.coefficient_index(first[:, 0].numpy()[:, None] + np.arange(self.degree + 1))

    def isometric_values(self, values: Array, index: int) -> Array:
        """Map coefficients along ``index`` to numbers whose sum of squares is the integral of the function squared.

        By the triangle of a QR factorisation of :meth:`weighted` where that is cheap, else by the table itself.
        """
        if self.count <= min(MAX_TRIANGLE_SIZE, values.size // self.count):
            return apply_matrix(self._triangle, values, index)
        return np.moveaxis(self.weighted_gauss_values(np.moveaxis(values, index, 0)), 0, index)

    def weighted_gauss_values(self, values: Array) -> Array:
        """Return values on degree + 1 Gauss points times the square roots of the weights, along the first index."""
        table, place = self.gauss_tables
        root = np.sqrt(self.gauss(self.degree + 1)[1])[..., None]
        return np.matmul(root * table, values[place].reshape(*place.shape, -1)).reshape(-1, *values.shape[1:])

    @cached_property
    def _triangle(self) -> Array:
        return np.asarray(np.linalg.qr(self.weighted_gauss_values(np.eye(self.count)), mode="r"))

    def refined(self, marked: np.ndarray) -> Axis:
        """Return the axis with the marked intervals halved."""
        middle = 0.5 * (self.breaks[1:] + self.breaks[:-1])[marked]
        return replace(self, breaks=np.sort(np.concatenate([self.breaks, middle])))

    def prolongation_to(self, fine: Axis) -> Matrix:
        """Return the matrix (fine.count, count) that represents the functions of this axis exactly in ``fine``."""
        return _prolongation(self, fine)

    def projection_points(self) -> Array:
        """Return points that determine a spline: Gauss points of every interval, and the ends of a clamped axis."""
        inner = self.gauss(self.degree + 1)[0].ravel()
        return inner if self.periodic else np.concatenate([self.breaks[:1], inner, self.breaks[-1:]])

    def project(self, values: Array, index: int) -> Array:
        """Return the L2 projection (by Gauss rules), along ``index``, of values at :meth:`samples`.

        The ends of a clamped axis are interpolated, so that tensor products agree on shared edges and corners.
        """
        values = np.moveaxis(values, index, 0)
        flat = values.reshape(len(values), -1)
        out = _projection(self) @ flat if flat.shape[1] > DENSE_PROJECTION_RATIO * len(flat) else self._projected(flat)
        return np.moveaxis(out.reshape(-1, *values.shape[1:]), 0, index)

    def _projected(self, flat: Array) -> Array:
        """Project values (sample, rest) to coefficients (coefficient, rest)."""
        table, place = self.gauss_tables
        weight = self.gauss(self.degree + 1)[1][..., None]
        out = np.zeros((self.count, flat.shape[1]))
        if not self.periodic:
            out[0], out[-1] = flat[0], flat[-1]
            flat = flat[1:-1]
        left = flat.reshape(*table.shape[:2], -1)
        for _ in range(1 + ITERATIVE_REFINEMENTS if flat.any() or out.any() else 0):
            right = np.zeros_like(out)
            np.add.at(right, place, np.matmul(table.swapaxes(1, 2), weight * (left - np.matmul(table, out[place]))))
            if not self.periodic:
                right[0] = right[-1] = 0.0
            out = out + _mass_factor(self).solve(right)
        return out


@lru_cache(maxsize=64)
def _end_derivatives(axis: Axis, end: int, order: int) -> Array:
    x = axis.breaks[[0 if end == 0 else -1]]
    rows = [axis.matrix(x, k)[0] for k in range(order + 1)]
    return _read_only(np.stack([(r if end == 0 else r[::-1])[: order + 1] for r in rows]))


def _read_only(array: Array) -> Array:
    """Return the array, read-only, as a cache returns it many times."""
    array.flags.writeable = False
    return array


@lru_cache(maxsize=64)
def _prolongation(coarse: Axis, fine: Axis) -> Matrix:
    if coarse.intervals == fine.intervals == 1 and not coarse.periodic:
        return degree_elevation(coarse.degree, fine.degree)
    here = np.arange(fine.count)
    if fine.periodic:  # functions that end before the seam: use their copies after it
        joints = zip(fine.joints, fine.smoothness, strict=True)
        repeated = sum(fine.degree - 1 - order for x, order in joints if x == fine.breaks[0])
        here = np.where(here < repeated, here + fine.count, here)
    found = coarse.rows_matrix(*(part.numpy()[here] for part in prolongation_rows(coarse.basis, fine.basis)))
    return _read_only(found) if isinstance(found, np.ndarray) else found


def restrict_axis(coarse: Axis, fine: Axis, coefficients: Array, index: int) -> Array:
    """Apply (P^T P)^-1 P^T along one index, P the prolongation: near L2 least squares, as spline bases are stable."""
    matrix = coarse.prolongation_to(fine)
    wanted = np.moveaxis(apply_matrix(matrix.T, coefficients, index), index, 0)
    flat, gram = wanted.reshape(coarse.count, -1), matrix.T @ matrix
    if isinstance(gram, np.ndarray):
        factor = scipy.linalg.cho_factor(gram, check_finite=False)
        found = scipy.linalg.cho_solve(factor, flat, check_finite=False)
    else:
        found = factorise_banded(gram.tocsc()).solve(flat)
    return np.moveaxis(found.reshape(wanted.shape), 0, index)


@lru_cache(maxsize=64)
def _projection(axis: Axis) -> Array:
    """Return the projection of unit samples: (coefficient, sample)."""
    return _read_only(axis._projected(np.eye(len(axis.projection_points()))))


@lru_cache(maxsize=64)
def _mass_factor(axis: Axis) -> SuperLU:
    """Factorise the mass matrix, ends of a clamped axis decoupled; not stored in the axis, which must stay copyable."""
    table, place = axis.gauss_tables
    weight = axis.gauss(axis.degree + 1)[1][..., None]
    entries = np.matmul(table.swapaxes(1, 2), weight * table)
    rows, columns = (np.broadcast_to(p, entries.shape) for p in (place[:, :, None], place[:, None, :]))
    if not axis.periodic:
        last = axis.count - 1
        ends = (rows == 0) | (rows == last) | (columns == 0) | (columns == last)
        entries = np.where(ends, 0.0, entries)
        entries[0, 0, 0] = entries[-1, -1, -1] = 1.0
    indices = (rows.ravel(), columns.ravel())
    return factorise_banded(scipy.sparse.csc_array((entries.ravel(), indices), shape=(axis.count, axis.count)))
