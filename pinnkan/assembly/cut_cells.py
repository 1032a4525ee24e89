"""Where a domain lies that is askew in the box of its inner coordinates, and the points on its sides.

Sides of the domain run across the cells, the products of knot intervals of (s, r[, t]): their points are Gauss points
between two crossings with knots.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.domain.domain import BoundaryPiece
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

#: Samples of a side between which its crossings with knots are interpolated.
SAMPLES = 513


@dataclass(frozen=True, eq=False)
class Points:
    """Quadrature points: ``inner`` in (s, r[, t]), ``outer`` in (x, y[, t]), both (point, coordinate), and weights."""

    inner: Array
    outer: Array
    weights: Array


def side_points(space: Space, coordinates: Coordinates, side: BoundaryPiece, counts: Sequence[int]) -> Points:
    """Points on a piece of the boundary of (x, y): Gauss points between crossings with knots, at Gauss points of t."""
    times, share = np.zeros((1, 0)), np.ones(1)
    if len(space.axes) > 2:
        t, share = (a.ravel() for a in space.axes[2].gauss(counts[2]))
        times = t[:, None]
    along = np.linspace(*side.parameters[0], SAMPLES)
    x, w = np.polynomial.legendre.leggauss(max(counts[:2]))
    outer, weights = [], []
    for time, part in zip(times, share, strict=True):
        cuts = _crossings(space, along, coordinates.forward(side.at(_with(along, time))))
        half, middle = 0.5 * np.diff(cuts)[:, None], 0.5 * (cuts[1:] + cuts[:-1])[:, None]
        parameters = _with((middle + half * x).ravel(), time)
        outer.append(side.at(parameters))
        weights.append((half * w).ravel() * part * side.stretch(parameters))
    points = np.concatenate(outer)
    return Points(coordinates.forward(points), points, np.concatenate(weights))


def _with(along: Array, time: Array) -> Array:
    """Parameters of a curve, and the time, where there is one: (point, parameter)."""
    return np.column_stack([along, np.tile(time, (len(along), 1))])


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
