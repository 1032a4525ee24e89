"""Which test enters which function: a recorder for the tests and the processes they start, and a choice of tests.

Loaded by ``tests/mutation.py`` into its own copy of the tree, as a pytest plugin and (through a ``sitecustomize``)
into every Python process that a test starts. PYTEST_DONT_REWRITE: it may be imported before pytest is.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Folder that takes what is recorded, one file per process.
RECORD = "PINNKAN_TEST_CALLS"
#: JSON file with the tests to run, in order, each with the seconds after which it counts as hanging.
CHOICE = "PINNKAN_TEST_CHOICE"
#: Seconds of tests that do not enter the function itself.
SPARE = 30.0
#: Bytes of data that a process may hold: a mutant may ask for anything.
MOST_DATA = 6 * 2**30


class Recorder:
    """Writes ``test, file:line`` the first time that a test enters the function that starts on that line."""

    def __init__(self, folder: Path) -> None:
        self._source = f"{ROOT / 'pinnkan'}{os.sep}"
        self._seen: set[CodeType] = set()
        self._test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        self._out = os.open(folder / f"{os.getpid()}.calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def start(self) -> None:
        """Listens to every call in every thread."""
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def test(self, name: str) -> None:
        """What follows belongs to this test."""
        self._test = name
        self._seen.clear()

    def _enter(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code in self._seen:
            return
        self._seen.add(code)
        # modules and class bodies run once per process, whichever test comes first: they are no evidence
        if self._test and code.co_filename.startswith(self._source) and code.co_flags & CO_OPTIMIZED:
            place = f"{Path(code.co_filename).relative_to(ROOT).as_posix()}:{code.co_firstlineno}"
            try:
                os.write(self._out, f"{self._test}\t{place}\n".encode())
            except OSError:  # a test about a full disk; what it enters is then not known
                return


def listen() -> Recorder | None:
    """Starts to record if that is asked for."""
    folder = os.environ.get(RECORD)
    if folder is None:
        return None
    recorder = Recorder(Path(folder))
    recorder.start()
    return recorder


RECORDER = listen()


def pytest_configure() -> None:
    """Bounds the memory."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Keeps the chosen tests, in the order chosen."""
    choice = os.environ.get(CHOICE)
    if choice is None:
        return
    import pytest

    limits: dict[str, float] = json.loads(Path(choice).read_text(encoding="utf-8"))
    found = {item.nodeid: item for item in items}
    items[:] = [found[name] for name in limits if name in found]
    for item in items:
        item.add_marker(pytest.mark.timeout(limits[item.nodeid]))


def pytest_runtest_logstart(nodeid: str) -> None:
    """A test begins."""
    if RECORDER is not None:
        RECORDER.test(nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """Writes how long a phase of a test took, and whether it passed."""
    if RECORDER is not None:
        with open(Path(os.environ[RECORD]) / "durations", "a", encoding="utf-8") as out:
            out.write(f"{report.nodeid}\t{report.duration}\t{report.passed}\n")


def read_durations(folder: Path) -> dict[str, float]:
    """The seconds of every test that passed."""
    seconds: dict[str, float] = {}
    failed = set()
    for line in (folder / "durations").read_text(encoding="utf-8").splitlines():
        name, duration, passed = line.split("\t")
        seconds[name] = seconds.get(name, 0.0) + float(duration)
        if passed != "True":
            failed.add(name)
    return {name: s for name, s in seconds.items() if name not in failed}


def read_calls(folder: Path) -> Iterator[tuple[str, str]]:
    """Every (test, file:line of a function that it entered)."""
    for path in folder.glob("*.calls"):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, place = line.split("\t")
            yield name, place


@dataclass(frozen=True)
class Callers:
    """``seconds`` of every fast test that passes unchanged, and who enters the function at each ``file:line``."""

    seconds: dict[str, float]
    entered: dict[str, list[str]]

    def tests_for(self, path: str, scope: int | None) -> list[str]:
        """Those that may notice a change of ``path`` in the function that starts on line ``scope``, in order."""
        entering = set(self.entered.get(f"{path}:{scope}", ()))
        order = self._nearest_first(entering, path)
        files = {name.partition("::")[0] for name in entering}
        touching = {name for place, names in self.entered.items() if place.startswith(f"{path}:") for name in names}
        touching |= {name for name in self.seconds if name.partition("::")[0] in files}
        spare = SPARE
        for name in self._nearest_first(touching - entering, path):
            spare -= self.seconds[name]
            if spare > 0.0:
                order.append(name)
        return order

    def _nearest_first(self, names: set[str], path: str) -> list[str]:
        """The mirrored file, then the file that is done first; within a file the quickest test."""
        cost: dict[str, float] = {}
        for name in names:
            file = name.partition("::")[0]
            cost[file] = cost.get(file, 0.0) + self.seconds[name]
        mirrored = f"test_{Path(path).stem.strip('_')}.py"

        def rank(name: str) -> tuple[bool, float, str, float]:
            file = name.partition("::")[0]
            return Path(file).name != mirrored, cost[file], file, self.seconds[name]

        return sorted(names, key=rank)
