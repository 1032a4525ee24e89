"""The protocol of a domain of any shape: a set of points of the coordinates, with time, if there is one, last."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import Array, Box, Ranges, UnitPoints


class BoundaryPiece(Protocol):
    """A smooth piece of the boundary, the image of a box of parameters, one fewer than there are coordinates."""

    @property
    def parameter_ranges(self) -> Ranges:
        """The ranges of the parameters; in time-dependent domains the last is time."""

    @property
    def fixed(self) -> Mapping[int, float]:
        """The coordinates that are constant on the piece, and their values."""

    @property
    def measure(self) -> float:
        """The length or area, times the length of time."""

    def map_parameters(self, parameters: Array) -> Array:
        """Return the points (point, coordinate) of ``parameters`` (point, parameter)."""

    def measure_density(self, parameters: Array) -> Array:
        """Return the measure of the piece per measure of the parameters: the weight of an integral over it, (point)."""

    def normal(self, point: Sequence[Any]) -> tuple[Any, ...]:
        """Return the outward unit normal at a point, by coordinate; of symbols formulas, of arrays arrays."""

    def sample(self, count: int, unit: UnitPoints) -> Array:
        """Return points (point, coordinate) that cover the piece evenly."""


class Domain(Protocol):
    """A bounded closed set."""

    @property
    def box(self) -> Box:
        """The bounding box, the range of the splines."""

    @property
    def measure(self) -> float:
        """The length, area or volume, times the length of time."""

    @property
    def boundary_pieces(self) -> Mapping[Hashable, BoundaryPiece]:
        """The pieces of the boundary, by the place name of a condition; the start of time is one of them."""

    def contains(self, points: Array, slack: float = 0.0) -> NDArray[np.bool_]:
        """Return which points (.., coordinate) lie in the domain, or outside by at most ``slack`` of its size: (..)."""

    def nearest(self, points: Array) -> Array:
        """Return the points (.., coordinate), those outside moved onto the boundary."""

    def outside_reason(self, point: Array, names: Sequence[str]) -> str:
        """Return the reason in words why a point is not inside, with the coordinate ``names``."""

    def sample(self, count: int, unit: UnitPoints) -> Array:
        """Return points (point, coordinate) that cover the domain evenly."""

    def time_part(self, start: float, end: float) -> Self:
        """Return the part of a time-dependent domain between two times."""

    def projected(self, count: int) -> "Domain":
        """Return the projection onto the first ``count`` coordinates."""
