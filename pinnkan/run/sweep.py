"""``pinnkan sweep FILE``: a problem for every combination of values of its parameters, one results folder each.

Workers are processes that solve one combination after the other, as ``pinnkan solve`` does. A table and a picture show
the quantities, or the error where the file asks for none.
"""

import argparse
import itertools
import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pinnkan.errors import Exit, PinnkanError, ProblemError, ResourceError, UsageError
from pinnkan.export.tables import csv_text
from pinnkan.problem.registry import load_problem
from pinnkan.problem.report import escape_unprintable, render
from pinnkan.problem.statement import Problem
from pinnkan.run.folder import MANIFEST, disk_errors, has_state, interrupted_place, locked, write_atomically

TABLE, PICTURE = "sweep.csv", "sweep.png"
#: Combinations of one sweep; a choice.
MOST = 10_000

Combination = dict[str, str]


def combinations(given: Mapping[str, str]) -> list[Combination]:
    """Every combination of values: ``0.01,0.02``, or ``10:100:10`` for ten values from 10 to 100.

    Raises UsageError: values that cannot be read, or too many combinations.
    """
    values = [_values(name, text) for name, text in given.items()]
    count = int(np.prod([len(v) for v in values]))
    if not values:
        raise UsageError("nothing to sweep over: give a parameter several values, e.g. --set nu=0.01,0.02")
    if not 1 <= count <= MOST:
        raise UsageError(f"--set makes {count} combinations; wanted are 1 to {MOST}, e.g. --set nu=0.01,0.02")
    return [dict(zip(given, chosen, strict=True)) for chosen in itertools.product(*values)]


def _values(name: str, text: str) -> list[str]:
    if ":" not in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        low, high, count = text.split(":")
        if not 2 <= int(count) <= MOST:
            raise ValueError
        return [f"{value:.10g}" for value in np.linspace(float(low), float(high), int(count))]
    except ValueError:
        raise UsageError(f"--set {name}={text}: wanted is FROM:TO:COUNT, e.g. 10:100:10 for ten values") from None


def folder_of(chosen: Combination) -> str:
    """``nu=0.01,Re=10``: the results folder of a combination; what no name of a file can hold becomes ``_``."""
    text = ",".join(f"{name}={value}" for name, value in chosen.items())
    return "".join(c if c.isalnum() or c in "=,.+-_" else "_" for c in text)


def run_sweep(arguments: argparse.Namespace) -> int:
    """Solves what there is to solve, then writes table and picture; returns the worst of the exit codes.

    Raises PinnkanError: anything expected; every combination is checked before the first is solved.
    """
    chosen = combinations(arguments.set)
    problems = [load_problem(arguments.file, set=each) for each in chosen]
    target = Path(arguments.out) if arguments.out is not None else Path("results") / f"{problems[0].name}.sweep"
    console = Console(file=sys.stderr, quiet=arguments.quiet, highlight=False)
    folders = [target / folder_of(each) for each in chosen]
    with locked(target), disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        tolerance = arguments.tolerance
        kept = [arguments.resume and is_done(f, p, tolerance) for f, p in zip(folders, problems, strict=True)]
        tasks = [_task(arguments, c, f) for c, f, done in zip(chosen, folders, kept, strict=True) if not done]
        console.print(f"{len(tasks)} of {len(chosen)} combinations to solve", markup=False)
        failed = _solved(tasks, arguments.workers, console)
        results = [_result(folder) for folder in folders]
        rows = table(chosen, results)
        write_atomically(target / TABLE, rows.encode())
        _draw(chosen, results, target / PICTURE)
    console.print(escape_unprintable(f"{target / TABLE}"), markup=False, soft_wrap=True)
    if arguments.json:
        print(json.dumps({"name": problems[0].name, "run": str(target), "results": results}, allow_nan=False))
    missed = any(result is None or result["verdict"] != "converged" for result in results)
    return max([*failed, Exit.NOT_CONVERGED if missed else Exit.CONVERGED])


def is_done(folder: Path, problem: Problem, tolerance: float | None = None) -> bool:
    """Whether a folder holds a finished result of this very problem, to its own or the given ``tolerance``."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        source = load_problem(folder / "problem.yaml", set=problem.parameter_overrides).source
        wanted = problem.solver.tolerance if tolerance is None else tolerance
        return source == problem.source and bool(facts["result"]["tolerance"] == wanted)
    except (OSError, ValueError, KeyError, TypeError, PinnkanError):
        return False


def _task(arguments: argparse.Namespace, chosen: Combination, folder: Path) -> argparse.Namespace:
    """The command line of one combination; it goes on where an interrupted one has left its state."""
    resume = arguments.resume and has_state(interrupted_place(folder))
    own = {"set": chosen, "out": str(folder), "resume": resume, "json": False, "quiet": True}
    return argparse.Namespace(**{**vars(arguments), **own})


def _solved(tasks: Sequence[argparse.Namespace], workers: int, console: Console) -> list[int]:
    """Solves them on so many processes; the exit codes of those that did not end in a result."""
    failed = []
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(tasks)) or 1
    with ProcessPoolExecutor(workers, context, _share_cores, (workers,)) as pool:
        try:
            for task, (code, words) in zip(tasks, pool.map(solve_one, tasks), strict=True):
                console.print(escape_unprintable(f"{Path(task.out).name}: {words}"), markup=False, soft_wrap=True)
                failed += [code] * (code not in (Exit.CONVERGED, Exit.NOT_CONVERGED))
        except BrokenProcessPool:
            raise ResourceError("a worker was killed, as the system does where memory is short; --resume goes on "
                                "with fewer --workers") from None  # fmt: skip
    return failed


def _share_cores(workers: int) -> None:
    """In a worker: no more threads than its share of the cores."""
    import torch
    from threadpoolctl import threadpool_limits

    share = max(1, torch.get_num_threads() // workers)
    torch.set_num_threads(share)
    threadpool_limits(share)


def solve_one(arguments: argparse.Namespace) -> tuple[int, str]:
    """One combination in a worker: its exit code, and the outcome in words."""
    from pinnkan.run.commands import run_solve

    try:
        code = int(run_solve(arguments))
        return code, "converged" if code == Exit.CONVERGED else "NOT CONVERGED"
    except ProblemError as error:
        return int(error.exit_code), render(error)
    except PinnkanError as error:
        return int(error.exit_code), str(error)


def _result(folder: Path) -> dict[str, Any] | None:
    """What ``solve --json`` would print of a finished run; None where there is none."""
    with suppress(OSError, ValueError, KeyError):
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["result"]
        return {**found, "run": str(folder)}
    return None


def table(chosen: Sequence[Combination], results: Sequence[Mapping[str, Any] | None]) -> str:
    """One row per combination: its values, verdict, errors, seconds, each quantity (a curve's end) and its error."""
    facts = ("verdict", "error_estimate", "true_error", "seconds")
    names = _quantities(results)
    header = [*chosen[0], *facts, *(column for name in names for column in (name, f"{name}_error"))]
    rows = []
    for each, result in zip(chosen, results, strict=True):
        read = [last(result, name) for name in names]
        told = [(result or {}).get(fact, "") for fact in facts]
        rows.append([*each.values(), *told, *(value for pair in read for value in pair)])
    return csv_text(header, rows)


def _quantities(results: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Names of the quantities of any result, in order."""
    return list(dict.fromkeys(name for result in results if result for name in result.get("quantities", {})))


def last(result: Mapping[str, Any] | None, name: str) -> tuple[Any, Any]:
    """The value of a quantity, of a curve its last, and its error; empty where there is none."""
    found = (result or {}).get("quantities", {}).get(name)
    if found is None:
        return "", ""
    return (found["values"][-1], found["errors"][-1]) if "values" in found else (found["value"], found["error"])


def _draw(chosen: Sequence[Combination], results: Sequence[Mapping[str, Any] | None], path: Path) -> None:
    from pinnkan.export.convergence import draw_sweep

    columns = {name: [last(result, name)[0] for result in results] for name in _quantities(results)}
    if not columns:
        columns = {"error estimate": [(result or {}).get("error_estimate") for result in results]}
    draw_sweep(chosen, columns, path)
