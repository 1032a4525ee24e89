"""One run of ``pinnkan solve``: it keeps its state while it lasts; stopped, it leaves that and a partial result."""

import argparse
import math
import shlex
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from pinnkan.errors import Exit, PinnkanError, ResourceError, SolverError
from pinnkan.problem.report import escape_unprintable
from pinnkan.problem.statement import Problem
from pinnkan.run import solving
from pinnkan.run.folder import CHECKPOINT, disk_errors, has_state, interrupted_place
from pinnkan.run.keeper import Keeper, header_of, resumable
from pinnkan.run.progress import Progress
from pinnkan.run.results import circumstances_of, exit_code, write_results
from pinnkan.run.signals import Stopped
from pinnkan.solution import Solution
from pinnkan.solver.monitor import Monitor

#: With a time limit the files are written when LATE limits and GRACE seconds are over, or in LEAST seconds.
LATE, GRACE, LEAST = 1.2, 3.0, 0.5
#: Options that a resumed run needs again, for the result depends on them.
_REPEATED = ("out", "tolerance", "device", "seed")


class Attempt:
    """Solves ``problem`` as the command line asks for; ``partial`` is what a stopped run had to show."""

    def __init__(self, problem: Problem, target: Path, arguments: argparse.Namespace, console: Console) -> None:
        self.problem, self.target, self.arguments, self.console = problem, target, arguments, console
        self.device = arguments.device or "cpu"
        path = Path(problem.path)
        source = path.read_bytes() if problem.path and path.is_file() else problem.source.encode()
        self.circumstances = circumstances_of(self.device, source, problem.path)
        self.partial: Solution | None = None
        self.solving_seconds = self.writing_seconds = 0.0  # with what is read off the solution; files
        self._kept = False
        self._began = time.perf_counter()

    def solve_into(self, folder: Path) -> tuple[Solution, list[str]]:
        """The solution, and the names of its files in ``folder``, the one to open first in front."""
        keeper = Keeper(folder / CHECKPOINT, header_of(self.problem, self.device))
        resumed = resumable(self.target, self.problem, self.device) if self.arguments.resume else (None, 0.0)
        with Progress(self.problem, self.arguments.verbose, self.console) as progress:
            monitor = Monitor(self.problem.solver.max_time, progress, keeper.keep, *resumed)
            try:
                begun = time.perf_counter()
                solution = solving.solve_monitored(self.problem, monitor, self.device)
                self.solving_seconds = time.perf_counter() - begun
                if self.arguments.certify:
                    solution = replace(solution, certificate=solving.certify(solution))
                progress.writing()
                files = self._write(solution, folder, exit_code(solution.verdict))
                keeper.write() if solution.verdict.reason == "max_time" else keeper.clear()
            except (Stopped, ResourceError) as stop:
                try:
                    with suppress(OSError, PinnkanError, MemoryError):  # the failure itself is what counts
                        self._leave(folder, keeper, monitor, stop)
                finally:  # a signal may come in the middle
                    self._kept = has_state(folder)
                raise
            except SolverError:
                keeper.clear()
                raise
        return solution, files

    def _write(self, solution: Solution, folder: Path, code: Exit) -> list[str]:
        begun, limit = time.perf_counter(), self.problem.solver.max_time
        left = math.inf if limit is None else max(LATE * limit + GRACE - (begun - self._began), LEAST)
        with disk_errors(folder):
            files, warnings = write_results(solution, folder, self.circumstances, code, left)
        self.writing_seconds = time.perf_counter() - begun
        for warning in warnings:
            self.console.print(f"warning: {warning}", markup=False, soft_wrap=True)
        return files

    def _leave(self, folder: Path, keeper: Keeper, monitor: Monitor, stop: Stopped | ResourceError) -> None:
        """Writes the last state, then the result it has to show."""
        keeper.write()
        for entry in folder.iterdir():
            if entry.name != CHECKPOINT:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        detail = "" if isinstance(stop, Stopped) else str(stop)
        partial = solving.so_far(self.problem, monitor, "interrupted", detail)
        if partial is not None:
            self._write(partial, folder, stop.exit_code)
            self.partial = partial

    def left_behind(self, when: str = "To go on") -> list[str]:
        """What a stopped run says: where its state is, and how to go on, ``when`` that helps."""
        if not self._kept:
            return [escape_unprintable(f"stopped; {self.target} is as it was before")]
        what = "the state and what is solved so far are" if self.partial is not None else "the state is"
        options = vars(self.arguments)
        given = [f"--set {shlex.quote(f'{name}={value}')}" for name, value in self.problem.parameter_overrides.items()]
        given += [f"--{name} {shlex.quote(str(options[name]))}" for name in _REPEATED if options[name] is not None]
        command = " ".join(["pinnkan solve", shlex.quote(self.arguments.file), *given, "--resume"])
        place = interrupted_place(self.target)
        return [escape_unprintable(f"stopped; {what} in {place}"), escape_unprintable(f"{when}: {command}")]
