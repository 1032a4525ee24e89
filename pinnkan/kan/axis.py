"""Splines of one coordinate: values, Gauss rules, refinement, and the way between coarse and fine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import scipy.linalg

from pinnkan.kan.field import Array
from pinnkan.kan.spline import Basis, prolongation

#: Refinements of a projection: its mass matrix has a condition near 4^degree, the table only 2^degree.
REFINEMENTS = 2
#: Most coefficients of an axis whose values at Gauss points are made as few as its coefficients: a tenth of a second.
MOST_TRIANGULAR = 400


@dataclass(frozen=True, eq=False)
class Axis:
    """Splines of one coordinate: clamped at both ends, so that end coefficients are end values, or wrapped.

    ``joints``: breaks at which the slope may jump, of a clamped axis.
    """

    breaks: Array
    degree: int
    periodic: bool = False
    joints: tuple[float, ...] = ()

    @cached_property
    def basis(self) -> Basis:
        """The functions before folding."""
        if self.joints:
            return Basis.jointed(self.breaks, self.degree, self.joints)
        make = Basis.wrapped if self.periodic else Basis.clamped
        return make(self.breaks, self.degree)

    @property
    def intervals(self) -> int:
        """Number of knot intervals."""
        return len(self.breaks) - 1

    @property
    def count(self) -> int:
        """Number of coefficients: intervals + degree, or intervals when wrapped; degree - 1 more for each joint."""
        return self.intervals if self.periodic else self.intervals + self.degree + len(self.joints) * (self.degree - 1)

    @property
    def fewest(self) -> int:
        """The least number of intervals between two joints or ends."""
        ends = np.searchsorted(self.breaks, [self.breaks[0], *self.joints, self.breaks[-1]])
        return int(np.diff(ends).min())

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

    def gauss(self, points: int, parts: int = 1) -> tuple[Array, Array]:
        """Gauss nodes and weights in every interval, or in each of its equal parts: both (interval, point)."""
        nodes, weights = _legendre(points)
        if parts > 1:
            centres = (2.0 * np.arange(parts) + 1.0) / parts - 1.0
            nodes, weights = (centres[:, None] + nodes / parts).ravel(), np.tile(weights / parts, parts)
        return _between(self.breaks, nodes, weights)

    def rooted(self, order: int) -> Array:
        """A derivative of every function at degree + 1 Gauss points times the roots of the weights: (point, count).

        The products of two such tables are integrals: mass (order 0) and stiffness (order 1).
        """
        nodes, weights = self.gauss(self.degree + 1)
        return self.matrix(nodes.ravel(), order) * np.sqrt(weights.ravel())[:, None]

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

    def isometric(self, values: Array, index: int) -> Array:
        """Coefficients along ``index`` made numbers whose sum of squares is the integral of the function's square.

        As many numbers as coefficients, the triangle of a QR factorisation, where that is not too large to be made.
        """
        if self.count <= MOST_TRIANGULAR:
            return along(self._triangle, values, index)
        return np.moveaxis(self.weighted(np.moveaxis(values, index, 0)), 0, index)

    def weighted(self, values: Array) -> Array:
        """Values on degree + 1 Gauss points per interval times the roots of the weights: first index to first index."""
        table, place = self.squares
        root = np.sqrt(self.gauss(self.degree + 1)[1])[..., None]
        return np.matmul(root * table, values[place].reshape(*place.shape, -1)).reshape(-1, *values.shape[1:])

    @cached_property
    def _triangle(self) -> Array:
        return np.asarray(np.linalg.qr(self.weighted(np.eye(self.count)), mode="r"))

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


def gauss_cells(breaks: Array, points: int) -> tuple[Array, Array]:
    """Gauss points and weights, so many in every interval of ``breaks``, as flat arrays."""
    nodes, weights = _between(breaks, *_legendre(points))
    return nodes.ravel(), weights.ravel()


def _between(breaks: Array, nodes: Array, weights: Array) -> tuple[Array, Array]:
    """A rule on [-1, 1] in every interval: (interval, point) each."""
    half = 0.5 * np.diff(breaks)[:, None]
    return 0.5 * (breaks[1:] + breaks[:-1])[:, None] + half * nodes, half * weights


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


def nearest(coarse: Axis, fine: Axis, coefficients: Array, index: int) -> Array:
    """(P^T P)^-1 P^T along one index; spline bases are stable, so that this is near least squares in L2."""
    matrix = coarse.prolongation_to(fine)
    wanted = np.tensordot(matrix, coefficients, axes=(0, index))
    flat = wanted.reshape(coarse.count, -1)
    if coarse.periodic:
        factor = scipy.linalg.cho_factor(matrix.T @ matrix, check_finite=False)
        found = scipy.linalg.cho_solve(factor, flat, check_finite=False)
    else:  # functions further apart than the degree share none of the finer ones
        band = np.zeros((coarse.degree + 1, coarse.count))
        for k in range(coarse.degree + 1):
            band[k, : coarse.count - k] = (matrix[:, : coarse.count - k] * matrix[:, k:]).sum(0)
        found = scipy.linalg.solveh_banded(band, flat, lower=True, check_finite=False)
    return np.moveaxis(found.reshape(wanted.shape), 0, index)
