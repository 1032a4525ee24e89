import json
from dataclasses import replace

import pytest

from pinnkan.cli import main
from pinnkan.study import command, regression
from pinnkan.study.command import STUDIES, Study


def test_an_unknown_study_is_refused_with_the_names(capsys):
    assert main(["study", "regresion"]) == 2
    told = capsys.readouterr().err
    assert "regresion" in told
    assert all(name in told for name in STUDIES)
    assert main(["study"]) == 2


def test_a_study_leaves_its_report_pictures_and_manifest(tmp_path, monkeypatch, capsys):
    def small(report, quick, say):
        say("half way")
        report.say(f"quick: {quick}")
        with report.figure("line", "A line.", 3.0, 2.0) as drawing:
            drawing.subplots().plot([1, 2], [3, 4])
        report.attach("table.csv", "a,b\n")

    monkeypatch.setitem(command.STUDIES, "small", Study("Small", small))
    monkeypatch.chdir(tmp_path)
    assert main(["study", "small", "--quick"]) == 0
    folder = tmp_path / "results" / "study_quick" / "small"
    assert {p.name for p in folder.iterdir()} == {"report.md", "line.png", "table.csv", "manifest.json"}
    text = (folder / "report.md").read_text()
    assert text.startswith("# Small\n")
    assert "quick: True" in text
    assert "](line.png)" in text
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {p.name for p in folder.iterdir()}
    assert {"processor", "cores"} <= set(manifest["machine"])
    assert capsys.readouterr().out == ""
    assert main(["study", "small", "--out", str(tmp_path / "elsewhere"), "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_a_study_that_fails_leaves_the_old_results(tmp_path, monkeypatch):
    def broken(report, quick, say):
        raise MemoryError

    monkeypatch.setitem(command.STUDIES, "small", Study("Small", lambda report, quick, say: report.say("good")))
    assert main(["study", "small", "--out", str(tmp_path / "run"), "-q"]) == 0
    monkeypatch.setitem(command.STUDIES, "small", Study("Small", broken))
    assert main(["study", "small", "--out", str(tmp_path / "run"), "-q"]) == 6
    assert "good" in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["geometry", "nesting", "poisson", "regression"])
def test_quick_studies_run_to_the_end(name, tmp_path, monkeypatch):
    def contenders(inner=1, all_of_them=regression.contenders):
        return [replace(c, schedule=tuple(min(n, 2) for n in c.schedule)) for c in all_of_them(inner)]

    monkeypatch.setattr(regression, "contenders", contenders)
    assert main(["study", name, "--quick", "--out", str(tmp_path / name), "-q"]) == 0
    assert (tmp_path / name / "report.md").exists()
