"""Where a domain lies that is askew in the box of its inner coordinates, and the points on its sides.

Sides of the domain run across the cells, the products of knot intervals of (s, r[, t]): their points are Gauss points
between two crossings with knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

Ranges = Sequence[tuple[float, float]]
#: Samples of a side between which its crossings with knots are interpolated.
SAMPLES = 513


@dataclass(frozen=True, eq=False)
class Points:
    """Quadrature points: ``inner`` in (s, r[, t]), ``outer`` in (x, y[, t]), both (point, coordinate), and weights."""

    inner: Array
    outer: Array
    weights: Array


def inside(points: Array, ranges: Ranges) -> np.ndarray:
    """Which points (point, coordinate) lie in the closed box: (point,)."""
    low, high = np.array(ranges).T
    return np.asarray(((points >= low) & (points <= high)).all(1))


def side_points(
    space: Space, coordinates: Coordinates, ranges: Ranges, axis: int, end: int, counts: Sequence[int]
) -> Points:
    """Points on a side of (x, y): Gauss points between its crossings with knots, at Gauss points of time."""
    fixed, free = ranges[axis][end], 1 - axis
    t, share = (a.ravel() for a in space.axes[2].gauss(counts[2])) if len(ranges) > 2 else (None, np.ones(1))
    along = np.linspace(*ranges[free], SAMPLES)
    inner = coordinates.forward(_on_side(np.tile(along, len(share)), free, fixed, t)).reshape(len(share), SAMPLES, -1)
    x, w = np.polynomial.legendre.leggauss(max(counts[:2]))
    outer, weights = [], []
    for k, (mapped, part) in enumerate(zip(inner, share, strict=True)):
        cuts = _crossings(space, along, mapped)
        half, middle = 0.5 * np.diff(cuts)[:, None], 0.5 * (cuts[1:] + cuts[:-1])[:, None]
        outer.append(_on_side((middle + half * x).ravel(), free, fixed, None if t is None else t[k : k + 1]))
        weights.append((half * w).ravel() * part)
    points = np.concatenate(outer)
    return Points(coordinates.forward(points), points, np.concatenate(weights))


def _on_side(along: Array, free: int, fixed: float, times: Array | None) -> Array:
    """Points on a side, as many at each time: (point, (x, y[, t]))."""
    points = np.full((len(along), 2 if times is None else 3), fixed)
    points[:, free] = along
    if times is not None:
        points[:, 2] = np.repeat(times, len(along) // len(times))
    return points


def _crossings(space: Space, along: Array, inner: Array) -> Array:
    """Parameters on a side where it crosses a knot of s or r, interpolated between samples, both ends included."""
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
