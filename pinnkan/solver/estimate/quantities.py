"""Quantities read off a solution, each with an error: integrals, values at points, extrema.

With the estimated error e as a function, the error of a quantity Q is Q(u + e) - Q(u), to first order its derivative
in the direction of e (Becker, Rannacher 2001, Acta Numerica 10), times the margin of the estimate itself. To it come
what the quadrature misses and rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from pinnkan.assembly.quasi_random import sobol
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field, jets_on
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Place, Point, Problem, Quantity, Side, Whole
from pinnkan.solver.estimate.integrand_knots import along_line, of_formulas
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Reading

#: Gauss points per knot interval, and as many as their result is compared with: squares of splines of degree 10 are
#: exact with eleven. In more coordinates than _MOST_AXES it is Sobol's points, so many times, and the spread between.
_COUNTS = 12, 8
#: Points of a tensor grid that are held at once: 16 MB for each derivative.
_MOST_AT_ONCE = 2_000_000
_MOST_AXES = 3
_SPREADS, _SCATTERED = 8, 8192
#: Extrema: samples per knot interval, fewer where they were more than so many in all; as many of the best of them are
#: followed; around each a grid of so many points per axis shrinks by four so often, which leaves 1e-12 of what a
#: parabola bends in a quarter of an interval.
_PER_INTERVAL, _MOST_SAMPLES = 4, 60_000
_FOLLOWED, _ACROSS, _ROUNDS = 4, 9, 10
#: Steps from the best of the scattered points, along one axis each, halved where none of them is higher.
_CLIMBS = 300
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def read_off(problem: Problem, field: Field, error: Field | None, times: Array) -> dict[str, Reading]:
    """Every quantity of the problem; curves at ``times``, the last of which is the end."""
    return {name: _reading(problem, quantity, field, error, times) for name, quantity in problem.quantities.items()}


def _reading(problem: Problem, quantity: Quantity, field: Field, error: Field | None, times: Array) -> Reading:
    moments: list[float | None] = [None]
    is_curve = problem.time_axis is not None and problem.dimension > 1
    if is_curve:
        moments = [float(times[-1])] if quantity.at_end else [float(t) for t in times]
    shown = times if is_curve and not quantity.at_end else None
    values, missed = _measure(problem, quantity, _Function(problem, field, None), moments)
    when = None if shown is None else tuple(shown.tolist())
    if error is None:
        return Reading(tuple(values.tolist()), None, when)
    corrected, _ = _measure(problem, quantity, _Function(problem, field, error), moments)
    errors = SAFETY * np.abs(corrected - values) + missed
    return Reading(tuple(values.tolist()), tuple(errors.tolist()), when)


def _measure(
    problem: Problem, quantity: Quantity, function: _Function, moments: Sequence[float | None]
) -> tuple[Array, Array]:
    """The values (time,) for one function, and what quadrature and rounding may have missed of them."""
    if quantity.kind == "integral":
        found = np.array([[_integral(function, *part, time) for part in quantity.parts] for time in moments])
        return found[..., 0].sum(1), found[..., 1].sum(1)
    ((place, equation),) = quantity.parts
    if quantity.kind == "value":
        values = function.at(equation, np.stack([_position(function, place, time) for time in moments]))
    else:
        sign = 1.0 if quantity.kind == "max" else -1.0
        largest, gained = _largest(function, equation, moments, sign)
        return sign * largest, gained + _ROUNDING * np.abs(largest)
    return values, _ROUNDING * np.abs(values)


@dataclass(frozen=True, eq=False)
class _Function:
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
        orders = sorted({jet.order for jet in equation.jets.values()})
        table = np.zeros((len(points), 0))
        if orders:
            values = self.field(points, orders)
            values = values if self.error is None else values + self.error(points, orders)
            picked = [values[:, jet.unknown, orders.index(jet.order)] for jet in equation.jets.values()]
            table = np.stack(picked, -1)
        return self._value(equation, list(points.T), table, (len(points),))

    def _value(self, equation: Equation, at: Sequence[Array], table: Array, shape: tuple[int, ...]) -> Array:
        tape = Tape([equation.residual], [*self.problem.coordinates, *equation.jets])
        value = tape([*at, *np.moveaxis(table, -1, 0)])[0]
        return np.asarray(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))

    def knots(self, axis: int, time: float | None) -> Array:
        """Knots of a coordinate at one time, both ends included."""
        return self.field.breaks(axis) if time is None else self.field.breaks(axis, time)


def _position(function: _Function, place: Place, time: float | None) -> Array:
    """The coordinates of a point at one time; nan in time where a run did not come so far."""
    held = _held(function.problem, place, time)
    position = place.position if isinstance(place, Point) else (None,) * function.problem.dimension
    point = np.array([held.get(axis, x) for axis, x in enumerate(position)], dtype=np.float64)
    marched = function.problem.time_axis
    if marched is not None and point[marched] > function.field.breaks(marched)[-1]:
        point[marched] = math.nan
    return point


def _held(problem: Problem, place: Place, time: float | None) -> dict[int, float]:
    """The coordinates that do not vary over a place at one time."""
    held = {} if time is None else {problem.dimension - 1: time}
    return held | ({place.axis: problem.box.ranges[place.axis][place.end]} if isinstance(place, Side) else {})


def _integral(function: _Function, place: Place, equation: Equation, time: float | None) -> tuple[float, float]:
    """The integral over a place at one time, and what quadrature and rounding may have missed of it."""
    problem = function.problem
    held = _held(problem, place, time)
    free = [axis for axis in range(problem.dimension) if axis not in held]
    if len(free) > _MOST_AXES:
        return _scattered(function, equation, held, free)
    axes = of_formulas(problem, equation, held, {a: function.knots(a, time) for a in free})
    if len(free) == 1:
        ((along, axis),) = axes.items()

        def on_line(other: Equation, x: Array) -> Array:
            return function.on_grid(
                other, [x if a == along else np.array([held[a]]) for a in range(problem.dimension)]
            ).ravel()

        axes = {along: along_line(axis, equation, on_line, _COUNTS)}
    found = [_by_gauss(function, equation, held, {a: _gauss(axis, n) for a, axis in axes.items()}) for n in _COUNTS]
    (value, size), (fewer, _) = found
    return value, abs(value - fewer) + _ROUNDING * size


def _by_gauss(
    function: _Function, equation: Equation, held: dict[int, float], rules: dict[int, tuple[Array, Array]]
) -> tuple[float, float]:
    """The sums of an expression and of its size over a tensor grid, in parts along the first axis that fit memory."""
    others = math.prod(len(x) for x, _ in list(rules.values())[1:])
    total = size = 0.0
    for part in _parts(rules, max(1, _MOST_AT_ONCE // others)):
        axes = [part[a][0] if a in part else np.array([held[a]]) for a in range(function.problem.dimension)]
        values = function.on_grid(equation, axes)
        sizes = np.abs(values)
        for axis in reversed(range(len(axes))):
            weights = part[axis][1] if axis in part else np.ones(1)
            values, sizes = np.tensordot(values, weights, (axis, 0)), np.tensordot(sizes, weights, (axis, 0))
        total, size = total + float(values), size + float(sizes)
    return total, size


def _parts(rules: dict[int, tuple[Array, Array]], most: int) -> Iterator[dict[int, tuple[Array, Array]]]:
    """The rules with at most so many points of the first axis at a time; once where there is no axis."""
    if not rules:
        yield rules
        return
    first, (x, w) = next(iter(rules.items()))
    for begin in range(0, len(x), most):
        yield {**rules, first: (x[begin : begin + most], w[begin : begin + most])}


def _gauss(axis: Axis, count: int) -> tuple[Array, Array]:
    x, w = axis.gauss(count)
    return x.ravel(), w.ravel()


def _scattered(
    function: _Function, equation: Equation, held: dict[int, float], free: Sequence[int]
) -> tuple[float, float]:
    """Mean over scrambled Sobol sequences times the measure, and the standard error of it."""
    low, high = np.array([function.problem.box.ranges[axis] for axis in free]).T
    measure = float(np.prod(high - low))
    means = []
    for seed in range(_SPREADS):
        points = np.empty((_SCATTERED, function.problem.dimension))
        points[:, free] = low + (high - low) * sobol(seed)(_SCATTERED, len(free))
        for axis, value in held.items():
            points[:, axis] = value
        means.append(measure * float(function.at(equation, points).mean()))
    return float(np.mean(means)), float(np.std(means, ddof=1)) / math.sqrt(_SPREADS)


def _largest(
    function: _Function, equation: Equation, moments: Sequence[float | None], sign: float
) -> tuple[Array, Array]:
    """The largest values (time,) of ``sign`` times an expression over the domain, and what the last steps have gained.

    At a cusp as much may be left.
    """
    starts, steps, owner = [], [], []
    for number, time in enumerate(moments):
        held = _held(function.problem, Whole(), time)
        knots = {axis: function.knots(axis, time) for axis in range(function.problem.dimension) if axis not in held}
        found, step = (_peaks if len(knots) <= _MOST_AXES else _highest)(function, equation, held, knots, sign)
        starts.append(found)
        steps.append(np.broadcast_to(step, found.shape))
        owner += [number] * len(found)
    low, high = np.array([ends[[0, -1]] for ends in knots.values()]).T
    times = np.array([np.nan if time is None else time for time in moments])[owner]

    def value(around: Array) -> Array:
        """Values (start, offset) at places (start, offset, axis of space)."""
        points = np.empty((*around.shape[:-1], function.problem.dimension))
        points[..., -1] = times[:, None]
        points[..., list(knots)] = around
        return sign * function.at(equation, points.reshape(-1, points.shape[-1])).reshape(around.shape[:-1])

    search = _zoomed if len(knots) <= _MOST_AXES else _climbed
    searched = search(value, np.concatenate(starts), np.concatenate(steps), low, high)
    before, best = (np.array([e[np.array(owner) == k].max() for k in range(len(moments))]) for e in searched)
    return best, best - before


def _zoomed(value: Callable[[Array], Array], starts: Array, steps: Array, low: Array, high: Array) -> list[Array]:
    """The largest values (start,) near some places (start, axis): grids around the best so far that shrink by four.

    Before the last of them, and after.
    """
    offsets = np.array(list(product(np.linspace(-1, 1, _ACROSS), repeat=starts.shape[1])))
    best = [np.full(len(starts), -math.inf)]
    for _ in range(_ROUNDS):
        around = np.clip(starts[:, None] + offsets * steps[:, None], low, high)
        values = value(around)
        starts = around[np.arange(len(around)), np.argmax(values, axis=1)]
        best.append(np.maximum(best[-1], values.max(axis=1)))
        steps = steps / 4
    return best[-2:]


def _climbed(value: Callable[[Array], Array], starts: Array, steps: Array, low: Array, high: Array) -> list[Array]:
    """The same in many coordinates: one step along one axis at a time, halved where none is higher."""
    count = starts.shape[1]
    star = np.concatenate([np.zeros((1, count)), np.eye(count), -np.eye(count)])
    best = [np.full(len(starts), -math.inf)]
    for _ in range(_CLIMBS):
        around = np.clip(starts[:, None] + star * steps[:, None], low, high)
        values = value(around)
        chosen = np.argmax(values, axis=1)
        starts = around[np.arange(len(around)), chosen]
        steps = np.where((chosen == 0)[:, None], steps / 2, steps)
        best.append(np.maximum(best[-1], values.max(axis=1)))
    return best[-2:]


def _peaks(
    function: _Function, equation: Equation, held: dict[int, float], knots: dict[int, Array], sign: float
) -> tuple[Array, Array]:
    """The highest local maxima (peak, axis) on a grid finer than the knots, and the steps (axis,) of that grid."""
    most = _MOST_SAMPLES ** (1 / len(knots))
    axes = {}
    for axis, ends in knots.items():
        count = int(max(1, min(_PER_INTERVAL, most // (len(ends) - 1))))
        pieces = [np.linspace(a, b, count, endpoint=False) for a, b in pairwise(ends)]
        axes[axis] = np.concatenate([*pieces, ends[-1:]])
    grid = [axes[a] if a in axes else np.array([held[a]]) for a in range(function.problem.dimension)]
    values = sign * function.on_grid(equation, grid)
    from scipy.ndimage import maximum_filter  # a tenth of a second, and only extrema need it

    peaks = np.argwhere(values == maximum_filter(values, size=3, mode="nearest"))
    best = peaks[np.argsort(-values[tuple(peaks.T)], kind="stable")[:_FOLLOWED]]
    starts = np.stack([axes[axis][best[:, axis]] for axis in axes], -1)
    return starts, np.array([float(np.diff(samples).max()) for samples in axes.values()])


def _highest(
    function: _Function, equation: Equation, held: dict[int, float], knots: dict[int, Array], sign: float
) -> tuple[Array, Array]:
    """The best of Sobol's points (point, axis), and a sixteenth of the ranges (axis,)."""
    low, high = np.array([ends[[0, -1]] for ends in knots.values()]).T
    points = np.empty((_SCATTERED, function.problem.dimension))
    points[:, list(knots)] = low + (high - low) * sobol(0)(_SCATTERED, len(knots))
    for axis, value in held.items():
        points[:, axis] = value
    best = np.argsort(-sign * function.at(equation, points), kind="stable")[:_FOLLOWED]
    return points[best][:, list(knots)], (high - low) / 16
