"""The first space of a solve, and the exact conditions in its coefficients."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from pinnkan.assembly.boundary_values import face_coefficients, fix_coefficients
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space, unify_equal_axes
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import MERGE_DISTANCE, find_kinks, jumps_at_seam
from pinnkan.problem.features.value_ranges import range_middles
from pinnkan.solver.linear.system import System

#: First breakpoints move by up to half this share of an interval. On a symmetry point of the solution halving adds
#: nothing: the correction of sin(pi x) sin(pi y) had an effectivity of 0.2.
BREAKPOINT_SHIFT = 0.15
GOLDEN = 0.6180339887498949
#: A breakpoint nearer to a kink than this share of its interval is moved there. Heuristic.
SNAPPING_SHARE = 0.35
#: Amplitudes of a function that are tried, of both signs.
AMPLITUDES = 2.0 ** np.arange(-8.0, 8.5, 0.5)
#: Most coefficients of a start that is made smooth, by a dense matrix.
MOST_DENSE = 2000


def initial_space(model: Model, degree: int, intervals: int) -> Space:
    """Return the first space: nearly uniform breakpoints, and others at interfaces and kinks or jumps of formulas.

    With joints at interfaces, and where equations jump or have kinks, at a periodic seam too: derivatives of their
    order jump there.
    """
    axes = []
    problem = model.problem
    planes = find_kinks(formulas(problem), problem.coordinates, problem.box.ranges).planes
    equations = [e.residual for e in problem.equations] if any(planes) else []
    inside = find_kinks(equations, problem.coordinates, problem.box.ranges).planes
    for i, ((a, b), periodic) in enumerate(zip(problem.box.ranges, problem.box.periodic, strict=True)):
        between = sorted({x.place for x in problem.interfaces if x.axis == i})
        places = [x for x in planes[i] if all(abs(x - c) > MERGE_DISTANCE * (b - a) for c in between)]
        order = problem.orders[i]
        bends = i != problem.time_axis and 0 < order < degree
        joints = {x: 0 for x in between} | {x: order - 1 for x in places if bends and x in inside[i]}
        joints |= {a: order - 1} if bends and jumps_at_seam(problem, i) else {}
        n = max(intervals, degree + 1) if periodic else intervals
        breaks = with_breakpoints(nearly_uniform(a, b, n), [*between, *places])
        axes.append(Axis(breaks, degree, periodic, tuple(sorted(joints)), tuple(joints[x] for x in sorted(joints))))
    return Space(unify_equal_axes(axes), len(problem.unknowns))


def nearly_uniform(low: float, high: float, intervals: int) -> Array:
    """Return breakpoints of a range that are nearly, but not exactly, uniform."""
    place = np.arange(intervals + 1.0)
    place[1:-1] += BREAKPOINT_SHIFT * (np.mod(place[1:-1] * GOLDEN, 1.0) - 0.5)
    return np.asarray(low + (high - low) * place / intervals)


def with_breakpoints(breaks: Array, places: Sequence[float]) -> Array:
    """Return ``breaks`` with the interior ``places`` inserted, a near breakpoint moved there instead."""
    out = breaks
    for x in places:
        k = int(np.searchsorted(out, x))
        nearest = k if out[k] - x < x - out[k - 1] else k - 1
        is_free = 0 < nearest < len(out) - 1 and out[nearest] not in places
        close = is_free and abs(out[nearest] - x) < SNAPPING_SHARE * (out[k] - out[k - 1])
        out = np.sort(np.append(np.delete(out, nearest) if close else out, x))
    return np.unique(out)


def with_conditions(model: Model, space: Space, start: Array) -> tuple[Array, np.ndarray]:
    """Return ``start`` with all exact conditions written in, and the mask of the coefficients they fix."""
    layers = [(layer, face_coefficients(layer, space)) for layer in model.conditions.boundary]
    return fix_coefficients(space, layers, start, np.zeros(space.shape, dtype=bool))


def smooth_start(model: Model, space: Space) -> Array:
    """Return the exact conditions, continued inside by the function of least slopes on the unit box (harmonic).

    Unknowns without values begin in the middle of their range: at zero equations may have no derivative (exp(-1/T)).
    """
    start, fixed = with_conditions(model, space, np.broadcast_to(range_middles(model.ranges), space.shape).copy())
    if space.size > MOST_DENSE:
        return start
    _, energy = mass_and_stiffness(space)
    for values, held in zip(np.moveaxis(start, -1, 0), np.moveaxis(fixed, -1, 0), strict=True):
        known = held.ravel()
        if known.any() and not known.all():
            values[~held] = np.linalg.solve(energy[~known][:, ~known], -energy[~known][:, known] @ values[held])
    return start


def best_multiple(system: System, start: Array, wave: Array) -> Array:
    """Return ``start`` plus the multiple of a function with the least residual in rows that ``start`` does not fulfil.

    ``start`` itself if no residual is finite.
    """
    unmet = [p for p in system.patches if p.loss(system.tensor(start)) != 0.0]
    tried = [start + sign * size * wave for size in AMPLITUDES for sign in (1.0, -1.0)]
    losses = [sum(p.loss(system.tensor(c)) for p in unmet) for c in tried]
    known = [k for k, loss in enumerate(losses) if np.isfinite(loss)]
    return tried[min(known, key=losses.__getitem__)] if known else start


def mass_and_stiffness(space: Space) -> tuple[Array, Array]:
    """Return the mass and stiffness matrix (coefficient, coefficient) of one unknown on the unit box."""
    lines = [_axis_mass_and_stiffness(axis) for axis in space.axes]
    parts = [[line[int(i == k)] for i, line in enumerate(lines)] for k in range(-1, len(lines))]
    mass, *stiffness = (reduce(lambda a, b: np.asarray(np.kron(a, b)), part) for part in parts)
    return mass, np.sum(stiffness, axis=0)


def _axis_mass_and_stiffness(axis: Axis) -> tuple[Array, Array]:
    """Return the mass and stiffness matrix of one coordinate, its length taken as one."""
    value, slope, length = axis.weighted_table(0), axis.weighted_table(1), float(np.ptp(axis.breaks))
    return value.T @ value / length, slope.T @ slope * length
