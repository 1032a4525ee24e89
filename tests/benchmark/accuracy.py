"""Measures accuracy and time of every shipped problem and writes the tables of results/tables.

    python tests/benchmark/accuracy.py                          accuracy.md, accuracy.csv: under ten minutes
    python tests/benchmark/accuracy.py --network deep           deep.md, deep.csv: two minutes per problem at most

Each problem is read anew and solved at 1e-4, 1e-6 and the tolerances of its targets, after a solve of poisson1d that
pays for imports and first calls. The error is true: relative L2 against tests/reference, on a grid that sees the
features. A tolerance that was missed ends a problem: a tighter one would be missed too. The sum of all times is
limited, except with --only.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from case import Case, targets  # noqa: E402
from cases import BY_NAME, CASES  # noqa: E402
from reference.error import worst_relative_l2  # noqa: E402
from tables import read_rows, write  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from pinnkan.errors import PinnkanError  # noqa: E402

TOLERANCES = (1e-4, 1e-6)
#: Seconds after which a solve is stopped: twice the slowest target, and short enough for a run in a coffee break.
LIMIT = 30.0
DEEP_LIMIT = 120.0
#: Seconds for all solves of the default run together; what is left over by then is marked as not run.
TOTAL = 500.0


@dataclass(frozen=True)
class Row:
    """One solve: what was asked for and what was reached (NaN: not known); `target`: met, or by how much missed."""

    problem: str
    tolerance: float
    verdict: str
    error: float
    estimate: float
    effectivity: float
    seconds: float
    cpu_seconds: float
    parameters: int
    levels: str
    target: str
    reference: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; the table is written after each solve, since a long run may be cut short."""
    options = _parser().parse_args(arguments)
    pinnkan.solve(pinnkan.load_problem("poisson1d"))
    command = " ".join(["python tests/benchmark/accuracy.py", *(sys.argv[1:] if arguments is None else arguments)])
    deep = options.network == "deep"
    chosen = [BY_NAME[name] for name in options.only] if options.only else _default_cases(deep)
    limit = options.max_time or (DEEP_LIMIT if deep else LIMIT)
    total = math.inf if deep or options.only else TOTAL
    wanted = {case.name: options.tolerance or tolerances(case, deep) for case in chosen}
    name = "deep" if deep else "accuracy"
    others = [r for r in read_rows(options.out / f"{name}.csv", Row) if r.problem not in wanted] if options.only else []
    for rows in measure(chosen, wanted, options.network, limit, total):
        write(options.out, name, [asdict(row) for row in (*others, *rows)], command)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=sorted(BY_NAME), help="these; the rows of others stay"
    )
    parser.add_argument("--network", default="auto", choices=["auto", "product", "deep"])
    parser.add_argument("--tolerance", nargs="+", type=float, help="instead of 1e-4, 1e-6 and those of the targets")
    parser.add_argument("--max-time", type=float, help=f"seconds per solve ({LIMIT:g}; deep {DEEP_LIMIT:g})")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tables", help="folder of the tables")
    return parser


def _default_cases(deep: bool) -> list[Case]:
    """Every case; with deep networks those in one and two coordinates of space."""
    beyond = ("poisson3d", "poisson5d", "poisson10d", "product10d")
    return [case for case in CASES if not (deep and case.name in beyond)]


def tolerances(case: Case, deep: bool = False) -> list[float]:
    """The tolerances to ask for, falling: the usual ones and those of the targets; for deep networks the default."""
    if deep:
        return [TOLERANCES[0]]
    return sorted({*TOLERANCES, *(t.tolerance for t in targets(case))}, reverse=True)


def measure(
    cases: Sequence[Case], wanted: Mapping[str, Sequence[float]], network: str, limit: float, total: float
) -> Iterator[list[Row]]:
    """Yield all rows so far after each solve, by problem.

    Solved in rounds, every problem at its loosest tolerance first, so that none is left out when `total` is over.
    """
    rows: dict[str, list[Row]] = {case.name: [] for case in cases}
    began = time.perf_counter()
    for turn in range(max(len(t) for t in wanted.values())):
        for case in cases:
            done = rows[case.name]
            if turn >= len(wanted[case.name]) or (done and done[-1].verdict != "converged"):
                continue
            left = total - (time.perf_counter() - began)
            tolerance = wanted[case.name][turn]
            row = solve(case, network, tolerance, min(limit, left)) if left > 0 else not_run(case, tolerance)
            done.append(row)
            print(
                f"{row.problem:22} {tolerance:6.0e}  {row.verdict:12} error {row.error:8.1e}  "
                f"estimate {row.estimate:8.1e}  {row.seconds:6.2f} s  {row.target}",
                flush=True,
            )
            yield [row for case in cases for row in rows[case.name]]


def not_run(case: Case, tolerance: float) -> Row:
    """The row of a solve for which no time was left: named, not left out."""
    nan = math.nan
    return Row(case.name, tolerance, "not run: out of time", nan, nan, nan, nan, nan, 0, "", "", case.source)


def solve(case: Case, network: str, tolerance: float, limit: float) -> Row:
    """Read the problem anew, solve it, and compare it with the reference."""
    problem = pinnkan.load_problem(case.name)
    settings = replace(problem.solver, tolerance=tolerance, network=network, max_time=limit)
    gc.collect()
    gc.freeze()  # what sixty solves before this one have left is not looked through again in its time
    began, cpu = time.perf_counter(), time.process_time()
    try:
        solution = pinnkan.solve(replace(problem, solver=settings))
    except PinnkanError as failed:
        print(f"{case.name}: {failed}", file=sys.stderr)
        spent = time.perf_counter() - began, time.process_time() - cpu
        nan, kind = math.nan, type(failed).__name__
        judged = _judged(case, tolerance, False, nan, spent[0])
        return Row(case.name, tolerance, kind, nan, nan, nan, *spent, 0, "", judged, case.source)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    error = true_error(case, solution)
    verdict, estimate = solution.verdict, solution.verdict.estimate
    return Row(
        problem=case.name,
        tolerance=tolerance,
        verdict="converged" if verdict.converged else verdict.reason,
        error=error,
        estimate=estimate,
        effectivity=estimate / error if error > 0 else math.nan,
        seconds=seconds,
        cpu_seconds=cpu,
        parameters=solution.parameters,
        levels=_levels(solution),
        target=_judged(case, tolerance, verdict.converged, error, seconds),
        reference=case.source,
    )


def true_error(case: Case, solution: pinnkan.Solution) -> float:
    """Relative L2 error on the grid of the case, worst unknown or vector; NaN where a limit came before the end."""
    grid = case.grid()
    if solution.problem.time_axis is not None and grid.points[:, -1].max() > solution.domain.box.ranges[-1][1] * (
        1 + 1e-12
    ):
        return math.nan
    parts = [solution(part) for part in _parts(grid.points)]
    ours = {name: np.concatenate([part[name] for part in parts]) for name in solution.problem.unknowns}
    found = case.reference(*grid.points.T)
    reference = found if isinstance(found, Mapping) else {solution.problem.unknowns[0]: found}
    return worst_relative_l2(ours, reference, solution.problem.vectors, grid.weights)


def _parts(points: np.ndarray, size: int = 8192) -> list[np.ndarray]:
    return np.array_split(points, 1 + len(points) // size)


def _levels(solution: pinnkan.Solution) -> str:
    """``5 levels``, or ``10 slabs``; where it ended early, the time reached."""
    number = len(solution.levels)
    if not solution.levels or solution.levels[-1].time is None:
        return f"{number} levels"
    end, reached = solution.problem.box.ranges[-1][1], solution.domain.box.ranges[-1][1]
    return f"{number} slabs" + ("" if reached >= end * (1 - 1e-12) else f" to t = {reached:.3g}")


def _judged(case: Case, tolerance: float, converged: bool, error: float, seconds: float) -> str:
    """``met``, or the factors of the miss, of each target that is due at this tolerance.

    A target is due at its own tolerance, and at a looser one where the solve did not converge or has met it already.
    """
    verdicts = []
    for target in targets(case):
        asked = f"{target.error:.0e} in {target.seconds:g} s"
        misses = [
            f"{what} {reached / wanted:.1f} x"
            for what, reached, wanted in (("error", error, target.error), ("time", seconds, target.seconds))
            if reached > wanted
        ]
        if tolerance < target.tolerance or (tolerance > target.tolerance and converged and misses):
            continue
        if math.isnan(error):
            verdicts.append(f"missed: not solved ({asked})")
        else:
            verdicts.append(f"missed: {', '.join(misses)} ({asked})" if misses else f"met ({asked})")
    return "; ".join(verdicts)


if __name__ == "__main__":
    sys.exit(main())
