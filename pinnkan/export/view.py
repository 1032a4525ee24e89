"""The data of the interactive view in ``report.html``: the field on an even grid, small enough to stand in the file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np

from pinnkan.domain.box import SLACK
from pinnkan.export.allowance import Allowance
from pinnkan.export.arrays import error_name, exact_values, shown_of
from pinnkan.export.samples import has_frames, shown_axes_of, sliced
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution

#: Numbers of all fields together, four bytes each; a choice: with the pictures the file stays below 3 MB.
MOST_NUMBERS = 200_000
#: Samples of a curve, and per axis of a map, at most; steps of the slider.
_CURVE, _MAP, _STEPS = 1001, 301, 26
_FIELDS = 12


def view_of(solution: Solution, allowance: Allowance | None = None) -> str:
    """JSON: ``axes`` shown (name, ends, count), the ``slider`` or null, and ``fields``: name -> base64 of float32.

    The numbers of a field are in C order of (slider, vertical axis, horizontal axis), of a curve (slider, axis).
    """
    problem = solution.problem
    space = shown_axes_of(problem)
    axes = [problem.coordinates[axis].name for axis in space[:2]]
    names = _names(solution)[:_FIELDS]
    allowed = (allowance or Allowance()).points(solution)
    counts, slider = _counts(problem, min(MOST_NUMBERS / len(names), allowed))
    ranges = solution.domain.box.ranges
    samples = [np.linspace(*ranges[axis], counts[axis]) for axis in space]
    full = sliced(problem, samples)
    if has_frames(problem):
        full.append(np.linspace(*ranges[-1], counts[problem.dimension - 1]))
    arrays = _values(solution, full)
    fields = {name: _packed(_ordered(arrays[name], problem, slider, len(axes))) for name in names}
    described = [{"name": problem.coordinates[a].name, "ends": list(ranges[a]), "count": counts[a]} for a in space[:2]]
    moved = None if slider is None else {
        "name": problem.coordinates[slider].name, "ends": list(ranges[slider]), "count": counts[slider]
    }  # fmt: skip
    errors = [name for name in names if name.startswith(("error", "error_estimate"))]
    content = {"axes": described, "slider": moved, "fields": fields, "errors": errors, "colours": _colours()}
    return json.dumps(content, allow_nan=False)


def _names(solution: Solution) -> list[str]:
    """Unknowns, lengths of vectors, then errors."""
    problem = solution.problem
    shown = shown_of(problem)
    names = [*problem.unknowns, *(s.name for s in shown if s.is_vector)]
    for kind, is_known in (("error_estimate", solution.error is not None), ("error", problem.exact is not None)):
        names += [error_name(kind, problem, s.name) for s in shown if is_known]
    return names


def _counts(problem: Problem, points: float) -> tuple[dict[int, int], int | None]:
    """How many samples each axis gets, so many ``points`` in all, and the axis of the slider: time, or the third."""
    space = shown_axes_of(problem)
    slider = problem.dimension - 1 if has_frames(problem) else space[2] if len(space) == 3 else None
    counts = {slider: _STEPS} if slider is not None else {}
    room = points / (1 if slider is None else _STEPS)
    per_axis = min(_CURVE, int(room)) if len(space) == 1 else min(_MAP, int(room**0.5))
    counts |= dict.fromkeys(space[:2], max(per_axis, 2))
    return counts | {axis: 1 for axis in space[2:] if axis not in counts}, slider


def _values(solution: Solution, axes: list[Array]) -> dict[str, Array]:
    problem = solution.problem
    zero = (0,) * problem.dimension
    axes = [np.array([a.mean()]) if len(a) == 1 else a for a in axes]
    values = solution.field.grid(axes, zero)
    errors: dict[str, Array] = {}
    if solution.error is not None:
        errors["error_estimate"] = solution.error.grid(axes, zero)
    if problem.exact is not None:
        errors["error"] = values - exact_values(problem, problem.exact, axes)
    arrays = {name: values[..., i] for i, name in enumerate(problem.unknowns)}
    arrays |= {shown.name: shown.of(values) for shown in shown_of(problem) if shown.is_vector}
    for kind, error in errors.items():
        arrays |= {error_name(kind, problem, s.name): np.abs(s.of(error)) for s in shown_of(problem)}
    outside = ~solution.domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), SLACK)
    return {name: np.where(outside, np.nan, array) for name, array in arrays.items()}


def _ordered(array: Array, problem: Problem, slider: int | None, shown: int) -> Array:
    """The axes of the view only, the slider first, then the vertical and the horizontal one."""
    order = [*([] if slider is None else [slider]), *reversed(shown_axes_of(problem)[:shown])]
    rest = [axis for axis in range(array.ndim) if axis not in order]
    moved = np.transpose(array, [*rest, *order])
    return np.asarray(moved[(0,) * len(rest)])


def _packed(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def _colours() -> Mapping[str, Any]:
    """Colour maps as hexadecimal digits, 256 colours of six each."""
    rows = np.linspace(0, 1, 256)
    found = {}
    for role, name in (("values", "viridis"), ("signed", "RdBu_r"), ("errors", "magma")):
        rgb = np.round(matplotlib.colormaps[name](rows)[:, :3] * 255).astype(int)
        found[role] = "".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in rgb)
    return found
