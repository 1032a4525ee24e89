"""The problem to be solved: the meaning of a problem file, without text, torch or method.

Every derivative of an unknown is a plain sympy symbol; :class:`Jet` gives its unknown and multi-index. Parameters and
named functions are substituted: an expression holds numbers, coordinates and jets only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.box import Box, Side
from pinnkan.domain.domain import Domain
from pinnkan.domain.shapes.shaped_domain import ShapeSide
from pinnkan.errors import SolverError
from pinnkan.problem.settings import EstimatedNumber, OutputSettings, SolverSettings


@dataclass(frozen=True)
class Jet:
    """The derivative D^order of an unknown: index of the unknown and one order per coordinate."""

    unknown: int
    order: tuple[int, ...]

    @property
    def total_order(self) -> int:
        """|order|, the total order of the derivative."""
        return sum(self.order)


def highest_orders(jets: Iterable[Jet], order_of_jet: Callable[[Jet], int]) -> dict[int, int]:
    """The highest order, by ``order_of_jet``, of each unknown that occurs among some jets."""
    found: dict[int, int] = {}
    for jet in jets:
        found[jet.unknown] = max(found.get(jet.unknown, 0), order_of_jet(jet))
    return found


@dataclass(frozen=True)
class Interface:
    """A condition on the plane where coordinate ``axis`` is ``place``: ``residual`` of both one-sided values is zero.

    ``jets_above``, ``jets_below``: the jets of its symbols on the side of larger and of smaller values of the
    coordinate.
    """

    axis: int
    place: float
    residual: sympy.Expr
    jets_above: Mapping[sympy.Symbol, Jet]
    jets_below: Mapping[sympy.Symbol, Jet]


@dataclass(frozen=True)
class Equation:
    """``residual = left - right``; ``jets`` maps every symbol in it that is not a coordinate to its jet.

    It holds almost everywhere; ``interfaces``: the conditions on planes where the slope of the solution may jump.
    """

    residual: sympy.Expr
    jets: Mapping[sympy.Symbol, Jet]
    text: str
    line: int = 1
    column: int = 1
    interfaces: tuple[Interface, ...] = ()

    @property
    def orders(self) -> tuple[int, ...]:
        """The highest order of derivative in each coordinate."""
        dimension = len(next(iter(self.jets.values())).order) if self.jets else 0
        return tuple(max(jet.order[axis] for jet in self.jets.values()) for axis in range(dimension))

    @cached_property
    def slopes(self) -> Mapping[sympy.Symbol, sympy.Expr]:
        """The slopes dF/djet of the residual, by the symbol of the jet."""
        return {symbol: sympy.diff(self.residual, symbol) for symbol in self.jets}

    @property
    def is_linear(self) -> bool:
        """Whether the slopes are free of jets: the residual is affine in these, but for signs and steps of them."""
        return not any(slope.free_symbols & set(self.jets) for slope in self.slopes.values())


@dataclass(frozen=True)
class Point:
    """A point of the closed domain; a coordinate that is None (t) takes every value."""

    position: tuple[float | None, ...]


@dataclass(frozen=True)
class WholeDomain:
    """The whole domain: the place of an integral, over space at every time."""


Place: TypeAlias = Side | ShapeSide | Point | WholeDomain


def position_of(place: Place) -> tuple[float, ...]:
    """The coordinates of a place that is a single point. Raises SolverError: it is none."""
    if isinstance(place, Point) and None not in place.position:
        return tuple(x for x in place.position if x is not None)
    raise SolverError("this network cannot hold an integral, or a value at a point through time; try network: product")


@dataclass(frozen=True)
class Condition:
    """One equation at one place. A condition of the file that names several sides becomes several of these.

    ``dn`` is replaced by the signed derivative of the side. On the whole domain the integral of the residual must
    vanish. ``equation`` is None for a side without one (``equation: none``). ``enforce`` is ``auto``, ``exact`` or
    ``penalty``. ``name`` is the place as written.
    """

    place: Place
    equation: Equation | None
    enforce: str
    name: str


@dataclass(frozen=True)
class Quantity:
    """A number, or a curve over time, of the solution: ``kind`` is ``integral``, ``value``, ``max`` or ``min``.

    ``parts``: each place with the expression (as a residual) there; an integral is the sum over them. ``at_end``: of a
    time-dependent problem the value at the last time only, else a curve over time.
    """

    kind: str
    parts: tuple[tuple[Place, Equation], ...]
    at_end: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """Measured ``values`` (point,) of the expression ``equation.residual`` at ``points`` (point, coordinate).

    ``noise``: the standard deviations of the values (point,); None where it is estimated from the misfit.
    """

    name: str
    equation: Equation
    points: NDArray[np.float64]
    values: NDArray[np.float64]
    noise: NDArray[np.float64] | None


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


@dataclass(frozen=True, repr=False)
class Problem:
    """A partial differential equation on a domain with its conditions.

    ``coordinates`` are symbols in the order x, y, z, t (those present), ``domain`` is the set of their values.
    ``time_axis`` is the index of t, always the last, or None if no time is marched (an ordinary equation with
    conditions at several times is steady in t). ``vectors`` groups unknowns into vectors, ``units`` has their labels.
    ``disagreements``: one point for each pair of sides that meet and prescribe different values there;
    ``unknowns_without_norm``: the unknowns that therefore have no finite L2 norm. ``parameter_overrides``: the
    parameters with other values than in the file; ``source`` is the text with these values. ``numbers``: those to be
    found. Of those found from ``measurements`` the equations have the start values; the others are jets, which follow
    those of the unknowns.
    """

    name: str
    about: str
    coordinates: tuple[sympy.Symbol, ...]
    domain: Domain
    time_axis: int | None
    unknowns: tuple[str, ...]
    equations: tuple[Equation, ...]
    conditions: tuple[Condition, ...]
    exact: Mapping[str, sympy.Expr] | None = None
    solver: SolverSettings = field(default_factory=SolverSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    source: str = ""
    path: str = ""
    warnings: tuple[str, ...] = ()
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    disagreements: tuple[Point, ...] = ()
    unknowns_without_norm: frozenset[int] = frozenset()
    parameter_overrides: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, EstimatedNumber] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()

    def __repr__(self) -> str:
        unknowns, coordinates = ", ".join(self.unknowns), ", ".join(c.name for c in self.coordinates)
        counts = [_counted(len(self.equations), "equation"), _counted(len(self.conditions), "condition")]
        return f"<Problem {self.name}: {unknowns}({coordinates}); {', '.join(counts)}>"

    def _repr_html_(self) -> str:
        """The text of the file, for notebooks."""
        return f"<pre>{escape(self.source or repr(self))}</pre>"

    @property
    def free_numbers(self) -> tuple[str, ...]:
        """The numbers that equations and conditions determine, not data."""
        return tuple(name for name, number in self.numbers.items() if not number.has_data)

    @property
    def box(self) -> Box:
        """The box that contains the domain, on which splines are defined."""
        return self.domain.box

    @property
    def is_on_box(self) -> bool:
        """Whether the domain is that box, not a shape in it."""
        return self.domain is self.box

    @property
    def dimension(self) -> int:
        """Number of coordinates, time included."""
        return len(self.coordinates)

    @property
    def orders(self) -> tuple[int, ...]:
        """The highest order of the derivatives in the equations, for each coordinate."""
        return tuple(max(self.orders_along(axis)) for axis in range(self.dimension))

    @property
    def total_orders(self) -> tuple[int, ...]:
        """The highest total order of the derivatives in the equations, for each unknown."""
        return self._highest_orders(lambda jet: jet.total_order)

    @property
    def orders_in_time(self) -> tuple[int, ...]:
        """The order of the highest derivative by the last coordinate, for each unknown."""
        return self.orders_along(-1)

    def orders_along(self, axis: int) -> tuple[int, ...]:
        """The order of the highest derivative in the equations by one coordinate, for each unknown."""
        return self._highest_orders(lambda jet: jet.order[axis])

    def _highest_orders(self, order_of_jet: Callable[[Jet], int]) -> tuple[int, ...]:
        found = highest_orders((jet for e in self.equations for jet in e.jets.values()), order_of_jet)
        return tuple(found.get(unknown, 0) for unknown in range(len(self.unknowns)))

    def is_highest(self, jet: Jet) -> bool:
        """Whether a jet is the highest derivative of its unknown by the last coordinate, and by no other."""
        return jet.order[-1] == self.orders_in_time[jet.unknown] == jet.total_order

    def label(self, name: str, words: str = "") -> str:
        """``x (m)``: the name, or the ``words`` for it, with the unit if the file gives one."""
        unit = self.units.get(name)
        return (words or name) if unit is None else f"{words or name} ({unit})"

    def format_march_position(self, time: float, digits: int = 3) -> str:
        """``t = 0.5 s``: a value of the last coordinate with so many digits, with its unit if there is one."""
        name = self.coordinates[-1].name
        unit = self.units.get(name)
        return f"{name} = {time:.{digits}g}{'' if unit is None else f' {unit}'}"

    def format_point(self, point: Iterable[float | None], digits: int = 4) -> str:
        """``x = 0.5, t = 0``: a point in words with so many digits, without coordinates that are None."""
        known = ((c.name, x) for c, x in zip(self.coordinates, point, strict=True) if x is not None)
        return ", ".join(f"{name} = {x:.{digits}g}" for name, x in known)

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The interface conditions of all equations."""
        return tuple(i for e in self.equations for i in e.interfaces)

    @property
    def space_dimension(self) -> int:
        """Number of coordinates of space: all but that of the march."""
        return self.dimension - (self.time_axis is not None)
