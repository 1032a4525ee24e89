"""What everyone asks of a domain, whatever its shape: a point set of the coordinates, time included, always last."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import Array, Box, Ranges, UnitPoints


class BoundaryPiece(Protocol):
    """A smooth piece of the boundary, the image of a box of parameters, one fewer than there are coordinates."""

    @property
    def parameters(self) -> Ranges:
        """Their ranges; in time-dependent domains the last is time."""

    @property
    def fixed(self) -> Mapping[int, float]:
        """Coordinates that have one value on all of it."""

    @property
    def measure(self) -> float:
        """Its length or area, times the length of time."""

    def at(self, parameters: Array) -> Array:
        """Points (point, coordinate) of ``parameters`` (point, parameter)."""

    def stretch(self, parameters: Array) -> Array:
        """Measure of the piece per measure of the parameters: the weight of an integral over it, (point)."""

    def normal(self, point: Sequence[Any]) -> tuple[Any, ...]:
        """Outward unit normal at a point of it, by coordinate: of numbers or arrays the same, of symbols a formula."""

    def sample(self, count: int, unit: UnitPoints) -> Array:
        """Points (point, coordinate) that spread over it evenly."""


class Domain(Protocol):
    """A bounded closed set."""

    @property
    def box(self) -> Box:
        """The box that holds it, where splines live."""

    @property
    def measure(self) -> float:
        """Its length, area or volume, times the length of time."""

    @property
    def pieces(self) -> Mapping[Hashable, BoundaryPiece]:
        """The boundary, by what a condition calls its place; the start of time is one of them."""

    def contains(self, points: Array, slack: float = 0.0) -> NDArray[np.bool_]:
        """Which points (.., coordinate) lie in it, or beside it by no more than ``slack`` of its size: (..)."""

    def nearest(self, points: Array) -> Array:
        """The points (.., coordinate), those outside moved onto the boundary."""

    def refusal(self, point: Array, names: Sequence[str]) -> str:
        """Why a point is not inside, in words, coordinates called by ``names``."""

    def sample(self, count: int, unit: UnitPoints) -> Array:
        """Points (point, coordinate) that spread over it evenly."""

    def during(self, start: float, end: float) -> Self:
        """Of a time-dependent domain that between two times."""

    def projected(self, count: int) -> "Domain":
        """Its projection onto the first ``count`` coordinates."""
