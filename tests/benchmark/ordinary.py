"""Ordinary equations beside scipy: true error and CPU time of both, measured in one run.

    python tests/benchmark/ordinary.py                          results/tables/ordinary.md, ordinary.csv

The error is relative L2 over the interval, of the worst unknown, against the method of tests/reference/ordinary.py at
3e-14. scipy gets the same number as its relative tolerance, and a millionth of that as its absolute one. It controls
the error of each step and says nothing about that of the solution, which pinnkan estimates.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.integrate import solve_bvp, solve_ivp

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from cases import BY_NAME  # noqa: E402
from reference.closed_form import boundary_layer  # noqa: E402
from reference.error import relative_l2  # noqa: E402
from reference.ordinary import SYSTEMS, ordinary  # noqa: E402
from tables import write  # noqa: E402

import pinnkan  # noqa: E402

Array = np.ndarray
TOLERANCES = (1e-4, 1e-6, 1e-8)
#: Methods that finish; DOP853 takes steps as short as the fastest rate, some 1e6 of them, on the stiff systems.
METHODS = {
    "lotka_volterra": ("DOP853", "Radau"),
    "lorenz": ("DOP853", "Radau"),
    "robertson": ("Radau",),
    "van_der_pol": ("Radau",),
}
#: Seconds after which a solve of pinnkan is stopped.
LIMIT = 240.0
LAYER = 1e-2


@dataclass(frozen=True)
class Row:
    """One solve; `estimate` is NaN where the method has none."""

    problem: str
    method: str
    tolerance: float
    verdict: str
    error: float
    estimate: float
    cpu_seconds: float
    steps: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the table after each problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*METHODS, "convection_diffusion"])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tables", help="folder of the table")
    options = parser.parse_args(arguments)
    pinnkan.solve(pinnkan.load_problem("poisson1d"))  # pays for imports and first calls
    rows: list[Row] = []
    for name in options.only or [*METHODS, "convection_diffusion"]:
        for tolerance in TOLERANCES:
            rows += boundary_rows(tolerance) if name not in METHODS else initial_rows(name, tolerance)
            write(options.out, "ordinary", [asdict(row) for row in rows], "python tests/benchmark/ordinary.py")
    return 0


def initial_rows(name: str, tolerance: float) -> Iterator[Row]:
    """An initial value problem by pinnkan and by scipy."""
    of, grid = SYSTEMS[name], BY_NAME[name].grid()
    t, shown = grid.points[:, 0], pinnkan.load_problem(name).unknowns
    exact = ordinary(name)(t)[: len(shown)]

    def worst(found: Array) -> float:
        return max(relative_l2(u, v, grid.weights) for u, v in zip(found, exact, strict=True))

    yield ours(name, tolerance, t[:, None], worst)
    for method in METHODS[name]:
        began = time.process_time()
        found = solve_ivp(
            of.rate, (0.0, of.end), of.start, method, dense_output=True, rtol=tolerance, atol=1e-6 * tolerance
        )
        spent = time.process_time() - began
        error = worst(found.sol(t)[: len(shown)])
        yield said(Row(name, method, tolerance, "finished", error, float("nan"), spent, len(found.t) - 1))


def boundary_rows(tolerance: float) -> Iterator[Row]:
    """-eps u'' + u' = 1 with a layer of width 0.01, by pinnkan and by solve_bvp from 50 equal intervals."""
    name, grid = "convection_diffusion", BY_NAME["convection_diffusion"].grid()
    x = grid.points[:, 0]

    def worst(found: Array) -> float:
        return relative_l2(found[0], boundary_layer(x, LAYER), grid.weights)

    yield ours(name, tolerance, grid.points, worst)
    began, nodes = time.process_time(), np.linspace(0, 1, 51)
    found = solve_bvp(
        lambda _, y: np.stack([y[1], (y[1] - 1) / LAYER]),
        lambda a, b: np.array([a[0], b[0]]),
        nodes,
        np.zeros((2, nodes.size)),
        tol=tolerance,
        max_nodes=100_000,
    )
    spent, verdict = time.process_time() - began, "finished" if found.success else found.message
    yield said(Row(name, "solve_bvp", tolerance, verdict, worst(found.sol(x)), float("nan"), spent, len(found.x) - 1))


def ours(name: str, tolerance: float, points: Array, worst: Callable[[Array], float]) -> Row:
    """By pinnkan."""
    problem = pinnkan.load_problem(name)
    settings = replace(problem.solver, tolerance=tolerance, max_time=LIMIT)
    began = time.process_time()
    solution = pinnkan.solve(replace(problem, solver=settings))
    spent, verdict = time.process_time() - began, solution.verdict
    end = solution.domain.box.ranges[-1][1]
    complete = points.max() <= end
    error = worst(np.stack([*solution(points).values()])) if complete else float("nan")
    steps = len(solution.levels)
    reason = "converged" if verdict.converged else str(verdict.reason)
    return said(Row(name, "pinnkan", tolerance, reason, error, verdict.estimate, spent, steps))


def said(row: Row) -> Row:
    """The row, printed."""
    print(
        f"{row.problem:22} {row.method:10} {row.tolerance:6.0e} {row.verdict:10} error {row.error:8.1e} "
        f"estimate {row.estimate:8.1e} {row.cpu_seconds:7.2f} s {row.steps:6} steps",
        flush=True,
    )
    return row


if __name__ == "__main__":
    sys.exit(main())
