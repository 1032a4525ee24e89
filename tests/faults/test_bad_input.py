"""Bad problem files, as a user meets them: place, reason, hint, exit 3, at once, never a traceback."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edited import TEXT, edited, without_exact

from pinnkan import cli

ROOT = Path(__file__).parents[2]

# name -> (the file, where, a word of the reason, a word of the hint)
BAD: dict[str, tuple[str, str, str, str]] = {
    "unknown name": (edited("k*u_xx", "k*uu_xx"), "9:13", "unknown name 'uu_xx'", "did you mean"),
    "unclosed parenthesis": (edited("u = sin(pi*x)", "u = sin(pi*x"), "12:22", "never closed", "add a ')'"),
    "caret": (edited("k*pi**2*t", "k*pi^2*t"), "16:15", "'^'", "**"),
    "missing condition on a side": (
        edited("[left, right]", "left"),
        "10:1",
        "'right' (x = 1) has no condition",
        "equation: none",
    ),
    "two contradicting conditions": (
        edited("equation: u = 0", "equation: u = 0\n  - where: left\n    equation: u = 1"),
        "16:15",
        "u = 0 against u = 1",
        "14:15",
    ),
    "wrong equation count": (
        edited("  - u_t = k*u_xx", "  - u_t = k*u_xx\n  - u_x = 0"),
        "10:5",
        "2 equations for 1 unknown",
        "one equation per unknown",
    ),
    "unknown key": (
        edited("conditions:", "condition:"),
        "10:1",
        "unknown key 'condition'",
        "did you mean 'conditions'?",
    ),
    "duplicate key": (edited("  k: 0.1", "  k: 0.1\n  k: 0.2"), "7:3", "the key 'k' stands twice", "line 6"),
    "anchor": (edited("[0, 1]\n  t", "&range [0, 1]\n  t"), "3:6", "an anchor (&range)", "write the value out"),
    "alias": (edited("t: [0, 1]", "t: *range"), "4:6", "alias", "quote the text"),
    "tag": (edited("k: 0.1", "k: !!python/object/apply:os.system ['true']"), "6:6", "a tag", "delete it"),
    "degree too low for the order": (
        edited("exact:", "solver: {degree: 2}\nexact:"),
        "15:18",
        "degree 2 cannot represent",
        "at least 3",
    ),
    "infinite source": (edited("k*u_xx", "k*u_xx + 1/(x - 0.5)"), "9:5", "not finite at x = 0.5", "multiply"),
    "wrong exact": (
        edited("exp(-k*pi**2*t)*sin(pi*x)", "exp(-k*pi*t)*sin(pi*x)"),
        "16:6",
        "does not satisfy the equation of line 9",
        "slip",
    ),
    "nested powers": (edited("k: 0.1", "k: 10**10**10"), "6:6", "no finite real value", "1.8e308"),
    "1 MB of nesting in lines": ("[\n" * 10_000 + "[" * 900, "21:1", "nested more than 20 deep", "few levels"),
    "1 MB of nesting in one line": ("[" * 999_999, "1:1", "a line longer than", "break it"),
    "1 MB of parentheses": (
        edited("k*u_xx", "(" * 900 + "u" + ")" * 900),
        "9:51",
        "parentheses nested more than 40",
        "functions",
    ),
    "attribute access": (edited("k*u_xx", "u.func"), "9:11", "attribute access", "dot"),
    "dunder name": (edited("k*u_xx", "__builtins__"), "9:11", "two underscores", "u_xx"),
    "dunder call": (edited("k*u_xx", "__import__('os')"), "9:11", "two underscores", "u_xx"),
    "huge exponent": (edited("k*u_xx", "k*u_xx + (x + 1)**10**9"), "9:20", "an exponent above 100", "smaller"),
    "tolerance beyond float64": (
        edited("exact:", "solver: {tolerance: 1e-15}\nexact:"),
        "15:21",
        "'tolerance: 1e-15' is out of range",
        "1e-13",
    ),
    "not YAML": (edited("unknowns: [u]", "unknowns: [u"), "7:11", "this '[' is not closed", "look for a bracket"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_place_reason_and_hint_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, place, reason, hint = BAD[name]
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(text)
    begun = time.process_time()
    code = cli.main(["check", "bad.yaml"])
    seconds = time.process_time() - begun
    out = capsys.readouterr()
    assert code == 3
    assert seconds < 1.0
    assert out.out == ""
    assert "Traceback" not in out.err
    blocks = [b for b in re.split(r"\n(?=bad\.yaml:)", out.err) if b.startswith(f"bad.yaml:{place}: error: ")]
    assert any(reason in b.splitlines()[0] and hint in b.splitlines()[2] for b in blocks), out.err
    assert re.search(r"^\d+ errors?.*; nothing was solved\.$", out.err.splitlines()[-1])


def test_the_file_that_is_edited_is_itself_good(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(TEXT)
    (tmp_path / "small.yaml").write_text(edited("k: 0.1", "k: 1e-6", without_exact()))
    assert cli.main(["check", str(tmp_path / "good.yaml")]) == 0
    assert cli.main(["check", str(tmp_path / "small.yaml")]) == 0


def test_solve_refuses_a_bad_file_the_same_way_before_it_makes_anything(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD["nested powers"][0])
    command = [sys.executable, "-m", "pinnkan.cli", "solve", "bad.yaml"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    assert "bad.yaml:6:6: error: this has no finite real value" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff" * 1000,
        bytes(range(256)),
        b"\xef\xbb\xbf",
        b"\n" * 10_000,
        b"'" * 999,
        b"%" * 99,
        b"?" * 99,
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_bytes_that_are_no_problem_are_exit_3(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(data)
    assert cli.main(["check", str(path)]) == 3
    assert "nothing was solved" in capsys.readouterr().err
