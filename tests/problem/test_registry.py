"""Problems are found by path or name, in a checkout and in a wheel; resolved files mean the same."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from edited import TEXT, edited, problem

from pinnkan.errors import UsageError
from pinnkan.problem.registry import find_problem_file, load_problem, parse_problem, read_about, shipped_problems
from pinnkan.problem.resolved_file import resolved_text, yaml_scalar
from pinnkan.problem.source import Scalar, read_tree
from pinnkan.problem.statement import Problem

ROOT = Path(__file__).parents[2]
WANTED = {
    "poisson1d",
    "poisson2d",
    "helmholtz2d",
    "burgers",
    "allen_cahn",
    "heat1d",
    "heat2d",
    "convection_diffusion",
    "klein_gordon",
    "kdv",
    "poisson3d",
    "heat_robin",
    "poisson_mixed",
    "heat_dirichlet",
}


def test_the_shipped_problems_are_there_and_their_names_are_those_of_their_files() -> None:
    assert set(shipped_problems()) >= WANTED
    assert all(read_about(path) for path in shipped_problems().values())


@pytest.mark.parametrize("name", sorted(shipped_problems()))
def test_every_shipped_problem_opens_with_equation_source_and_expectation(name: str) -> None:
    lines = shipped_problems()[name].read_text().splitlines()
    header = lines[: lines.index(f"name: {name}")]
    assert all(line.startswith("# ") for line in header)
    labels = [line.split(":")[0] for line in header if line.startswith(("# Source:", "# Expected:"))]
    assert labels == ["# Source", "# Expected"]
    assert not header[0].startswith("# Source")


def test_a_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("burgers").write_text(TEXT)
    assert load_problem("burgers").name == "rod"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("burger", "did you mean 'burgers'"),
        ("zzz", "pinnkan list"),
        ("a\0b", "pinnkan list"),
        ("a" * 5000, "not a path"),
        ("", "pinnkan list"),
    ],
)
def test_a_name_that_is_none_is_a_usage_error_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        find_problem_file(name)


def test_a_folder_is_not_a_problem(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        load_problem(tmp_path)


def same_meaning(a: Problem, b: Problem) -> bool:
    def essence(p: Problem) -> tuple[object, ...]:
        equations = [e.residual for e in p.equations]
        conditions = [(c.name, c.place, c.enforce, c.equation and c.equation.residual) for c in p.conditions]
        return p.name, p.about, p.domain, p.unknowns, equations, conditions, p.exact, p.solver, p.output

    return essence(a) == essence(b)


@pytest.mark.parametrize("name", sorted(shipped_problems()))
def test_a_resolved_file_means_the_same_and_is_a_fixed_point(name: str) -> None:
    original = load_problem(name)
    text = resolved_text(original)
    again = parse_problem(text, "rod.yaml", reads_data=False)
    assert same_meaning(original, again)
    assert resolved_text(again) == text


def test_a_resolved_file_holds_what_the_command_line_changed() -> None:
    p = problem(TEXT + "solver: {degree: 7, hidden: [4, 4], max_time: 2.5}\noutput: {times: 3}\n")
    changed = dataclasses.replace(p, solver=dataclasses.replace(p.solver, tolerance=1e-7, seed=3))
    again = problem(resolved_text(changed))
    assert again.solver == changed.solver
    assert again.output == p.output


def test_a_resolved_file_keeps_ranges_to_the_last_digit() -> None:
    p = problem(edited("x: [0, 1]", "x: [-pi/3, 1e-7]").split("exact")[0])
    assert problem(resolved_text(p)).domain == p.domain


@pytest.mark.parametrize(
    "text",
    ["u = 0", "-u_xx = 1", 'a "b" \\c', "x: y", "a # b", "{a}", "é\u2028\U0001f600", "- a", "'", "&a", "%", "true"],
)
def test_a_quoted_text_reads_back(text: str) -> None:
    node = read_tree(f"a: {yaml_scalar(text)}\n", "f.yaml")[0].values["a"]
    assert isinstance(node, Scalar)
    assert node.text == " ".join(text.split())


def test_the_list_of_packages_names_every_folder_of_the_package() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(p.parent.relative_to(ROOT).parts) for p in ROOT.glob("pinnkan/**/__init__.py")}
    assert sorted(listed) == sorted(folders | {"pinnkan.problems"})


def test_an_installed_wheel_finds_the_shipped_problems(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pinnkan", "problems"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "README.md").write_text("")
    options = ["--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(copy), *options], check=True, timeout=120, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    command = [sys.executable, "-m", "pinnkan.cli", "check", "burgers"]
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installed/pinnkan/problems/schema.json").is_file()
