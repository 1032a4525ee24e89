"""Quadrature points of a domain that lies askew in the box of its inner coordinates.

A cell is a product of knot intervals of (s, r[, t]); a whole one carries its Gauss points, one that the domain cuts the
Gauss points of its parts that lie inside. Sides of the domain run across the cells: their points are Gauss points
between two crossings with knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pinnkan.kan.coordinates import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

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
    plane = [n // PARTS + 2 for n in counts[:2]]
    fine, fine_weights, _ = _cell_points(space, [*plane, *counts[2:]], PARTS, np.flatnonzero(cut))
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
    rules: list[tuple[Array, Array]] = []
    for axis, count, index in zip(space.axes, counts, chosen, strict=True):
        x, w = np.polynomial.legendre.leggauss(count)
        pieces = parts if len(rules) < 2 else 1  # sides do not cut time
        offsets = (np.arange(pieces)[:, None] + 0.5 * (x + 1.0)).ravel() / pieces
        share = np.tile(0.5 * w, pieces) / pieces
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
