"""Going on with a run that was interrupted: find its state, and refuse where the result would not be the same."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pinnkan.errors import RunFolderError
from pinnkan.problem.statement import Problem
from pinnkan.run.checkpoint import UNREADABLE, read_signed
from pinnkan.run.folder import CHECKPOINT, RESUME, has_state, interrupted_place
from pinnkan.run.keeper import read_state
from pinnkan.solver.state import State
from pinnkan.version import __version__

FORMAT = 3
#: Packages whose numbers may differ in the last bit from one version to the next.
_NUMERICAL = ("torch", "numpy", "scipy")


def header_of(problem: Problem, device: str) -> dict[str, Any]:
    """What has to be the same for a state to be of use. The time limit is free."""
    settings = asdict(problem.solver)
    del settings["max_time"]
    return {
        "format": FORMAT,
        "versions": {"pinnkan": __version__} | {name: importlib.metadata.version(name) for name in _NUMERICAL},
        "device": device,
        "solver": {name: list(v) if isinstance(v, tuple) else v for name, v in settings.items()},
        "problem": problem.source,
    }


def resumable(target: Path, problem: Problem, device: str) -> tuple[State, float]:
    """The state from which a run into ``target`` can go on, and the seconds that led to it.

    Raises:
        RunFolderError: there is none, it is damaged, or it belongs to another problem, setting or version.
    """
    for place in (interrupted_place(target), target):
        if has_state(place):
            return read_checked(place / CHECKPOINT, problem, device)
    found = "the run there is finished" if (target / CHECKPOINT).is_dir() else "no run was interrupted there"
    raise RunFolderError(f"{target}: nothing to resume, {found}; solve without --resume")


def read_checked(folder: Path, problem: Problem, device: str) -> tuple[State, float]:
    """The state in a folder, if it belongs to this problem; see :func:`resumable`."""
    header = read_signed(folder / RESUME)
    try:
        changes = differences(header, header_of(problem, device))
    except UNREADABLE as error:
        place = folder / RESUME
        raise RunFolderError(f"{place}: not a state that pinnkan wrote; solve again without --resume") from error
    if changes:
        raise RunFolderError(
            f"{folder / RESUME}: cannot go on with what has changed: {'; '.join(changes)}. "
            "Undo the change, or solve again without --resume"
        )
    return read_state(folder, header, device)


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two headers, in words."""
    if then.get("format") != now["format"]:
        return [f"format {then.get('format')} then, {now['format']} now"]
    found = []
    for part in ("versions", "solver"):
        for name, value in now[part].items():
            if then[part].get(name) != value:
                found.append(f"{name} {then[part].get(name)} then, {value} now")
    if then["device"] != now["device"]:
        found.append(f"device {then['device']} then, {now['device']} now")
    lines = zip_longest(then["problem"].splitlines(), now["problem"].splitlines(), fillvalue="nothing")
    for number, (old, new) in enumerate(lines, 1):
        if old != new:
            return [*found, f"line {number} of the problem file ('{old.strip()}' then, '{new.strip()}' now)"]
    return found
