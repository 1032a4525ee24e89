"""``report.html``: the facts of ``report.md``, equations typeset, pictures and a view of the field; one file.

The data of that view are the field on an even grid, small enough to stand in the file.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from pinnkan.export.allowance import Allowance
from pinnkan.export.arrays import error_name, has_frames, pictured, shown_axes_of, shown_of, sliced
from pinnkan.export.mathml import equation
from pinnkan.export.report import definitions_of
from pinnkan.kan.field import Array
from pinnkan.problem.description import conditions_by_place
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 0.85rem; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8884; padding: 0.2rem 0.7rem; text-align: left; white-space: nowrap; }
img, canvas { max-width: 100%; } canvas { cursor: crosshair; } img { background: white; }
code, pre { font-size: 0.9em; } .failed { color: #D55E00; } .place { margin: 0.6rem 0 0; color: gray; }
math { font-size: 1.15em; margin: 0.5rem 0; } #said { min-height: 1.5em; font-variant-numeric: tabular-nums; }
"""
_VIEW = """<h2>View</h2>
<p><select id="field" aria-label="field"></select>
<input id="slider" type="range" min="0" value="0" hidden aria-label="slider"> <span id="when"></span></p>
<canvas id="canvas" width="860" height="420"></canvas>
<p id="cuts"></p>
<p id="said">&nbsp;</p>
<p>Wheel to zoom, drag to DRAG, double click for the start. Errors have four decades.</p>
<script type="application/json" id="data">DATA</script>
<script>SCRIPT</script>"""


def page_of(
    solution: Solution, markdown: str, folder: Path, files: Sequence[str], allowance: Allowance | None = None
) -> str:
    """The page; ``markdown`` is the report whose facts it has, the pictures among ``files`` lie in ``folder``."""
    title = escape(solution.problem.name)
    parts = dict(_sections(markdown))
    parts["Problem"] = _problem(solution.problem, parts.get("Problem", ""))
    pictures = [_picture(folder / name) for name in files if name.endswith(".png") and (folder / name).stat().st_size]
    body = [parts.pop("", ""), parts.pop("Verdict", ""), parts.pop("Warnings", ""), parts.pop("Problem")]
    body += [_view(solution, allowance or Allowance()), *pictures, *parts.values()]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _view(solution: Solution, allowance: Allowance) -> str:
    is_space = len(shown_axes_of(solution.problem)) == 3
    names = ("view.js", "view_space.js" if is_space else "view_plane.js")
    script = "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)
    page = _VIEW.replace("SCRIPT", script).replace("DRAG", "turn" if is_space else "move")
    return page.replace("DATA", view_of(solution, allowance).replace("<", "\\u003c"))


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<p><img alt="{escape(path.name)}" src="data:image/png;base64,{data}"></p>'


def _problem(problem: Problem, text: str) -> str:
    """Its ranges as the report says them, then all that it states, typeset."""
    parts = [text.split("<pre>")[0]]
    parts += [equation(e.text) for e in problem.equations]
    for section, named in definitions_of(problem).items():
        parts.append(f'<p class="place">{section}</p>')
        parts += [equation(f"{name} = {value}") for name, value in named.items()]
    places: dict[str, list[str]] = {}
    for condition in conditions_by_place(problem):
        shown = "<p>none</p>" if condition.equation is None else equation(condition.equation.text)
        places.setdefault(shown, []).append(condition.name)
    parts += [f'<p class="place">{escape(", ".join(names))}</p>\n{shown}' for shown, names in places.items()]
    return "\n".join(parts)


def _sections(markdown: str) -> Iterator[tuple[str, str]]:
    """The titles of the second level with their HTML; what stands before the first has the title ""."""
    for section in re.split(r"^(?=## )", markdown, flags=re.MULTILINE):
        title = re.match(r"## (.*)", section)
        yield (title[1] if title else ""), "\n".join(map(_block, re.split(r"\n\n+", section.strip("\n"))))


def _block(block: str) -> str:
    """One paragraph, heading, list, table or block of code as HTML."""
    lines = block.splitlines()
    heading = re.match(r"(#+) (.*)", block)
    if heading:
        level = len(heading[1])
        return f"<h{level}>{_inline(heading[2])}</h{level}>"
    if block.startswith("    "):
        return f"<pre>{escape(block)}</pre>"
    if block.startswith("- "):
        return "<ul>" + "".join(f"<li>{_inline(line.removeprefix('- '))}</li>" for line in lines) + "</ul>"
    if block.startswith("|"):
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in [lines[0], *lines[2:]]]
        cells = [[_inline(cell.strip().replace("\\|", "|")) for cell in row] for row in rows]
        head = "".join(f"<th>{cell}</th>" for cell in cells[0])
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells[1:])
        return f"<table><tr>{head}</tr>{body}</table>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _inline(text: str) -> str:
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
    failed = ' class="failed"' if text.startswith("**NOT") else ""
    return re.sub(r"\*\*(.*)\*\*", rf"<strong{failed}>\1</strong>", text)


#: Numbers of all fields together, four bytes each; a choice: with the pictures the file stays below 3 MB.
MOST_NUMBERS = 200_000
#: Samples per axis at most, by number of axes; steps of the slider, where there is a box fewer.
_SAMPLES = {1: 1001, 2: 301, 3: 41}
_STEPS = {1: 26, 2: 26, 3: 11}
_FIELDS = 12
#: The largest number of float32.
LARGEST = float(np.finfo(np.float32).max)


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
    in_order = {name: _ordered(arrays[name], problem, slider).clip(-LARGEST, LARGEST) for name in names}
    ordered = {name: np.ascontiguousarray(values, dtype="<f4") for name, values in in_order.items()}
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
