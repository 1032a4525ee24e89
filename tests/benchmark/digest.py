"""Writes what pinnkan answers over a corpus of problems, and compares two such digests.

    python tests/benchmark/digest.py write before.csv                    the whole corpus, half an hour on two cores
    python tests/benchmark/digest.py write before.csv --only traps random
    python tests/benchmark/digest.py write before.csv --every 10          a tenth of each part
    python tests/benchmark/digest.py compare before.csv after.csv

The corpus: shipped problems, traps, files of other folders (``--folder``), the random problems of the calibration,
adversaries, and the problems of the documentation. A change that is to leave the behaviour alone leaves the digest the
same: verdict, reason, sentence and remedy, every bit of the estimate, and the knots of the solution. ``compare`` lists
what differs, and how Python calls and CPU seconds have changed. Exit code 1 says that answers differ.

Every problem is solved in a process of its own, with one thread, a fixed hash seed, and the processor's time as its
clock. A solve that its time limit ended, before or after, is counted apart. CPU seconds include the counting of calls.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import hashlib
import math
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

import calibration  # noqa: E402
import random_problems  # noqa: E402
import snippets  # noqa: E402
from adversaries.draw import draw as draw_adversary  # noqa: E402
from tables import read_rows  # noqa: E402

import pinnkan  # noqa: E402
from pinnkan.assembly import clock  # noqa: E402
from pinnkan.errors import PinnkanError  # noqa: E402
from pinnkan.problem.registry import parse_problem  # noqa: E402
from pinnkan.problem.statement import Problem  # noqa: E402

PARTS = ("shipped", "traps", "folder", "random", "adversaries", "documentation")
RANDOM, ADVERSARIES = 240, 400
#: CPU seconds that a solve may take where its file asks for no fewer.
LIMIT = 60.0
#: Bytes of data that a solve may hold.
MOST_DATA = 8 * 2**30
#: A converged error above so many tolerances is wrong.
MOST_ERROR = 2.0

#: The true relative L2 error of a solution of a drawn problem.
TrueError = Callable[[pinnkan.Solution], float]


@dataclass(frozen=True)
class Row:
    """What one solve answered, and what it cost; ``estimate`` in hexadecimal, ``error`` nan where it is not known."""

    part: str
    name: str
    verdict: str
    reason: str
    sentence: str
    estimate: str
    knots: str
    levels: int
    tolerance: float
    error: float
    calls: int
    cpu: float

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart."""
        return self.part, self.name

    @property
    def answer(self) -> tuple[str, ...]:
        """What has to stay the same."""
        return self.verdict, self.reason, self.sentence, self.estimate, self.knots

    @property
    def is_wrong(self) -> bool:
        """Whether it converged far from the truth."""
        return self.verdict == "converged" and self.error > MOST_ERROR * self.tolerance

    @property
    def is_right(self) -> bool:
        """Whether it converged to a known truth."""
        return self.verdict == "converged" and self.error <= MOST_ERROR * self.tolerance


@dataclass(frozen=True)
class Task:
    """A problem to solve, read in the process that solves it."""

    part: str
    name: str
    read: Callable[[], tuple[Problem, TrueError | None]]


def corpus(parts: Sequence[str], folders: Sequence[Path]) -> Iterator[Task]:
    """The problems of some parts of the corpus."""
    if "shipped" in parts:
        yield from (_file("shipped", path) for path in sorted((ROOT / "problems").glob("*.yaml")))
    if "traps" in parts:
        yield from (_file("traps", path) for path in sorted((ROOT / "problems" / "traps").glob("*.yaml")))
    if "folder" in parts:
        yield from (_file("folder", path) for folder in folders for path in sorted(folder.glob("*.yaml")))
    if "random" in parts:
        yield from (Task("random", str(n), lambda n=n: _drawn(n)) for n in range(RANDOM))
    if "adversaries" in parts:
        yield from (Task("adversaries", str(n), lambda n=n: _adversary(n)) for n in range(ADVERSARIES))
    if "documentation" in parts:
        yield from _snippets()


def _file(part: str, path: Path) -> Task:
    return Task(part, path.stem, lambda: (pinnkan.load_problem(path), None))


def _drawn(number: int) -> tuple[Problem, TrueError]:
    drawn = random_problems.draw(number)
    problem = parse_problem(drawn.text, f"random-{number}.yaml")
    exact = problem.exact
    return replace(problem, exact=None), lambda solution: calibration.true_error(drawn, solution, exact)


def _adversary(number: int) -> tuple[Problem, TrueError | None]:
    from benchmark import adversaries as script

    adversary = draw_adversary(number)
    problem = parse_problem(adversary.text, f"adversary-{number}.yaml")
    return problem, None if adversary.truth is None else lambda solution: script.true_error(adversary, solution)


def _snippets() -> Iterator[Task]:
    """Every problem that a page states, once."""
    known = {path.read_text(encoding="utf-8") for path in (ROOT / "problems").glob("*.yaml")}
    for page in snippets.PAGES:
        for block, problem in snippets.problems(page.read_text(encoding="utf-8")):
            if block.text not in known:
                known.add(block.text)
                name = f"{page.relative_to(ROOT).with_suffix('').as_posix()}:{problem.name}:{len(known)}"
                yield Task("documentation", name, lambda problem=problem: (problem, None))


def measured(task: Task) -> Row:
    """Solve one problem; Python calls are those of reading and solving it."""
    clock.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]
    counter = cProfile.Profile(subcalls=False, builtins=False)
    began = time.process_time()
    verdict, reason, sentence, estimate, levels, tolerance = "refused", "", "", "", (), math.nan
    solution, true_error = None, None
    try:
        counter.enable()
        problem, true_error = task.read()
        tolerance = problem.solver.tolerance
        limit = min(problem.solver.max_time or LIMIT, LIMIT)
        solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, max_time=limit)))
    except PinnkanError as failed:
        reason, sentence = type(failed).__name__, str(failed).replace(str(ROOT), "")
    except Exception as failed:
        verdict, reason, sentence = "crash", type(failed).__name__, str(failed)
    finally:
        counter.disable()
    cpu = time.process_time() - began
    knots, error = "", math.nan
    if solution is not None:
        said = solution.verdict
        verdict, reason = "converged" if said.converged else "not_converged", str(said.reason)
        sentence = f"{said.sentence} {said.remedy}".strip()
        estimate, levels, knots = float(said.estimate).hex(), solution.levels, _knots(solution)
        if true_error is not None and levels:
            error = true_error(solution)
    calls = sum(entry.callcount for entry in counter.getstats())
    return Row(
        task.part, task.name, verdict, reason, sentence, estimate, knots, len(levels), tolerance, error, calls,
        round(cpu, 3),
    )  # fmt: skip


def _knots(solution: pinnkan.Solution) -> str:
    """The intervals of the last level, and a digest of the breaks of every coordinate."""
    sum_ = hashlib.sha256(repr([level.intervals for level in solution.levels]).encode())
    for axis in range(solution.problem.dimension):
        sum_.update(np.ascontiguousarray(solution.field.breaks(axis), dtype=float).tobytes())
    return f"{'x'.join(map(str, solution.levels[-1].intervals)) if solution.levels else ''} {sum_.hexdigest()[:12]}"


def write(path: Path, tasks: Sequence[Task], jobs: int) -> None:
    """Solve all problems, each in a process forked from this one, and write their rows in the order of the corpus."""
    rows: dict[tuple[str, str], Row] = {}
    waiting, running = list(reversed(tasks)), {}
    context = multiprocessing.get_context("fork")
    while waiting or running:
        while waiting and len(running) < jobs:
            task = waiting.pop()
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_solve_apart, args=(task, theirs))
            process.start()
            theirs.close()
            running[ours] = task, process
        for ours in wait(list(running)):
            assert isinstance(ours, Connection)
            task, process = running.pop(ours)
            try:
                row = ours.recv()
            except EOFError:  # out of memory
                row = Row(task.part, task.name, "killed", "", "", "", "", 0, math.nan, math.nan, 0, 0.0)
            process.join()
            rows[row.key] = row
            done = f"{len(rows):4}/{len(tasks)}"
            print(f"{done} {row.part:13} {row.name:32.32} {row.cpu:7.2f} s {row.verdict} {row.reason}", flush=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(rows[task.part, task.name]) for task in tasks)


def _solve_apart(task: Task, out: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
    out.send(measured(task))


def compare(before: Sequence[Row], after: Sequence[Row]) -> bool:
    """Print what differs, and what it costs; return whether the answers are the same."""
    old, new = ({row.key: row for row in rows} for rows in (before, after))
    both = [key for key in old if key in new]
    for name, keys in (("only before", old.keys() - new.keys()), ("only after", new.keys() - old.keys())):
        if keys:
            print(f"{name}: {len(keys)}, {', '.join(':'.join(key) for key in sorted(keys)[:5])}")
    timed = [key for key in both if "max_time" in (old[key].reason, new[key].reason)]
    changed = [key for key in both if key not in timed and old[key].answer != new[key].answer]
    for key in changed:
        print(f"{key[0]} {key[1]}")
        for field in ("verdict", "reason", "sentence", "estimate", "knots", "levels"):
            a, b = getattr(old[key], field), getattr(new[key], field)
            if a != b:
                shown = (f"{float.fromhex(v):.6e}" if field == "estimate" and v else v for v in (a, b))
                print("    {}: {} -> {}".format(field, *shown))
        errors = old[key].error, new[key].error
        if math.isfinite(errors[0]) or math.isfinite(errors[1]):
            print("    true error: {:.2e} -> {:.2e} (tolerance {:.0e})".format(*errors, old[key].tolerance))
    for kind, rows in (("before", old), ("after", new)):
        found = [rows[key] for key in both]
        right, wrong = sum(row.is_right for row in found), [":".join(row.key) for row in found if row.is_wrong]
        print(f"{kind}: {right} right, {len(wrong)} wrong {' '.join(wrong)}")
    verdicts = sum(old[key].verdict != new[key].verdict for key in timed)
    print(f"{len(changed)} of {len(both)} answers differ; {len(timed)} ended by time, {verdicts} in one of the two")
    for field in ("calls", "cpu"):
        first, second = (sum(getattr(rows[key], field) for key in both) for rows in (old, new))
        ratios = sorted((getattr(new[key], field) / max(getattr(old[key], field), 1e-9), key) for key in both)
        middle = ratios[len(ratios) // 2][0] if ratios else math.nan
        worst = ", ".join(f"{':'.join(key)} {ratio:.2f}" for ratio, key in ratios[-3:])
        print(f"{field}: {first:,.0f} -> {second:,.0f}, ratio in the middle {middle:.3f}, largest {worst}")
    return not changed and old.keys() == new.keys()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a digest, or compare two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("out", type=Path)
    writing.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts of the corpus")
    writing.add_argument("--folder", nargs="+", type=Path, default=(), help="folders with problem files")
    writing.add_argument("--every", type=int, default=1, metavar="N", help="every N-th problem")
    writing.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "compare":
        return 0 if compare(read_rows(options.before, Row), read_rows(options.after, Row)) else 1
    write(options.out, list(corpus(options.only, options.folder))[:: options.every], options.jobs)
    return 0


if __name__ == "__main__":
    fixed = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    if any(os.environ.get(name) != value for name, value in fixed.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | fixed)
    sys.exit(main())
