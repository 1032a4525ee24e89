"""Expressions of a solution, or of it with its estimated error added: on grids, at points, enclosed over boxes.

Over boxes the function is enclosed by its values at centre and corners and by its slopes there: no proof, unlike what
interval arithmetic then makes of formulas that hold it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pinnkan.kan.field import Array, Field, Jets, jets_at, jets_on
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Place, Problem, Side


@dataclass(frozen=True, eq=False)
class Substituted:
    """A field, with its estimated error added where one is given."""

    problem: Problem
    field: Field
    error: Field | None

    def on_grid(self, equation: Equation, axes: Sequence[Array]) -> Array:
        """An expression on a tensor grid, one dimension per coordinate."""
        jets = list(equation.jets.values())
        shape = tuple(len(a) for a in axes)
        table = np.zeros((*shape, 0))
        if jets:
            table = jets_on(self.field, axes, jets)
            table = table if self.error is None else table + jets_on(self.error, axes, jets)
        at = [np.reshape(a, [-1 if i == k else 1 for k in range(len(axes))]) for i, a in enumerate(axes)]
        return self._value(equation, at, table, shape)

    def at(self, equation: Equation, points: Array) -> Array:
        """An expression at points (point, coordinate)."""
        table = jets_at(self.derivatives, points, list(equation.jets.values()))
        return self._value(equation, list(points.T), table, (len(points),))

    def derivatives(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives of all unknowns at points: (point, unknown, order)."""
        values = self.field(points, orders)
        return values if self.error is None else values + self.error(points, orders)

    def enclosed(self, equations: Sequence[Equation], lo: Array, hi: Array, free: Sequence[int]) -> Enclosure:
        """Expressions over boxes (coordinate, box) that have a width in the coordinates ``free`` only."""
        jets = {symbol: jet for equation in equations for symbol, jet in equation.jets.items()}
        scale = np.ptp(np.array(self.problem.box.ranges, dtype=np.float64), axis=1)
        tape = Tape([equation.residual for equation in equations], [*self.problem.coordinates, *jets])
        return enclose(tape, lo, hi, scale, over_boxes(self.derivatives, jets.values(), lo, hi, free, scale))

    def _value(self, equation: Equation, at: Sequence[Array], table: Array, shape: tuple[int, ...]) -> Array:
        tape = Tape([equation.residual], [*self.problem.coordinates, *equation.jets])
        value = tape([*at, *np.moveaxis(table, -1, 0)])[0]
        return np.asarray(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))

    def knots(self, axis: int, time: float | None) -> Array:
        """Knots of a coordinate at one time, both ends included."""
        return self.field.breaks(axis) if time is None else self.field.breaks(axis, time)


def held_at(problem: Problem, place: Place, time: float | None) -> dict[int, float]:
    """The coordinates that do not vary over a place at one time."""
    held = {} if time is None else {problem.dimension - 1: time}
    return held | ({place.axis: problem.box.ranges[place.axis][place.end]} if isinstance(place, Side) else {})


def over_boxes(
    function: Jets, jets: Iterable[Jet], lo: Array, hi: Array, free: Sequence[int], scale: Array
) -> list[tuple[Interval, Interval]]:
    """Value and slope of each derivative, over boxes (coordinate, box) first, then at their centres.

    Boxes have a width in the coordinates ``free`` only; slopes are per ``scale`` (coordinate).
    """
    jets = list(jets)
    slopes = {jet: [_raised(jet, axis) for axis in free] for jet in jets}
    orders = sorted({order for jet in jets for order in (jet.order, *slopes[jet])})
    if not orders:
        return []
    centre, radius = 0.5 * (lo + hi), 0.5 * (hi - lo)
    corners = [centre.copy() for _ in range(2 ** len(free))]
    for corner, ends in zip(corners, product((lo, hi), repeat=len(free)), strict=True):
        for axis, end in zip(free, ends, strict=True):
            corner[axis] = end[axis]
    values = function(np.ascontiguousarray(np.concatenate([centre, *corners], 1).T), orders)
    shaped = values.reshape(1 + len(corners), lo.shape[1], *values.shape[1:])
    out = []
    for jet in jets:
        own = shaped[:, :, jet.unknown, orders.index(jet.order)]
        steep = np.zeros((len(shaped), *lo.shape))
        for axis, order in zip(free, slopes[jet], strict=True):
            steep[:, axis] = shaped[:, :, jet.unknown, orders.index(order)]
        out.append(_around(own, steep, radius, scale))
    return out


def halved(lo: Array, hi: Array, axis: np.ndarray) -> tuple[Array, Array]:
    """Every box (coordinate, box) cut in two along its coordinate."""
    boxes = np.arange(lo.shape[1])
    middle = 0.5 * (lo + hi)[axis, boxes]
    low, high = np.repeat(lo, 2, axis=1), np.repeat(hi, 2, axis=1)
    high[axis, 2 * boxes], low[axis, 2 * boxes + 1] = middle, middle
    return low, high


def _raised(jet: Jet, axis: int) -> tuple[int, ...]:
    """The order of the slope of a derivative along a coordinate."""
    return tuple(n + (i == axis) for i, n in enumerate(jet.order))


def cells(knots: Array, pieces: int, most: int) -> Array:
    """Ends of intervals between knots in so many pieces each, not of more than ``most`` in all."""
    ends = np.interp(np.arange(pieces * (len(knots) - 1) + 1) / pieces, np.arange(len(knots)), knots)
    return ends[np.unique(np.linspace(0, len(ends) - 1, most + 1).astype(int))]


def _around(own: Array, slopes: Array, radius: Array, scale: Array) -> tuple[Interval, Interval]:
    """Value and slope over boxes and at their centres, from those at places (place, box), (place, coordinate, box)."""
    reach = (np.abs(slopes).max(0) * radius).sum(0)
    low, high = np.minimum(own.min(0), own[0] - reach), np.maximum(own.max(0), own[0] + reach)
    value = Interval(np.concatenate([low, own[0]]), np.concatenate([high, own[0]]))
    ends = [np.concatenate([pick(slopes, 0), slopes[0]], 1) * scale[:, None] for pick in (np.min, np.max)]
    return value, Interval(*ends)
