"""A solution from the folder of its run."""

from __future__ import annotations

import os
from pathlib import Path

from pinnkan.errors import ProblemError, RunFolderError, UsageError
from pinnkan.problem.registry import load_problem
from pinnkan.run.checkpoint import UNREADABLE, read_state, solution_of, with_solver
from pinnkan.solution import Solution


def load_solution(folder: str | os.PathLike[str]) -> Solution:
    """The solution of a finished run; it evaluates to the same bits as the one that was saved.

    Raises:
        UsageError: what is no path.
        RunFolderError: the folder is missing, damaged, changed or of another version.
    """
    if not isinstance(folder, str | os.PathLike):
        raise UsageError(f"load_solution({type(folder).__name__}): the path of a results folder is wanted")
    root = Path(folder)
    if not root.is_dir():
        raise RunFolderError(f"{root}: no such folder; 'pinnkan solve' makes one")
    try:
        return _load(root)
    except UNREADABLE as error:
        place = root / "checkpoint"
        raise RunFolderError(f"{place}: not a checkpoint that pinnkan wrote ({error!r}); solve again") from error


def _load(root: Path) -> Solution:
    state, arrays = read_state(root / "checkpoint")
    path = root / "problem.yaml"
    if not path.is_file():
        raise RunFolderError(f"{path}: missing; the checkpoint cannot be read without the problem it solves")
    try:
        problem = with_solver(load_problem(path, set=dict(state["problem"].get("given") or {})), state, path)
    except ProblemError as error:
        raise RunFolderError(f"{path}: no longer a valid problem ({error.faults[0].message}); solve again") from error
    return solution_of(problem, state, arrays)
