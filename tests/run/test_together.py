"""``torchrun -m pinnkan solve``: the same answer from any number of processes, and an end when one of them dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from teams import team_of

import pinnkan
from pinnkan import cli
from pinnkan.assembly import shared_rows
from pinnkan.run.together import run_serving, shared_words, together

#: The command, with messages where they would not pay.
MAIN = """
import sys
from pinnkan.assembly import shared_rows
from pinnkan.cli import main
shared_rows.MIN_SHARED_WEIGHTS = 1000
sys.exit(main())
"""
CUBE = """
name: cube
domain:
  x: [0, 1]
  y: [0, 2]
  z: [0, 1]
functions:
  v: sin(3*pi*x)*cos(2*y)*exp(z)
unknowns: [u]
equations:
  - -lap(u) + u**3 + u_x = -lap(v) + v**3 + 3*pi*cos(3*pi*x)*cos(2*y)*exp(z)
conditions:
  - where: [left, right, bottom, top, back]
    equation: u = v
  - where: front
    equation: u_z = v
exact:
  u: v
solver:
  tolerance: {tolerance}
output: {{vtk: false, pictures: false}}
"""


def cube(tolerance="1.0e-2"):
    return pinnkan.load_problem(CUBE.format(tolerance=tolerance))


def started(folder: Path, count: int, *arguments: str) -> subprocess.Popen[str]:
    (folder / "main.py").write_text(MAIN)
    (folder / "cube.yaml").write_text(cube().source)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "main.py", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(pinnkan.__file__).parent.parent), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(folder: Path, count: int, *arguments: str) -> tuple[int, str, str]:
    process = started(folder, count, *arguments)
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def values(solution: pinnkan.Solution) -> np.ndarray:
    return solution(np.random.default_rng(0).random((50, 3)))["u"]


@pytest.mark.parametrize("count", [2, 4])
def test_the_answer_is_that_of_one_process(count, monkeypatch):
    """Nonlinear, with a side of rows; conjugate gradients are told by the words of the levels."""
    monkeypatch.setattr(shared_rows, "MIN_SHARED_WEIGHTS", 1000)
    alone = pinnkan.solve(cube())
    with team_of(count) as team:
        shared = pinnkan.solve(cube())
        assert team.call_count > 20
        assert shared_words(team).startswith(f"{count} processes: {team.call_count} products")
    assert any("conjugate gradients" in level.remarks for level in shared.levels)
    assert [level.intervals for level in shared.levels] == [level.intervals for level in alone.levels]
    assert np.abs(values(shared) - values(alone)).max() < 1e-10
    assert shared.verdict.estimate == pytest.approx(alone.verdict.estimate, rel=1e-6)


def test_small_problems_say_that_one_process_had_work():
    with team_of(2) as team:
        pinnkan.solve(pinnkan.load_problem("poisson1d"))
        assert team.call_count == 0
        assert shared_words(team).startswith("2 processes, of which one had work")


def test_without_a_job_there_is_no_team():
    with together("cpu") as team:
        assert team is None


@pytest.mark.parametrize("command", [["list"], ["check", "poisson1d"], ["sweep", "poisson1d"]])
def test_what_is_no_work_for_many_is_done_by_the_first_process(command, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert cli.main(command) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_two_processes_under_torchrun_write_and_speak_once(tmp_path):
    code, out, error = run(tmp_path, 2, "solve", "cube.yaml", "--json")
    assert code == 0, error
    assert json.loads(out)["verdict"] == "converged"
    assert error.count("Converged: estimated relative L2 error") == 1
    assert "2 processes: " in error
    found = pinnkan.load_solution(tmp_path / "results" / "cube")
    assert np.abs(values(found) - values(pinnkan.solve(cube()))).max() < 1e-10


@pytest.mark.slow
def test_a_file_with_faults_ends_the_job_at_once(tmp_path):
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    code, _, error = run(tmp_path, 2, "solve", "bad.yaml")
    assert code != 0
    assert error.count("the problem lacks the key 'domain'") == 1


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_said_once(tmp_path):
    """It had been called a bug, by each process."""
    code, _, error = run(tmp_path, 2, "solve", "cube.yaml", "--device", "cuda")
    assert code != 0
    assert error.count("no CUDA device was found") == 1
    assert "a bug in pinnkan" not in error


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_the_job_which_goes_on_with_another_number(rank, tmp_path):
    process = started(tmp_path, 2, "solve", "cube.yaml", "--tolerance", "1e-6")
    state = tmp_path / "results" / ".cube.partial" / "checkpoint" / "resume.json"
    while not state.exists():
        assert process.poll() is None
        time.sleep(0.02)
    of_rank = [p for p in psutil.Process(process.pid).children() if p.environ().get("RANK") == str(rank)]
    of_rank[0].send_signal(signal.SIGKILL)
    _, error = process.communicate(timeout=120)
    assert process.returncode != 0
    assert ("process 1 of 2 has ended" in error) or ("SIGKILL" in error)
    code, _, error = run(tmp_path, 4, "solve", "cube.yaml", "--tolerance", "1e-6", "--resume")
    assert code == 0, error
    found = pinnkan.load_solution(tmp_path / "results" / "cube")
    assert np.abs(values(found) - values(pinnkan.solve(cube("1.0e-6")))).max() < 1e-10


def test_a_process_whose_leader_is_gone_ends(monkeypatch):
    from pinnkan.processes.wire import LostProcessError

    def gone(*_):
        raise LostProcessError("process 0 of 2 has ended, or cannot be reached")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("pinnkan.run.together.Wire", gone)
    try:
        assert run_serving(None) == 6
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
