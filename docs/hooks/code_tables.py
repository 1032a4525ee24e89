"""Tables of what can be written and what is answered, made from the code: keys, words, commands, reasons, numbers."""

from __future__ import annotations

import argparse
import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pinnkan
from pinnkan.parser import build_parser
from pinnkan.problem import schema
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.scope import OPERATORS
from pinnkan.problem.settings import OutputSettings, SolverSettings
from pinnkan.solver.verify.checks import CHECKS
from pinnkan.verdict.advice import remedy
from pinnkan.verdict.records import Evidence, Level, Reason
from pinnkan.verdict.verdict import judge

PACKAGE = Path(pinnkan.__file__).parent
#: Each section of a problem file: its keys, and its defaults where it has some.
SECTIONS: dict[str, tuple[tuple[schema.Key, ...], Any]] = {
    "All keys of a file, in this order": (schema.PROBLEM, None),
    "domain": (schema.DOMAIN, None),
    "each of conditions": (schema.CONDITION, None),
    "each of quantities": (schema.QUANTITY, None),
    "solver": (schema.SOLVER, SolverSettings()),
    "output": (schema.OUTPUT, OutputSettings()),
}
#: Keys of a file whose own keys have a section.
BELOW = ("domain", "conditions", "quantities", "solver", "output")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; bars inside of cells are kept."""
    lines = [list(head), *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def problem_keys() -> str:
    """Every key of a problem file, section by section: what it may hold, its default, what it is for."""
    out = ""
    for title, (keys, defaults) in SECTIONS.items():
        heading = f"`{title}`" if title in ("domain", "solver", "output") else title
        rows = []
        for key in (k for k in keys if not re.fullmatch(r"x(?!1$)\d+", k.name)):
            row = [f"`{key.name}`" + (" (needed)" if key.required else ""), holds(key.schema)]
            row[1] = "see below" if keys is schema.PROBLEM and key.name in BELOW else row[1]
            row += [] if defaults is None else [_default(getattr(defaults, key.name))]
            rows.append([*row, key.about + (" (and so on to x20)" if key.name == "x1" else "")])
        head = ["key", "holds", *(["default"] if defaults is not None else []), "meaning"]
        out += f"## {heading}\n\n{table(head, rows)}\n"
    return out


def holds(kind: dict[str, Any]) -> str:
    """What a JSON schema allows, in a few words."""
    if "enum" in kind:
        few = [f"`{word}`" for word in kind["enum"] if not re.search(r"\d", word)]
        return ", ".join(few)
    if "anyOf" in kind:
        return ", or ".join(dict.fromkeys(holds(one) for one in kind["anyOf"]))
    if kind.get("type") == "array":
        ends = kind.get("minItems") == kind.get("maxItems") == 2
        return "`[lower, upper]`" if ends else f"a list: {holds(kind.get('items', {}))}"
    if kind.get("type") == "object":
        if "point" in kind.get("properties", {}):
            return "`{point: [..]}`"
        return "name: value" if "additionalProperties" in kind else "–"
    if kind.get("type") in ("integer", "number"):
        return ("a whole number" if kind["type"] == "integer" else "a number") + _limits(kind)
    return {"string": "a text", "": "–"}.get(str(kind.get("type", "")), "an expression")


def _limits(kind: dict[str, Any]) -> str:
    low, high = kind.get("minimum"), kind.get("maximum", kind.get("exclusiveMaximum"))
    above = f" above {kind['exclusiveMinimum']:g}" if "exclusiveMinimum" in kind else ""
    return above + (f" from {low:g}" if low is not None else "") + (f" to {high:g}" if high is not None else "")


def _default(value: Any) -> str:
    return "chosen by pinnkan" if value is None else f"`{value}`"


def words() -> str:
    """Functions and operators of expressions."""
    functions = " ".join(f"`{name}`" for name in FUNCTIONS)
    operators = " ".join(f"`{name}`" for name in OPERATORS)
    numbered = "with numbered coordinates `dx1` to `dx20`"
    return f"* functions: {functions}\n* operators: {operators}, {numbered}\n* constant: `pi`\n"


def commands() -> str:
    """Every command with its arguments and options, from the parser."""
    subs = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    out = ""
    for name, parser in subs.choices.items():
        words = " ".join(parser.format_usage().removeprefix("usage: ").split())
        usage = textwrap.fill(words, 88, subsequent_indent="    ", break_on_hyphens=False)
        shown = [a for a in parser._actions if "--help" not in a.option_strings]
        rows = [(f"`{_written(a)}`", (a.help or "").replace("%%", "%")) for a in shown]
        out += f"## pinnkan {name}\n\n{parser.description}\n\n```text\n{usage}\n```\n\n"
        out += table(("argument", "meaning"), rows) + "\n"
    return out


def _written(action: argparse.Action) -> str:
    value = f" {action.metavar}" if action.metavar and action.option_strings else ""
    return ", ".join(action.option_strings) + value or str(action.metavar or "|".join(map(str, action.choices or ())))


def _levels(in_time: bool, count: int = 5) -> list[Level]:
    """A run as an example: five levels that fall to 3e-5, or five slabs that grow to it."""
    records = []
    for n in range(1, count + 1):
        size = 3e-5 * 10.0 ** (0 if in_time else count - n)
        slab = (0.1 * (n - 1), 0.1 * n) if in_time else None
        records.append(
            Level(n, (2**n, 2**n), (9, 9), 81 * 4**n, 200 * 4**n, size**2, size**2, size, 0.4 * 2.0**n, 2, slab)
        )
    return records


def reasons() -> str:
    """Every reason not to converge: what the verdict says, and what it advises, of a run made up as an example."""
    rows = []
    for reason in Reason:
        if not reason:
            continue
        in_time = reason in (Reason.MAX_TIME, Reason.DIVERGED, Reason.INTERRUPTED)
        levels = _levels(in_time)
        said = judge(levels, 1e-6, reason, end=1.0).sentence.removeprefix("Not converged: ").split(";")[0]
        rows.append((f"[`{reason}`](#{reason})", said, remedy(reason, levels, 1e-6, 1.0)))
    return table(("reason", "it says", "and advises, for example"), rows)


def checks() -> str:
    """Every check that a solution has to pass: its name, with a link to what it says, and its question."""
    return table(("check", "question"), [(f"[`{c.name}`](#{c.name})", c.question) for c in CHECKS])


def evidence() -> str:
    """Every kind of evidence."""
    return "".join(f"* {kind}\n" for kind in Evidence)


def numbers() -> str:
    """Every named number of the code with the comment above it, by room and file."""
    out, room = "", ""
    for path in sorted(PACKAGE.rglob("*.py")):
        found = list(named_numbers(path.read_text(encoding="utf-8")))
        if not found:
            continue
        where = path.relative_to(PACKAGE)
        if where.parts[0] != room:
            room = where.parts[0]
            out += f"## {room.removesuffix('.py')}\n\n"
        rows = [(f"`{name}`", f"`{value}`", about) for name, value, about in found]
        out += f"### {where.as_posix()}\n\n{table(('name', 'value', 'what it is'), rows)}\n"
    return out


def named_numbers(source: str) -> Iterator[tuple[str, str, str]]:
    """Name, value and comment (``#:`` above it) of every constant of a module that is a number or several."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None or not isinstance(target, ast.Name):
            continue
        above, n = [], node.lineno - 2
        while n >= 0 and lines[n].startswith("#:"):
            above.insert(0, lines[n].removeprefix("#:").strip())
            n -= 1
        if above and re.match(r"_?[A-Z]", target.id) and _is_number(node.value):
            yield target.id, ast.unparse(node.value), " ".join(above)


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Dict):
        return all(map(_is_number, node.values))
    parts = [n for n in ast.walk(node) if isinstance(n, ast.Constant | ast.Name | ast.Call)]
    return bool(parts) and all(isinstance(n, ast.Constant) and isinstance(n.value, int | float) for n in parts)
