"""Points, and splines there, of a domain that lies inclined in the box of its inner coordinates.

Inside, and at the start, these are the Gauss points of a grid in the inner coordinates that lie in the domain. On
sides, which cross cells, they are Gauss points between consecutive crossings with knots of (s, r[, t]).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.tensor_rows import Rows, TensorRows, evaluate
from pinnkan.domain.domain import BoundaryPiece
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.coordinates.cartesian import Cartesian
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: Samples of a side, between which its crossings with knots are interpolated.
SIDE_SAMPLES = 513


@dataclass(frozen=True, eq=False)
class QuadraturePoints:
    """Quadrature points: ``inner`` in (s, r[, t]), ``outer`` in (x, y[, t]), both (point, coordinate), and weights."""

    inner: Array
    outer: Array
    weights: Array


def side_points(
    space: Space, coordinates: Coordinates, side: BoundaryPiece, point_counts: Sequence[int]
) -> QuadraturePoints:
    """The points on a piece of the boundary in (x, y): Gauss points between crossings with knots, times those of t."""
    times, share = np.zeros((1, 0)), np.ones(1)
    if len(space.axes) > 2:
        t, share = composite_gauss_rule(space.axes[2].breaks, point_counts[2])
        times = t[:, None]
    along = np.linspace(*side.parameter_ranges[0], SIDE_SAMPLES)
    outer, weights = [], []
    mapped = coordinates.forward(side.map_parameters(np.concatenate([_with_time(along, time) for time in times])))
    for inner, time, part in zip(np.split(mapped, len(times)), times, share, strict=True):
        x, w = composite_gauss_rule(_crossings(space, along, inner), max(point_counts[:2]))
        parameters = _with_time(x, time)
        outer.append(side.map_parameters(parameters))
        weights.append(w * part * side.measure_density(parameters))
    points = np.concatenate(outer)
    return QuadraturePoints(coordinates.forward(points), points, np.concatenate(weights))


def _with_time(along: Array, time: Array) -> Array:
    """Parameters of a curve with the time, if there is one: (point, parameter)."""
    return np.column_stack([along, np.tile(time, (len(along), 1))])


def _crossings(space: Space, along: Array, inner: Array) -> Array:
    """The parameters at which a side crosses knots of s or r, with both ends, interpolated between samples."""
    found = [along[[0, -1]]]
    for i in (0, 1):
        value = inner[:, i]
        knots = space.axes[i].breaks
        low, high = np.minimum(value[:-1], value[1:]), np.maximum(value[:-1], value[1:])
        k, j = np.nonzero((low <= knots[:, None]) & (knots[:, None] < high))
        found.append(along[j] + (knots[k] - value[j]) / (value[j + 1] - value[j]) * (along[1] - along[0]))
    cuts = np.unique(np.concatenate(found))
    apart = np.concatenate([[True], np.diff(cuts) > 1e-9 * (along[-1] - along[0])])
    cuts = cuts[apart]
    cuts[-1] = along[-1]
    return cuts


Order = tuple[int, ...]
#: The cost of a group besides its points, in points: its product of columns is read and written. Heuristic.
GROUP_COST = 8


class SplinePoints(Protocol):
    """Points with the splines that live there; ``..`` is the shape of the points."""

    outer: Array  # (.., coordinate), in (x, y[, t])
    weights: Array  # (..)
    cells: np.ndarray  # (.. or 1, coordinate): interval of each coordinate
    line_points: Array  # (any, (r[, t])): the distinct values of the points
    line_index: np.ndarray  # (..): number of a point's values in ``along``

    def derivatives(self, coefficients: Array, orders: Sequence[Order]) -> torch.Tensor:
        """Derivatives in (s, r[, t]) at the points: (.., unknown, order)."""

    def rows(self, orders: Sequence[Order], weights: Sequence[torch.Tensor], residual: torch.Tensor) -> Rows:
        """Rows ``sum_beta w_beta D^beta u`` from ``weights``, (.., order) per unknown, and ``residual`` (.., rhs)."""


class GridPoints:
    """:class:`SplinePoints` at the Gauss points of all cells that lie in the domain: (point).

    Rows at other points have weight zero, so that sum factorisation applies: a third of the time of products by cell.
    """

    def __init__(
        self,
        space: Space,
        tables: Sequence[Table],
        coordinates: Coordinates | Cartesian,
        contains: Callable[[Array], np.ndarray],
    ) -> None:
        """``contains``: from points (point, coordinate) of the file to whether they count."""
        self.space, self.tables = space, tuple(tables)
        self.axes = [t.nodes.reshape(-1).numpy() for t in tables]
        outer = coordinates.inverse_grid(self.axes).reshape(-1, len(self.axes))
        self.inside_index = np.flatnonzero(contains(outer))
        self.outer = outer[self.inside_index]
        self.line_points = np.stack([g.ravel() for g in np.meshgrid(*self.axes[1:], indexing="ij")], -1)
        self.line_index = self.inside_index % len(self.line_points)
        weight = reduce(np.multiply.outer, (t.weights.reshape(-1).numpy() for t in tables))
        self.weights = weight.ravel()[self.inside_index]
        place = np.unravel_index(self.inside_index, [len(x) for x in self.axes])
        self.cells = np.stack([i // t.nodes.shape[1] for i, t in zip(place, tables, strict=True)], -1)

    def derivatives(self, coefficients: Array, orders: Sequence[Order]) -> torch.Tensor:
        values = torch.from_numpy(np.ascontiguousarray(coefficients)).reshape(self.space.shape)
        found = evaluate(self.tables, values, orders)
        where = torch.from_numpy(self.inside_index)
        return torch.stack([found[o].reshape(self.space.unknowns, -1)[:, where].T for o in orders], -1)

    def rows(self, orders: Sequence[Order], weights: Sequence[torch.Tensor], residual: torch.Tensor) -> TensorRows:
        jets = [(u, k) for u, w in enumerate(weights) for k in range(len(orders)) if bool((w[:, k] != 0.0).any())]
        jets = jets or [(0, 0)]
        columns = self._extend_to_grid(torch.stack([weights[u][:, k] for u, k in jets], -1))
        return TensorRows(
            self.space, self.tables, tuple(Jet(u, orders[k]) for u, k in jets), columns, self._extend_to_grid(residual)
        )

    def _extend_to_grid(self, values: torch.Tensor) -> torch.Tensor:
        """Extend (point, any) by zero to all Gauss points: (interval, point, interval, .., any)."""
        shape = [n for t in self.tables for n in t.nodes.shape]
        out = values.new_zeros((int(np.prod(shape)), values.shape[1]))
        return out.index_copy_(0, torch.from_numpy(self.inside_index), values).reshape(*shape, -1)

    def values(self, space: Space, coefficients: Array) -> Array:
        """The values of a function of any ``space`` over the same coordinates: (point, unknown)."""
        grid = space.evaluate_grid(coefficients, self.axes, (0,) * len(self.axes))
        return grid.reshape(-1, space.unknowns)[self.inside_index]

    def integral(self, values: Array) -> Array:
        """The integrals of ``values`` (point, unknown) over the domain: (unknown)."""
        return self.weights @ values

    def support_maxima(self, values: Array) -> Array:
        """The largest of ``values`` (point) in the support of each spline, zero where it holds no point: (function)."""
        out = np.zeros([t.nodes.shape[0] for t in self.tables])
        np.maximum.at(out, tuple(self.cells.T), values)
        for i, t in enumerate(self.tables):  # from cells to functions, by coordinate
            spread = np.zeros((t.count, *np.delete(out.shape, i)))
            np.maximum.at(spread, t.index.numpy(), np.moveaxis(out, i, 0)[:, None])
            out = np.moveaxis(spread, 0, i)
        return out.ravel()


class CellGroups:
    """:class:`SplinePoints` in groups (group, point): points of one cell, padded with weight zero.

    A cell has one or more.
    """

    def __init__(self, space: Space, points: QuadraturePoints, order: Sequence[int]) -> None:
        """``order``: the highest derivative per coordinate."""
        local = [
            a.basis.local(torch.from_numpy(np.ascontiguousarray(points.inner[:, i])), order[i])
            for i, a in enumerate(space.axes)
        ]
        first = np.stack([f.numpy() for _, f in local], -1)  # first coefficient of a point's cell
        shape = [a.count for a in space.axes]
        flat = np.ravel_multi_index(tuple(first.T), shape)
        cells, owner, count = np.unique(flat, return_inverse=True, return_counts=True)
        size = group_size(count)
        groups = -(-count // size)
        by_cell = np.argsort(owner, kind="stable")
        place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        group = np.repeat(np.cumsum(groups) - groups, count) + place // size
        pick = np.repeat(by_cell[place % size == 0][:, None], size, 1)  # fill up with the first point
        self.weights = np.zeros(pick.shape)
        pick[group, place % size] = by_cell
        self.weights[group, place % size] = points.weights[by_cell]
        self.outer, self.line_points, self.line_index = points.outer[pick], points.inner[:, 1:], pick
        lowest = np.stack(np.unravel_index(np.repeat(cells, groups), shape), -1)
        self.cells = lowest[:, None]
        self.tables = [t[:, torch.from_numpy(pick)] for t, _ in local]  # (order, group, point, function)
        index = np.zeros((len(lowest), 1), dtype=np.int64)
        for i, axis in enumerate(space.axes):
            functions = lowest[:, i : i + 1] + np.arange(axis.degree + 1)
            index = (index[:, :, None] * axis.count + functions[:, None, :]).reshape(len(lowest), -1)
        self.unknowns = space.unknowns
        self.columns = index.shape[1]
        self.index = torch.from_numpy(index)  # (group, function), of one unknown

    def derivatives(self, coefficients: Array, orders: Sequence[Order]) -> torch.Tensor:
        flat = torch.from_numpy(np.ascontiguousarray(coefficients)).reshape(-1, self.unknowns)
        local = flat[self.index].reshape(len(self.index), *(t.shape[-1] for t in self.tables), self.unknowns)
        first, *others = self.tables
        # contractions with the first coordinates, by their orders
        partial: dict[Order, torch.Tensor] = {}
        for order in orders:
            for i in range(1, len(order) + 1):
                if order[:i] in partial:
                    continue
                if i == 1:
                    partial[order[:1]] = (first[order[0]] @ local.flatten(2)).unflatten(2, local.shape[2:])
                else:
                    value, row = partial[order[: i - 1]], others[i - 2][order[i - 1]].unsqueeze(2)
                    partial[order[:i]] = (row @ value.flatten(3)).squeeze(2).unflatten(2, value.shape[3:])
        return torch.stack([partial[order] for order in orders], -1)

    def rows(self, orders: Sequence[Order], weights: Sequence[torch.Tensor], residual: torch.Tensor) -> CellRows:
        blocks, index = [], []
        for unknown, w in enumerate(weights):
            terms = {order: w[..., k] for k, order in enumerate(orders) if bool((w[..., k] != 0.0).any())}
            blocks.append(self.weighted_splines(terms) if terms else w.new_zeros((*self.weights.shape, self.columns)))
            index.append(self.index * self.unknowns + unknown)
        return CellRows(torch.cat(blocks, -1), residual, torch.cat(index, -1))

    def weighted_splines(self, terms: dict[Order, torch.Tensor]) -> torch.Tensor:
        """sum_beta w_beta D^beta of products of splines: (group, point, function)."""
        grouped = {order: w.unsqueeze(-1) for order, w in terms.items()}
        for t in reversed(self.tables):
            new: dict[Order, torch.Tensor] = {}
            for order, value in grouped.items():
                part = (t[order[-1]].unsqueeze(-1) * value.unsqueeze(-2)).flatten(2)
                rest = order[:-1]
                new[rest] = new[rest].add_(part) if rest in new else part
            grouped = new
        return grouped[()]


def group_size(count: np.ndarray) -> int:
    """The number of points per group with the least cost for cells with ``count`` points."""
    sizes = np.unique(count)
    groups = (-(-count // sizes[:, None])).sum(1)
    return int(sizes[np.argmin(groups * (sizes + GROUP_COST))])
