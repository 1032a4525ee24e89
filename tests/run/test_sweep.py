"""A sweep solves every combination, keeps what is done, and its table has what was read off."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pinnkan import cli
from pinnkan.errors import Exit, UsageError
from pinnkan.export.convergence import draw_sweep
from pinnkan.run.sweep import combinations, folder_of, table

DECAY = """\
name: decay
domain: {t: [0, 1]}
parameters: {k: 1, b: 1}
unknowns: [u]
equations: [u_t + k*u = 0]
conditions:
  - {where: initial, equation: u = b}
quantities:
  end: {value: u, at: [1]}
output: {pictures: false, vtk: false, report: false}
"""


def test_combinations_are_all_of_them_the_last_parameter_first() -> None:
    assert combinations({"nu": "0.1, 0.2", "Re": "10:30:3"}) == [
        {"nu": nu, "Re": Re} for nu in ("0.1", "0.2") for Re in ("10", "20", "30")
    ]
    assert combinations({"nu": "0.01/pi"}) == [{"nu": "0.01/pi"}]


@pytest.mark.parametrize(
    "given", [{}, {"nu": "1:2"}, {"nu": "1:2:1"}, {"nu": "a:b:3"}, {"nu": ","}, {"n": "0:1:10001"}]
)
def test_values_that_make_no_sweep_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        combinations(given)


def test_the_folder_of_a_combination_names_it_and_stays_one_folder() -> None:
    assert folder_of({"nu": "0.01/pi", "Re": "10"}) == "nu=0.01_pi,Re=10"


def test_a_combination_without_a_result_has_an_empty_row() -> None:
    found = {"verdict": "converged", "error_estimate": 1e-6, "true_error": None, "seconds": 1.0}
    curve = {"drag": {"times": [0, 1], "values": [2.0, 3.0], "errors": [0.1, 0.2]}}
    rows = list(csv.reader(table([{"nu": "1"}, {"nu": "2"}], [{**found, "quantities": curve}, None]).splitlines()))
    assert rows[0] == ["nu", "verdict", "error_estimate", "true_error", "seconds", "drag", "drag_error"]
    assert rows[1] == ["1", "converged", "1e-06", "", "1.0", "3.0", "0.2"]
    assert rows[2] == ["2", "", "", "", "", "", ""]


def test_the_picture_takes_expressions_and_missing_values(tmp_path: Path) -> None:
    chosen = combinations({"nu": "0.01/pi,0.02/pi", "Re": "1,2"})
    draw_sweep(chosen, {"drag": [1.0, 2.0, None, 4.0], "lift": [1, 1, "", 1]}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_sweep_solves_what_is_missing_and_tabulates_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.yaml").write_text(DECAY)
    assert cli.main(["sweep", "decay.yaml", "--set", "k=1,2", "--set", "b=3"]) == 0
    rows = list(csv.DictReader((tmp_path / "results/decay.sweep/sweep.csv").read_text().splitlines()))
    for row in rows:
        assert float(row["end"]) == pytest.approx(3.0 * np.exp(-float(row["k"])), rel=1e-4)
        assert row["verdict"] == "converged"
    assert len(rows) == 2
    assert (tmp_path / "results/decay.sweep/k=2,b=3/manifest.json").exists()
    assert (tmp_path / "results/decay.sweep/sweep.png").exists()
    assert "2 of 2 combinations to solve" in capsys.readouterr().err
    assert cli.main(["sweep", "decay.yaml", "--set", "k=1,2,3", "--set", "b=3", "--resume"]) == 0
    assert "1 of 3 combinations to solve" in capsys.readouterr().err
    again = list(csv.DictReader((tmp_path / "results/decay.sweep/sweep.csv").read_text().splitlines()))
    assert again[:2] == rows


def test_a_wrong_value_is_refused_before_anything_is_solved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.yaml").write_text(DECAY)
    assert cli.main(["sweep", "decay.yaml", "--set", "k=1,1/0"]) == Exit.INVALID_PROBLEM
    assert cli.main(["sweep", "decay.yaml", "--set", "kappa=1"]) in (Exit.INVALID_PROBLEM, Exit.USAGE)
    assert not (tmp_path / "results").exists()
