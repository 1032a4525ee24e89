"""Triangles with one curved side, of which a loop is made that one point sees all of.

From the apex v to gamma(t) on the arc opposite to it a triangle has the points and the measure

    (s, t) -> v + s (gamma(t) - v),    s det(gamma(t) - v, gamma'(t)) ds dt,

so that points lie inside, weights are positive, and a product of Gauss rules is exact up to its degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.domain.box import Array
from pinnkan.domain.gauss import gauss_legendre
from pinnkan.domain.shapes.boundary import Arc

#: Samples of an arc for whether a point sees it, and how far below zero the determinant may round, relative to the
#: product of the two lengths.
SIGHT_SAMPLES, SIGHT_ROUNDING = 9, 1e-12


@dataclass(frozen=True, eq=False)
class CurvedTriangle:
    """The points between an ``apex`` (coordinate) and an ``arc`` that it sees all of."""

    apex: Array
    arc: Arc

    def rule(self, count: int) -> tuple[Array, Array]:
        """Return ``count`` by ``count`` Gauss points (point, coordinate), and weights (point)."""
        x, w = gauss_legendre(count)
        share, half = 0.5 * (x + 1.0), 0.5 * w
        outer, slope = self.arc.at(share) - self.apex, self.arc.velocity(share)
        measure = outer[:, 0] * slope[:, 1] - outer[:, 1] * slope[:, 0]
        points = self.apex + share[:, None, None] * outer
        weights = (half * share)[:, None] * (half * np.maximum(measure, 0.0))  # a tangent may round below zero
        return points.reshape(-1, 2), weights.ravel()


def fan(loop: Sequence[Arc]) -> list[CurvedTriangle] | None:
    """Return the curved triangles from a point that sees all of a closed loop; None if no point tried does."""
    share = np.linspace(0.0, 1.0, SIGHT_SAMPLES)
    points = np.stack([arc.at(share) for arc in loop])
    slopes = np.stack([arc.velocity(share) for arc in loop])
    corners = points[:, 0]
    apexes = np.concatenate([corners, corners.mean(0)[None]])
    seen = points[None] - apexes[:, None, None]  # (apex, arc, sample, coordinate)
    turn = seen[..., 0] * slopes[None, ..., 1] - seen[..., 1] * slopes[None, ..., 0]
    scale = float(np.sqrt(np.square(seen).sum(-1).max() * np.square(slopes).sum(-1).max()))
    valid = (turn >= -SIGHT_ROUNDING * scale).all((1, 2))
    if not valid.any() or scale == 0.0:
        return [] if scale == 0.0 else None
    mean = turn.mean(2)  # twice the area of a triangle; the least, but for those of no area, is to be large
    least = mean.min(1, where=mean > SIGHT_ROUNDING * scale, initial=np.inf)
    best = int(np.argmax(np.where(valid, least, -1.0)))
    flat = np.abs(turn[best]).max(1) <= SIGHT_ROUNDING * scale
    return [CurvedTriangle(apexes[best], arc) for arc, none in zip(loop, flat, strict=True) if not none]
