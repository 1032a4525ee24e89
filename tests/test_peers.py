"""Side by side with others: the page says what the rows say, the scripts run, and what has ended is not run again."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests" / "benchmark"
sys.path += [str(HERE), str(HERE / "peers")]

import peers  # noqa: E402  (after its path)
from environments import PEERS, NotInstalledError, Peer, interpreter  # noqa: E402
from grids import COMPARED, grid_file  # noqa: E402
from side_by_side import ERRORS, Attempt, cell, faster, fastest, page  # noqa: E402
from tables import read_rows  # noqa: E402

SCRIPTS = sorted((HERE / "peers").glob("*.py"))


def row(peer, error, seconds, end="", problem="poisson"):
    return Attempt(peer, problem, "so fine", error, seconds, 2 * seconds, end, 60.0, "1.0")


ROWS = [
    row("pinnkan", 3e-5, 0.5),
    row("pinnkan", 2e-9, 2.0),
    row("pinnkan", math.nan, math.nan, "done"),
    row("spectral", 5e-3, 0.01),
    row("spectral", 1e-9, 0.1),
    row("spectral", math.nan, math.nan, "done"),
    row("deepxde", 2e-1, 10.0),
    row("deepxde", 4e-3, 50.0),
    row("deepxde", 1.3e-3, 59.0),
    row("deepxde", math.nan, math.nan, "budget"),
    row("bacoli", math.nan, math.nan, "not installed: no gfortran"),
]


def of(name):
    return [r for r in ROWS if r.peer == name]


def test_a_column_has_the_fastest_that_was_exact_enough():
    assert fastest(of("pinnkan"), 1e-4).cpu_seconds == 0.5
    assert fastest(of("deepxde"), 1e-4) is None
    assert [cell(of("pinnkan"), of("pinnkan"), e) for e in ERRORS] == ["0.5 s", "0.5 s", "2 s", "2 s"]
    assert [cell(of("spectral"), of("pinnkan"), e) for e in ERRORS][::3] == ["0.01 s (0.02 x)", "0.1 s (0.05 x)"]


def test_what_was_not_reached_says_how_near_it_came():
    assert [cell(of("deepxde"), of("pinnkan"), e) for e in ERRORS] == ["50 s (100 x)", "1.3e-03 at 59 s", "-", "-"]


def test_the_page_has_a_line_for_everybody_who_was_asked():
    text = page(ROWS, {"command": "`x`"})
    assert "| BACOLI (bacoli_py) | not installed: no gfortran |  |  |  |" in text
    assert "| DeepXDE (torch) | 50 s (100 x) | 1.3e-03 at 59 s | - | - |" in text
    assert "PINA" not in text


def test_those_who_beat_us_are_named():
    lines = faster(ROWS)
    assert len(lines) == len(ERRORS)
    assert lines[-1].endswith(f"1e-08: {PEERS['spectral'].title} 0.1 s; pinnkan 2 s.")
    assert faster(of("pinnkan")) == ["Nobody, in what has been run so far."]


def test_an_error_that_we_do_not_reach_is_a_defeat():
    assert "does not reach it" in faster([row("pinnkan", 1e-3, 9.0), row("spectral", 1e-9, 60.0)])[-1]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_is_python_for_any_environment(script):
    compile(script.read_text(encoding="utf-8"), str(script), "exec")
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 300


def test_every_peer_has_a_script_and_every_problem_a_word_in_it():
    for peer in PEERS.values():
        text = (HERE / "peers" / peer.script).read_text(encoding="utf-8")
        assert [name for name in COMPARED if name not in text] == []


def run_of(script, problem, folder):
    """The lines of a short run in this environment."""
    grid = grid_file(folder, problem)
    command = [sys.executable, str(HERE / "peers" / script), problem, "--grid", str(grid), "--budget", "20"]
    done = subprocess.run([*command, "--target", "1e-6"], capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("problem", ["poisson", "helmholtz"])
def test_chebyshev_reaches_what_is_asked_for(problem, tmp_path):
    lines = run_of("by_spectral.py", problem, tmp_path)
    errors = [line["error"] for line in lines if "error" in line]
    assert lines[-1] == {"end": "done"}
    assert errors[-1] <= 1e-6 < errors[0]


@pytest.mark.parametrize("script", ["by_scikit_fem.py", "by_scikit_fem_adaptive.py"])
def test_elements_reach_what_is_asked_for(script, tmp_path):
    pytest.importorskip("skfem")
    lines = run_of(script, "poisson", tmp_path)
    assert lines[-1] == {"end": "done"}
    assert lines[-2]["error"] <= 1e-6


def spectral_poisson(folder):
    """Arguments that run one quick pair, its cache and its table in a folder."""
    return ["--cache", str(folder / "cache"), "--out", str(folder), "--budget", "20", "--only", "spectral", "poisson"]


def test_a_pair_that_has_ended_is_not_run_again(tmp_path, capsys):
    asked = spectral_poisson(tmp_path)
    assert peers.main(asked) == 0
    first = capsys.readouterr().out
    assert first.splitlines()[-1].endswith("done")
    assert peers.main(asked) == 0
    assert capsys.readouterr().out == ""
    rows = read_rows(tmp_path / "peers.csv", Attempt)
    assert [r.end for r in rows if r.end] == ["done"]
    assert "## Poisson" in (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert peers.main([*asked, "--again"]) == 0
    assert len(read_rows(tmp_path / "peers.csv", Attempt)) == len(rows)


def test_a_run_that_was_cut_short_begins_anew(tmp_path):
    path = tmp_path / "peers.csv"
    for one in of("spectral")[:2]:
        peers.append_row(path, one)
    asked = spectral_poisson(tmp_path)
    peers.main(asked)
    assert all(r.setting != "so fine" for r in read_rows(path, Attempt))


def test_a_peer_without_its_compiler_gives_the_reason(tmp_path):
    with pytest.raises(NotInstalledError, match="no such-compiler"):
        interpreter(Peer("x", "x.py", "x", ("x",), "such-compiler"), tmp_path)
