"""Conditions on a box: those built exactly into the coefficients, and those that become weighted rows.

On a clamped knot vector the k-th derivative at an end involves the first k + 1 layers of coefficients only. So `u = g`
fixes the layer at the side, and then `u_n = h` fixes the next one. All other conditions become rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.matrices import apply_matrix
from pinnkan.kan.product import Space
from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Condition, Problem, Side

#: Data jump at an end where they differ by the first share of the largest value from those the second share of an
#: interval inwards. Heuristic.
JUMP_SHARE, INWARD_SHARE = 1e-6, 1e-9


@dataclass(frozen=True)
class BoundaryValue:
    """The condition `D_n^order u = value` on a side: exact if all lower orders on that side are."""

    side: Side
    unknown: int
    order: int
    value: Tape


@dataclass(frozen=True)
class Conditions:
    """Exact values at the start in time, of the problem or a slab, those on other sides, and conditions as rows."""

    initial: tuple[BoundaryValue, ...]
    boundary: tuple[BoundaryValue, ...]
    rows: tuple[Condition, ...]


def sort_conditions(problem: Problem) -> Conditions:
    """Split the conditions of a problem into exact values and rows."""
    found: list[tuple[Condition, BoundaryValue | None]] = []
    for condition in problem.conditions:
        if condition.equation is not None:
            found.append((condition, _as_boundary_value(condition, problem)))
    exact: list[BoundaryValue] = []
    rows: list[Condition] = []
    for condition, given in sorted(found, key=lambda pair: pair[1].order if pair[1] else 99):
        beside = [x for x in exact if given is not None and (x.side, x.unknown) == (given.side, given.unknown)]
        if given is None or len(beside) != given.order:
            rows.append(condition)
        else:
            exact.append(given)
    is_initial = [
        given.side == Side(problem.time_axis, 0) if problem.time_axis is not None else False for given in exact
    ]
    return Conditions(
        tuple(x for x, first in zip(exact, is_initial, strict=True) if first),
        tuple(x for x, first in zip(exact, is_initial, strict=True) if not first),
        tuple(rows),
    )


def _as_boundary_value(condition: Condition, problem: Problem) -> BoundaryValue | None:
    equation, side = condition.equation, condition.place
    if equation is None or condition.enforce == "penalty" or not isinstance(side, Side) or len(equation.jets) != 1:
        return None
    (symbol, jet), *_ = equation.jets.items()
    normal = jet.order[side.axis]
    if jet.total_order != normal:
        return None
    value = prescribed_value(equation, symbol)
    return None if value is None else BoundaryValue(side, jet.unknown, normal, Tape([value], list(problem.coordinates)))


def face_samples(boundary_value: BoundaryValue, space: Space) -> Array:
    """The prescribed data at the samples of the other coordinates: one index per coordinate, of length one across.

    Where they jump at an end of the space, as a source that stops with a slab of time: the limit from inside.
    """
    across = boundary_value.side.axis
    samples = [axis.projection_points() for axis in space.axes]
    samples[across] = space.axes[across].breaks[[0 if boundary_value.side.end == 0 else -1]]
    inside = [
        x if i == across else _inward_samples(axis, x)
        for i, (axis, x) in enumerate(zip(space.axes, samples, strict=True))
    ]
    values, beside = _on_grid(boundary_value, samples), _on_grid(boundary_value, inside)
    return np.where(np.abs(values - beside) > JUMP_SHARE * np.abs(beside).max(initial=0.0), beside, values)


def _inward_samples(axis: Axis, samples: Array) -> Array:
    """The samples of a coordinate with its ends moved slightly inwards."""
    moved = samples.copy()
    if not axis.periodic:
        steps = np.maximum(INWARD_SHARE * np.diff(axis.breaks), 4.0 * np.spacing(np.abs(axis.breaks).max()))
        moved[0], moved[-1] = samples[0] + steps[0], samples[-1] - steps[-1]
    return moved


def _on_grid(boundary_value: BoundaryValue, samples: Sequence[Array]) -> Array:
    """The prescribed data on a tensor grid: one index per coordinate."""
    (values,) = boundary_value.value(np.meshgrid(*samples, indexing="ij", sparse=True))
    return np.asarray(np.broadcast_to(values, [len(x) for x in samples]), dtype=np.float64)


def face_coefficients(boundary_value: BoundaryValue, space: Space) -> Array:
    """The prescribed data as spline coefficients of the face: one index per other coordinate."""
    return project_face(space, boundary_value.side.axis, face_samples(boundary_value, space))


def project_face(space: Space, axis: int, values: Array) -> Array:
    """Spline coefficients of a face across ``axis``, from its values at samples, of which there is one across."""
    values = np.moveaxis(values, axis, 0)[0]
    for i, other in enumerate(a for j, a in enumerate(space.axes) if j != axis):
        values = other.project(values, i)
    return values


def fix_coefficients(
    space: Space, prescribed: Sequence[tuple[BoundaryValue, Array]], start: Array, fixed: np.ndarray
) -> tuple[Array, np.ndarray]:
    """Write prescribed face coefficients into copies of ``start`` and ``fixed`` (mask); later ones win at edges."""
    coefficients, mask = start.copy(), fixed.copy()
    for given, values in prescribed:
        axis, k = given.side.axis, given.order
        d = space.axes[axis].end_derivatives(given.side.end, k)
        view = np.moveaxis(coefficients[..., given.unknown], axis, 0)
        known = np.moveaxis(mask[..., given.unknown], axis, 0)
        if given.side.end == 1:
            view, known = view[::-1], known[::-1]
        below = np.tensordot(d[k, :k], view[:k], axes=(0, 0)) if k else 0.0
        view[k] = (values - below) / d[k, k]
        known[k] = True
    return coefficients, mask


def zero_conditions(conditions: Conditions, space: Space) -> tuple[Array, np.ndarray]:
    """Zero coefficients, and the mask of those that exact conditions fix, initial ones included."""
    prescribed = (*conditions.initial, *conditions.boundary)
    faces = [np.delete(np.array(space.shape[:-1]), given.side.axis) for given in prescribed]
    zeros = [(given, np.zeros(tuple(face))) for given, face in zip(prescribed, faces, strict=True)]
    return fix_coefficients(space, zeros, np.zeros(space.shape), np.zeros(space.shape, dtype=bool))


def end_trace(axis: Axis, coefficients: Array, order: int, index: int) -> Array:
    """A derivative at the upper end of coordinate ``index``, as coefficients of the other coordinates."""
    trace = apply_matrix(axis.matrix(axis.breaks[-1:], order), coefficients, index)
    return np.moveaxis(trace, index, 0)[0]
