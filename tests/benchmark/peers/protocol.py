"""What the script of a peer shares with the benchmark: a task, a clock that stands still while errors are measured.

A script runs in the environment of its peer (numpy is all that this file needs) as

    python by_NAME.py PROBLEM --grid GRID.npz --budget SECONDS --target ERROR

solves the problem again and again, finer each time or trained longer, and calls `Run.report` after each. That prints a
line of JSON: error (relative L2 on the grid, all components together), CPU seconds of the process, its threads and
children, seconds on the clock, and the setting in words. The last line says how it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Array = Any  # float64, whatever library the peer brings
#: Points (point, coordinate) -> values (component, point).
Predict = Callable[[Array], Array]
#: The part of the last printed error below which the next line of one solve is worth printing.
WORTH = 0.9


class Finished(BaseException):
    """The target is reached or the budget spent; nothing that catches its own exceptions may catch this one."""


@dataclass
class Run:
    """One problem for one peer; points (point, coordinate), values (component, point), weights (point,)."""

    points: Array
    values: Array
    weights: Array
    budget: float
    target: float
    spent: float = 0.0
    best: float = np.inf
    last: dict[str, object] = field(default_factory=dict)
    began: tuple[float, float] = (0.0, 0.0)
    counted: tuple[float, float] = (0.0, 0.0)

    def restart(self) -> None:
        """A new solve begins: the clock goes back to zero, the budget does not."""
        self.best, self.counted = np.inf, (0.0, 0.0)
        self._go()

    def left(self) -> float:
        """CPU seconds of the budget that are left."""
        return self.budget - self.spent - (cpu() - self.began[0])

    def elapsed(self) -> float:
        """CPU seconds of this solve."""
        return self.counted[0] + cpu() - self.began[0]

    def report(self, setting: str, predict: Predict) -> None:
        """Measure the error with the clock standing still; print it where it is news; end where the end is reached."""
        self._stop()
        found = np.asarray(predict(self.points), dtype=float).reshape(self.values.shape)
        error = float(
            np.sqrt(np.sum(self.weights * (found - self.values) ** 2) / np.sum(self.weights * self.values**2))
        )
        news = error < WORTH * self.best
        self.best = min(self.best, error)
        cpu_seconds, wall_seconds = (round(seconds, 5) for seconds in self.counted)
        self.last = {"setting": setting, "error": self.best, "cpu_seconds": cpu_seconds, "wall_seconds": wall_seconds}
        if news:
            say(self.last)
            self.last = {}
        if error <= self.target or self.spent >= self.budget:
            raise Finished
        self._go()

    def _go(self) -> None:
        self.began = cpu(), time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, max(self.budget - self.spent, 1e-3))

    def _stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        cpu_seconds, wall_seconds = cpu() - self.began[0], time.perf_counter() - self.began[1]
        self.spent += cpu_seconds
        self.counted = self.counted[0] + cpu_seconds, self.counted[1] + wall_seconds


def main(problems: Mapping[str, Callable[[Run], None] | str], packages: Sequence[str]) -> None:
    """Solve the problem of the command line; a peer that cannot gives its reason instead of a function."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problem", choices=list(problems))
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--budget", type=float, required=True)
    parser.add_argument("--target", type=float, default=1e-8)
    options = parser.parse_args()
    say({"versions": ", ".join(f"{package} {version(package)}" for package in packages)})
    solve = problems[options.problem]
    if isinstance(solve, str):
        say({"end": f"cannot: {solve}"})
        return
    with np.load(options.grid) as grid:
        run = Run(grid["points"], grid["values"], grid["weights"], options.budget, options.target)
    signal.signal(signal.SIGPROF, _spent)
    say({"end": _ended(run, solve)})


def _ended(run: Run, solve: Callable[[Run], None]) -> str:
    """Solve, print what has not been printed, and say how it ended."""
    try:
        run.restart()
        solve(run)
        return "done"
    except Finished:
        return "done" if run.best <= run.target else "budget"
    except Exception as failed:
        return f"failed: {type(failed).__name__}: {str(failed).splitlines()[0] if str(failed) else ''}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if run.last:
            say(run.last)


def say(line: Mapping[str, object]) -> None:
    """Print a line of JSON on the real standard output, which peers that print much may have turned away."""
    print(json.dumps(line), file=sys.__stdout__, flush=True)


def cpu() -> float:
    """CPU seconds of this process, its threads and the children that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _spent(*_: object) -> None:
    raise Finished
