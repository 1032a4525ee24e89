"""What a run leaves behind, and that it can be read again."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from closed_form import levels, problem, solved, with_mean

from pinnkan.errors import Exit
from pinnkan.export.report import report_of
from pinnkan.export.tables import history_csv, levels_csv
from pinnkan.problem.settings import OutputSettings
from pinnkan.run.commands import closing_lines
from pinnkan.run.progress import level_line
from pinnkan.run.results import circumstances_of, exit_code, summary, write_results
from pinnkan.verdict.records import Evidence
from pinnkan.verdict.verdict import Verdict


def test_the_levels_table_has_a_row_per_level_and_full_precision() -> None:
    rows = list(csv.DictReader(levels_csv(levels("plane")).splitlines()))
    assert [row["intervals"] for row in rows] == ["2x2", "4x4", "8x8"]
    assert [float(row["estimate"]) for row in rows] == [level.estimate for level in levels("plane")]
    assert rows[0]["time_start"] == ""
    slabs = list(csv.DictReader(levels_csv(levels("front")).splitlines()))
    assert (slabs[1]["time_start"], slabs[1]["time_end"]) == ("0.05", "0.15")


def test_what_people_should_know_of_a_level_is_in_its_row_and_in_its_line() -> None:
    plain = levels("plane")[0]
    said = {
        "on blocks": replace(plain, note="on blocks"),
        "not resolved yet": replace(plain, is_resolved=False),
        "judged by the fall of the residual": replace(plain, evidence=Evidence.FALL),
        "on blocks; not seen near x = 0.4": replace(plain, note="on blocks", unseen="not seen near x = 0.4"),
        "": plain,
    }
    rows = list(csv.DictReader(levels_csv(tuple(said.values())).splitlines()))
    assert [row["note"] for row in rows] == list(said)
    assert all(
        level_line(level, problem("plane")).endswith(f"s  {words}" if words else "s") for words, level in said.items()
    )


def test_the_history_table_has_a_row_per_step() -> None:
    assert len(history_csv(solved("plane").history).splitlines()) == 1 + 9


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict(True, 1e-4, 1e-5), Exit.CONVERGED),
        (Verdict(False, 1e-4, 1e-3, "max_levels"), Exit.NOT_CONVERGED),
        (Verdict(False, 1e-4, 1e9, "diverged"), Exit.DIVERGED),
        (Verdict(False, 1e-4, float("nan"), "not_finite"), Exit.DIVERGED),
    ],
)
def test_the_exit_code_follows_the_verdict(verdict: Verdict, code: Exit) -> None:
    assert exit_code(verdict) == code


def test_the_summary_has_the_keys_of_the_contract_and_only_numbers_of_json() -> None:
    solution = solved("plane", converged=False)
    found = summary(replace(solution, verdict=replace(solution.verdict, estimate=float("inf"))), Path("results/plane"))
    assert list(found) == [
        "name", "verdict", "reason", "tolerance", "error_estimate", "true_error", "levels", "parameters", "seconds",
        "run",
    ]  # fmt: skip
    assert found["verdict"] == "not_converged"
    assert found["error_estimate"] is None
    json.dumps(found, allow_nan=False)


def test_the_summary_has_the_quantities_of_the_file() -> None:
    for kind, keys in (("plane", ["value", "error"]), ("front", ["times", "values", "errors"])):
        stated = with_mean(kind)
        found = summary(stated, Path("results"))["quantities"]
        assert list(found) == ["mean"]
        assert list(found["mean"]) == keys
        json.dumps(found, allow_nan=False)
    assert len(found["mean"]["times"]) == len(found["mean"]["errors"]) == 51
    unknown = replace(stated, quantities={"mean": replace(stated.quantities["mean"], errors=None)})
    assert set(summary(unknown, Path("results"))["quantities"]["mean"]["errors"]) == {None}


def test_the_report_of_a_miss_says_what_to_try() -> None:
    text = report_of(solved("plane", converged=False), ["solution.NOT_CONVERGED.vtu"])
    assert "NOT CONVERGED" in text
    assert "### What to try\n\nAllow 2 more levels" in text
    assert "| 3 | 8x8 | 225 |" in text
    assert "ParaView" in text


def test_the_report_shortens_a_long_table_and_says_when_there_is_none() -> None:
    solution = solved("front")
    many = replace(solution, levels=solution.levels * 20)
    assert report_of(many, []).count("\n| ") == 1 + 24 + 1
    assert "No level was completed" in report_of(replace(solution, levels=()), [])


def test_what_the_file_switches_off_is_not_written(tmp_path: Path) -> None:
    solution = solved("plane")
    for name, endings in {"pictures": (".png",), "vtk": (".vtu", ".paraview.py"), "report": (".html", ".md")}.items():
        output = OutputSettings(**{n: n == name for n in ("pictures", "vtk", "report")})
        folder = tmp_path / name
        folder.mkdir()
        some = replace(solution, problem=replace(solution.problem, output=output))
        files, _ = write_results(some, folder, circumstances_of("cpu", b""), Exit.CONVERGED)
        shown = {f for f in files if f.endswith((".png", ".vtu", ".py", ".html", ".md"))}
        assert shown
        assert all(f.endswith(endings) for f in shown)
        assert {p.name for p in folder.iterdir()} == set(files)
        lines = closing_lines(some, folder, files)
        assert any("ParaView" in line for line in lines) == (name == "vtk")
        assert any("report.html" in line for line in lines) == (name == "report")
