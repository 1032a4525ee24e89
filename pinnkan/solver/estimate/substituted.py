"""Expressions of a solution, or of it with its estimated error added: on grids, at points, enclosed over boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array, Field, jets_at, jets_on
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Place, Problem, Side
from pinnkan.solver.estimate.enclosed import over_boxes


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
