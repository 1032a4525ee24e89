"""Multiplying nodes: one node per product of one-dimensional splines, the whole tensor-product spline space.

A block of multiplying nodes (KAN 2.0, arXiv:2408.10205; separable KANs, arXiv:2411.06286) on all coordinates is

    u(x_1, .., x_d) = sum_k c_k b_k1(x_1) ... b_kd(x_d),

linear in its outer coefficients c. An :class:`Axis` is the edge of one coordinate, a :class:`Space` their product; a
coefficient array has one index per coordinate and the unknown last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import scipy.linalg

from pinnkan.kan.field import Array
from pinnkan.kan.spline import Basis, prolongation

#: Refinements of a projection: its mass matrix has a condition near 4^degree, the table only 2^degree.
REFINEMENTS = 2


@dataclass(frozen=True, eq=False)
class Axis:
    """Splines of one coordinate: clamped at both ends, so that end coefficients are end values, or wrapped."""

    breaks: Array
    degree: int
    periodic: bool = False

    @cached_property
    def basis(self) -> Basis:
        """The functions before folding."""
        make = Basis.wrapped if self.periodic else Basis.clamped
        return make(self.breaks, self.degree)

    @property
    def intervals(self) -> int:
        """Number of knot intervals."""
        return len(self.breaks) - 1

    @property
    def count(self) -> int:
        """Number of coefficients: intervals + degree, or intervals when wrapped."""
        return self.intervals if self.periodic else self.intervals + self.degree

    def fold(self, index: Array | np.ndarray) -> np.ndarray:
        """Coefficient that stands for function ``index`` of the unfolded basis."""
        return np.asarray(index) % self.intervals if self.periodic else np.asarray(index)

    def matrix(self, x: Array, order: int = 0) -> Array:
        """Derivative of every function at points x: (point, count)."""
        import torch

        if self.periodic:
            a, b = self.breaks[0], self.breaks[-1]
            x = a + np.mod(np.asarray(x) - a, b - a)
        values, first = self.basis.local(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)), order)
        table = values[order].numpy()
        columns = self.fold(first.numpy()[:, None] + np.arange(self.degree + 1))
        out = np.zeros((len(table), self.count))
        rows = np.arange(len(table))[:, None]
        if self.periodic and self.intervals <= self.degree:  # a function meets itself across the seam
            np.add.at(out, (rows, columns), table)
        else:
            out[rows, columns] = table
        return out

    def end_derivatives(self, end: int, order: int) -> Array:
        """d[k, j]: contribution of the j-th coefficient counted from that end to the k-th derivative there."""
        return _end_derivatives(self, end, order)

    def gauss(self, points: int) -> tuple[Array, Array]:
        """Gauss nodes and weights in every interval, both (interval, point)."""
        nodes, weights = _legendre(points)
        half = 0.5 * np.diff(self.breaks)[:, None]
        middle = 0.5 * (self.breaks[1:] + self.breaks[:-1])[:, None]
        return middle + half * nodes, half * weights

    def halved(self) -> Axis:
        """Every interval halved; the same object each time, so that its tables are made once."""
        return self._halved

    @cached_property
    def _halved(self) -> Axis:
        return self.inserted(np.ones(self.intervals, dtype=bool))

    def elevated(self, more: int) -> Axis:
        """The same single interval with a higher degree: polynomials, so that it holds all of this axis."""
        if self.intervals > 1 or self.periodic:
            raise ValueError("only the polynomials of a single interval are nested in those of a higher degree")
        return replace(self, degree=self.degree + more)

    @cached_property
    def squares(self) -> tuple[Array, np.ndarray]:
        """Values of the functions of every interval on degree + 1 Gauss points, and their indices.

        Shapes (interval, point, function) and (interval, function).
        """
        import torch

        values, first = self.basis.local(torch.from_numpy(self.gauss(self.degree + 1)[0]))
        return values[0].numpy(), self.fold(first[:, 0].numpy()[:, None] + np.arange(self.degree + 1))

    def inserted(self, marked: np.ndarray) -> Axis:
        """The marked intervals halved."""
        middle = 0.5 * (self.breaks[1:] + self.breaks[:-1])[marked]
        return replace(self, breaks=np.sort(np.concatenate([self.breaks, middle])))

    def prolongation_to(self, fine: Axis) -> Array:
        """Matrix (fine.count, count) that represents this space's functions in ``fine`` exactly."""
        return _prolongation(self, fine)

    def samples(self) -> Array:
        """Points whose values fix a spline: Gauss points of every interval, and the ends of a clamped axis."""
        inner = self.gauss(self.degree + 1)[0].ravel()
        return inner if self.periodic else np.concatenate([self.breaks[:1], inner, self.breaks[-1:]])

    def project(self, values: Array, index: int) -> Array:
        """Coefficients, along one ``index`` of an array of values at :meth:`samples`: least squares, weighted by Gauss.

        The ends of a clamped axis are interpolated, which makes tensor products of these operators agree on shared
        edges and corners.
        """
        values = np.moveaxis(values, index, 0)
        flat = values.reshape(len(values), -1)
        table, place = self.squares
        weight = self.gauss(self.degree + 1)[1][..., None]
        ends = np.zeros((self.count, flat.shape[1]))
        if not self.periodic:
            ends[0], ends[-1] = flat[0], flat[-1]
            flat = flat[1:-1]
        out, left = ends, flat.reshape(*table.shape[:2], -1)
        for _ in range(1 + REFINEMENTS):
            right = np.zeros_like(out)
            np.add.at(right, place, np.matmul(table.swapaxes(1, 2), weight * (left - np.matmul(table, out[place]))))
            if not self.periodic:
                right[0] = right[-1] = 0.0
            out = out + scipy.linalg.cho_solve(self._mass, right)
        return np.moveaxis(out.reshape(-1, *values.shape[1:]), 0, index)

    @cached_property
    def _mass(self) -> tuple[Array, bool]:
        """Cholesky factor of the mass matrix, ends of a clamped axis decoupled."""
        table, place = self.squares
        weight = self.gauss(self.degree + 1)[1][..., None]
        mass = np.zeros((self.count, self.count))
        np.add.at(mass, (place[:, :, None], place[:, None, :]), np.matmul(table.swapaxes(1, 2), weight * table))
        if not self.periodic:
            for end in (0, -1):
                mass[end], mass[:, end] = 0.0, 0.0
                mass[end, end] = 1.0
        factor: tuple[Array, bool] = scipy.linalg.cho_factor(mass, lower=True)
        return factor


@lru_cache(maxsize=64)
def _legendre(points: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(points)


@lru_cache(maxsize=64)
def _end_derivatives(axis: Axis, end: int, order: int) -> Array:
    x = axis.breaks[[0 if end == 0 else -1]]
    rows = [axis.matrix(x, k)[0] for k in range(order + 1)]
    return _shared(np.stack([(r if end == 0 else r[::-1])[: order + 1] for r in rows]))


@lru_cache(maxsize=64)
def _elevation(low: int, high: int) -> Array:
    """Polynomials of degree ``low`` on an interval of any length in Bernstein's basis of degree ``high``, step by step.

    By blossoms, four more degrees took 495 of them and a tenth of a second.
    """
    matrix = np.eye(low + 1)
    for p in range(low, high):
        share = np.arange(1, p + 2) / (p + 1)
        raised = np.vstack([matrix, np.zeros(low + 1)]) * np.append(1.0, 1.0 - share)[:, None]
        raised[1:] += share[:, None] * matrix
        matrix = raised
    return _shared(matrix)


def _shared(array: Array) -> Array:
    """The array, which a cache hands out many times, read-only."""
    array.flags.writeable = False
    return array


@lru_cache(maxsize=64)
def _prolongation(coarse: Axis, fine: Axis) -> Array:
    if coarse.intervals == fine.intervals == 1 and not coarse.periodic:
        return _elevation(coarse.degree, fine.degree)
    full = prolongation(coarse.basis, fine.basis).numpy()
    if not coarse.periodic:
        return full
    folded = np.zeros((fine.count, coarse.count))
    np.add.at(folded.T, coarse.fold(np.arange(full.shape[1])), full[: fine.count].T)
    return folded


def along(matrix: Array, values: Array, axis: int) -> Array:
    """Apply a matrix (new, old) to one index of an array."""
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)


@dataclass(frozen=True, eq=False)
class Space:
    """The tensor product of the axes, for ``unknowns`` functions."""

    axes: tuple[Axis, ...]
    unknowns: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a coefficient array: one index per coordinate, then the unknown."""
        return (*(axis.count for axis in self.axes), self.unknowns)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(np.prod(self.shape))

    def replaced(self, index: int, axis: Axis) -> Space:
        """The same space with another axis."""
        return replace(self, axes=(*self.axes[:index], axis, *self.axes[index + 1 :]))

    def prolong(self, coefficients: Array, fine: Space) -> Array:
        """The same function in a space that contains this one."""
        for i, (coarse_axis, fine_axis) in enumerate(zip(self.axes, fine.axes, strict=True)):
            if coarse_axis is not fine_axis:
                coefficients = along(coarse_axis.prolongation_to(fine_axis), coefficients, i)
        return coefficients

    def restrict(self, coefficients: Array, fine: Space, only: Sequence[int] | None = None) -> Array:
        """The nearest function of this space (least squares on coefficients), along the axes ``only``."""
        for i, (coarse_axis, fine_axis) in enumerate(zip(self.axes, fine.axes, strict=True)):
            if coarse_axis is not fine_axis and (only is None or i in only):
                coefficients = _nearest(coarse_axis, fine_axis, coefficients, i)
        return coefficients

    def evaluate_grid(self, coefficients: Array, axes: Sequence[Array], order: Sequence[int]) -> Array:
        """One derivative on a tensor grid, unknown last."""
        for i, (axis, x) in enumerate(zip(self.axes, axes, strict=True)):
            coefficients = along(axis.matrix(np.asarray(x), order[i]), coefficients, i)
        return coefficients

    def evaluate(self, coefficients: Array, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives at scattered points: (point, unknown, order)."""
        import torch

        out = np.empty((len(points), self.unknowns, len(orders)))
        highest = [max(o[i] for o in orders) for i in range(len(self.axes))]
        tables, columns = [], []
        for i, axis in enumerate(self.axes):
            x = points[:, i]
            if axis.periodic:
                x = axis.breaks[0] + np.mod(x - axis.breaks[0], axis.breaks[-1] - axis.breaks[0])
            values, first = axis.basis.local(torch.from_numpy(np.ascontiguousarray(x)), highest[i])
            tables.append(values.numpy())
            columns.append(axis.fold(first.numpy()[:, None] + np.arange(axis.degree + 1)))
        width = int(np.prod([axis.degree + 1 for axis in self.axes]))
        chunk = max(1, 4_000_000 // (width * self.unknowns))
        for start in range(0, len(points), chunk):
            part = slice(start, start + chunk)
            pick = tuple(
                c[part].reshape(-1, *(1,) * i, c.shape[1], *(1,) * (len(columns) - 1 - i))
                for i, c in enumerate(columns)
            )
            # contracted with the derivatives of the first coordinates, by their orders
            partial: dict[tuple[int, ...], Array] = {(): coefficients[pick]}
            for o in orders:
                for i, table in enumerate(tables):
                    if o[: i + 1] not in partial:
                        local, row = partial[o[:i]], table[o[i]][part, None]
                        partial[o[: i + 1]] = (row @ local.reshape(*local.shape[:2], -1)).reshape(-1, *local.shape[2:])
            out[part] = np.stack([partial[tuple(o)] for o in orders], -1)
        return out

    def on_gauss(self, coefficients: Array) -> tuple[Array, Array]:
        """Values on degree + 1 Gauss points per interval, and the weights of the grid (no unknown index)."""
        weights = np.ones(())
        for axis in self.axes:  # the first index is taken, its points are put last
            table, index = axis.squares
            rest = coefficients.shape[1:]
            local = coefficients[index].reshape(*index.shape, -1)
            values = np.matmul(table, local).reshape(-1, *rest)
            coefficients = np.moveaxis(values, 0, -1)
            weights = np.multiply.outer(weights, axis.gauss(axis.degree + 1)[1].ravel())
        return np.moveaxis(coefficients, 0, -1), weights

    def norm(self, coefficients: Array) -> Array:
        """L2 norm of each unknown."""
        values, weights = self.on_gauss(coefficients)
        return np.sqrt((values**2 * weights[..., None]).reshape(-1, self.unknowns).sum(0))

    def mass_per_interval(self, coefficients: Array, axis: int) -> Array:
        """Squared L2 norm over each strip of one coordinate's intervals: (interval, unknown)."""
        values, weights = self.on_gauss(coefficients)
        mass = np.moveaxis(values**2 * weights[..., None], axis, 0)
        mass = mass.reshape(self.axes[axis].intervals, -1, self.unknowns)
        return mass.sum(1)


def _nearest(coarse: Axis, fine: Axis, coefficients: Array, index: int) -> Array:
    """(P^T P)^-1 P^T along one index; spline bases are stable, so that this is near least squares in L2."""
    matrix = coarse.prolongation_to(fine)
    wanted = np.tensordot(matrix, coefficients, axes=(0, index))
    flat = wanted.reshape(coarse.count, -1)
    if coarse.periodic or coarse.count <= 2 * coarse.degree:
        factor = scipy.linalg.cho_factor(matrix.T @ matrix, check_finite=False)
        found = scipy.linalg.cho_solve(factor, flat, check_finite=False)
    else:  # functions further apart than the degree share none of the finer ones
        band = np.zeros((coarse.degree + 1, coarse.count))
        for k in range(coarse.degree + 1):
            band[k, : coarse.count - k] = (matrix[:, : coarse.count - k] * matrix[:, k:]).sum(0)
        found = scipy.linalg.solveh_banded(band, flat, lower=True, check_finite=False)
    return np.moveaxis(found.reshape(wanted.shape), 0, index)
