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
from pinnkan.solver.estimate.extrema import Extrema, Extremum, largest
from pinnkan.solver.estimate.integrals import integral
from pinnkan.solver.estimate.substituted import Substituted, at_places, held_at, over_place
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Reading

_ROUNDING = 4 * float(np.finfo(np.float64).eps)

#: The largest factor by which a change is extrapolated. Heuristic.
_TO_COME = 5.0

#: The error of a curve is at least this share of the smaller of its neighbours. Heuristic.
_BESIDE = 0.5

#: Distance from a place at which its sides are evaluated, over the domain; relative difference that is a jump.
_ASIDE, _JUMP = 1e-9, 1e-6

NOT_COMPUTED = "not computed: the time limit was over"
NO_ERROR = "its error was not computed: the time limit was over"
INFINITE = "infinite: the expression has no bound"
NOT_FINITE = "not known: the expression has no value at places that were looked at, or the run did not come so far"
NOT_BOUNDED = "its error has no bound: within the error of the solution the expression may be infinite or not defined"

#: Times at which a quantity is evaluated; None without time.
Moments = Sequence[float | None]


@dataclass(frozen=True, eq=False)
class _Measured:
    """``values`` (time,), their errors by quadrature, search and rounding (``missed``), and a note for the user.

    ``like``: the extrema, starts of the search for a nearby expression; ``axes``: by moment and part of an integral the
    knots; ``places``: points (time, coordinate) of values and extrema.
    """

    values: Array
    missed: Array
    note: str = ""
    like: Extrema | None = None
    axes: Sequence[Sequence[dict[int, Axis] | None]] = ()
    places: Array | None = None


def read_off(
    problem: Problem,
    field: Field,
    error: Field | None,
    times: Array,
    clock: Clock | None = None,
    coarser: Field | None = None,
) -> dict[str, Reading]:
    """Return every quantity of the problem by name; curves at ``times``, the last of which is the end.

    ``error``: the estimated error, or None; ``coarser``: the solution of the level before. A quantity that is not
    computed within the limit of the ``clock`` has no value, and a note.
    """
    out: dict[str, Reading] = {}
    clock = clock or Clock()
    for name, quantity in problem.quantities.items():
        elapsed = clock.elapsed()  # a slow quantity leaves the others their share
        own = Clock(elapsed + (clock.limit - elapsed) / (len(problem.quantities) - len(out)), elapsed)
        own.shows = True
        found = _reading(problem, quantity, (field, error, coarser), times, own)
        out[name] = replace(found, note=found.note or _earlier(problem, quantity, times))
    return out


def _earlier(problem: Problem, quantity: Quantity, times: Array) -> str:
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
    found = _Measured(np.full(len(moments), np.nan), unknown, NOT_COMPUTED)
    try:
        with np.errstate(all="ignore"):
            found = _measured(quantity, Substituted(problem, field, None), moments, clock)
            if error is None:
                return _said(found, None, when)
            corrected = _measured(quantity, Substituted(problem, field, error), moments, clock, found.like)
            least = _uncertain(quantity, Substituted(problem, field, None), error, found, moments, clock)
            changes = SAFETY * np.abs(corrected.values - found.values)
            if coarser is not None:
                before = _measured(quantity, Substituted(problem, coarser, None), moments, clock, found.like)
                changes = changes * _to_come(changes, SAFETY * np.abs(found.values - before.values))
            errors = np.fmax(np.fmax(changes, _BESIDE * _beside(changes)), least) + found.missed
    except OutOfTimeError:
        return _said(replace(found, note=found.note or NO_ERROR), None if error is None else unknown, when)
    return _said(replace(found, note=found.note or corrected.note), errors, when)


def _to_come(changes: Array, before: Array) -> Array:
    """The factor (time,) from a change to the sum of it and all further ones, geometric with the one ``before``."""
    ratios = np.where(before > changes, changes / np.where(before > 0.0, before, 1.0), 1.0)
    return np.where(np.isfinite(before), np.fmin(1.0 / np.fmax(1.0 - ratios, 1e-9), _TO_COME), 1.0)


def _beside(changes: Array) -> Array:
    """The smaller of the neighbouring changes, (time,): one that passes zero says little."""
    before, after = np.zeros_like(changes), np.zeros_like(changes)
    before[1:], after[:-1] = changes[:-1], changes[1:]
    return np.fmin(before, after)


def _said(found: _Measured, errors: Array | None, when: tuple[float, ...] | None) -> Reading:
    """Return the reading, with infinite errors and a note where values or errors are not finite."""
    known = np.isfinite(found.values)
    note = found.note
    if errors is not None:
        errors = np.where(known & ~np.isnan(errors), errors, np.inf)
        note = note or ("" if np.isfinite(errors[known]).all() else NOT_BOUNDED)
    if not known.all():
        note = note or (NOT_FINITE if np.isnan(found.values).any() else INFINITE)
    return Reading(tuple(found.values.tolist()), None if errors is None else tuple(errors.tolist()), when, note)


def _measured(
    quantity: Quantity, solution: Substituted, moments: Moments, clock: Clock, like: Extrema | None = None
) -> _Measured:
    """Return the values of a quantity for one function."""
    clock.check()
    if quantity.kind == "integral":
        share = 1.0 / len(moments)
        found = [[integral(solution, *part, time, clock, share) for part in quantity.parts] for time in moments]
        notes = dict.fromkeys(part.note for parts in found for part in parts if part.note)
        values, missed = (
            np.array([sum(getattr(p, name) for p in parts) for parts in found]) for name in ("value", "missed")
        )
        return _Measured(values, missed, "; ".join(notes), axes=[[part.axes for part in parts] for parts in found])
    ((place, equation),) = quantity.parts
    if quantity.kind == "value":
        places = np.stack([_position(solution, place, time) for time in moments])
        values, note = _to_both_sides(solution, equation, places)
        return _Measured(values, _ROUNDING * np.abs(values), note, places=places)
    sign = 1.0 if quantity.kind == "max" else -1.0
    task = Extremum(solution, equation, moments, sign)
    most = largest(task, clock, like)
    places = task.points(most.places, np.arange(len(moments)))
    return _Measured(sign * most.values, most.missed + _ROUNDING * np.abs(most.values), like=most, places=places)


def _to_both_sides(solution: Substituted, equation: Equation, places: Array) -> tuple[Array, str]:
    """Values at places, the mean of both sides where parts of the expression jump, and a note where it does itself."""
    values, note = solution.at(equation, places), ""
    for axis, (low, high) in enumerate(solution.problem.box.ranges[: solution.problem.space_dimension]):
        step = _ASIDE * (high - low) * np.eye(places.shape[1])[axis]
        if not ((places[:, axis] - 2.0 * step[axis] > low) & (places[:, axis] + 2.0 * step[axis] < high)).all():
            continue
        far, before, after, beyond = (solution.at(equation, places + k * step) for k in (-2.0, -1.0, 1.0, 2.0))
        size = _JUMP * np.maximum(np.abs(before), np.abs(after))
        jumps = (np.abs(after - before) > size) & (np.abs(after - before) > 0.75 * np.abs(beyond - far))
        if jumps.any():
            k, name = int(np.argmax(jumps)), solution.problem.coordinates[axis].name
            note = f"two values: {before[k]:.6g} below and {after[k]:.6g} above this {name}"
        else:
            values = np.where(np.abs(values - before) + np.abs(values - after) > 2.0 * size + np.abs(beyond - far),
                              0.5 * (before + after), values)  # fmt: skip
    return values, note


def _uncertain(
    quantity: Quantity, solution: Substituted, error: Field, found: _Measured, moments: Moments, clock: Clock
) -> Array:
    """The least errors (time,): from errors of the solution around a place, or in the mean of an integral."""
    known = Substituted(solution.problem, error, None)
    if found.places is not None:
        return at_places(solution, known, quantity.parts[0][1], found.places)
    out = np.zeros(len(moments))
    for number, (time, parts) in enumerate(zip(moments, found.axes, strict=True)):
        for (place, equation), axes in zip(quantity.parts, parts, strict=True):
            clock.check()
            if axes is not None:
                out[number] += over_place(solution, known, equation, held_at(solution.problem, place, time), axes)
    return out


def _position(solution: Substituted, place: Place, time: float | None) -> Array:
    """The coordinates of a point at one time; nan for a time that was not reached."""
    held = held_at(solution.problem, place, time)
    position = place.position if isinstance(place, Point) else (None,) * solution.problem.dimension
    point = np.array([held.get(axis, x) for axis, x in enumerate(position)], dtype=np.float64)
    marched = solution.problem.time_axis
    if marched is not None and point[marched] > solution.field.breaks(marched)[-1]:
        point[marched] = math.nan
    return point
