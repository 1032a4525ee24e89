"""``report.html``: the facts of ``report.md``, equations typeset, pictures and a view of the field; one file."""

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from pinnkan.export.allowance import Allowance
from pinnkan.export.mathml import equation
from pinnkan.export.report import definitions_of
from pinnkan.export.samples import shown_axes_of
from pinnkan.export.view import view_of
from pinnkan.problem.statement import Problem
from pinnkan.problem.written import in_order
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
    for condition in in_order(problem):
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
