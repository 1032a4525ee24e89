"""A checkpoint gives back the same bits or says that it cannot."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from closed_form import history, levels, solved, with_mean

from pinnkan.errors import RunFolderError
from pinnkan.run.checkpoint import read_arrays, read_state, save_checkpoint, solution_of, with_solver, write_arrays
from pinnkan.solution import Solution


def reread(folder: Path, solution: Solution) -> Solution:
    state, arrays = read_state(folder)
    return solution_of(with_solver(solution.problem, state, folder), state, arrays)


@pytest.mark.parametrize("kind", ["flow", "front"])
def test_quantities_come_back(kind: str, tmp_path: Path) -> None:
    solution = with_mean(kind)
    save_checkpoint(solution, tmp_path)
    assert reread(tmp_path, solution).quantities == solution.quantities


@pytest.mark.parametrize("kind", ["plane", "front"])
def test_a_solution_comes_back_bit_by_bit(kind: str, tmp_path: Path) -> None:
    solution = solved(kind)
    save_checkpoint(solution, tmp_path / "checkpoint")
    back = reread(tmp_path / "checkpoint", solution)
    points = np.random.default_rng(1).uniform(0, 1, (50, solution.problem.dimension))
    assert np.array_equal(solution(points)["u"], back(points)["u"])
    assert back.levels == levels(kind)
    assert back.history == history(kind)
    assert (back.verdict, back.seconds, back.network) == (solution.verdict, solution.seconds, solution.network)
    assert back.error == solution.error


def test_numbers_that_json_does_not_know_survive(tmp_path: Path) -> None:
    solution = solved("line")
    odd = replace(solution.levels[0], estimate=float("inf"), parameters=np.int64(7))  # type: ignore[arg-type]
    save_checkpoint(replace(solution, levels=(odd,)), tmp_path)
    assert reread(tmp_path, solution).levels == (replace(odd, parameters=7),)


def test_a_new_checkpoint_replaces_the_old_arrays(tmp_path: Path) -> None:
    solution = solved("line")
    save_checkpoint(solution, tmp_path)
    save_checkpoint(replace(solution, error=None), tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    assert reread(tmp_path, solution).error is None


def test_arrays_may_be_read_by_whom_other_files_may_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    save_checkpoint(solved("line"), tmp_path)
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    assert len({file.stat().st_mode for file in files}) == 1


def test_arrays_are_written_without_copies_of_them(tmp_path: Path) -> None:
    """Of a long march 1.5 GB had taken 7."""
    array = np.ones(8_000_000)
    tracemalloc.start()
    name, checksum = write_arrays(tmp_path, "arrays", {"a": array})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * array.nbytes
    assert np.array_equal(read_arrays(tmp_path / name, checksum, "")["a"], array)


@pytest.mark.parametrize("pattern", ["state.json", "*.safetensors"])
def test_every_flipped_byte_is_noticed(pattern: str, tmp_path: Path) -> None:
    save_checkpoint(solved("line"), tmp_path)
    path = next(tmp_path.glob(pattern))
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(bytes(damaged))
        if pattern == "state.json" and _same_json(bytes(damaged), whole):
            continue
        with pytest.raises(RunFolderError):
            read_state(tmp_path)


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_truncated_missing_and_foreign_checkpoints_are_named(tmp_path: Path) -> None:
    save_checkpoint(solved("line"), tmp_path)
    state = tmp_path / "state.json"
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    with pytest.raises(RunFolderError, match="damaged"):
        read_state(tmp_path)
    state.write_text("[]")
    with pytest.raises(RunFolderError, match="damaged"):
        read_state(tmp_path)
    state.unlink()
    with pytest.raises(RunFolderError, match="folder of a finished run"):
        read_state(tmp_path)


def test_another_text_of_the_problem_is_refused(tmp_path: Path) -> None:
    solution = solved("line")
    save_checkpoint(solution, tmp_path)
    state, _ = read_state(tmp_path)
    with pytest.raises(RunFolderError, match="changed since the run"):
        with_solver(replace(solution.problem, source="name: other"), state, tmp_path / "problem.yaml")
