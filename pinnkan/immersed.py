"""Rows of a problem whose box lies askew in the box of its inner coordinates.

A cell is a product of knot intervals of (s, r[, t]); a whole one carries its Gauss points, one that the domain cuts the
Gauss points of its parts that lie inside. Sides of the domain run across the cells: their points are Gauss points
between two crossings with knots. The points of a cell are rows on its own (degree + 1)^d coefficients, as in
:class:`pinnkan.residual.Patch`; the chain rule acts on the weights dF/d(D^alpha u), so that features stay products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pinnkan.kan.coordinates import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.residual import CompiledEquation
from pinnkan.rows import CellRows

Ranges = Sequence[tuple[float, float]]
#: Parts per coordinate of a cell that the domain cuts.
PARTS = 2


@dataclass(frozen=True, eq=False)
class Points:
    """Quadrature points: ``inner`` in (s, r[, t]), ``outer`` in (x, y[, t]), both (point, coordinate), and weights."""

    inner: Array
    outer: Array
    weights: Array


class Mapping(Protocol):
    """Inner coordinates, moving or at one time."""

    def forward(self, points: Array) -> Array:
        """(x, y[, t]) to (s, r[, t])."""
        ...

    def inverse(self, points: Array) -> Array:
        """(s, r[, t]) to (x, y[, t])."""
        ...


def interior_points(space: Space, coordinates: Mapping, ranges: Ranges, counts: Sequence[int]) -> Points:
    """Gauss points, ``counts`` per interval and coordinate, of all cells inside the box ``ranges``."""
    nodes, weights, sizes = _cell_points(space, counts, 1)
    within = inside(coordinates.inverse(nodes), ranges).reshape(sizes)
    per_cell = within.all(1)
    touched = _touched(space, coordinates, ranges) | within.any(1)
    cut = touched & ~per_cell
    fine, fine_weights, _ = _cell_points(space, [n // PARTS + 2 for n in counts], PARTS, np.flatnonzero(cut))
    kept = inside(coordinates.inverse(fine), ranges)
    whole = np.repeat(per_cell, sizes[1])
    inner = np.concatenate([nodes[whole], fine[kept]])
    return Points(inner, coordinates.inverse(inner), np.concatenate([weights[whole], fine_weights[kept]]))


def _touched(space: Space, coordinates: Mapping, ranges: Ranges) -> np.ndarray:
    """Cells that hold a point of the boundary, on a fine grid of it: (cell,)."""
    found = np.zeros([a.intervals for a in space.axes], dtype=bool)
    for axis in (0, 1):
        for end in (0, 1):
            along = [np.linspace(a, b, 257 if i < 2 else 5) for i, (a, b) in enumerate(ranges)]
            along[axis] = np.array([ranges[axis][end]])
            grid = np.stack([g.ravel() for g in np.meshgrid(*along, indexing="ij")], -1)
            inner = coordinates.forward(grid)
            cell = [
                np.clip(np.searchsorted(a.breaks, inner[:, i], side="right") - 1, 0, a.intervals - 1)
                for i, a in enumerate(space.axes)
            ]
            found[tuple(cell)] = True
    return found.ravel()


def _cell_points(
    space: Space, counts: Sequence[int], parts: int, cells: np.ndarray | None = None
) -> tuple[Array, Array, tuple[int, int]]:
    """Gauss points of cells, each cut into ``parts`` per coordinate: (cell * point, coordinate), weights, shape."""
    shape = [a.intervals for a in space.axes]
    chosen = np.unravel_index(np.arange(int(np.prod(shape))) if cells is None else cells, shape)
    rules = []
    for axis, count, index in zip(space.axes, counts, chosen, strict=True):
        x, w = np.polynomial.legendre.leggauss(count)
        offsets = (np.arange(parts)[:, None] + 0.5 * (x + 1.0)).ravel() / parts
        share = np.tile(0.5 * w, parts) / parts
        low, width = axis.breaks[index], np.diff(axis.breaks)[index]
        rules.append((low[:, None] + width[:, None] * offsets, width[:, None] * share))
    d = len(rules)
    number = len(chosen[0])
    size = tuple(r[0].shape[1] for r in rules)
    nodes, weight = np.empty((number, *size, d)), np.ones((number, *size))
    for i, (x, w) in enumerate(rules):
        view = (number, *(size[j] if j == i else 1 for j in range(d)))
        nodes[..., i] = x.reshape(view)
        weight = weight * w.reshape(view)
    per_cell = int(np.prod(size))
    return nodes.reshape(-1, d), weight.ravel(), (number, per_cell)


def inside(points: Array, ranges: Ranges) -> np.ndarray:
    """Which points (point, coordinate) lie in the closed box: (point,)."""
    low, high = np.array(ranges).T
    return np.asarray(((points >= low) & (points <= high)).all(1))


def side_points(
    space: Space, coordinates: Coordinates, ranges: Ranges, axis: int, end: int, counts: Sequence[int]
) -> Points:
    """Points on a side of (x, y): Gauss points between its crossings with knots, at Gauss points of time."""
    fixed, free = ranges[axis][end], 1 - axis
    times: list[tuple[float | None, float]] = [(None, 1.0)]
    if len(ranges) > 2:
        t, w = space.axes[2].gauss(counts[2])
        times = list(zip(t.ravel(), w.ravel(), strict=True))
    x, w = np.polynomial.legendre.leggauss(max(counts[:2]))
    outer, weights = [], []
    for time, share in times:
        cuts = _crossings(space, coordinates, ranges[free], free, fixed, time)
        half, middle = 0.5 * np.diff(cuts)[:, None], 0.5 * (cuts[1:] + cuts[:-1])[:, None]
        along = (middle + half * x).ravel()
        points = _on_side(along, free, fixed, time)
        outer.append(points)
        weights.append((half * w).ravel() * share)
    points = np.concatenate(outer)
    return Points(coordinates.forward(points), points, np.concatenate(weights))


def _on_side(along: Array, free: int, fixed: float, time: float | None) -> Array:
    points = np.full((len(along), 2 if time is None else 3), fixed if time is None else time)
    points[:, 1 - free] = fixed
    points[:, free] = along
    return points


def _crossings(
    space: Space, coordinates: Coordinates, ends: tuple[float, float], free: int, fixed: float, time: float | None
) -> Array:
    """Parameters on a side where it crosses a knot of s or r, by interpolation on a fine grid, both ends included."""
    along = np.linspace(*ends, 513)
    inner = coordinates.forward(_on_side(along, free, fixed, time))
    found = [np.array(ends)]
    for i in (0, 1):
        value = inner[:, i]
        knots = space.axes[i].breaks
        low, high = np.minimum(value[:-1], value[1:]), np.maximum(value[:-1], value[1:])
        k, j = np.nonzero((low <= knots[:, None]) & (knots[:, None] < high))
        found.append(along[j] + (knots[k] - value[j]) / (value[j + 1] - value[j]) * (along[1] - along[0]))
    cuts = np.unique(np.concatenate(found))
    apart = np.concatenate([[True], np.diff(cuts) > 1e-9 * (ends[1] - ends[0])])
    cuts = cuts[apart]
    cuts[-1] = ends[1]
    return cuts


def start_points(space: Space, coordinates: Coordinates, ranges: Ranges, counts: Sequence[int]) -> Points:
    """Points of the domain at the lower end of time."""
    flat = Space(space.axes[:2])
    time = float(space.axes[2].breaks[0])
    points = interior_points(flat, _AtTime(coordinates, time), ranges[:2], counts[:2])
    at = np.full((len(points.inner), 1), time)
    return Points(np.hstack([points.inner, at]), np.hstack([points.outer, at]), points.weights)


@dataclass(frozen=True, eq=False)
class _AtTime:
    """Moving coordinates at one time, as coordinates of (x, y)."""

    moving: Coordinates
    time: float

    def forward(self, points: Array) -> Array:
        return self.moving.forward(np.column_stack([points, np.full(len(points), self.time)]))[:, :2]

    def inverse(self, points: Array) -> Array:
        return self.moving.inverse(np.column_stack([points, np.full(len(points), self.time)]))[:, :2]


class Batch:
    """Points of some cells, as many for each (weight zero fills up), with all that does not change in a level."""

    def __init__(self, space: Space, points: Points, first: np.ndarray, tables: Sequence[torch.Tensor]) -> None:
        """``first``: lowest coefficient of each point's cell, (point, coordinate); ``tables``: (order, point, function)."""
        flat = np.ravel_multi_index(tuple(first.T), [a.count for a in space.axes])
        cells, owner, count = np.unique(flat, return_inverse=True, return_counts=True)
        by_cell = np.argsort(owner, kind="stable")
        place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        pick = np.repeat(by_cell[np.cumsum(count) - count][:, None], count.max(), 1)  # fill up with the first point
        weight = np.zeros(pick.shape)
        pick[owner[by_cell], place] = by_cell
        weight[owner[by_cell], place] = points.weights[by_cell]
        self.weights = weight  # (cell, point)
        self.inner, self.outer = points.inner[pick], points.outer[pick]  # (cell, point, coordinate)
        self.shape = pick.shape
        lowest = np.stack(np.unravel_index(cells, [a.count for a in space.axes]), -1)
        self.cells = lowest  # (cell, coordinate): interval of each coordinate
        self.tables = [t[:, pick] for t in tables]  # (order, cell, point, function)
        index = np.zeros((len(cells), 1), dtype=np.int64)
        for i, axis in enumerate(space.axes):
            local = lowest[:, i : i + 1] + np.arange(axis.degree + 1)
            index = (index[:, :, None] * axis.count + local[:, None, :]).reshape(len(cells), -1)
        self.unknowns = space.unknowns
        self.columns = index.shape[1]
        self.index = torch.from_numpy(index)  # (cell, function), of one unknown

    def derivatives(self, coefficients: Array, orders: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Derivatives in (s, r[, t]) at the points: (cell, point, unknown, order)."""
        flat = torch.from_numpy(np.ascontiguousarray(coefficients)).reshape(-1, self.unknowns)
        local = flat[self.index].reshape(len(self.index), *(t.shape[-1] for t in self.tables), self.unknowns)
        out = []
        for order in orders:
            value = torch.einsum("cqa,ca...->cq...", self.tables[0][order[0]], local)
            for t, k in zip(self.tables[1:], order[1:], strict=True):
                value = torch.einsum("cqa,cqa...->cq...", t[k], value)
            out.append(value)
        return torch.stack(out, -1)

    def features(self, terms: dict[tuple[int, ...], torch.Tensor]) -> torch.Tensor:
        """sum_beta w_beta D^beta[products of splines]: (cell, point, function)."""
        grouped = {order: w.unsqueeze(-1) for order, w in terms.items()}
        for t in reversed(self.tables):
            new: dict[tuple[int, ...], torch.Tensor] = {}
            for order, value in grouped.items():
                part = (t[order[-1]].unsqueeze(-1) * value.unsqueeze(-2)).flatten(2)
                rest = order[:-1]
                new[rest] = new[rest].add_(part) if rest in new else part
            grouped = new
        return grouped[()]


def batches(space: Space, points: Points, order: Sequence[int]) -> list[Batch]:
    """Points sorted into cells, those with about as many points together."""
    local = [
        a.basis.local(torch.from_numpy(np.ascontiguousarray(points.inner[:, i])), order[i])
        for i, a in enumerate(space.axes)
    ]
    first = np.stack([f.numpy() for _, f in local], -1)
    flat = np.ravel_multi_index(tuple(first.T), [a.count for a in space.axes])
    _, owner, count = np.unique(flat, return_inverse=True, return_counts=True)
    size = np.ceil(np.log2(count[owner])).astype(int)
    out = []
    for k in np.unique(size):
        part = size == k
        out.append(
            Batch(space, Points(points.inner[part], points.outer[part], points.weights[part]), first[part], order)
        )
    return out


class ImmersedPatch:
    """An equation at the points of a batch of cells; ``scale`` (cell, point) weighs its rows."""

    def __init__(self, equation: CompiledEquation, batch: Batch, coordinates: Coordinates) -> None:
        self.equation, self.batch = equation, batch
        orders = sorted({jet.order for jet in equation.jets})
        flat = batch.inner.reshape(-1, batch.inner.shape[-1])
        self.betas, transfer = coordinates.transfer(flat, orders)
        pick = [orders.index(jet.order) for jet in equation.jets]
        self.transfer = torch.from_numpy(transfer[:, pick]).reshape(*batch.shape, len(pick), len(self.betas))
        self.points = torch.from_numpy(batch.outer)
        self.root_weight = torch.from_numpy(np.sqrt(batch.weights))

    def jets(self, coefficients: Array) -> torch.Tensor:
        """The equation's derivatives in (x, y[, t]): (cell, point, jet)."""
        inner = self.batch.derivatives(coefficients, self.betas)
        unknowns = [jet.unknown for jet in self.equation.jets]
        return (inner[:, :, unknowns] * self.transfer).sum(-1)

    def linearised(self, coefficients: Array) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """F (cell, point), and per unknown the weights of the inner derivatives (cell, point, beta)."""
        f, w = self.equation.linearise(self.points, self.jets(coefficients))
        out = []
        for unknown in range(self.batch.unknowns):
            mine = [k for k, jet in enumerate(self.equation.jets) if jet.unknown == unknown]
            out.append(torch.einsum("cqa,cqab->cqb", w[..., mine], self.transfer[..., mine, :]))
        return f, out

    def loss(self, coefficients: Array) -> float:
        """Weighted sum of squares of the residual."""
        f, _ = self.equation.linearise(self.points, self.jets(coefficients))
        return float(((f * self.root_weight) ** 2).sum())

    def rows(self, coefficients: Array, data: Array | None = None) -> CellRows:
        """Jacobian and residual at ``coefficients``."""
        f, weights = self.linearised(coefficients)
        blocks, index = [], []
        for unknown, w in enumerate(weights):
            w = w * self.root_weight.unsqueeze(-1)
            terms = {beta: w[..., k] for k, beta in enumerate(self.betas) if bool((w[..., k] != 0.0).any())}
            block = self.batch.features(terms) if terms else f.new_zeros((*f.shape, self.batch.columns))
            blocks.append(block)
            index.append(self.batch.index * self.batch.unknowns + unknown)
        return CellRows(torch.cat(blocks, -1), (f * self.root_weight).unsqueeze(-1), torch.cat(index, -1))

    def size(self, coefficients: Array, widths: Array) -> torch.Tensor:
        """Size of the operator on functions that vary over ``widths`` (cell, coordinate): (cell, point)."""
        _, weights = self.linearised(coefficients)
        scale = torch.stack(
            [torch.from_numpy(np.prod(widths ** -np.array(beta, dtype=float), -1)) for beta in self.betas], -1
        )  # (cell, beta)
        return torch.stack([(w.abs() * scale.unsqueeze(1)).sum(-1) for w in weights]).sum(0)
