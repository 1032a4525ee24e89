"""A domain whose space is a shape in the plane, with or without time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import INSIDE_TOLERANCE, Array, Box, Ranges, Side, UnitPoints
from pinnkan.domain.shapes.boundary import ARC_POINTS, Arc, Boundary, boundary_of
from pinnkan.domain.shapes.cut_cells import CutGrid, cut_grid
from pinnkan.domain.shapes.shape import Shape

#: Points at which the inside is tried for each point of a sample, at most.
MAX_TRIES = 64
#: Samples of an arc from which the nearest point of the boundary is found, and steps to improve it.
NEAREST_SAMPLES, NEAREST_STEPS = 33, 6


@dataclass(frozen=True)
class ShapeSide:
    """The name of a piece of the boundary of a shape: that of one of its curves."""

    name: str


@dataclass(frozen=True)
class ShapedDomain:
    """The points of a shape in the plane, through the ``times`` if there are any. A :class:`Domain`."""

    boundary: Boundary
    times: tuple[float, float] | None = None

    @cached_property
    def box(self) -> Box:
        """The bounding box."""
        ranges = (*self.boundary.box, *(() if self.times is None else (self.times,)))
        return Box(ranges, (False,) * len(ranges))

    @property
    def measure(self) -> float:
        """The area, times the length of time."""
        return self.boundary.area * (1.0 if self.times is None else self.times[1] - self.times[0])

    @cached_property
    def boundary_pieces(self) -> Mapping[Hashable, CurvePiece | ShapeAtTime]:
        """The pieces by :class:`ShapeSide`, and the start and the end of time by :class:`Side`."""
        arcs: dict[str, list[Arc]] = {}
        for arc in self.boundary.arcs:
            arcs.setdefault(arc.curve.name, []).append(arc)
        found: dict[Hashable, CurvePiece | ShapeAtTime] = {
            ShapeSide(name): CurvePiece(tuple(parts), self.times) for name, parts in arcs.items()
        }
        ends = enumerate(self.times or ())
        return {**found, **{Side(2, end): ShapeAtTime(self.projected(2), t, end) for end, t in ends}}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pieces in space."""
        return tuple(place.name for place in self.boundary_pieces if isinstance(place, ShapeSide))

    def contains(self, points: Array, slack: float = 0.0) -> NDArray[np.bool_]:
        """Return which points lie inside, or outside by at most ``slack`` times the diameter."""
        points = np.asarray(points, dtype=np.float64)
        inside = np.asarray(self.boundary.shape.contains(points[..., :2]))
        if slack > 0.0 and not inside.all():
            outside = points[~inside][:, :2]
            apart = np.hypot(*(outside - self._nearest_on_boundary(outside)).T)
            inside[~inside] = apart <= slack * float(np.hypot(*self.box.lengths[:2]))
        return inside if self.times is None else inside & Box((self.times,), (False,)).contains(points[..., 2:], slack)

    def nearest(self, points: Array) -> Array:
        out = np.array(points, dtype=np.float64)
        outside = ~self.boundary.shape.contains(out[..., :2])
        if outside.any():
            out[outside, :2] = self._nearest_on_boundary(out[outside][:, :2])
        if self.times is not None:
            out[..., 2] = np.clip(out[..., 2], *self.times)
        return out

    def _nearest_on_boundary(self, points: Array) -> Array:
        """The nearest points of the boundary: samples, improved by Newton's method along their arcs."""
        share, out, least = np.linspace(0.0, 1.0, NEAREST_SAMPLES), np.array(points), np.full(len(points), np.inf)
        for arc in self.boundary.arcs:
            t = share[np.square(points[:, None] - arc.at(share)).sum(-1).argmin(1)]
            for _ in range(NEAREST_STEPS):  # Gauss-Newton on the squared distance
                slope = arc.velocity(t)
                t = np.clip(t + ((points - arc.at(t)) * slope).sum(-1) / np.square(slope).sum(-1), 0.0, 1.0)
            found = arc.at(t)
            apart = np.square(points - found).sum(-1)
            out[apart < least], least = found[apart < least], np.minimum(apart, least)
        return out

    def outside_reason(self, point: Array, names: Sequence[str]) -> str:
        """Return ``(2, 0) is outside of the domain``, or which coordinate is not in the range of its box."""
        if self.box.contains(point, INSIDE_TOLERANCE):
            return f"({', '.join(f'{x:g}' for x in point[:2])}) is outside of the domain"
        return self.box.outside_reason(point, names)

    def sample(self, count: int, unit: UnitPoints) -> Array:
        tries = count
        for _ in range(MAX_TRIES):
            points = self.box.sample(tries, unit)
            inside = points[self.boundary.shape.contains(points[:, :2])]
            if len(inside) >= count:
                return inside[:count]
            tries = 2 * tries
        return inside

    def time_part(self, start: float, end: float) -> ShapedDomain:
        """Return the part between two times."""
        return replace(self, times=(start, end))

    def projected(self, count: int) -> ShapedDomain:
        """Return the shape alone for ``count`` two. Raises ValueError: no other projection is known."""
        if count == self.box.lengths.size:
            return self
        if count != 2:
            raise ValueError("a shape has two coordinates")
        return replace(self, times=None)

    def cut_grid(self, x: Array, y: Array) -> CutGrid:
        """Return the cells of a grid with breaks ``x`` and ``y`` that the boundary cuts, and the whole ones."""
        return _cut_grid(self.boundary, x.tobytes(), y.tobytes())


@lru_cache(maxsize=16)
def _cut_grid(boundary: Boundary, x: bytes, y: bytes) -> CutGrid:
    return cut_grid(boundary, np.frombuffer(x), np.frombuffer(y))


def shaped_domain(shape: Shape, times: tuple[float, float] | None = None) -> ShapedDomain:
    """Return the domain of a shape. Raises GeometryError where it is none."""
    return ShapedDomain(boundary_of(shape), times)


@dataclass(frozen=True)
class CurvePiece:
    """All arcs of one curve. A :class:`BoundaryPiece`; its parameter rises from k to k + 1 along arc k."""

    arcs: tuple[Arc, ...]
    times: tuple[float, float] | None

    @property
    def parameter_ranges(self) -> Ranges:
        """From zero to the number of arcs; then time."""
        return ((0.0, float(len(self.arcs))), *(() if self.times is None else (self.times,)))

    @property
    def fixed(self) -> Mapping[int, float]:
        """The coordinate that is constant along a straight piece parallel to an axis."""
        low, high = self.arcs[0].at(np.array([0.0, 1.0]))
        straight = self.arcs[0].curve.turning_points(0).size == 0
        return {i: float(low[i]) for i in (0, 1) if straight and low[i] == high[i]}

    @cached_property
    def measure(self) -> float:
        """The length, times the length of time."""
        length = sum(float(arc.rule(ARC_POINTS)[1].sum()) for arc in self.arcs)
        return length * (1.0 if self.times is None else self.times[1] - self.times[0])

    def map_parameters(self, parameters: Array) -> Array:
        return np.column_stack([self._by_arc(parameters[:, 0], lambda arc, share: arc.at(share)), parameters[:, 1:]])

    def measure_density(self, parameters: Array) -> Array:
        """Return the length per parameter."""
        return np.hypot(*self._by_arc(parameters[:, 0], lambda arc, share: arc.velocity(share)).T)

    def _by_arc(self, along: Array, evaluate: Callable[[Arc, Array], Array]) -> Array:
        """Vectors (point, coordinate) on the arc of each parameter, at the share of it that lies before."""
        number = np.clip(along.astype(int), 0, len(self.arcs) - 1)
        out = np.empty((len(along), 2))
        for k in np.unique(number):
            out[number == k] = evaluate(self.arcs[k], along[number == k] - k)
        return out

    def normal(self, point: Sequence[Any]) -> tuple[Any, ...]:
        """Return the outward unit normal."""
        arc = self.arcs[0]
        return (*(arc.sign * component for component in arc.curve.normal(point)), *(0 for _ in point[2:]))

    def sample(self, count: int, unit: UnitPoints) -> Array:
        low, high = np.array(self.parameter_ranges).T
        return self.map_parameters(low + (high - low) * unit(count, len(low)))


@dataclass(frozen=True)
class ShapeAtTime:
    """A shape at the start or the end of time; its parameters are x and y. A :class:`BoundaryPiece`."""

    shape: ShapedDomain
    time: float
    end: int

    @property
    def parameter_ranges(self) -> Ranges:
        """The bounding box of the shape."""
        return self.shape.box.ranges

    @property
    def fixed(self) -> Mapping[int, float]:
        """The time."""
        return {2: self.time}

    @property
    def measure(self) -> float:
        """The area."""
        return self.shape.measure

    def map_parameters(self, parameters: Array) -> Array:
        return np.column_stack([parameters, np.full(len(parameters), self.time)])

    def measure_density(self, parameters: Array) -> Array:
        """Return one inside the shape, zero outside."""
        return self.shape.contains(parameters).astype(np.float64)

    def normal(self, point: Sequence[Any]) -> tuple[int, ...]:
        """Return the unit vector of time, or its opposite."""
        return (0, 0, 2 * self.end - 1)

    def sample(self, count: int, unit: UnitPoints) -> Array:
        return self.map_parameters(self.shape.sample(count, unit))
