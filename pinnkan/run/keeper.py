"""The state of a run under way, on disk: written again and again while it lasts, each time whole or not at all.

``resume.json`` (one rename replaces it) names its array files by content. An array that was written before is not
written again: the slabs of a long run lie in many files, each written once. What is found there an interrupted run goes
on from, where the result will be the same.
"""

import importlib.metadata
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from pinnkan.errors import RunFolderError
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.run.checkpoint import UNREADABLE, read_arrays, read_signed, write_arrays, write_signed
from pinnkan.run.codec import decode, encode
from pinnkan.run.folder import CHECKPOINT, RESUME, disk_errors, has_state, interrupted_place
from pinnkan.solver.solver_state import SolverState
from pinnkan.version import __version__

#: A state is written when that takes at most this share of the time since the last one was: a slab of Burgers takes
#: 20 ms, three files on a slow disk 30 ms. At the latest after LONGEST seconds; nothing in the FIRST, which are
#: cheap to repeat.
SHARE = 0.05
FIRST = 0.5
LONGEST = 60.0
#: Array files after which all are written anew as one.
MOST_FILES = 50


class Keeper:
    """Takes every state that a solver offers and writes the last one when it is due.

    ``header`` says what the state belongs to; ``written`` whether the last one offered is on disk.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder, self.header = folder, header
        self.written = True
        self._offered: tuple[SolverState, float] | None = None
        self._known: dict[int, tuple[Array, str, str]] = {}  # by identity: the array, its name, its file
        self._files: dict[str, str] = {}  # checksum of each file
        self._count = 0
        self._due = time.perf_counter() + FIRST

    def keep(self, state: SolverState, seconds: float) -> None:
        """Takes a state; writes it if it is time to."""
        self._offered, self.written = (state, seconds), False
        if time.perf_counter() >= self._due:
            self.write()

    def write(self) -> None:
        """Writes the last state offered, if there is one that is not on disk yet.

        Raises ResourceError, RunFolderError: the disk is full, or the folder cannot be written.
        """
        if self._offered is None or self.written:
            return
        begun = time.perf_counter()
        with disk_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            self._write(*self._offered)
        self.written = True
        now = time.perf_counter()
        self._due = now + min((now - begun) / SHARE, LONGEST)

    def _write(self, state: SolverState, seconds: float) -> None:
        known = self._known if len(self._files) < MOST_FILES else {}
        used: dict[int, tuple[Array, str, str]] = {}
        fresh: dict[str, Array] = {}

        def store(array: Array) -> str:
            entry = used.get(id(array)) or known.get(id(array))
            if entry is None:
                self._count += 1
                entry = (array, f"a{self._count}", "")
                fresh[entry[1]] = np.asarray(array, order="C")
            used[id(array)] = entry
            return entry[1]

        body = encode(state, store)
        files = {file: self._files[file] for _, _, file in used.values() if file}
        if fresh:
            name, checksum = write_arrays(self.folder, "arrays", fresh)
            files[name] = checksum
            used = {i: (a, n, file or name) for i, (a, n, file) in used.items()}
        write_signed(self.folder / RESUME, {**self.header, "seconds": seconds, "arrays": files, "state": body})
        self._known, self._files = used, files
        for old in self.folder.glob("arrays-*.safetensors"):
            if old.name not in files:
                old.unlink()

    def clear(self) -> None:
        """Removes what was written: the run is over."""
        self._offered, self.written = None, True
        (self.folder / RESUME).unlink(missing_ok=True)
        for old in self.folder.glob("arrays-*.safetensors"):
            old.unlink()


def read_state(folder: Path, header: Mapping[str, Any], device: str) -> tuple[SolverState, float]:
    """The state and the seconds that led to it. Raises RunFolderError: a file is missing or damaged."""
    try:
        return _read(folder, header, device)
    except UNREADABLE as error:
        raise RunFolderError(f"{folder / RESUME}: not a state of this version; solve again without --resume") from error


def _read(folder: Path, header: Mapping[str, Any], device: str) -> tuple[SolverState, float]:
    arrays: dict[str, Array] = {}
    for name, checksum in header["arrays"].items():
        arrays |= read_arrays(folder / Path(name).name, checksum, "solve again without --resume")
    return decode(header["state"], arrays.__getitem__, device), float(header["seconds"])


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


def resumable(target: Path, problem: Problem, device: str) -> tuple[SolverState, float]:
    """The state from which a run into ``target`` can go on, and the seconds that led to it.

    Raises RunFolderError: there is none, it is damaged, or it belongs to another problem, setting or version.
    """
    for place in (interrupted_place(target), target):
        if has_state(place):
            return read_checked(place / CHECKPOINT, problem, device)
    found = "the run there is finished" if (target / CHECKPOINT).is_dir() else "no run was interrupted there"
    raise RunFolderError(f"{target}: nothing to resume, {found}; solve without --resume")


def read_checked(folder: Path, problem: Problem, device: str) -> tuple[SolverState, float]:
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
