"""The command line: what it prints where, its exit codes, what it imports, how fast it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from edited import TEXT, edited, problem, without_exact

from pinnkan import cli
from pinnkan.errors import RunFolderError
from pinnkan.problem.registry import shipped_problems

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pinnkan(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "pinnkan", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def modules_after(arguments: list[str]) -> set[str]:
    """What a fresh interpreter has imported once the command has answered."""
    script = f"import sys; from pinnkan.cli import main; main({arguments!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["list"], ["schema"], ["check", "burgers"], ["check", "nothing"], ["solve", "--help"]],
)
def test_torch_is_not_imported_by(arguments: list[str]) -> None:
    assert modules_after(arguments) & {"torch", "scipy", "matplotlib", "pyvista"} == set()


def test_a_solve_imports_no_symbolic_shapes_and_no_other_transforms(tmp_path: Path) -> None:
    """``torch.broadcast_shapes`` and ``scipy.fft`` (with ``scipy.special``) were a tenth of a second."""
    modules = modules_after(["solve", "poisson2d", "--out", str(tmp_path / "run"), "-q"])
    assert modules >= {"torch", "scipy.linalg", "matplotlib"}
    assert modules & {"torch.fx.experimental.symbolic_shapes", "scipy.fft", "scipy.special"} == set()


def test_the_package_is_the_command() -> None:
    """``python -m pinnkan`` under the name that it is installed as, with its exit codes."""
    done, wrong = pinnkan("--help"), pinnkan("frobnicate")
    assert (done.returncode, wrong.returncode) == (0, 2)
    assert done.stdout.startswith("usage: pinnkan [-h]")
    assert "invalid choice: 'frobnicate'" in wrong.stderr


def test_help_imports_neither_sympy_nor_numpy() -> None:
    assert modules_after(["--help"]) & {"sympy", "numpy", "yaml", "rich"} == set()


def test_check_prints_equations_conditions_and_settings_as_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "burgers"]) == 0
    out = capsys.readouterr()
    for line in [
        "unknown   u(x, t)",
        "domain    x from -1 to 1",
        "equation  u*u_x + u_t - 0.003183098862*u_xx = 0",
        "second order in x, first order in t, nonlinear",
        "initial   u = -sin(pi*x)",
        "left      u = 0",
        "tolerance 0.0001",
    ]:
        assert line in out.out
    assert out.err == ""


def test_check_shows_warnings_on_stderr_and_still_succeeds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rod.yaml").write_text(edited("k: 0.1", "k: 0.1\n  m: 1"))
    assert cli.main(["check", "rod.yaml"]) == 0
    assert capsys.readouterr().err == "warning: rod.yaml:7:3: the parameter 'm' is never used\n"


def test_check_resolved_prints_a_file_that_means_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "kdv", "--resolved"]) == 0
    text = capsys.readouterr().out
    assert problem(text).equations[0].residual == problem(shipped_problems()["kdv"].read_text()).equations[0].residual
    assert "time_slabs: auto" in text


def test_faults_are_printed_like_a_compiler_prints_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = edited("u_t = k*u_xx", "u_t = k*lap(uu)", without_exact()).replace("name: rod", "name: Rod")
    Path("rod.yaml").write_text(text)
    assert cli.main(["check", "rod.yaml"]) == 3
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err == (
        "rod.yaml:1:7: error: this cannot name a results folder\n"
        "    1 | name: Rod\n"
        "      |       ^^^ small letters, digits, - and _; at most 60\n"
        "rod.yaml:9:17: error: unknown name 'uu' in an equation\n"
        "    9 |   - u_t = k*lap(uu)\n"
        "      |                 ^^ did you mean 'u'?\n"
        "2 errors; nothing was solved.\n"
    )


def test_control_characters_of_a_file_never_reach_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rod.yaml").write_text(edited("u_t = k*u_xx", '"u_t = \\e[31m\\a\\u202e"', without_exact()))
    name = "a\x1b]0;evil\x07.yaml"
    assert cli.main(["check", "rod.yaml"]) == 3
    assert cli.main(["check", name]) == 2
    Path(name).write_text("name: [\x9b31m")
    assert cli.main(["check", name]) == 3
    err = capsys.readouterr().err
    assert all(c == "\n" or c.isprintable() for c in err)
    assert "\\x1b" in err


def test_list_names_every_shipped_problem_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(shipped_problems())
    assert all(len(line.split()) > 3 for line in lines)


def test_new_writes_a_file_that_check_accepts_without_warnings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["new", "my-heat"]) == 0
    assert cli.main(["check", "my-heat.yaml"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_new_never_overwrites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("precious")
    assert cli.main(["new", "mine"]) == 2
    assert Path("mine.yaml").read_text() == "precious"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "A", "", "a b", "-x", "x" * 61])
def test_new_refuses_a_name_that_is_no_folder(folder: Path, name: str) -> None:
    assert cli.main(["new", "--", name]) == 2
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["solv", "burgers"], "did you mean 'solve'?"),
        (["solve", "burgers", "--tolerence", "1e-3"], "did you mean '--tolerance'?"),
        (["check", "burgerz"], "did you mean 'burgers'?"),
        (["burgers"], "write `pinnkan solve burgers`"),
        (["mine.yaml"], "write `pinnkan solve mine.yaml`"),
        (["help"], "write `pinnkan --help`"),
        (["plot", "results/burgers"], "write `pinnkan report RUN`"),
        (["solve", "burgers", "-o", "here"], "did you mean '--out'?"),
        (["sweep", "burgers"], "nothing to sweep over: give a parameter several values"),
        (["new", "mine", "--like", "sistem"], "did you mean 'system'?"),
    ],
)
def test_what_was_probably_meant_is_named(
    folder: Path, arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert hint in capsys.readouterr().err


def test_a_parameter_is_set_for_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "burgers", "--set", "nu=0.02", "--resolved"]) == 0
    assert "  nu: 0.02\n" in capsys.readouterr().out
    assert cli.main(["check", "burgers", "--set", "mu=0.02"]) == 3
    assert "no parameter 'mu'" in capsys.readouterr().err
    assert cli.main(["check", "burgers", "--set", "nu=0.1,0.2"]) == 3
    assert "`pinnkan sweep FILE --set nu=0.1,0.2`" in capsys.readouterr().err
    for wrong in (["--set", "nu"], ["--set", "nu=1", "--set", "nu=2"]):
        assert cli.main(["check", "burgers", *wrong]) == 2


def test_schema_prints_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["melt"],
        ["solve"],
        ["check"],
        ["check", "a", "b"],
        ["solve", "a", "--tolerance", "2"],
        ["solve", "a", "--tolerance", "1e-14"],
        ["solve", "a", "--tolerance", "nan"],
        ["solve", "a", "--max-time", "0"],
        ["solve", "a", "--seed", "-1"],
        ["solve", "a", "--seed", "1.5"],
        ["eval", "r"],
        ["eval", "r", "--points", "p"],
        ["export", "r", "--resolution", "1"],
        ["export", "r", "--times", "0"],
        ["check", "no-such-problem"],
    ],
)
def test_a_bad_command_line_is_exit_2_with_a_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err


@pytest.mark.parametrize("verbose", [False, True])
def test_a_bug_is_exit_1_and_shows_its_traceback_only_on_request(
    verbose: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        raise KeyError("internal \x1b[31m")

    monkeypatch.setattr("pinnkan.problem.registry.load_problem", broken)
    assert cli.main(["check", "burgers", *(["-v"] if verbose else [])]) == 1
    err = capsys.readouterr().err
    assert ("Traceback" in err) == verbose
    assert "a bug in pinnkan" in err
    assert "report it" in err


@pytest.mark.parametrize(
    ("error", "code"), [(RunFolderError("locked"), 7), (MemoryError(), 6), (KeyboardInterrupt(), 130)]
)
def test_failures_have_their_exit_codes(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(name: str, **_: object) -> None:
        raise error

    monkeypatch.setattr("pinnkan.problem.registry.load_problem", failing)
    assert cli.main(["check", "burgers"]) == code
    assert capsys.readouterr().err.startswith("pinnkan: ")


def test_a_closed_pipe_ends_quietly() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pinnkan.cli", "schema"]
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, env=environment, timeout=60)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_terminal_without_unicode_gets_escapes_instead_of_a_crash(folder: Path) -> None:
    Path("rod.yaml").write_text(edited("u_t = k*u_xx", "u_t = κ*u_xx", without_exact()), encoding="utf-8")
    done = pinnkan("check", "rod.yaml", PYTHONIOENCODING="ascii")
    assert done.returncode == 3
    assert "\\u03ba" in done.stderr


@pytest.mark.timeout(60)  # a tenth of a second, unless the work grows with the square of the length
def test_the_largest_file_of_a_kind_is_read(folder: Path) -> None:
    Path("big.yaml").write_text(TEXT + "# " + "\n# ".join(["x" * 48] * 19_000))
    assert cli.main(["check", "big.yaml"]) == 0


def test_alone_it_says_what_it_is_and_where_to_begin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pinnkan solves differential equations")
    shown = [line.split("   ")[0].split()[1:] for line in said.err.splitlines() if line.startswith("  pinnkan")]
    assert [words[0] for words in shown] == ["solve", "new", "check"]
    for words in shown[1:]:  # the first takes seconds
        assert cli.main(words) == 0
    assert cli.main(["check", *shown[0][1:]]) == 0
