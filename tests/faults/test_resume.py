"""A run loses nothing: killed or stopped at any moment it goes on to the bytes it would have had."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from faults.command import COMMAND, ENVIRONMENT, final_state, run, start, wait_for

import pinnkan
from pinnkan import cli

FRONT = """\
name: front
domain:
  x: [-1, 1]
  t: [0, 1]
unknowns: [u]
equations:
  - u_t + u*u_x = u_xx/300
conditions:
  - where: initial
    equation: u = -sin(pi*x)
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-8
"""
LAYERS = """\
name: layers
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [u]
equations:
  - -lap(u)/40 + u*u_x + u = 1 + u**3/9
conditions:
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-7
"""
MOVING = """\
name: moving
domain:
  x: [0, 1]
  y: [0, 1]
  t: [0, 0.05]
functions:
  v: 0.5*(1 - tanh((0.8*x + 0.6*y - 0.7*t - 0.6)*70))
unknowns: [u]
equations:
  - u_t + 1.4*u*(0.8*u_x + 0.6*u_y) = lap(u)/200
conditions:
  - where: initial
    equation: u = v
  - where: boundary
    equation: u = v
solver:
  tolerance: 3e-2
"""
DEEP = """\
name: deep
domain:
  x: [0, 1]
  t: [0, 1]
unknowns: [u]
equations:
  - u_t = u_xx/10 + u*(1 - u)
conditions:
  - where: initial
    equation: u = sin(pi*x)
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-6
  network: deep
  hidden: [4]
  max_levels: 3
  time_slabs: 2
"""
PROBLEMS = {"front": FRONT, "layers": LAYERS, "moving": MOVING, "deep": DEEP}
STATE = Path("results/.{}.partial/checkpoint/resume.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the problems; in this process pictures are left out."""
    for name, text in PROBLEMS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pinnkan.export.pictures.draw_pictures", lambda *_: ([], []))
    return tmp_path


@dataclass(frozen=True)
class Whole:
    """A run of the command that nothing stopped: its exit code, how long it took, the name and bytes of its state."""

    code: int
    seconds: float
    state: tuple[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Whole]:
    """The whole run of a problem, made once."""

    @cache
    def of(name: str) -> Whole:
        folder, begun = tmp_path_factory.mktemp(name), time.monotonic()
        (folder / "problem.yaml").write_text(PROBLEMS[name])
        done = run(folder, "solve", "problem.yaml", "-q", "--out", "whole")
        assert done.returncode in (0, 4), done.stderr
        return Whole(done.returncode, time.monotonic() - begun, final_state(folder / "whole"))

    return of


def stopped(folder: Path, number: signal.Signals, *arguments: str, name: str = "front") -> tuple[int, str, str]:
    """A problem in a process that gets a signal when its state, with a slab, is on disk: code, output, messages."""
    process, state = start(folder, "solve", f"{name}.yaml", "--json", *arguments), folder / str(STATE).format(name)
    wait_for(state, process)
    while '"Level"' not in state.read_text():
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["solve", "front.yaml", "--out", "whole"]) == 0
    assert stopped(folder, signal.SIGKILL)[0] == -9
    assert not (folder / "results/front").exists()
    assert cli.main(["solve", "front.yaml", "--resume"]) == 0
    assert final_state(folder / "results/front") == final_state(folder / "whole")
    assert [p.name for p in (folder / "results").iterdir()] == ["front"]
    assert cli.main(["solve", "front.yaml", "--resume"]) == 7
    assert "nothing to resume, the run there is finished" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_run_shows_what_it_has_and_refuses_to_go_on_with_anything_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = stopped(folder, signal.SIGINT, "--tolerance", "1e-9")
    assert code == 130, err
    assert "To go on: pinnkan solve front.yaml --tolerance 1e-09 --resume" in err
    assert (json.loads(out)["verdict"], json.loads(out)["reason"]) == ("not_converged", "interrupted")
    left = folder / "results/front.interrupted"
    assert (left / "solution.NOT_CONVERGED.pvd").exists()
    assert json.loads((left / "manifest.json").read_text())["exit_code"] == 130
    partial = pinnkan.load_solution(left)
    assert partial.verdict.reason == "interrupted"
    assert 0.0 < partial.domain.box.ranges[1][1] < 1.0

    def refusal(*options: str) -> str:
        assert cli.main(["solve", "front.yaml", "--resume", *options]) == 7
        return capsys.readouterr().err

    assert "tolerance 1e-09 then, 1e-08 now" in refusal()
    (folder / "front.yaml").write_text(FRONT.replace("/300", "/301"))
    changed = "line 7 of the problem file ('- u_t + u*u_x = u_xx/300' then, '- u_t + u*u_x = u_xx/301' now)"
    assert changed in refusal("--tolerance", "1e-9")
    (folder / "front.yaml").write_text(FRONT)
    arrays = next((left / "checkpoint").glob("arrays-*"))
    arrays.write_bytes(arrays.read_bytes()[:-1])
    assert f"{arrays.name}: damaged" in refusal("--tolerance", "1e-9")


@pytest.mark.slow
def test_a_moving_front_that_was_stopped_shows_its_slabs_and_goes_on(
    folder: Path, whole: Callable[[str], Whole]
) -> None:
    code, out, err = stopped(folder, signal.SIGTERM, name="moving")
    assert code == 143, err
    assert json.loads(out)["reason"] == "interrupted"
    partial = pinnkan.load_solution(folder / "results/moving.interrupted")
    assert "move with the front" in partial.network
    assert 0.0 < partial.domain.box.ranges[2][1] < 0.05
    assert len(partial.levels) >= 1
    assert cli.main(["solve", "moving.yaml", "-q", "--resume"]) == 0
    assert final_state(folder / "results/moving") == whole("moving").state


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kills"), [("moving", 2), ("deep", 2), ("layers", 4), ("front", 4)])
def test_kills_at_random_moments_change_nothing(
    name: str, kills: int, folder: Path, whole: Callable[[str], Whole]
) -> None:
    known, moments, resume, count = whole(name), random.Random(7), False, 0
    command = [*COMMAND, "solve", f"{name}.yaml", "-q", "--out", "killed"]
    while count < kills:
        process = subprocess.Popen([*command, *["--resume"] * resume], cwd=folder, env=ENVIRONMENT)
        try:
            process.wait(moments.uniform(0.3, 1.0) * known.seconds)
            assert process.returncode == known.code
            resume = False  # it has finished: begin again
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            count += 1
            places = (folder / ".killed.partial", folder / "killed.interrupted")
            resume = any((place / "checkpoint/resume.json").exists() for place in places)
    done = run(folder, *command[3:], *["--resume"] * resume)
    assert done.returncode == known.code, done.stderr
    assert final_state(folder / "killed") == known.state


@pytest.mark.slow
def test_a_run_out_of_time_goes_on_when_it_gets_more(
    folder: Path, whole: Callable[[str], Whole], capsys: pytest.CaptureFixture[str]
) -> None:
    def told(code: int, *options: str) -> dict[str, Any]:
        assert cli.main(["solve", "front.yaml", "--json", *options]) == code
        value: dict[str, Any] = json.loads(capsys.readouterr().out)
        return value

    late = told(4, "--max-time", "0.2")
    assert late["reason"] == "max_time"
    assert told(0, "--resume", "--max-time", "600")["seconds"] > late["seconds"]
    assert final_state(folder / "results/front") == whole("front").state
