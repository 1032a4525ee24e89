"""Quantities of interest of a solution, each with an error: integrals, values at points, extrema.

With the estimated error e as a function, the error of a quantity Q is Q(u + e) - Q(u), to first order its derivative in
the direction of e (Becker, Rannacher 2001, Acta Numerica 10), times a safety factor, plus the errors of quadrature,
search and rounding. Where a quantity converges more slowly than the solution, the change from the coarser level to this
one and the change by e are extrapolated. A value that is not finite, or exceeds the time limit, is reported as such.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.problem.statement import Equation, Place, Point, Problem, Quantity
from pinnkan.solver.estimate.extrema import Extrema, ExtremumSearch, largest_values
from pinnkan.solver.estimate.integrals import ROUNDING, integral
from pinnkan.solver.estimate.solution_expressions import (
    SolutionExpressions,
    fixed_coordinates,
    integral_uncertainty,
    uncertainty_at_places,
)
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Reading

#: The largest factor by which a change is extrapolated. Heuristic.
_MAX_EXTRAPOLATION = 5.0

#: The error of a curve is at least this share of the smaller of its neighbours. Heuristic.
_NEIGHBOUR_SHARE = 0.5

#: Distance from a place at which its sides are evaluated, over the domain; relative difference that is a jump.
_SIDE_OFFSET, _JUMP_SHARE = 1e-9, 1e-6

NOT_COMPUTED = "not computed: the time limit was over"
NO_ERROR = "its error was not computed: the time limit was over"
INFINITE = "infinite: the expression has no bound"
NOT_FINITE = "not known: the expression has no value at places that were looked at, or the run did not come so far"
NOT_BOUNDED = "its error has no bound: within the error of the solution the expression may be infinite or not defined"

#: Times at which a quantity is evaluated; None without time.
Moments = Sequence[float | None]


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """``values`` (time,), their errors by quadrature, search and rounding, and a note for the user.

    ``extrema``: the extrema, starts of the search for a nearby expression; ``axes``: by moment and part of an integral
    the knots; ``places``: points (time, coordinate) of values and extrema.
    """

    values: Array
    numerical_error: Array
    note: str = ""
    extrema: Extrema | None = None
    axes: Sequence[Sequence[dict[int, Axis] | None]] = ()
    places: Array | None = None


def evaluate_quantities(
    problem: Problem,
    field: Field,
    error: Field | None,
    times: Array,
    clock: Clock | None = None,
    coarser_field: Field | None = None,
) -> dict[str, Reading]:
    """Return every quantity of the problem by name; curves at ``times``, the last of which is the end.

    ``error``: the estimated error, or None; ``coarser_field``: the solution of the level before. A quantity that is not
    computed within the limit of the ``clock`` has no value, and a note.
    """
    out: dict[str, Reading] = {}
    clock = clock or Clock()
    for name, quantity in problem.quantities.items():
        elapsed = clock.elapsed()  # a slow quantity leaves the others their share
        own = Clock(elapsed + (clock.limit - elapsed) / (len(problem.quantities) - len(out)), elapsed)
        own.has_result = True
        found = _reading(problem, quantity, (field, error, coarser_field), times, own)
        out[name] = replace(found, note=found.note or _early_end_note(problem, quantity, times))
    return out


def _early_end_note(problem: Problem, quantity: Quantity, times: Array) -> str:
    """A note for quantities at the end, where the end of the time was not reached; "" elsewhere."""
    axis = problem.time_axis
    if axis is None or not quantity.at_end or times[-1] >= (1.0 - 1e-12) * problem.box.ranges[axis][1]:
        return ""
    return f"at {problem.coordinates[axis]} = {times[-1]:.4g}, further the solve did not come"


def _reading(
    problem: Problem, quantity: Quantity, fields: tuple[Field, Field | None, Field | None], times: Array, clock: Clock
) -> Reading:
    """Return one quantity; ``fields``: the solution, its error, and the solution of the level before."""
    field, error, coarser = fields
    moments: list[float | None] = [None]
    is_curve = problem.time_axis is not None and problem.dimension > 1
    if is_curve:
        moments = [float(times[-1])] if quantity.at_end else [float(t) for t in times]
    when = tuple(times.tolist()) if is_curve and not quantity.at_end else None
    unknown = np.full(len(moments), np.inf)
    found = _Evaluation(np.full(len(moments), np.nan), unknown, NOT_COMPUTED)
    try:
        with np.errstate(all="ignore"):
            found = _evaluate(quantity, SolutionExpressions(problem, field, None), moments, clock)
            if error is None:
                return _as_reading(found, None, when)
            corrected = _evaluate(quantity, SolutionExpressions(problem, field, error), moments, clock, found.extrema)
            least = _least_errors(quantity, SolutionExpressions(problem, field, None), error, found, moments, clock)
            changes = SAFETY * np.abs(corrected.values - found.values)
            if coarser is not None:
                before = _evaluate(quantity, SolutionExpressions(problem, coarser, None), moments, clock, found.extrema)
                changes = changes * _extrapolation_factor(changes, SAFETY * np.abs(found.values - before.values))
            errors = (
                np.fmax(np.fmax(changes, _NEIGHBOUR_SHARE * _smaller_neighbour(changes)), least) + found.numerical_error
            )
    except OutOfTimeError:
        return _as_reading(replace(found, note=found.note or NO_ERROR), None if error is None else unknown, when)
    return _as_reading(replace(found, note=found.note or corrected.note), errors, when)


def _extrapolation_factor(changes: Array, previous_changes: Array) -> Array:
    """The factor (time,) from a change to the sum of all further ones, a geometric series."""
    ratios = np.where(
        previous_changes > changes, changes / np.where(previous_changes > 0.0, previous_changes, 1.0), 1.0
    )
    return np.where(np.isfinite(previous_changes), np.fmin(1.0 / np.fmax(1.0 - ratios, 1e-9), _MAX_EXTRAPOLATION), 1.0)


def _smaller_neighbour(changes: Array) -> Array:
    """The smaller of the neighbouring changes, (time,): one that passes zero says little."""
    before, after = np.zeros_like(changes), np.zeros_like(changes)
    before[1:], after[:-1] = changes[:-1], changes[1:]
    return np.fmin(before, after)


def _as_reading(found: _Evaluation, errors: Array | None, when: tuple[float, ...] | None) -> Reading:
    """Return the reading, with infinite errors and a note where values or errors are not finite."""
    known = np.isfinite(found.values)
    note = found.note
    if errors is not None:
        errors = np.where(known & ~np.isnan(errors), errors, np.inf)
        note = note or ("" if np.isfinite(errors[known]).all() else NOT_BOUNDED)
    if not known.all():
        note = note or (NOT_FINITE if np.isnan(found.values).any() else INFINITE)
    return Reading(tuple(found.values.tolist()), None if errors is None else tuple(errors.tolist()), when, note)


def _evaluate(
    quantity: Quantity,
    solution: SolutionExpressions,
    moments: Moments,
    clock: Clock,
    initial_extrema: Extrema | None = None,
) -> _Evaluation:
    """Return the values of a quantity for one function."""
    clock.check()
    if quantity.kind == "integral":
        share = 1.0 / len(moments)
        found = [[integral(solution, *part, time, clock, share) for part in quantity.parts] for time in moments]
        notes = dict.fromkeys(part.note for parts in found for part in parts if part.note)
        values, missed = (
            np.array([sum(getattr(p, name) for p in parts) for parts in found])
            for name in ("value", "quadrature_error")
        )
        return _Evaluation(values, missed, "; ".join(notes), axes=[[part.axes for part in parts] for parts in found])
    ((place, equation),) = quantity.parts
    if quantity.kind == "value":
        places = np.stack([_position(solution, place, time) for time in moments])
        values, note = _values_by_side(solution, equation, places)
        return _Evaluation(values, ROUNDING * np.abs(values), note, places=places)
    sign = 1.0 if quantity.kind == "max" else -1.0
    task = ExtremumSearch(solution, equation, moments, sign)
    most = largest_values(task, clock, initial_extrema)
    places = task.points(most.places, np.arange(len(moments)))
    return _Evaluation(
        sign * most.values, most.search_error + ROUNDING * np.abs(most.values), extrema=most, places=places
    )


def _values_by_side(solution: SolutionExpressions, equation: Equation, places: Array) -> tuple[Array, str]:
    """Values at places, the mean of both sides where parts of the expression jump, and a note where it does itself."""
    values, note = solution.at_points(equation, places), ""
    for axis, (low, high) in enumerate(solution.problem.box.ranges[: solution.problem.space_dimension]):
        step = _SIDE_OFFSET * (high - low) * np.eye(places.shape[1])[axis]
        if not ((places[:, axis] - 2.0 * step[axis] > low) & (places[:, axis] + 2.0 * step[axis] < high)).all():
            continue
        far, before, after, beyond = (solution.at_points(equation, places + k * step) for k in (-2.0, -1.0, 1.0, 2.0))
        size = _JUMP_SHARE * np.maximum(np.abs(before), np.abs(after))
        jumps = (np.abs(after - before) > size) & (np.abs(after - before) > 0.75 * np.abs(beyond - far))
        if jumps.any():
            k, name = int(np.argmax(jumps)), solution.problem.coordinates[axis].name
            note = f"two values: {before[k]:.6g} below and {after[k]:.6g} above this {name}"
        else:
            values = np.where(np.abs(values - before) + np.abs(values - after) > 2.0 * size + np.abs(beyond - far),
                              0.5 * (before + after), values)  # fmt: skip
    return values, note


def _least_errors(
    quantity: Quantity, solution: SolutionExpressions, error: Field, found: _Evaluation, moments: Moments, clock: Clock
) -> Array:
    """The least errors (time,): from errors of the solution around a place, or in the mean of an integral."""
    known = SolutionExpressions(solution.problem, error, None)
    if found.places is not None:
        return uncertainty_at_places(solution, known, quantity.parts[0][1], found.places)
    out = np.zeros(len(moments))
    for number, (time, parts) in enumerate(zip(moments, found.axes, strict=True)):
        for (place, equation), axes in zip(quantity.parts, parts, strict=True):
            clock.check()
            if axes is not None:
                out[number] += integral_uncertainty(
                    solution, known, equation, fixed_coordinates(solution.problem, place, time), axes
                )
    return out


def _position(solution: SolutionExpressions, place: Place, time: float | None) -> Array:
    """The coordinates of a point at one time; nan for a time that was not reached."""
    held = fixed_coordinates(solution.problem, place, time)
    position = place.position if isinstance(place, Point) else (None,) * solution.problem.dimension
    point = np.array([held.get(axis, x) for axis, x in enumerate(position)], dtype=np.float64)
    marched = solution.problem.time_axis
    if marched is not None and point[marched] > solution.field.breaks(marched)[-1]:
        point[marched] = math.nan
    return point
