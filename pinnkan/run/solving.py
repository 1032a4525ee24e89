"""``pinnkan.solve``: the solver's result as a solution."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pinnkan.errors import OutOfMemoryError, ResourceError, UsageError
from pinnkan.problem.registry import with_tolerance
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.verdict.fit_records import FitStep
from pinnkan.verdict.records import Certificate, Iteration, Level, Reason

if TYPE_CHECKING:
    from pinnkan.run.keeper import Keeper
    from pinnkan.solver.monitor import Monitor

Progress = Callable[[Level | Iteration | FitStep], None]


def solve(
    problem: Problem,
    *,
    tolerance: float | None = None,
    device: str = "cpu",
    callback: Progress | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> Solution:
    """Solves ``problem`` to its tolerance on ``device`` (``cpu`` or ``cuda``), with the verdict of the command.

    ``tolerance`` overrides that of the problem. ``callback`` is called with each record as it is made: a level or time
    slab, or a step of one. In the folder ``checkpoint`` the state of the solve is kept
    while it lasts; with ``resume`` it goes on from the state found there, to the same bits.

    Raises:
        UsageError: what is no problem; a tolerance, callback or device that cannot be.
        SolverError: the iteration diverged and left no usable state.
        ResourceError: the device is absent, or memory ran out.
        RunFolderError: the state cannot be written, or not gone on from.
    """
    from pinnkan.run.keeper import read_checked
    from pinnkan.solver.monitor import Monitor

    _check_kinds(problem, callback)
    if tolerance is not None:
        problem = with_tolerance(problem, tolerance)
    if checkpoint is None:
        if resume:
            raise UsageError("resume=True needs the folder of the state: checkpoint=...")
        return solve_monitored(problem, Monitor(problem.solver.max_time, callback), device)
    folder = Path(checkpoint)
    state, seconds = read_checked(folder, problem, device) if resume else (None, 0.0)
    keeper = _keeper(folder, problem, device)
    try:
        solution = solve_monitored(
            problem, Monitor(problem.solver.max_time, callback, keeper.keep, state, seconds), device
        )
    except BaseException:
        keeper.write()
        raise
    keeper.write() if solution.verdict.reason == "max_time" else keeper.clear()
    return solution


def _keeper(folder: Path, problem: Problem, device: str) -> "Keeper":
    """Who keeps states in the folder, which is there before the first; raises RunFolderError where that cannot be."""
    from pinnkan.run.folder import disk_errors
    from pinnkan.run.keeper import Keeper, header_of

    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    return Keeper(folder, header_of(problem, device))


def _check_kinds(problem: object, callback: object) -> None:
    """Raises UsageError for what is no problem, or no function."""
    if not isinstance(problem, Problem):
        told = repr(problem) if isinstance(problem, str) else "..."
        raise UsageError(f"solve({type(problem).__name__}): a problem is wanted, as pinnkan.load_problem({told}) gives")
    if callback is not None and not callable(callback):
        raise UsageError(f"callback={callback!r} is no function; it is called with each level, slab and step")


def solve_monitored(problem: Problem, monitor: "Monitor", device: str) -> Solution:
    """:func:`solve_scaled` under a monitor, which keeps its states and may hold one to go on from."""
    require_device(device)
    from pinnkan.solver.driver import solve as solve_problem

    def solve_with(given: Problem, watching: "Monitor") -> Solution:
        return solve_problem(given, device=device, monitor=watching)

    try:
        if any(number.has_data for number in problem.numbers.values()):
            from pinnkan.solver.numbers.fit import find_numbers

            return find_numbers(problem, solve_with, monitor)
        return solve_with(problem, monitor)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error):  # torch has no class of its own for this
            message = f"out of memory: {error}; ask for a larger tolerance or fewer levels"
            raise OutOfMemoryError(message) from error
        raise


def certify(solution: Solution) -> Certificate:
    """What is proven of a solution: that an exact one exists, only one, and how far it is at most; or why it is not.

    For one elliptic equation on a box, linear or with a term that depends on the solution.

    Raises:
        UsageError: what is no solution.
    """
    if not isinstance(solution, Solution):
        raise UsageError(f"certify({type(solution).__name__}): a solution is wanted, as pinnkan.solve(problem) gives")
    from pinnkan.certificate.certificate import certificate_of

    return certificate_of(solution.problem, solution.field, solution.error)


def so_far(problem: Problem, monitor: "Monitor", reason: str, detail: str) -> Solution | None:
    """What a solve that was stopped has to show, None if that is nothing."""
    from pinnkan.solver.driver import result_so_far

    if monitor.state is None or not monitor.state.levels:
        return None
    return result_so_far(problem, monitor, Reason(reason), detail)


def require_device(device: str) -> None:
    """Raises UsageError where there is no such kind of device, ResourceError where there is none here."""
    if device == "cpu":
        return
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not (number.isascii() and number.isdigit())):
        raise UsageError(f"unknown device {device!r}: choose cpu, cuda, or cuda:1, ...")
    import torch

    if not torch.cuda.is_available():
        raise ResourceError(
            "no CUDA device was found (is a GPU present, and is torch built for CUDA?); --device cpu works everywhere"
        )
    if colon and int(number) >= torch.cuda.device_count():
        raise ResourceError(f"there is no device {device!r}: the last one is cuda:{torch.cuda.device_count() - 1}")
