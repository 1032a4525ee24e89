"""The state of a solution on disk: arrays as safetensors, the rest as JSON, both with checksums.

``state.json`` names its array file by content, so that replacing ``state.json`` (one rename) replaces both at once.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.numpy

from pinnkan.errors import ProblemError, RunFolderError, UsageError
from pinnkan.kan.field import Array
from pinnkan.problem.registry import load_problem
from pinnkan.problem.settings import SolverSettings
from pinnkan.problem.statement import Problem
from pinnkan.run.codec import decode, encode
from pinnkan.run.folder import sync_folder, write_atomically
from pinnkan.solution import Solution
from pinnkan.verdict.fit_records import Fit, FittedData, FoundNumber
from pinnkan.verdict.records import Certificate, Iteration, Level, Reading
from pinnkan.verdict.verdict import Verdict

FORMAT = 4
#: What reading data of a wrong shape raises: signed, but not by this program.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError, RecursionError, RuntimeError)
_STATE = "state.json"
_Record = TypeVar(
    "_Record", Level, Iteration, Reading, Verdict, Certificate, SolverSettings, Fit, FittedData, FoundNumber
)


def save_checkpoint(solution: Solution, folder: Path) -> None:
    """Writes the solution into ``folder`` (made if missing), atomically."""
    folder.mkdir(exist_ok=True)
    arrays: dict[str, Array] = {}

    def store(array: Array) -> str:
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(array, order="C")
        return name

    fields = {"field": encode(solution.field, store), "error": encode(solution.error, store)}
    name, checksum = write_arrays(folder, "state", arrays)
    payload = {
        "format": FORMAT,
        "problem": {
            "source_sha256": digest(solution.problem.source.encode()),
            "solver": asdict(solution.problem.solver),
            "given": dict(solution.problem.parameter_overrides),
        },
        "arrays": {"file": name, "sha256": checksum},
        "fields": fields,
        "verdict": asdict(solution.verdict),
        "levels": [asdict(level) for level in solution.levels],
        "history": [asdict(step) for step in solution.history],
        "seconds": solution.seconds,
        "network": solution.network,
        "quantities": {name: asdict(reading) for name, reading in solution.quantities.items()},
        "certificate": None if solution.certificate is None else asdict(solution.certificate),
        "fit": None if solution.fit is None else asdict(solution.fit),
        "free_numbers": {name: asdict(number) for name, number in solution.free_numbers.items()},
    }  # fmt: skip
    write_signed(folder / _STATE, payload)
    for old in folder.glob("state-*.safetensors"):
        if old.name != name:
            old.unlink()


def write_arrays(folder: Path, prefix: str, arrays: Mapping[str, Array]) -> tuple[str, str]:
    """A file of the folder that holds arrays, atomically: its name, which tells its content, and checksum.

    No array is copied: of a long march 1.5 GB of them had taken 7.
    """
    temporary = folder / f".{prefix}.tmp"
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        safetensors.numpy.save_file(dict(arrays), temporary)
        temporary.chmod(mode)  # it writes a file that nobody else may read, and renames it
        with temporary.open("r+b") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        name = f"{prefix}-{checksum[:16]}.safetensors"
        temporary.replace(folder / name)
    except safetensors.SafetensorError as error:
        temporary.unlink(missing_ok=True)
        number = re.search(r"os error (\d+)", str(error))  # the library keeps no other trace of it
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(temporary)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return name, checksum


def write_signed(path: Path, payload: Mapping[str, Any]) -> None:
    """JSON with its own checksum, atomically."""
    body = _canonical(payload)
    write_atomically(path, f'{{"sha256": "{digest(body.encode())}",\n"state": {body}}}\n'.encode())


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The JSON part and the arrays of a checkpoint.

    Raises:
        RunFolderError: missing, damaged, or of another version.
    """
    state = read_signed(folder / _STATE)
    if state.get("format") != FORMAT:
        raise RunFolderError(
            f"{folder}: the checkpoint has format {state.get('format')}, this version reads {FORMAT}; solve again"
        )
    path = folder / Path(state["arrays"]["file"]).name
    return state, read_arrays(path, state["arrays"]["sha256"], "solve again")


def read_arrays(path: Path, checksum: str, remedy: str) -> dict[str, Array]:
    """The arrays of a file; raises RunFolderError if it is missing, or not the one with this checksum."""
    data = read_bytes(path)
    if digest(data) != checksum:
        raise RunFolderError(f"{path}: damaged (its checksum differs); {remedy}")
    try:
        return safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise RunFolderError(f"{path}: not readable ({error}); {remedy}") from error


def with_solver(problem: Problem, state: Mapping[str, Any], place: Path) -> Problem:
    """The problem with the settings it was solved with.

    Raises:
        RunFolderError: the text of the problem is not the one that was solved.
    """
    if digest(problem.source.encode()) != state["problem"]["source_sha256"]:
        raise RunFolderError(f"{place}: changed since the run, and no longer belongs to its results; solve again")
    return replace(problem, solver=_record(SolverSettings, state["problem"]["solver"]))


def solution_of(problem: Problem, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> Solution:
    """The solution that :func:`save_checkpoint` was given."""
    fields = {part: decode(data, arrays.__getitem__) for part, data in state["fields"].items()}
    return Solution(
        problem=problem,
        field=fields["field"],
        error=fields["error"],
        verdict=_record(Verdict, state["verdict"]),
        levels=tuple(_record(Level, level) for level in state["levels"]),
        history=tuple(_record(Iteration, step) for step in state["history"]),
        seconds=state["seconds"],
        network=state["network"],
        quantities={name: _record(Reading, reading) for name, reading in state["quantities"].items()},
        certificate=_record(Certificate, state["certificate"]) if state.get("certificate") else None,
        fit=_fit(state["fit"]) if state.get("fit") else None,
        free_numbers=_numbers(state.get("free_numbers", {})),
    )


def _fit(data: Mapping[str, Any]) -> Fit:
    """The fit from JSON."""
    parts = tuple(_record(FittedData, part) for part in data["data"])
    return replace(_record(Fit, data), numbers=_numbers(data["numbers"]), data=parts)


def _numbers(data: Mapping[str, Any]) -> dict[str, FoundNumber]:
    """Numbers that were found, by name, from JSON."""
    return {name: _record(FoundNumber, number) for name, number in data.items()}


def read_signed(path: Path) -> dict[str, Any]:
    """What :func:`write_signed` wrote; raises RunFolderError if it is damaged."""
    text = read_bytes(path)
    try:
        document = json.loads(text)
        state, checksum = document["state"], document["sha256"]
    except (ValueError, KeyError, TypeError):
        raise RunFolderError(f"{path}: damaged (not the JSON that was written); solve again") from None
    if digest(_canonical(state).encode()) != checksum:
        raise RunFolderError(f"{path}: damaged (its checksum differs); solve again")
    return dict(state)


def read_bytes(path: Path) -> bytes:
    """The content of a file of a run; raises RunFolderError if there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror or error}; is this the folder of a finished run?") from error


def _record(kind: type[_Record], data: Mapping[str, Any]) -> _Record:
    """A record from JSON, where tuples have become lists."""
    return kind(**{name: _as_tuples(value) for name, value in data.items()})


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _canonical(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True, indent=1, default=np.generic.item)


def digest(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


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
        given = dict(state["problem"].get("given") or {})
        problem = with_solver(load_problem(path, set=given, reads_data=False), state, path)
    except ProblemError as error:
        raise RunFolderError(f"{path}: no longer a valid problem ({error.faults[0].message}); solve again") from error
    return solution_of(problem, state, arrays)
