"""Measures how long it takes from nothing to a first picture, and from an idea to a solved equation of one's own.

    python tests/benchmark/first_steps.py        results/tables/first_steps.md, .csv: ten minutes

Two states of the repository, before `new --like` and `--set` and as it is committed now, are cloned and installed into
environments of their own. Every command is timed as a user waits for it; its CPU seconds say how much of that was the
machine being busy with something else. The idea is a population that spreads; `lines` is the shortest edit from the
file that `new` writes to the one that says so.
"""

from __future__ import annotations

import difflib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent)]

from tables import write  # noqa: E402  (after its path)

#: What is compared: the revision before `pinnkan new --like`, and today's.
STATES = {"before": "ee2efdb^", "after": "HEAD"}
IDEA = """\
name: lake
domain:
  x: [0, 10]
  t: [0, 8]
parameters:
  D: 0.1
  growth: {growth}
unknowns: [u]
equations:
  - u_t = D*u_xx + growth*u*(1 - u)
conditions:
  - where: initial
    equation: u = exp(-x**2)
  - where: [left, right]
    equation: dn(u) = 0
solver:
  tolerance: 1e-4
"""

Row = dict[str, str]


def timed(command: Sequence[str], folder: Path) -> tuple[float, float, bool]:
    """Seconds, CPU seconds of it and its children, and whether it ended well."""
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env=outside)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode == 0


def edits(written: str, wanted: str) -> int:
    """Lines to take out or put in, comments and empty lines not counted."""
    a, b = ([x.split("#")[0].rstrip() for x in t.splitlines() if x.split("#")[0].strip()] for t in (written, wanted))
    return sum(line[0] in "+-" for line in list(difflib.unified_diff(a, b, n=0))[2:] if not line.startswith("@@"))


@dataclass
class Desk:
    """Where a user of one state works; every step leaves a row."""

    state: str
    folder: Path
    rows: list[Row] = field(default_factory=list)

    def step(self, goal: str, does: str, command: Sequence[str | Path], lines: int = 0) -> bool:
        """One command, with the lines edited before it; whether it was accepted."""
        seconds, cpu, well = timed([str(word) for word in command], self.folder)
        said = f"`{does}`" if well else f"`{does}` (refused)"
        self.rows.append({"state": self.state, "goal": goal, "step": said, "lines": str(lines or ""),
                          "seconds": f"{seconds:.1f}", "cpu seconds": f"{cpu:.1f}"})  # fmt: skip
        return well


def measured(state: str, folder: Path) -> list[Row]:
    """The steps of one state, each with what a user does and waits for."""
    desk, python, pinnkan = Desk(state, folder), folder / "env" / "bin" / "python", folder / "env" / "bin" / "pinnkan"
    goal = "a first picture"
    desk.step(goal, "git clone", ["git", "clone", "-q", ROOT, "clone"])
    subprocess.run(["git", "checkout", "-q", STATES[state]], cwd=folder / "clone", check=True)
    desk.step(goal, "python -m venv", [sys.executable, "-m", "venv", "env"])
    desk.step(goal, "pip install -e .", [python, "-m", "pip", "install", "-q", "-e", "clone"])
    desk.step(goal, "pinnkan solve poisson2d", [pinnkan, "solve", "poisson2d"])
    goal, like = "an equation of one's own", ["new", "lake", "--like", "reaction_front"]
    if not desk.step(goal, "pinnkan new lake --like reaction_front", [pinnkan, *like]):
        desk.step(goal, "pinnkan new lake", [pinnkan, "new", "lake"])
    path, wanted = folder / "lake.yaml", IDEA.format(growth=1)
    lines = edits(path.read_text(encoding="utf-8"), wanted)
    path.write_text(wanted, encoding="utf-8")
    desk.step(goal, "pinnkan check lake.yaml", [pinnkan, "check", "lake.yaml"], lines)
    desk.step(goal, "pinnkan solve lake.yaml", [pinnkan, "solve", "lake.yaml"])
    goal = "another parameter"
    if not desk.step(
        goal, "pinnkan solve lake.yaml --set growth=2", [pinnkan, "solve", "lake.yaml", "--set", "growth=2"]
    ):
        path.write_text(IDEA.format(growth=2), encoding="utf-8")
        desk.step(goal, "pinnkan solve lake.yaml", [pinnkan, "solve", "lake.yaml"], lines=1)
    return desk.rows


def main() -> None:
    """Measure both states and write the table."""
    rows: list[Row] = []
    for state in STATES:
        with tempfile.TemporaryDirectory() as folder:
            rows += measured(state, Path(folder))
    write(ROOT / "results" / "tables", "first_steps", rows, "python tests/benchmark/first_steps.py")


if __name__ == "__main__":
    main()
