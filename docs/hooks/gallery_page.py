"""The gallery: every shipped problem with its picture, its equations, its header, its measured error, and its file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pinnkan
from pinnkan.export.mathml import equation
from pinnkan.problem.registry import shipped_folder, shipped_problems
from pinnkan.problem.statement import Problem

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "results" / "figures" / "gallery"
ACCURACY = ROOT / "results" / "tables" / "accuracy.csv"
#: Headings of the gallery, and which problems stand under each: the first that holds.
KINDS = {
    "Numbers to be found": lambda p: bool(p.numbers),
    "At rest": lambda p: p.time_axis is None and len(p.unknowns) == 1 and p.dimension <= 3,
    "In time": lambda p: p.time_axis is not None and len(p.unknowns) == 1 and p.dimension > 1,
    "Systems": lambda p: len(p.unknowns) > 1 and p.dimension > 1,
    "Ordinary equations": lambda p: p.dimension == 1 and [c.name for c in p.coordinates] == ["t"],
    "Many dimensions": lambda p: p.space_dimension > 3,
}


def kind_of(problem: Problem) -> str:
    """Under which heading a problem stands."""
    return next(kind for kind, holds in KINDS.items() if holds(problem))


def header(text: str) -> tuple[str, str, str]:
    """The opening comments of a file: the problem in words, its source, and what it says or expects."""
    comments = [line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#")][1:]
    words, *rest = re.split(r"\n(?=Source:|Expected:|Says:)", "\n".join(comments))
    said = {part.split(":")[0]: part.partition(":")[2].strip().replace("\n", " ") for part in rest}
    return words.replace("\n", " "), said.get("Source", ""), said.get("Says", said.get("Expected", ""))


def measured() -> dict[str, list[dict[str, str]]]:
    """The rows of the table of accuracy, by problem."""
    rows: dict[str, list[dict[str, str]]] = {}
    with ACCURACY.open(encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            rows.setdefault(row["problem"], []).append(row)
    return rows


def _facts(rows: list[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        error = _power(row["error"]) if row["error"] != "nan" else "not known"
        missed = "" if row["verdict"] == "converged" else f" (not converged: `{row['verdict']}`)"
        yield f"asked for {_power(row['tolerance'])}: true error **{error}** in {float(row['seconds']):.2g} s{missed}"


def _power(text: str) -> str:
    return f"{float(text):.0e}".replace("e-0", "e-")


def _file(text: str) -> str:
    lines = "\n".join(f"    {line}" for line in text.splitlines() if not line.startswith("# yaml-language-server"))
    return f'??? example "The file"\n\n    ```yaml\n{lines}\n    ```\n'


def problems() -> str:
    """Pictures at a glance, each leading to its problem, then the problems."""
    loaded = {name: pinnkan.load_problem(name) for name in shipped_problems()}
    rows = measured()
    cards, entries = "", ""
    for kind in KINDS:
        names = [name for name, problem in loaded.items() if kind_of(problem) == kind]
        pictures = "".join(f'<a href="#{n}"><img src="{_picture(n)}" alt="{n}" loading="lazy">{n}</a>' for n in names)
        cards += f'\n**{kind}**\n\n<div class="cards">{pictures}</div>\n'
        entries += f"\n## {kind}\n" + "".join(_entry(loaded[n], rows.get(n, [])) for n in names)
    return cards + entries


def _picture(name: str) -> str:
    return f"results/figures/gallery/{name}.png"


def _entry(problem: Problem, rows: list[dict[str, str]]) -> str:
    words, source, _ = header(problem.source)
    formulas = "".join(equation(e.text) for e in problem.equations)
    facts = "".join(f"* {fact}\n" for fact in _facts(rows))
    name = problem.name
    return (
        f"\n### {name} {{ #{name} }}\n\n![{name}]({_picture(name)}){{ .picture }}\n\n{words}\n\n"
        f'<div class="formulas">{formulas}</div>\n\n{facts}* source: {escape(source)}\n\n{_file(problem.source)}'
    )


def traps() -> str:
    """The problems built to fool the estimate, with what is answered."""
    out = ""
    for path in sorted((shipped_folder() / "traps").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        words, _, says = header(text)
        out += f"\n### {path.stem}\n\n{words}\n\n*pinnkan says:* {says}\n\n{_file(text)}"
    return out
