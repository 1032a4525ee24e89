"""The real command in a process of its own: exit codes, signals, disk, and the whole chain once."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pinnkan

COMMAND = (sys.executable, "-m", "pinnkan.cli")
#: Long enough to be interrupted: the tolerance is out of reach of the time that it gets.
LONG = ("solve", "burgers", "--tolerance", "1e-11", "-q")


def run(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent)}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, **options
    )  # type: ignore[call-overload,no-any-return]


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))


def test_a_solved_problem_is_read_back_to_the_same_bits(tmp_path: Path) -> None:
    done = run(tmp_path, "solve", "poisson1d", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"] == "converged"
    assert told["true_error"] < 1e-4
    loaded = pinnkan.load_solution(tmp_path / "results" / "poisson1d")
    fresh = pinnkan.solve(pinnkan.load_problem("poisson1d"))
    points = np.linspace(0, 1, 33)[:, None]
    np.testing.assert_allclose(loaded(points)["u"], fresh(points)["u"], rtol=0, atol=1e-12)
    (tmp_path / "p.csv").write_text("x\n0.5\n")
    assert run(tmp_path, "eval", "results/poisson1d", "--points", "p.csv", "--out", "v.csv").returncode == 0
    assert float((tmp_path / "v.csv").read_text().split(",")[-1]) == loaded([[0.5]])["u"][0]


def test_too_little_time_is_exit_4_with_a_marked_result(tmp_path: Path) -> None:
    done = run(tmp_path, "solve", "burgers", "--max-time", "0.2")
    assert done.returncode == 4, done.stderr
    assert (tmp_path / "results/burgers/solution.NOT_CONVERGED.pvd").exists()
    assert "max_time" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_with_their_code_and_leave_nothing_behind(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent)}
    process = subprocess.Popen([*COMMAND, *LONG], cwd=tmp_path, env=environment)
    partial = tmp_path / "results" / ".burgers.partial"
    while not partial.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == code
    assert list((tmp_path / "results").iterdir()) == []


def test_a_disk_without_room_is_exit_6_and_keeps_the_old_results(tmp_path: Path) -> None:
    assert run(tmp_path, "solve", "poisson1d", "-q").returncode == 0
    before = (tmp_path / "results/poisson1d/manifest.json").read_bytes()
    done = run(tmp_path, "solve", "poisson1d", "-q", preexec_fn=limit_file_size)
    assert done.returncode == 6, done.stderr
    assert "MB free" in done.stderr
    assert (tmp_path / "results/poisson1d/manifest.json").read_bytes() == before


def test_a_folder_that_cannot_be_used_is_exit_7(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("")
    done = run(tmp_path, "solve", "poisson1d", "--out", "mine")
    assert done.returncode == 7
    assert "left alone" in done.stderr
    assert run(tmp_path, "export", "mine").returncode == 7


def test_a_device_that_is_absent_or_unknown_is_named(tmp_path: Path) -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*COMMAND, "solve", "poisson1d", "--device", "cuda"], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | hidden | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent)},
    )  # fmt: skip
    assert done.returncode == 6
    assert "no CUDA device" in done.stderr
    assert run(tmp_path, "solve", "poisson1d", "--device", "abacus").returncode == 2
