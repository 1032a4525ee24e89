"""Runs the adversaries: is anything `converged` and wrong, and how honest are the estimates?

    python tests/benchmark/adversaries.py                     the first thousand, some forty minutes
    python tests/benchmark/adversaries.py --slice 0 100       the first hundred
    python tests/benchmark/adversaries.py --table             only the table again

Each row is appended to results/calibration/adversaries.csv as soon as it is known, and a number that is there is not
run again. All times are those of the processor, time limits too, so that a busy machine changes no verdict. Solves run
in a pool of one process, which is made anew now and then, and when one of them has ended it.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from adversaries.adversary import Adversary  # noqa: E402
from adversaries.draw import draw, quadrature  # noqa: E402
from tables import append_row, read_rows  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from pinnkan.assembly import clock  # noqa: E402
from pinnkan.errors import PinnkanError  # noqa: E402
from pinnkan.problem.registry import parse_problem  # noqa: E402

#: An error above so many tolerances is wrong.
MOST_ERROR = 2.0
#: Errors below this are rounding of the truth, and say nothing about an estimate.
KNOWN = 1e-11
#: What is smaller, root mean square, has not begun yet: a pulse in time of a solve that was stopped before it.
NOTHING = 1e-20


@dataclass(frozen=True)
class Row:
    """One solve: what was asked, what pinnkan said, what was true (nan: not known)."""

    number: int
    kind: str
    coefficients: str
    feature: str
    family: str
    conditions: str
    tolerance: float
    verdict: str
    estimate: float
    error: float
    effectivity: float
    seconds: float
    levels: int

    @property
    def is_wrong(self) -> bool:
        """Converged and far from the truth, or where only refusal is right."""
        return self.verdict == "converged" and not self.error <= MOST_ERROR * self.tolerance


def measured(adversary: Adversary) -> Row:
    """Solve it."""
    said = adversary.kind, adversary.coefficients, adversary.feature, adversary.family, adversary.conditions
    began, tolerance = time.process_time(), math.nan
    try:
        problem = parse_problem(adversary.text, f"adversary-{adversary.number}.yaml")
        tolerance = problem.solver.tolerance
        solution = pinnkan.solve(problem)
    except PinnkanError as failed:
        seconds = round(time.process_time() - began, 3)
        return Row(adversary.number, *said, tolerance, type(failed).__name__, math.nan, math.nan, math.nan, seconds, 0)
    except Exception:
        traceback.print_exc()
        seconds = round(time.process_time() - began, 3)
        return Row(adversary.number, *said, tolerance, "crash", math.nan, math.nan, math.nan, seconds, 0)
    seconds, verdict = round(time.process_time() - began, 3), solution.verdict
    named = "converged" if verdict.converged else verdict.reason
    error = true_error(adversary, solution) if solution.levels and adversary.truth is not None else math.nan
    effectivity = verdict.estimate / error if error > KNOWN else math.nan
    levels = len(solution.levels)
    return Row(adversary.number, *said, tolerance, named, verdict.estimate, error, effectivity, seconds, levels)


def true_error(adversary: Adversary, solution: pinnkan.Solution) -> float:
    """Relative L2 error over the time reached."""
    assert adversary.truth is not None
    ranges = list(solution.domain.box.ranges)
    many = len(ranges) > 3
    knots = [] if many else [np.asarray(solution.field.breaks(i)) for i in range(len(ranges))]
    nodes, weights = quadrature(adversary, ranges, knots)
    if many:
        ours = solution.field(np.stack(nodes, 1), [(0,) * len(nodes)])[:, 0, 0]
        truth = adversary.truth(nodes)
    else:
        ours = solution.field.grid(nodes, (0,) * len(nodes))[..., 0]
        truth = adversary.truth(np.meshgrid(*nodes, indexing="ij", sparse=True))
    size = float((truth**2 * weights).sum())
    if size <= NOTHING**2 * float(weights.sum()):
        return math.nan
    return float(np.sqrt(((ours - truth) ** 2 * weights).sum() / size))


def _one(number: int) -> Row:
    clock.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]
    return measured(draw(number))


def show(row: Row) -> None:
    """A line to look at."""
    print(
        f"{'WRONG' if row.is_wrong else '     '} {row.number:4} {row.kind:24.24} {row.coefficients:16.16} "
        f"{row.feature:26.26} {row.family:10.10} {row.conditions:13} {row.tolerance:6.0e} {row.verdict:24.24} estimate "
        f"{row.estimate:8.1e} error {row.error:8.1e} effectivity {row.effectivity:8.2f}  {row.seconds:6.2f} s",
        flush=True,
    )


def run(numbers: Sequence[int], path: Path) -> None:
    """Those that are missing, in a pool of one process, which is made anew where one of them has ended it."""
    done = {row.number for row in read_rows(path, Row)}
    pool = _pool()
    for number in numbers:
        if number in done:
            continue
        try:
            row = pool.submit(_one, number).result()
        except BrokenProcessPool:  # out of memory
            pool = _pool()
            nan = math.nan
            row = Row(number, "", "", "", "", "", nan, "killed", nan, nan, nan, nan, 0)
        append_row(path, row)
        show(row)
    pool.shutdown()


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=50)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slice", nargs=2, type=int, default=(0, 1000), metavar=("FIRST", "END"))
    parser.add_argument("--only", nargs="+", type=int, metavar="NUMBER", help="these, shown and not kept")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "calibration")
    options = parser.parse_args(arguments)
    if options.only:
        for number in options.only:
            print(draw(number).text)
            show(_one(number))
        return 0
    path = options.out / "adversaries.csv"
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.table:
        run(range(*options.slice), path)
    command = " ".join(["python tests/benchmark/adversaries.py", *(sys.argv[1:] if arguments is None else arguments)])
    from adversaries_table import write_table

    write_table(options.out, read_rows(path, Row), command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
