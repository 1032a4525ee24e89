"""The commands solve, eval and export, with a solution in closed form in place of the solver."""

import io
import json
import os
import re
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvista
from closed_form import FRONT, LINE, levels, problem, solver
from rich.console import Console

from pinnkan.errors import ResourceError, RunFolderError, UsageError
from pinnkan.export import vtk
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem
from pinnkan.run import progress, solving
from pinnkan.run.checkpoint import load_solution
from pinnkan.run.commands import run_eval, run_export, run_report, run_solve
from pinnkan.run.keeper import differences, header_of
from pinnkan.solver.monitor import Monitor

Command = Callable[..., Namespace]
FILES = {
    "solution.vtu", "solution.png", "convergence.png", "solution.paraview.py", "report.html", "report.md",
    "levels.csv", "history.csv", "problem.yaml", "resolved.yaml", "manifest.json", "checkpoint",
}  # fmt: skip


def names_in(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_solve_leaves_every_file_of_the_contract(files: Path, command: Command) -> None:
    assert run_solve(command()) == 0
    run = files / "results" / "line"
    assert names_in(run) == FILES
    assert (run / "problem.yaml").read_bytes() == LINE.encode()
    manifest = json.loads((run / "manifest.json").read_text())
    assert set(manifest["files"]) == FILES
    assert (manifest["exit_code"], manifest["seed"], manifest["device"]) == (0, 0, "cpu")


def test_the_reports_of_a_run_are_written_again(files: Path, command: Command) -> None:
    assert run_solve(command()) == 0
    run = files / "results" / "line"
    before = {name: (run / name).read_bytes() for name in ("report.html", "report.md")}
    (run / "report.html").unlink()
    (run / "report.md").write_text("torn")
    assert run_report(command()) == 0
    assert {name: (run / name).read_bytes() for name in before} == before
    assert names_in(run) == FILES


def test_a_parameter_that_is_set_is_kept_with_the_run(files: Path, command: Command) -> None:
    text = LINE.replace("unknowns", "parameters:\n  a: 4\nunknowns").replace("(1 - 9*pi**2)", "(a - 3 - 9*pi**2)")
    (files / "line.yaml").write_text(text.replace("a: 4", "a: 2*2"))
    assert run_solve(command(set={"a": "8/2"})) == 0
    run = files / "results" / "line"
    assert (run / "problem.yaml").read_bytes() == text.replace("a: 4", "a: 2*2").encode()
    assert "a: 8/2" in (run / "resolved.yaml").read_text()
    assert json.loads((run / "manifest.json").read_text())["set"] == {"a": "8/2"}
    assert load_solution(run).problem.parameter_overrides == {"a": "8/2"}


def test_a_run_goes_on_with_the_parameters_it_began_with_only() -> None:
    text = FRONT.replace("functions:", "parameters:\n  c: 0.5\nfunctions:").replace("t/2", "c*t")
    then, now = (header_of(parse_problem(text, "front.yaml", given), "cpu") for given in ({"c": "1/2"}, None))
    assert differences(then, then) == []
    assert differences(then, now) == ["line 6 of the problem file ('c: 1/2' then, 'c: 0.5' now)"]


def test_a_time_dependent_result_has_its_series(files: Path, command: Command) -> None:
    assert run_solve(command(file="front.yaml", out="elsewhere")) == 0
    assert names_in(files / "elsewhere") == FILES - {"solution.vtu"} | {
        "solution.pvd", "solution.frames", "solution.spacetime.vtu"
    }  # fmt: skip


def test_a_missed_tolerance_is_exit_4_and_in_the_names(
    files: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(solving, "solve_monitored", solver(converged=False))
    assert run_solve(command()) == 4
    run = files / "results" / "line"
    assert {"solution.NOT_CONVERGED.vtu", "solution.NOT_CONVERGED.png"} <= names_in(run)
    assert not {"solution.vtu", "solution.png"} & names_in(run)
    said = capsys.readouterr().err
    assert "NOT CONVERGED (max_levels)" in said
    assert "after the last level allowed" in said
    assert "To try: Allow 2 more levels" in said


def test_json_prints_one_object_on_stdout_and_nothing_else(
    files: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run_solve(command(json=True))
    said = capsys.readouterr()
    assert json.loads(said.out)["run"] == "results/line"
    assert said.out.count("\n") == 1
    run_solve(command(json=True, quiet=True))
    assert capsys.readouterr().err == ""


def test_without_a_terminal_progress_is_plain_lines(
    files: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run_solve(command(file="front.yaml"))
    said = capsys.readouterr()
    assert said.out == ""
    assert "\x1b" not in said.err
    numbers = "21x1 intervals  500 parameters  loss 1.0e-12  estimate 1.2e-06  1.20 s\n"
    lines = [line for line in said.err.splitlines(True) if "slab" in line]
    assert lines[0] == f"6 slabs to t = 1  the last: {numbers}"
    assert "step" not in said.err
    assert re.search(r"solved in 1.20 s; \d+.\d\d s in all, files \d+.\d\d s, start-up \d+.\d\d s\.\n", said.err)
    run_solve(command(file="front.yaml", verbose=True))
    assert f"slab 6  t = 1  {numbers}" in capsys.readouterr().err
    run_solve(command(verbose=True))
    assert "step 3" in capsys.readouterr().err


def test_options_override_the_file_and_are_recorded(files: Path, command: Command) -> None:
    run_solve(command(tolerance=1e-7, max_time=9.0, seed=3))
    settings = load_solution("results/line").problem.solver
    assert (settings.tolerance, settings.max_time, settings.seed) == (1e-7, 9.0, 3)
    assert "1e-07" in (files / "results/line/resolved.yaml").read_text()


def test_numbers_that_make_no_sense_are_refused(files: Path, command: Command) -> None:
    for option in ("tolerance", "max_time"):
        for value in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(UsageError, match=option.replace("_", "-")):
                run_solve(command(**{option: value}))


def test_a_loaded_solution_evaluates_to_the_same_bits(files: Path, command: Command) -> None:
    run_solve(command())
    points = np.linspace(-1, 1, 77)[:, None]
    before = solver()(load_solution("results/line").problem, Monitor(None, None))
    assert np.array_equal(load_solution("results/line")(points)["u"], before(points)["u"])


def test_the_second_run_keeps_the_first_until_it_is_complete(
    files: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_solve(command())
    before = (files / "results/line/manifest.json").read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(vtk, "write_whole", full)
    with pytest.raises(ResourceError, match=r"No space left on device.*intact"):
        run_solve(command())
    assert (files / "results/line/manifest.json").read_bytes() == before
    assert names_in(files / "results") == {"line"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_code_and_leaves_old_results(
    number: signal.Signals, code: int, files: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_solve(command())
    before = (files / "results/line/manifest.json").read_bytes()
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def interrupted(problem: Problem, monitor: Monitor, device: str) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(solving, "solve_monitored", interrupted)
    assert run_solve(command()) == code
    assert (files / "results/line/manifest.json").read_bytes() == before
    assert names_in(files / "results") == {"line"}
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def test_eval_writes_values_and_derivatives_at_the_points(files: Path, command: Command) -> None:
    run_solve(command())
    Path("points.csv").write_text("0.5\n-0.25\n")
    assert run_eval(command(out="values.csv", fields="u,u_x")) == 0
    table = np.loadtxt("values.csv", delimiter=",", skiprows=1)
    assert Path("values.csv").read_text().startswith("x,u,u_x\n")
    exact = np.exp(0.5) * np.array([-1.0, 3 * np.pi * np.cos(1.5 * np.pi) - 1.0])
    np.testing.assert_allclose(table[0, 1:], exact, rtol=2e-7)


def test_export_writes_the_series_again_at_another_resolution(files: Path, command: Command) -> None:
    run_solve(command(file="front.yaml"))
    assert run_export(command(run="results/front", resolution=31, times=3)) == 0
    assert len(list(Path("results/front/solution.frames").iterdir())) == 3
    assert run_export(command(run="results/front", times=2, out="again")) == 0
    assert names_in(files / "again") == {"solution.pvd", "solution.frames", "solution.spacetime.vtu"}
    finer = Path("results/line")
    run_solve(command())
    run_export(command(resolution=900))
    assert pyvista.read(finer / "solution.vtu").n_points >= 900


def test_a_folder_that_is_no_run_cannot_be_loaded(files: Path, command: Command) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        load_solution("results/none")
    (files / "empty").mkdir()
    with pytest.raises(RunFolderError, match="finished run"):
        load_solution("empty")
    run_solve(command())
    problem = files / "results/line/problem.yaml"
    problem.write_text(problem.read_text().replace("[-1, 1]", "[-2, 1]"))
    with pytest.raises(RunFolderError):
        load_solution("results/line")
    problem.unlink()
    with pytest.raises(RunFolderError, match="missing"):
        load_solution("results/line")


def test_a_terminal_shows_one_live_line(files: Path) -> None:
    screen = io.StringIO()
    console = Console(
        file=screen, force_terminal=True, width=140, no_color=True, highlight=False, _environ={"TERM": "xterm"}
    )
    with progress.Progress(problem("front"), console=console) as shown:
        for record in levels("front")[:3]:
            shown(record)
        assert shown._live is not None
        shown._live.refresh()
        shown.writing()
        shown._live.refresh()
    text = screen.getvalue()
    assert "t = 0.3 of 1" in text
    assert "writing the results" in text
    assert text.count("slab") == 1
    assert "3 slabs to t = 0.3" in text
    assert "\x1b[3" not in text  # no colour was asked for


def test_a_long_silence_is_broken_by_the_slab_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    with progress.Progress(problem("front"), console=Console(file=said, width=140)) as shown:
        for record in levels("front")[:3]:
            shown(record)
        monkeypatch.setattr(progress, "SILENCE", -1.0)
        shown(levels("front")[3])
    assert [line.split("  ")[1] for line in said.getvalue().splitlines()] == ["t = 0.5"]


def test_slabs_of_an_earlier_pass_are_not_counted() -> None:
    said = io.StringIO()
    with progress.Progress(problem("front"), console=Console(file=said, width=140)) as shown:
        for record in (*levels("front")[:3], *levels("front")):
            shown(record)
        shown.writing()
    assert said.getvalue().startswith("6 slabs to t = 1 ")


def test_the_level_passed_on_is_the_level_shown() -> None:
    assert (
        progress.level_line(levels("plane")[0], problem("plane"))
        == "level 1  2x2 intervals  81 parameters  loss 1.0e-04  estimate 1.0e-02  0.20 s"
    )


def test_a_folder_with_the_results_of_another_file_is_not_replaced_silently(
    files: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run_solve(command())
    run_solve(command())
    assert "replaced" not in capsys.readouterr().err
    (files / "other.yaml").write_text(LINE)
    assert run_solve(command(file="other.yaml")) == 0
    said = capsys.readouterr().err
    assert f"results/line holds the results of {files / 'line.yaml'}, which are replaced" in said
    (files / "other.yaml").unlink()
    run_solve(command())
    assert "replaced" not in capsys.readouterr().err
