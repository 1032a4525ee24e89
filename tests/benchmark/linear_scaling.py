"""Measures a least-squares step against coefficients: figures/linear_scaling.png, tables/linear_scaling.* in results/.

    python tests/benchmark/linear_scaling.py        five minutes

Each step in a process of its own, on one thread: rows made, solved to 1e-9 of the largest coefficient by conjugate
gradients and, while the band takes less than MOST_BAND bytes, by its factor. Memory is what the step adds to the peak.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

import torch  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from tables import write  # noqa: E402

from pinnkan.assembly.boundary_values import sort_conditions  # noqa: E402
from pinnkan.assembly.model import compile_model  # noqa: E402
from pinnkan.assembly.ordering import order_coefficients  # noqa: E402
from pinnkan.problem.registry import load_problem  # noqa: E402
from pinnkan.solver import memory  # noqa: E402
from pinnkan.solver.families.product.start import initial_space, with_conditions  # noqa: E402
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients  # noqa: E402
from pinnkan.solver.linear.normal_equations import NormalEquations  # noqa: E402
from pinnkan.solver.linear.system import System  # noqa: E402

#: Problem, degree, intervals per coordinate.
SIZES = {
    "poisson_multiscale": (10, (24, 48, 96, 192, 288, 640)),
    "poisson_varying": (10, (24, 48, 96, 192, 288, 640)),
    "poisson3d": (6, (8, 12, 18, 28, 40, 56)),
}
MOST_BAND = 2.5e9
SHARE = 1e-9


@dataclass(frozen=True)
class Step:
    """One step: its solver, its size, what it took."""

    problem: str
    solver: str
    intervals: int
    coefficients: int
    iterations: int
    cpu_seconds: float
    megabytes: float


def peak() -> float:
    """The most memory this process has held so far, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.split("VmHWM:")[1].split()[0]) / 1e3


def step(name: str, solver: str, intervals: int) -> Step:
    """Take one in this process."""
    torch.set_num_threads(1)
    problem = load_problem(name)
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    memory.keep_freed_memory()
    for count in (3, intervals):  # the first one loads the libraries
        space = initial_space(model, SIZES[name][0], count)
        start, fixed = with_conditions(model, space, np.zeros(space.shape))
        before, began = peak(), time.process_time()
        c = torch.from_numpy(start)
        rows = [p.rows(c, []) for p in System(model, space).patches]
        ordering = order_coefficients(space, fixed, model.device)
        made: ConjugateGradients | NormalEquations
        made = NormalEquations(rows, ordering) if solver == "factor" else ConjugateGradients(rows, ordering, 0.0, SHARE)
        made.solve_rows(rows)
    seconds = time.process_time() - began
    iterations = made.iterations if isinstance(made, ConjugateGradients) else 0
    return Step(name, solver, intervals, ordering.size, iterations, seconds, peak() - before)


def measurements() -> Iterator[Step]:
    """All of them, each in its own process."""
    for name, (degree, sizes) in SIZES.items():
        problem = load_problem(name)
        model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
        for solver in ("conjugate gradients", "factor"):
            for intervals in sizes:
                if solver == "factor" and memory.bytes_of_factor(initial_space(model, degree, intervals)) > MOST_BAND:
                    break
                command = [sys.executable, __file__, "--one", name, solver, str(intervals)]
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                row = Step(**json.loads(done.stdout))
                print(row, flush=True)
                yield row


def slope(rows: Sequence[Step], quantity: str) -> float:
    """Of the logarithm of a quantity against that of the coefficients, over the three largest sizes."""
    last = rows[-3:]
    return float(np.polyfit([np.log(r.coefficients) for r in last], [np.log(getattr(r, quantity)) for r in last], 1)[0])


def draw(rows: Sequence[Step], path: Path) -> None:
    """Seconds and memory against coefficients, with the slopes of the largest sizes."""
    from pinnkan.export.style import BLUE, GREEN, ORANGE, figure

    path.parent.mkdir(parents=True, exist_ok=True)
    colours = dict(zip(SIZES, (BLUE, ORANGE, GREEN), strict=True))
    with figure(path, 11.0, 5.0) as drawing:
        for panel, quantity in zip(drawing.subplots(1, 2), ("cpu_seconds", "megabytes"), strict=True):
            for name in SIZES:
                for solver, line in (("conjugate gradients", "o-"), ("factor", "x:")):
                    part = [r for r in rows if r.problem == name and r.solver == solver]
                    label = f"{name}, {solver}: {slope(part, quantity):.2f}"
                    size = [r.coefficients for r in part]
                    panel.loglog(size, [getattr(r, quantity) for r in part], line, color=colours[name], label=label)
            panel.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, columnspacing=0.8)
            panel.set(xlabel="coefficients", ylabel=quantity.replace("_", " "))
        drawing.subplots_adjust(bottom=0.27)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the table after each step, draw at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of `tables` and `figures`")
    parser.add_argument("--one", nargs=3, metavar=("PROBLEM", "SOLVER", "INTERVALS"), help="one step, as JSON")
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(asdict(step(options.one[0], options.one[1], int(options.one[2])))))
        return 0
    rows: list[Step] = []
    for row in measurements():
        rows.append(row)
        command = "python tests/benchmark/linear_scaling.py"
        write(options.out / "tables", "linear_scaling", [asdict(r) for r in rows], command)
    draw(rows, options.out / "figures" / "linear_scaling.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
