"""Smooth curves in the plane: segments and arcs of ellipses, with the inside of their shape on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import sympy

from pinnkan.domain.box import Array

Vector = tuple[float, float]
#: A line that cuts off less than this share of half the width of an ellipse is a tangent.
TANGENT_ROUNDING = 1e-13


class Curve(Protocol):
    """A smooth curve gamma(t), t in ``ends``; the shape that it bounds lies on its left. ``name``: of the piece."""

    @property
    def name(self) -> str:
        """The name of the piece of the boundary."""

    @property
    def ends(self) -> Vector:
        """The range of the parameter."""

    @property
    def is_closed(self) -> bool:
        """Whether the curve ends where it starts."""

    def point(self, t: Array) -> Array:
        """Return gamma(t): (.., coordinate)."""

    def velocity(self, t: Array) -> Array:
        """Return gamma'(t): (.., coordinate)."""

    def level(self, points: Array) -> Array:
        """Return a smooth function (..) that vanishes on the curve alone, near it about the distance outwards."""

    def normal(self, point: Sequence[Any]) -> tuple[Any, Any]:
        """Return the unit normal out of the shape at a point of the curve; of symbols formulas."""

    def parameter(self, points: Array) -> Array:
        """Return the parameters (..) of points on the curve, or on its continuation."""

    def crossings(self, axis: int, value: float) -> Array:
        """Return the parameters inside ``ends`` at which coordinate ``axis`` passes through a value."""

    def turning_points(self, axis: int) -> Array:
        """Return the parameters inside ``ends`` at which coordinate ``axis`` is largest or smallest."""

    def moved(self, by: Vector, angle: float) -> Self:
        """Return the curve turned about the origin by an angle (radians), then moved."""


def turn(point: Vector, angle: float, by: Vector = (0.0, 0.0)) -> Vector:
    """Return a point turned about the origin by an angle in radians, then moved."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return c * point[0] - s * point[1] + by[0], s * point[0] + c * point[1] + by[1]


@dataclass(frozen=True)
class Segment:
    """The segment from ``start`` to ``stop``; t from 0 to 1."""

    start: Vector
    stop: Vector
    name: str

    ends: Vector = (0.0, 1.0)
    is_closed: bool = False

    @property
    def _along(self) -> Array:
        return np.subtract(self.stop, self.start)

    def point(self, t: Array) -> Array:
        weights = np.stack([1.0 - t, t], -1)  # exact at both ends
        return np.asarray(weights @ np.array([self.start, self.stop]))

    def velocity(self, t: Array) -> Array:
        return np.broadcast_to(self._along, (*np.shape(t), 2))

    def level(self, points: Array) -> Array:
        dx, dy = self._along / np.hypot(*self._along)
        return np.asarray((points[..., 0] - self.start[0]) * dy - (points[..., 1] - self.start[1]) * dx)

    def normal(self, point: Sequence[Any]) -> tuple[Any, Any]:
        dx, dy = (self._along / np.hypot(*self._along)).tolist()
        return dy, -dx

    def parameter(self, points: Array) -> Array:
        return np.asarray((points - np.array(self.start)) @ self._along / (self._along @ self._along))

    def crossings(self, axis: int, value: float) -> Array:
        change = self.stop[axis] - self.start[axis]
        t = (value - self.start[axis]) / change if change else -1.0
        return np.array([t] if 0.0 < t < 1.0 else [])

    def turning_points(self, axis: int) -> Array:
        """None: coordinates are linear."""
        return np.array([])

    def moved(self, by: Vector, angle: float) -> Segment:
        return replace(self, start=turn(self.start, angle, by), stop=turn(self.stop, angle, by))


@dataclass(frozen=True)
class Ellipse:
    """The ellipse with ``radii`` along axes turned by ``angle`` (radians), counterclockwise; t from 0 to 2 pi."""

    center: Vector
    radii: Vector
    angle: float
    name: str

    ends: Vector = (0.0, 2.0 * np.pi)
    is_closed: bool = True

    @property
    def _axes(self) -> Array:
        """The half axes, (half axis, coordinate)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[self.radii[0] * c, self.radii[0] * s], [-self.radii[1] * s, self.radii[1] * c]])

    def point(self, t: Array) -> Array:
        return np.asarray(np.array(self.center) + np.stack([np.cos(t), np.sin(t)], -1) @ self._axes)

    def velocity(self, t: Array) -> Array:
        return np.asarray(np.stack([-np.sin(t), np.cos(t)], -1) @ self._axes)

    def _in_axes(self, points: Array) -> Array:
        """Points in the half axes as units."""
        along = self._axes / np.square(self.radii)[:, None]
        return np.asarray((points - np.array(self.center)) @ along.T)

    def level(self, points: Array) -> Array:
        return np.asarray(0.5 * min(self.radii) * (np.square(self._in_axes(points)).sum(-1) - 1.0))

    def normal(self, point: Sequence[Any]) -> tuple[Any, Any]:
        x, y = point[0] - self.center[0], point[1] - self.center[1]
        if self.radii[0] == self.radii[1]:
            return x / self.radii[0], y / self.radii[0]
        (ax, ay), (bx, by) = (self._axes / np.square(self.radii)[:, None]).tolist()
        first, second = ax * x + ay * y, bx * x + by * y
        gx, gy = first * ax + second * bx, first * ay + second * by
        size = (sympy.sqrt if isinstance(gx, sympy.Expr) else np.sqrt)(gx * gx + gy * gy)
        return gx / size, gy / size

    def parameter(self, points: Array) -> Array:
        first, second = np.moveaxis(self._in_axes(points), -1, 0)
        return np.asarray(np.arctan2(second, first) % (2.0 * np.pi))

    def crossings(self, axis: int, value: float) -> Array:
        a, b = self._axes[:, axis]
        size, phase = np.hypot(a, b), np.arctan2(b, a)  # a cos t + b sin t = size cos(t - phase)
        share = (value - self.center[axis]) / size
        if not abs(share) < 1.0 - TANGENT_ROUNDING:
            return np.array([])
        apart = np.arccos(share)
        t = np.array([phase - apart, phase + apart]) % (2.0 * np.pi)
        return np.sort(t[t > 0.0])

    def turning_points(self, axis: int) -> Array:
        a, b = self._axes[:, axis]
        return np.sort((np.arctan2(b, a) + np.array([0.0, np.pi])) % (2.0 * np.pi))

    def moved(self, by: Vector, angle: float) -> Ellipse:
        return replace(self, center=turn(self.center, angle, by), angle=self.angle + angle)
