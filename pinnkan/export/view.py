"""The data of the interactive view in ``report.html``: the field on an even grid, small enough to stand in the file."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pinnkan.export.allowance import Allowance
from pinnkan.export.arrays import error_name, pictured, shown_of
from pinnkan.export.samples import has_frames, shown_axes_of, sliced
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution

#: Numbers of all fields together, four bytes each; a choice: with the pictures the file stays below 3 MB.
MOST_NUMBERS = 200_000
#: Samples per axis at most, by number of axes; steps of the slider, where there is a box fewer.
_SAMPLES = {1: 1001, 2: 301, 3: 41}
_STEPS = {1: 26, 2: 26, 3: 11}
_FIELDS = 12


def view_of(solution: Solution, allowance: Allowance | None = None) -> str:
    """JSON: ``axes`` shown (name, ends, count), the ``slider`` or null, and ``fields``: name -> base64 of float32.

    The numbers of a field are in C order of (slider, .., second axis, first axis). The slider is that of time.
    """
    problem = solution.problem
    space = shown_axes_of(problem)
    names = _names(solution)[:_FIELDS]
    allowed = (allowance or Allowance()).points(solution)
    counts, slider = _counts(problem, min(MOST_NUMBERS / len(names), allowed))
    ranges = solution.domain.box.ranges
    samples = [np.linspace(*ranges[axis], counts[axis]) for axis in space]
    full = sliced(problem, samples)
    if slider is not None:
        full.append(np.linspace(*ranges[-1], counts[slider]))
    arrays = pictured(solution, full)
    ordered = {name: np.ascontiguousarray(_ordered(arrays[name], problem, slider), dtype="<f4") for name in names}
    fields = {name: base64.b64encode(values.tobytes()).decode() for name, values in ordered.items()}
    described = [{"name": problem.coordinates[a].name, "ends": list(ranges[a]), "count": counts[a]} for a in space]
    moved = None if slider is None else {
        "name": problem.coordinates[slider].name, "ends": list(ranges[slider]), "count": counts[slider]
    }  # fmt: skip
    errors = [name for name in names if name.startswith(("error", "error_estimate"))]
    shown = {"axes": described, "slider": moved, "fields": fields, "errors": errors, "units": dict(problem.units)}
    content: dict[str, Any] = {**shown, "colours": _colours()}
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
    """How many samples each axis gets, so many ``points`` in all, and the axis of the slider: time."""
    space = shown_axes_of(problem)
    slider = problem.dimension - 1 if has_frames(problem) else None
    counts = {slider: _STEPS[len(space)]} if slider is not None else {}
    room = points / (1 if slider is None else counts[slider])
    per_axis = min(_SAMPLES[len(space)], int(room ** (1 / len(space))))
    if len(space) == 3:
        per_axis -= 1 - per_axis % 2  # the planes begin in the middle
    return counts | dict.fromkeys(space, max(per_axis, 2)), slider


def _ordered(array: Array, problem: Problem, slider: int | None) -> Array:
    """The axes of the view only, the slider first, then the others, the first one last."""
    order = [*([] if slider is None else [slider]), *reversed(shown_axes_of(problem))]
    rest = [axis for axis in range(array.ndim) if axis not in order]
    moved = np.transpose(array, [*rest, *order])
    return np.asarray(moved[(0,) * len(rest)])


def _colours() -> Mapping[str, Any]:
    """Colour maps as hexadecimal digits, 256 colours of six each."""
    import matplotlib  # half a second with the style, and only here

    from pinnkan.export.style import ERROR_MAP, VALUE_MAP

    rows = np.linspace(0, 1, 256)
    found = {}
    for role, name in (("values", VALUE_MAP), ("errors", ERROR_MAP)):
        rgb = np.round(matplotlib.colormaps[name](rows)[:, :3] * 255).astype(int)
        found[role] = "".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in rgb)
    return found
