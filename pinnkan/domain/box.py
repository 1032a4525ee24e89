"""A box: a product of intervals, some of them periodic."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ranges = tuple[tuple[float, float], ...]
#: Points of the unit cube, (count, dimension) to (point, coordinate): Sobol, Kronecker or random points.
UnitPoints = Callable[[int, int], Array]
#: Share of its size by which a point may lie outside a domain and still count as inside: rounding.
INSIDE_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Side:
    """The name of a side of a box: the lower (``end = 0``) or upper (``end = 1``) end of coordinate ``axis``.

    ``Side(time_axis, 0)`` is the place of initial conditions.
    """

    axis: int
    end: int


@dataclass(frozen=True)
class Box:
    """``ranges``: the ends of each coordinate; ``periodic``: whether it is periodic. A :class:`Domain`."""

    ranges: Ranges
    periodic: tuple[bool, ...]

    @property
    def box(self) -> Box:
        """The box itself."""
        return self

    @property
    def lengths(self) -> Array:
        """The length of each coordinate."""
        return np.ptp(np.array(self.ranges, dtype=np.float64), axis=1)

    @property
    def measure(self) -> float:
        """The product of the lengths."""
        return float(np.prod(self.lengths))

    @property
    def boundary_pieces(self) -> Mapping[Hashable, BoxSide]:
        """The sides of the coordinates that are not periodic."""
        axes = [i for i, wraps in enumerate(self.periodic) if not wraps]
        return {Side(i, end): BoxSide(self, i, end) for i in axes for end in (0, 1)}

    def contains(self, points: Array, slack: float = 0.0) -> NDArray[np.bool_]:
        """Return which points lie inside, up to ``slack`` lengths; a periodic coordinate may be any finite number."""
        low, high = np.array(self.ranges, dtype=np.float64).T
        beside = slack * (high - low)
        within = (points >= low - beside) & (points <= high + beside)
        return np.asarray(np.where(self.periodic, np.isfinite(points), within).all(-1))

    def nearest(self, points: Array) -> Array:
        low, high = np.array(self.ranges, dtype=np.float64).T
        return np.where(self.periodic, points, np.clip(points, low, high))

    def outside_reason(self, point: Array, names: Sequence[str]) -> str:
        """Return ``x = 2 is not in [0, 1]`` for the first coordinate that is outside. Raises ValueError if none is."""
        for axis, (name, (low, high)) in enumerate(zip(names, self.ranges, strict=True)):
            if not Box(((low, high),), (self.periodic[axis],)).contains(point[axis : axis + 1], INSIDE_TOLERANCE):
                return f"{name} = {point[axis]:g} is not in [{low:g}, {high:g}]"
        raise ValueError("the point is inside")

    def sample(self, count: int, unit: UnitPoints) -> Array:
        low, high = np.array(self.ranges, dtype=np.float64).T
        return np.asarray(low + (high - low) * unit(count, len(low)))

    def time_part(self, start: float, end: float) -> Box:
        """Return the box with the range of its last coordinate replaced."""
        return replace(self, ranges=(*self.ranges[:-1], (start, end)))

    def projected(self, count: int) -> Box:
        """Return the box of the first ``count`` coordinates."""
        return Box(self.ranges[:count], self.periodic[:count])


@dataclass(frozen=True)
class BoxSide:
    """A side of a box; its parameters are the other coordinates. A :class:`BoundaryPiece`."""

    parent_box: Box
    axis: int
    end: int

    @property
    def parameter_ranges(self) -> Ranges:
        """The ranges of the other coordinates."""
        return (*self.parent_box.ranges[: self.axis], *self.parent_box.ranges[self.axis + 1 :])

    @property
    def fixed(self) -> Mapping[int, float]:
        """The fixed coordinate and its value."""
        return {self.axis: self.parent_box.ranges[self.axis][self.end]}

    @property
    def measure(self) -> float:
        """The product of the other lengths."""
        return float(np.prod([b - a for a, b in self.parameter_ranges]))

    def map_parameters(self, parameters: Array) -> Array:
        return np.insert(parameters, self.axis, self.fixed[self.axis], axis=1)

    def measure_density(self, parameters: Array) -> Array:
        """Return ones: coordinates are parameters."""
        return np.ones(len(parameters))

    def normal(self, point: Sequence[Any]) -> tuple[int, ...]:
        """Return the outward unit normal: the unit vector of the coordinate, or its opposite."""
        return tuple((2 * self.end - 1) * (i == self.axis) for i in range(len(point)))

    def sample(self, count: int, unit: UnitPoints) -> Array:
        low, high = np.array(self.parameter_ranges, dtype=np.float64).reshape(-1, 2).T
        return self.map_parameters(low + (high - low) * unit(count, len(low)))
