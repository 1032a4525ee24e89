"""The commands that make and read runs: ``solve``, ``eval``, ``export``. Each returns its exit code."""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from pinnkan.errors import Exit, OutOfMemoryError, ResourceError, UsageError
from pinnkan.export.allowance import Allowance
from pinnkan.export.fits import fit_lines
from pinnkan.export.report import quantity_lines, verdict_words
from pinnkan.export.vtk import write_vtk
from pinnkan.problem.registry import load_problem
from pinnkan.problem.report import escape_unprintable
from pinnkan.problem.statement import Problem
from pinnkan.run.attempt import Attempt
from pinnkan.run.checkpoint import load_solution
from pinnkan.run.folder import disk_errors, interrupted_place, listed_names, locked, replacing, write_atomically
from pinnkan.run.points import evaluate, write_values
from pinnkan.run.results import exit_code, replaced, reports, summary
from pinnkan.run.signals import Stopped, stoppable
from pinnkan.run.together import shared_words, together
from pinnkan.solution import Solution


def run_solve(arguments: argparse.Namespace, read: Problem | None = None) -> int:
    """``pinnkan solve FILE``: solves, writes the results folder, says what to think of it.

    ``read``: the problem of the file, where it has been read.

    Raises PinnkanError: anything expected; its ``exit_code`` is the command's.
    """
    problem = with_options(read or load_problem(arguments.file, set=arguments.set), arguments)
    target = Path(arguments.out) if arguments.out is not None else Path("results") / problem.name
    console = Console(file=sys.stderr, quiet=arguments.quiet, highlight=False)
    for warning in (*problem.warnings, *replaced(target, problem)):
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    attempt = Attempt(problem, target, arguments, console)
    try:
        with stoppable(), replacing(target) as folder, together(attempt.device) as team:
            solution, files = attempt.solve_into(folder)
    except Stopped as stopped:
        for line in attempt.left_behind():
            console.print(line, markup=False, soft_wrap=True)
        if arguments.json and attempt.partial is not None:
            print(json.dumps(summary(attempt.partial, interrupted_place(target)), allow_nan=False))
        return stopped.exit_code
    except ResourceError as error:
        anew = isinstance(error, OutOfMemoryError)
        lines = attempt.left_behind("Where there is more memory" if anew else "To go on")
        raise ResourceError("\n".join([str(error), *lines])) from error
    spent = Spent(time.perf_counter() - arguments.begun, attempt.writing_seconds, attempt.solving_seconds)
    for line in (*closing_lines(solution, target, files, spent), *([shared_words(team)] if team else [])):
        console.print(line, markup=False, soft_wrap=True)
    if arguments.json:
        print(json.dumps(summary(solution, target), allow_nan=False))
    return exit_code(solution.verdict)


def with_options(problem: Problem, arguments: argparse.Namespace) -> Problem:
    """The problem with what the command line overrides."""
    given = {
        "tolerance": _positive("--tolerance", arguments.tolerance),
        "max_time": _positive("--max-time", arguments.max_time),
        "seed": arguments.seed,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(problem, solver=replace(problem.solver, **changes)) if changes else problem


@dataclass(frozen=True)
class Spent:
    """Seconds of the whole command, of writing its files, and of solving with what is read off the solution."""

    whole: float
    files: float
    solving: float = 0.0


def closing_lines(solution: Solution, target: Path, files: list[str], spent: Spent | None = None) -> list[str]:
    """The verdict in words, where the time went, what to try, and where the files are."""
    count = len(solution.levels)
    times = f"solved in {solution.seconds:.2f} s"
    if spent is not None:
        read_off = max(spent.solving - solution.seconds, 0.0) if solution.quantities else 0.0
        other = max(spent.whole - spent.files - solution.seconds - read_off, 0.0)
        quantities = f"quantities {read_off:.2f} s, " if solution.quantities else ""
        times += f"; {spent.whole:.2f} s in all, {quantities}files {spent.files:.2f} s, start-up {other:.2f} s"
    kind = "slab" if count and solution.levels[0].time is not None else "level"
    lines = [verdict_words(solution), f"{count} {kind}{'s' * (count != 1)}, {solution.parameters} parameters; {times}."]
    lines += [*fit_lines(solution), *quantity_lines(solution)]
    if solution.verdict.bound_sentence:
        lines.append(solution.verdict.bound_sentence)
    if solution.certificate is not None:
        lines.append(solution.certificate.sentence)
    if not solution.verdict.converged:
        lines.append(solution.verdict.sentence)
    if solution.verdict.remedy and not solution.verdict.converged:
        lines.append(f"To try: {solution.verdict.remedy}")
    lines += [escape_unprintable(f"{target / files[0]}   open it in ParaView")] * solution.problem.output.vtk
    return [*lines, *(escape_unprintable(f"{target / name}") for name in files if name == "report.html")]


def run_eval(arguments: argparse.Namespace) -> int:
    """``pinnkan eval RUN``: values of a solved run at the points of a CSV file."""
    names, values = evaluate(load_solution(arguments.run), Path(arguments.points), arguments.fields)
    write_values(Path(arguments.out), names, values)
    print(escape_unprintable(f"{arguments.out}: {', '.join(names)} at {len(values)} points"), file=sys.stderr)
    return Exit.CONVERGED


def run_report(arguments: argparse.Namespace) -> int:
    """``pinnkan report RUN``: ``report.html`` and ``report.md`` again, from what the run has kept."""
    solution, target = load_solution(arguments.run), Path(arguments.run)
    with locked(target), disk_errors(target):
        files = [name for name in listed_names(target) if (target / name).exists() or name.startswith("report.")]
        for name, content in reports(solution, target, files, (), Allowance()).items():
            write_atomically(target / name, content)
    print(escape_unprintable(f"{target / 'report.html'}"), file=sys.stderr)
    return Exit.CONVERGED


def run_export(arguments: argparse.Namespace) -> int:
    """``pinnkan export RUN``: the VTK files again, at another resolution, into the run or ``--out DIR``."""
    solution = load_solution(arguments.run)
    target = Path(arguments.out if arguments.out is not None else arguments.run).absolute()
    with locked(target), disk_errors(target):
        target.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".export-") as partial:
            names = write_vtk(solution, Path(partial), arguments.resolution, arguments.times)
            for name in names:
                if (target / name).is_dir():
                    shutil.rmtree(target / name)
                (Path(partial) / name).replace(target / name)
    print(escape_unprintable(f"{target / names[0]}"), file=sys.stderr)
    return Exit.CONVERGED


def _positive(option: str, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(f"{option} {value:g}: a positive number is wanted")
    return value
