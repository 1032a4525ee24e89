"""A checkpoint that was tampered with, signature and all, is refused by name; it never runs code and never crashes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pinnkan
from pinnkan import cli
from pinnkan.errors import PinnkanError, RunFolderError
from pinnkan.run.checkpoint import write_signed

LINE = """\
name: line
domain: {x: [0, 1]}
unknowns: [u]
equations: ["u_xx = u**2 - 1"]
conditions: [{where: boundary, equation: u = 0}]
"""
ODD: list[Any] = [None, [], {}, "../../etc/passwd", -1, 1e400, [[]], ["exec", {}], ["array", "gone"], True]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "line.yaml").write_text(LINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pinnkan.export.pictures.draw_pictures", lambda *_: ([], []))
    return tmp_path


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested JSON; of long lists the first two."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with one place replaced."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def test_no_change_of_a_checkpoint_does_more_than_be_refused(folder: Path) -> None:
    assert cli.main(["solve", "line.yaml", "-q"]) == 0
    path = folder / "results/line/checkpoint/state.json"
    state = json.loads(path.read_text())["state"]
    refused = 0
    chosen = [(p, ODD[i % len(ODD)]) for i, p in enumerate(places(state))]
    assert len(chosen) > 50
    for place, new in chosen:
        write_signed(path, changed(state, place, new))
        try:
            pinnkan.load_solution("results/line")
        except RunFolderError:
            refused += 1
    assert refused > len(chosen) // 4
    write_signed(path, state)
    assert np.isfinite(pinnkan.load_solution("results/line")([[0.5]])["u"][0])


def test_no_change_of_a_state_does_more_than_be_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = pinnkan.load_problem("line.yaml")

    def stop(record: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pinnkan.solve(problem, checkpoint="kept", callback=stop)
    path = folder / "kept/resume.json"
    state = json.loads(path.read_text())["state"]
    refused = 0
    chosen = [(p, ODD[i % len(ODD)]) for i, p in enumerate(places(state)) if "levels" not in p and "history" not in p]
    for place, new in chosen:
        write_signed(path, changed(state, place, new))
        try:
            pinnkan.solve(problem, checkpoint="kept", resume=True)
            write_signed(path, state)
        except PinnkanError:
            refused += 1
    assert refused > len(chosen) // 4


def test_a_name_is_no_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("../up", "/etc/passwd", "a/b", "..", ".hidden", "a\\\\b", "nul\\0", "-rf", "A", ""):
        (folder / "bad.yaml").write_text(LINE.replace("name: line", f'name: "{name}"'))
        assert cli.main(["solve", "bad.yaml"]) == 3
        assert cli.main(["new", "--", name]) == 2
    assert sorted(p.name for p in folder.iterdir()) == ["bad.yaml", "line.yaml"]
    assert "name" in capsys.readouterr().err


def test_escape_codes_in_names_and_texts_reach_no_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "red\x1b[31m\u202e"
    about = r'about: "\e[2J\x9b31m"'
    (folder / f"{evil}.yaml").write_text(LINE.replace("name: line", f"name: line\n{about}"))
    (folder / "p.csv").write_text("x\n0.5\n")
    commands = [
        ["check", f"{evil}.yaml"], ["check", evil], ["solve", f"{evil}.yaml", "--out", evil],
        ["eval", evil, "--points", "p.csv", "--out", f"{evil}.csv"], ["eval", evil, "--points", evil, "--out", evil],
        ["export", evil], ["export", evil + evil], ["solve", f"{evil}.yaml", "--out", f"{evil}.yaml"], ["new", evil],
        ["solve", f"{evil}.yaml", "--device", evil], ["solve", f"{evil}.yaml", "--out", evil, "--resume"],
        ["eval", evil, "--points", "p.csv", "--out", "v.csv", "--fields", evil],
    ]  # fmt: skip
    codes = [cli.main(command) for command in commands]
    said = "".join(capsys.readouterr())
    assert codes == [0, 2, 0, 0, 2, 0, 7, 7, 2, 2, 7, 2]
    assert r"\x1b[31m" in said
    assert not [c for c in said if not (c.isprintable() or c == "\n")]
    report = (folder / evil / "report.md").read_text()
    assert not [c for c in report if not (c.isprintable() or c == "\n")]
