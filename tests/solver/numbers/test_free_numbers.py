"""Numbers without data through the command: what is printed, stored, reported and read again."""

import json
from pathlib import Path

import numpy as np
import pytest

import pinnkan
from pinnkan import cli

STRING = """\
name: string
domain: {x: [0, 1]}
unknowns: [u]
estimate: {lam: 10}
equations: ["-u_xx = lam*u"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1.0e-6}
output: {pictures: false}
"""


def test_a_number_is_printed_stored_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "string.yaml").write_text(STRING)
    assert cli.main(["solve", "string.yaml", "--json", "-q"]) == 0
    printed = json.loads(capsys.readouterr().out)["estimate"]["lam"]
    assert set(printed) == {"value", "error"}
    assert abs(printed["value"] - np.pi**2) <= printed["error"] < 1e-4
    report = (tmp_path / "results/string/report.md").read_text()
    assert "integral(u**2) = 1" in report
    assert "lam" in report
    again = pinnkan.load_solution("results/string")
    assert again.estimate["lam"].value == printed["value"]
    assert again.estimate["lam"].error == printed["error"]
    assert set(again(np.array([[0.5]]))) == {"u"}
    assert again(np.array([[0.5]]))["u"] == pytest.approx(np.sqrt(2), abs=1e-6)
