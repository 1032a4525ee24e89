"""The whole chain without stand-ins, in a process of its own where that matters: signals, disk, what is read back."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnkan
from pinnkan import cli

COMMAND = (sys.executable, "-m", "pinnkan.cli")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent)}
#: Long enough to be interrupted: the tolerance is out of reach of the time that it gets.
LONG = ("solve", "burgers", "--tolerance", "1e-11", "-q")


def run(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, **options
    )  # type: ignore[call-overload,no-any-return]


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the results of one process, and what that printed."""
    folder = tmp_path_factory.mktemp("solved")
    done = run(folder, "solve", "poisson1d", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return folder, told


@pytest.fixture
def folder(solved: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a copy of those results."""
    shutil.copytree(solved[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_solved_problem_is_read_back_to_the_same_bits(folder: Path, solved: tuple[Path, dict[str, Any]]) -> None:
    assert solved[1]["verdict"] == "converged"
    assert solved[1]["true_error"] < 1e-4
    loaded = pinnkan.load_solution("results/poisson1d")
    fresh = pinnkan.solve(pinnkan.load_problem("poisson1d"))
    points = np.linspace(0, 1, 33)[:, None]
    np.testing.assert_allclose(loaded(points)["u"], fresh(points)["u"], rtol=0, atol=1e-12)
    Path("p.csv").write_text("x\n0.5\n")
    assert cli.main(["eval", "results/poisson1d", "--points", "p.csv", "--out", "v.csv"]) == 0
    assert float(Path("v.csv").read_text().split(",")[-1]) == loaded([[0.5]])["u"][0]


def test_too_little_time_is_exit_4_with_a_marked_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["solve", "burgers", "--max-time", "0.2"]) == 4
    assert (tmp_path / "results/burgers/solution.NOT_CONVERGED.pvd").exists()
    assert "max_time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
@pytest.mark.slow
def test_signals_end_a_run_with_their_code_and_leave_nothing_behind(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    """The interrupt in a process of its own is fast too in test_resume.py, where something is left behind."""
    process = subprocess.Popen([*COMMAND, *LONG], cwd=tmp_path, env=ENVIRONMENT)
    partial = tmp_path / "results" / ".burgers.partial"
    while not partial.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == code
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.slow
def test_a_disk_without_room_is_exit_6_and_keeps_the_old_results(folder: Path) -> None:
    before = (folder / "results/poisson1d/manifest.json").read_bytes()
    done = run(folder, "solve", "poisson1d", "-q", preexec_fn=limit_file_size)
    assert done.returncode == 6, done.stderr
    assert "MB free" in done.stderr
    assert (folder / "results/poisson1d/manifest.json").read_bytes() == before


def test_a_folder_that_cannot_be_used_is_exit_7(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes").write_text("")
    assert cli.main(["solve", "poisson1d", "--out", "mine"]) == 7
    assert "left alone" in capsys.readouterr().err
    assert cli.main(["export", "mine"]) == 7


def test_a_device_that_is_absent_or_unknown_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.main(["solve", "poisson1d", "--device", "cuda"]) == 6
    assert "no CUDA device" in capsys.readouterr().err
    for unknown in ("abacus", "cuda:", "cuda:first", "cuda:-1"):
        assert cli.main(["solve", "poisson1d", "--device", unknown]) == 2
        assert "unknown device" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert cli.main(["solve", "poisson1d", "--device", "cuda:2"]) == 6
    assert "the last one is cuda:1" in capsys.readouterr().err
