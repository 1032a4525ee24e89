"""Shapes in the plane: polygons and ellipses, and their unions, intersections and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import Array, Ranges
from pinnkan.domain.shapes.curve import Curve, Ellipse, Segment, Vector, turn

Mask = NDArray[np.bool_]


class Shape(Protocol):
    """A closed set in the plane with a piecewise smooth boundary."""

    @property
    def curves(self) -> tuple[tuple[Curve, ...], ...]:
        """The boundary curves of each simple shape in it, a part of which is its boundary."""

    @property
    def box(self) -> Ranges:
        """A box that contains it."""

    def contains(self, points: Array) -> Mask:
        """Return which points (.., coordinate) lie inside."""

    def moved(self, by: Vector, angle: float) -> Self:
        """Return the shape turned about the origin by an angle (radians), then moved."""


@dataclass(frozen=True)
class Polygon:
    """A polygon with ``vertices`` counterclockwise; edge k, ``edge_names[k]``, leads from vertex k to the next."""

    vertices: tuple[Vector, ...]
    edge_names: tuple[str, ...]

    @cached_property
    def curves(self) -> tuple[tuple[Curve, ...], ...]:
        """The edges."""
        following = (*self.vertices[1:], self.vertices[0])
        return (tuple(map(Segment, self.vertices, following, self.edge_names)),)

    @property
    def box(self) -> Ranges:
        """The bounding box."""
        return tuple((min(values), max(values)) for values in zip(*self.vertices, strict=True))

    def contains(self, points: Array) -> Mask:
        """Return which points lie inside: those around which the edges wind."""
        x, y = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        inside = np.zeros(x.shape, dtype=bool)
        for (ax, ay), (bx, by) in zip(self.vertices, (*self.vertices[1:], self.vertices[0]), strict=True):
            if ay != by:
                between = (ay <= y) != (by <= y)
                inside ^= between & (x < ax + (y - ay) / (by - ay) * (bx - ax))
        return inside

    def moved(self, by: Vector, angle: float) -> Polygon:
        return replace(self, vertices=tuple(turn(v, angle, by) for v in self.vertices))


def rectangle(x: Vector, y: Vector, name: str) -> Polygon:
    """Return the rectangle with these ranges and the edges ``name.bottom``, ``.right``, ``.top`` and ``.left``."""
    corners = ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))
    return Polygon(corners, tuple(f"{name}.{side}" for side in ("bottom", "right", "top", "left")))


@dataclass(frozen=True)
class EllipticDisk:
    """The inside of an ellipse; a disk, if its radii are equal."""

    boundary: Ellipse

    @property
    def curves(self) -> tuple[tuple[Curve, ...], ...]:
        """The ellipse."""
        return ((self.boundary,),)

    @property
    def box(self) -> Ranges:
        """The bounding box."""
        reach = np.hypot(*self.boundary._axes)
        return tuple((float(c - r), float(c + r)) for c, r in zip(self.boundary.center, reach, strict=True))

    def contains(self, points: Array) -> Mask:
        """Return which points lie inside."""
        return np.asarray(self.boundary.level(points) <= 0.0)

    def moved(self, by: Vector, angle: float) -> EllipticDisk:
        return EllipticDisk(self.boundary.moved(by, angle))


def disk(center: Vector, radius: float, name: str) -> EllipticDisk:
    """Return a disk."""
    return EllipticDisk(Ellipse(center, (radius, radius), 0.0, name))


@dataclass(frozen=True)
class _Combination:
    """A shape made of ``parts``."""

    parts: tuple[Shape, ...]

    @cached_property
    def curves(self) -> tuple[tuple[Curve, ...], ...]:
        """The curves of all parts."""
        return tuple(curves for part in self.parts for curves in part.curves)

    def moved(self, by: Vector, angle: float) -> Self:
        return replace(self, parts=tuple(part.moved(by, angle) for part in self.parts))


def _covering(boxes: Sequence[Ranges]) -> Ranges:
    all_ends = np.array(boxes)
    return tuple(zip(all_ends[:, :, 0].min(0).tolist(), all_ends[:, :, 1].max(0).tolist(), strict=True))


@dataclass(frozen=True)
class Union(_Combination):
    """All points in any part."""

    @property
    def box(self) -> Ranges:
        """A box around the parts."""
        return _covering([part.box for part in self.parts])

    def contains(self, points: Array) -> Mask:
        """Return which points lie inside."""
        return reduce(np.logical_or, (part.contains(points) for part in self.parts))


@dataclass(frozen=True)
class Intersection(_Combination):
    """All points that all parts have in common."""

    @property
    def box(self) -> Ranges:
        """The box that the boxes of the parts have in common."""
        both = np.array([part.box for part in self.parts])
        return tuple(zip(both[:, :, 0].max(0).tolist(), both[:, :, 1].min(0).tolist(), strict=True))

    def contains(self, points: Array) -> Mask:
        """Return which points lie inside."""
        return reduce(np.logical_and, (part.contains(points) for part in self.parts))


@dataclass(frozen=True)
class Difference(_Combination):
    """The first part without the others."""

    @property
    def box(self) -> Ranges:
        """The box of the first part."""
        return self.parts[0].box

    def contains(self, points: Array) -> Mask:
        """Return which points lie inside."""
        first, *others = (part.contains(points) for part in self.parts)
        return np.asarray(first & ~reduce(np.logical_or, others))
