"""Each exit code and each reason through the command, and what is left on the disk."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
from flow import LID

from pinnkan import cli
from pinnkan.errors import Exit
from pinnkan.kan.field import Array
from pinnkan.problem.registry import shipped_folder
from pinnkan.run import keeper, solving
from pinnkan.run.folder import locked
from pinnkan.run.signals import Stopped, stoppable
from pinnkan.verdict.records import Reason

FILE = """\
name: case
domain: {{{domain}}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{conditions}]
solver: {{{solver}}}
"""
ZERO = "{where: boundary, equation: u = 0}"
SLOPES = "{where: boundary, equation: u_x = 0}"
BEAM = f"{ZERO}, {{where: boundary, equation: u_xx = 0}}"
BLOW_UP = "{where: initial, equation: u = 2}, {where: [left, right], equation: none}"


def case(equation: str, conditions: str = ZERO, solver: str = "seed: 0", domain: str = "x: [0, 1]") -> str:
    return FILE.format(domain=domain, equation=equation, conditions=conditions, solver=solver)


FIT = case("-u_xx = SOURCE", solver="tolerance: 1e-4") + (
    "estimate: {NUMBERS}\ndata: {gauge: {file: case.csv, noise: NOISE}}\n"
)
CIRCLE = case("-u_xx = lam*u", "", "tolerance: 1e-4", "x: [0, 1], periodic: [x]") + "estimate: {lam: 40}\n"
GOOD = case("-u_xx = 1")
OTHER = (shipped_folder() / "traps/two_solutions.yaml").read_text().replace("name: two_solutions", "name: case")
#: reason -> (exit code, problem): why it ends so is in the comment.
CASES = {
    "max_levels": (4, case("-u_xx = exp(x)*sin(9*x)", solver="max_levels: 2, degree: 5, tolerance: 1e-9")),
    # Exact to the first step, so that one slab is judged, and then the time is up.
    "max_time": (4, case("u_t = u_xx", "{where: initial, equation: u = sin(pi*x)}, " + ZERO,
                         "max_time: 1e-6", "x: [0, 1], t: [0, 1]")),
    # Bratu's equation has no solution beyond 3.51: thirty steps end nowhere.
    "stalled": (4, case("u_xx + 30*exp(u) = 0", solver="max_levels: 1")),
    # A spike of width 3e-5 between the points of the first knots.
    "undersampled": (4, case("-u_xx = 1 + 2e4*exp(-((x - 0.4)*30000)**2)", solver="max_levels: 1")),
    # u = sin(pi*x) is known to 1e-8 on one level.
    "undecided": (4, case("-u_xx = pi**2*sin(pi*x) + 1e6*heaviside(u - 1.000000001)", solver="max_levels: 1")),
    # A layer of width 1e-9 that two levels cannot reach.
    "not_asymptotic": (4, case("-1e-9*u_xx + u_x = 1", solver="max_levels: 2")),
    # Infinite at t = 1/2.
    "diverged": (5, case("u_t = u**2", BLOW_UP, "degree: 3, knots: 1, time_slabs: 2", "x: [0, 1], t: [0, 1]")),
    # What is bent so much is below zero in the middle.
    "not_finite": (5, case("u_xx = 30 + log(u)", "{where: boundary, equation: u = 1}")),
    "rank_deficient": (4, case("u_xx = cos(pi*x)", SLOPES)),
    # Gauss-Newton finds the one of two solutions that is nearer to zero, `exact` is the other.
    "contradicted": (4, OTHER),
    # Of a*b alone its values say something.
    "undetermined_numbers": (4, FIT.replace("NUMBERS", "a: 1, b: 1").replace("SOURCE", "a*b").replace("NOISE", "1")),
    # u = a*(x - x**2)/2 is measured as 1 everywhere.
    "misfit": (4, FIT.replace("NUMBERS", "a: 1").replace("SOURCE", "a").replace("NOISE", "0.01")),
    # On a circle: cos(2*pi*x) and sin(2*pi*x).
    "multiple_eigenvalue": (4, CIRCLE),
    "no_finite_norm": (4, LID.replace("TOLERANCE", "1.0e-1")),
    # A fourth derivative costs eight digits.
    "tolerance_below_rounding": (4, case("u_xxxx = pi**4*sin(pi*x)", BEAM, "tolerance: 1.1e-13")),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pinnkan.export.pictures.draw_pictures", lambda *_: ([], []))
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def solved(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main(["solve", *arguments, "--json", "-q"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("reason", CASES)
def test_every_reason_has_a_problem_that_ends_with_it(
    reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = CASES[reason]
    (folder / "case.yaml").write_text(text)
    (folder / "case.csv").write_text("x,u\n" + "".join(f"{0.05 * k},1\n" for k in range(1, 20)))
    assert solved(capsys, "case.yaml")[1]["reason"] == reason
    manifest = json.loads((folder / "results/case/manifest.json").read_text())
    assert manifest["exit_code"] == code
    assert list((folder / "results/case").glob("solution.NOT_CONVERGED.*"))
    report = (folder / "results/case/report.md").read_text()
    assert f"NOT CONVERGED ({reason})" in report
    assert "### What to try" in report


def test_no_reason_is_left_out() -> None:
    assert set(CASES) | {"interrupted"} == {r for r in Reason if r}  # an interrupted run: test_resume.py


def test_a_value_that_is_not_finite_is_named_with_its_place(folder: Path) -> None:
    (folder / "case.yaml").write_text(CASES["not_finite"][1])
    assert cli.main(["solve", "case.yaml", "-q"]) == 5
    assert "not finite at x = 0." in (folder / "results/case/report.md").read_text()


def test_the_codes_of_success_usage_and_bad_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert solved(capsys, "good.yaml") == (0, solved(capsys, "good.yaml")[1] | {"seconds": pytest.approx(0, abs=60)})
    assert cli.main(["solve", "good.yaml", "--tolerance", "2"]) == 2
    assert cli.main(["solve", "absent.yaml"]) == 2
    (folder / "bad.yaml").write_text(GOOD.replace("u_xx", "u_yy"))
    assert cli.main(["solve", "bad.yaml"]) == 3


def test_a_bug_is_exit_1_with_a_request_to_report_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(solving, "solve_monitored", lambda *_: 1 // 0)
    assert cli.main(["solve", "good.yaml"]) == 1
    said = capsys.readouterr().err
    assert "a bug in pinnkan" in said
    assert "ZeroDivisionError" in said


@pytest.mark.parametrize(
    "solver", ["knots: 9000", "network: deep, hidden: [300, 300]", "knots: 9000, tolerance: 1e-2"]
)  # fmt: skip
def test_too_much_memory_is_exit_6_with_the_numbers(
    solver: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solved(capsys, "good.yaml")[0] == 0
    before = (folder / "results/case/manifest.json").read_bytes()
    time = ", t: [0, 1]" * solver.endswith("1e-2")
    equation = "u_t = lap(u)" if time else "-lap(u) = 1"
    initial = "{where: initial, equation: u = 0}, " * bool(time)
    (folder / "case.yaml").write_text(case(equation, initial + ZERO, solver, f"x: [0, 1], y: [0, 1]{time}"))
    assert cli.main(["solve", "case.yaml"]) == Exit.RESOURCES
    said = capsys.readouterr().err
    assert "needs about" in said
    assert "are available" in said
    assert (folder / "results/case/manifest.json").read_bytes() == before
    assert [p.name for p in (folder / "results").iterdir()] == ["case"]


def test_a_disk_that_fills_up_during_a_run_is_exit_6_and_what_was_written_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert solved(capsys, "good.yaml")[0] == 0
    before = (folder / "results/case/manifest.json").read_bytes()
    write, count = safetensors.numpy.save_file, [0]

    def full(arrays: dict[str, Array], path: Path) -> None:
        count[0] += 1
        if count[0] > 1:
            message = f"Error while serializing: I/O error: {os.strerror(errno.ENOSPC)} (os error {errno.ENOSPC})"
            raise safetensors.SafetensorError(message)
        write(arrays, path)

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    monkeypatch.setattr(keeper, "FIRST", 0.0)
    monkeypatch.setattr(keeper, "LONGEST", 0.0)
    (folder / "case.yaml").write_text(case("u_xx = u**2 - 9*exp(x)*sin(9*x)", solver="degree: 3, tolerance: 1e-8"))
    assert cli.main(["solve", "case.yaml"]) == 6
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "--resume" in said
    assert (folder / "results/case/manifest.json").read_bytes() == before
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("pinnkan.export.pictures.draw_pictures", lambda *_: ([], []))
    assert cli.main(["solve", "case.yaml", "--resume", "-q"]) == 0


def test_folders_that_cannot_be_used_are_exit_7(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["solve", "good.yaml", "--out", "/proc/results/here"]) == 7  # not even root may write there
    assert "choose another folder with --out" in capsys.readouterr().err
    with locked(folder / "results/case"):
        assert cli.main(["solve", "good.yaml"]) == 7
    assert "another run is writing into this folder" in capsys.readouterr().err
    assert cli.main(["solve", "good.yaml", "--resume"]) == 7
    assert "nothing to resume, no run was interrupted there" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_after_the_first_signal_a_second_one_ends_the_process_at_once(number: signal.Signals, code: int) -> None:
    with stoppable():
        with pytest.raises(Stopped) as stop:
            signal.raise_signal(number)
        assert stop.value.exit_code == code
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == [signal.SIG_DFL] * 2
