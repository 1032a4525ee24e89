"""Calibrates the error estimate: estimate over true error on random problems and on the shipped ones.

    python tests/benchmark/calibration.py                      240 random problems, then the shipped ones: an hour
    python tests/benchmark/calibration.py --random 0 40        the first forty
    python tests/benchmark/calibration.py --table              only the table and the histogram again

Each row is appended to results/calibration/*.csv as soon as it is known, and a row that is there is not computed
again. The true error is integrated independently of the solver, on intervals graded to the features that were drawn,
or on the grid of the reference.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sympy

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from random_problems import Drawn, draw, edges  # noqa: E402
from tables import append_row, read_rows  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from pinnkan.errors import PinnkanError  # noqa: E402
from pinnkan.problem.expressions.tape import Tape  # noqa: E402
from pinnkan.problem.registry import parse_problem  # noqa: E402

RANDOM = (0, 240)
#: Three per shipped problem.
TOLERANCES = (1e-3, 1e-5, 1e-7)
LIMIT = 90.0
#: Even intervals per coordinate in which the true error is integrated, by number of coordinates.
EVEN = {1: 200, 2: 40, 3: 12}


@dataclass(frozen=True)
class Row:
    """One solve: what was asked, what pinnkan said, what was true (nan: not known)."""

    problem: str
    kind: str
    solution: str
    tolerance: float
    verdict: str
    estimate: float
    error: float
    effectivity: float
    seconds: float
    levels: int


def measured(drawn: Drawn) -> Row:
    """Solve a drawn problem."""
    problem = parse_problem(drawn.text, f"random-{drawn.number}.yaml")
    exact = problem.exact
    problem = replace(problem, exact=None)  # so that nothing but the solve speaks
    began = time.perf_counter()
    try:
        solution = pinnkan.solve(problem)
    except PinnkanError as failed:
        seconds = time.perf_counter() - began
        return _row(
            drawn.number, drawn, problem.solver.tolerance, type(failed).__name__, math.nan, math.nan, seconds, 0
        )
    seconds = time.perf_counter() - began
    verdict = solution.verdict
    named = "converged" if verdict.converged else verdict.reason
    error = true_error(drawn, solution, exact) if solution.levels else math.nan
    return _row(drawn.number, drawn, verdict.tolerance, named, verdict.estimate, error, seconds, len(solution.levels))


def _row(
    number: int,
    drawn: Drawn,
    tolerance: float,
    verdict: str,
    estimate: float,
    error: float,
    seconds: float,
    levels: int,
) -> Row:
    effectivity = estimate / error if error > 0 else math.nan
    return Row(
        f"random-{number}", drawn.family, drawn.solution, tolerance, verdict, estimate, error, effectivity,
        round(seconds, 3), levels,
    )  # fmt: skip


def true_error(drawn: Drawn, solution: pinnkan.Solution, expressions: Mapping[str, sympy.Expr] | None) -> float:
    """Relative L2 error over the time reached, by Gauss quadrature in intervals that see every feature."""
    problem, nodes, weights = solution.problem, [], np.ones(())
    for axis, (low, high) in enumerate(solution.domain.box.ranges):
        ends = edges(drawn, axis, low, high, EVEN[problem.dimension], solution.field.breaks(axis))
        x, w = np.polynomial.legendre.leggauss(4)
        half = 0.5 * np.diff(ends)[:, None]
        nodes.append((0.5 * (ends[1:] + ends[:-1])[:, None] + half * x).ravel())
        weights = np.multiply.outer(weights, (half * w).ravel())
    ours = solution.field.grid(nodes, (0,) * problem.dimension)[..., 0]
    assert expressions is not None
    exact = Tape([expressions["u"]], problem.coordinates)(np.meshgrid(*nodes, indexing="ij", sparse=True))[0]
    squares = np.broadcast_to(exact, ours.shape) ** 2
    return float(np.sqrt(((ours - exact) ** 2 * weights).sum() / (squares * weights).sum()))


def shipped(name: str, tolerance: float) -> Row:
    """Solve a shipped problem and compare it with its reference."""
    from accuracy import BY_NAME, solve

    row = solve(BY_NAME[name], "auto", tolerance, LIMIT)
    count = int(row.levels.split()[0]) if row.levels else 0
    return Row(
        name, row.reference, "shipped", tolerance, row.verdict, row.estimate, row.error, row.effectivity,
        round(row.seconds, 3), count,
    )  # fmt: skip


def append(path: Path, row: Row) -> None:
    """One more row of the file, and a line to look at."""
    append_row(path, row)
    print(
        f"{row.problem:22} {row.kind:34.34} {row.solution:40.40} {row.tolerance:6.0e} {row.verdict:14} estimate "
        f"{row.estimate:8.1e} error {row.error:8.1e} effectivity {row.effectivity:8.2f}  {row.seconds:6.2f} s",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, then write the table and the histogram."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", nargs=2, type=int, default=RANDOM, metavar=("FIRST", "END"))
    parser.add_argument(
        "--only", nargs="+", type=int, metavar="NUMBER", help="these random problems, whatever is there"
    )
    parser.add_argument("--no-shipped", action="store_true")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "calibration")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    random, ours = options.out / "random.csv", options.out / "shipped.csv"
    if options.only:
        for number in options.only:
            append(random, measured(draw(number)))
        return 0
    if not options.table:
        _measure_random(range(*options.random), random)
        if not options.no_shipped:
            _measure_shipped(ours)
    from calibration_table import write_table

    command = " ".join(["python tests/benchmark/calibration.py", *(sys.argv[1:] if arguments is None else arguments)])
    write_table(options.out, read_rows(random, Row), read_rows(ours, Row), command)
    return 0


def _measure_random(numbers: Iterable[int], path: Path) -> None:
    done = {row.problem for row in read_rows(path, Row)}
    for number in numbers:
        if f"random-{number}" not in done:
            append(path, measured(draw(number)))


def _measure_shipped(path: Path) -> None:
    from accuracy import CASES

    done = {(row.problem, row.tolerance) for row in read_rows(path, Row)}
    for case in CASES:
        for tolerance in TOLERANCES:
            if (case.name, tolerance) not in done:
                append(path, shipped(case.name, tolerance))


if __name__ == "__main__":
    sys.exit(main())
