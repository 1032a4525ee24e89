"""A table as Markdown and as CSV, with the machine, the date and the command that made it."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PACKAGES = ("torch", "numpy", "scipy", "sympy", "scikit-fem")
NOTES = {
    "accuracy": "True relative L2 error against an independent reference; effectivity is estimate / error; time is "
    "the solve after a first small one, CPU time that of all threads: where it is less than the time, the machine was "
    "busy with something else.",
    "deep": "All layers trained, adding nodes only, two minutes per problem at most; columns as in accuracy.md.",
    "cost": "One level (intervals, degree) or a whole solve to 1e-6 (dimension) of Poisson's equation on the unit "
    "cube; the figure is results/figures/cost.png.",
    "linear_scaling": "One least-squares step in a process of its own, one thread: rows made and solved to 1e-9 of "
    "the largest coefficient. Megabytes are what the step adds to the peak; the figure, with slopes over the three "
    "largest sizes, is results/figures/linear_scaling.png.",
    "ordinary": "Ordinary equations (initial value problems, the last with boundary values) beside scipy, in one "
    "run; error is relative L2 over the interval, worst unknown. scipy's tolerance is that of a step (absolute: a "
    "millionth of it), pinnkan's that of the solution; only pinnkan has an estimate, and its time includes that.",
    "seeds": "Solves in which something is random (the points of more than three coordinates, the starts of deep "
    "networks), from several seeds: the smallest, middle and largest true error and time.",
    "projection": "Levenberg-Marquardt on all coefficients of a KAN [5, 1, 1] against variable projection, on "
    "poisson5d_gaussian: the same starts, points and number of steps.",
    "first_steps": "What a user does and waits for, before `new --like` and `--set` and now: from nothing to a first "
    "picture, from an idea to its solution, and with another parameter. `lines` are those to take out or put in before "
    "the command; pip had its wheels at hand, so that downloads are not in its time.",
    "finite_elements": "Quartic elements (scikit-fem) with a sparse direct solver (SuperLU) and, in time, Radau "
    "collocation of five stages, beside pinnkan in the same run, on one thread. Time of the elements: mesh, assembly, "
    "factorisation, solution; a mesh that adapts itself pays for all meshes before it. Below five seconds the faster "
    "of two solves counts. Meshes and steps of the elements are chosen by hand except where the mesh adapts itself, "
    "and nothing estimates their error; pinnkan's time includes its choices and its estimate.",
}


R = TypeVar("R", bound="DataclassInstance")


def read_rows(path: Path, kind: type[R]) -> list[R]:
    """The rows of a file, dataclasses of str, float and int; none when there is no file."""
    if not path.is_file():
        return []
    make = {"str": str, "float": float, "int": int}
    kinds = {f.name: make[str(f.type)] for f in fields(kind)}
    with path.open(newline="", encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("# "))
        return [kind(**{k: kinds[k](v) for k, v in row.items()}) for row in csv.DictReader(lines)]


def append_row(path: Path, row: DataclassInstance) -> None:
    """One more line, with the names of the columns above the first."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(asdict(row)), lineterminator="\n")
        if new:
            table.writeheader()
        table.writerow(asdict(row))


def write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], command: str) -> None:
    """Write `rows` to folder/name.md and folder/name.csv; nothing when there are none."""
    if not rows:
        return
    folder.mkdir(parents=True, exist_ok=True)
    facts = circumstances(command)
    columns = list(rows[0])
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in facts.items())
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    lines = [f"# {name.replace('_', ' ').capitalize()}", "", NOTES[name], ""]
    lines += [f"* {key}: {value}" for key, value in facts.items()]
    lines += ["", _line([c.replace("_", " ") for c in columns]), _line(["---"] * len(columns))]
    lines += [_line([_text(column, row[column]) for column in columns]) for row in rows]
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def circumstances(command: str) -> dict[str, str]:
    """Command, date, machine, load and versions."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return {
        "command": f"`{command}`",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_processor()}; load {os.getloadavg()[1]:.1f} at the end",
        "versions": f"pinnkan {version('pinnkan')}, Python {platform.python_version()}, {versions}",
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "-"
    if column in ("seconds", "cpu_seconds", "elements_seconds"):
        return f"{value:.2f}"
    return f"{value:.0e}" if column == "tolerance" else f"{value:.2g}"
