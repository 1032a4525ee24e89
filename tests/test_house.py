"""The order of the house: style, types, the direction of imports, and no code made from text."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "pinnkan").rglob("*.py"))
#: Most lines of a file and of a function, most files of a folder: beyond these a thing is two things.
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_FILES = 300, 45, 24
#: Names that run text or load objects, any of which would let a problem file or a checkpoint run code.
FORBIDDEN = {"eval", "exec", "compile", "parse_expr", "lambdify", "numexpr", "pickle"}


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_no_complaint() -> None:
    run(sys.executable, "-m", "ruff", "check", "--no-cache", "pinnkan", "tests", "docs")


def test_ruff_would_lay_nothing_out_anew() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", "pinnkan", "tests", "docs")


@pytest.mark.slow
def test_mypy_has_no_complaint() -> None:
    run(sys.executable, "-m", "mypy")


def test_imports_point_left_only() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run(sys.executable, "-c", code)


def test_every_folder_is_part_of_the_package() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES}
    assert folders | {"pinnkan.problems"} == set(packages)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_text_is_ever_executed(path: Path) -> None:
    assert forbidden_names(path.read_text(encoding="utf-8")) == set()


def test_executing_text_would_be_noticed() -> None:
    assert forbidden_names("from pickle import loads\nx = eval('1')\ntorch.load(p)") == {"pickle", "eval", "torch.load"}


def forbidden_names(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            holder = node.value.id if isinstance(node.value, ast.Name) else ""
            found |= {node.attr, f"{holder}.{node.attr}"} - {"compile", "eval"}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(alias.name for alias in node.names)}
    return found & (FORBIDDEN | {"torch.load"})


def test_files_functions_and_folders_are_small_and_no_class_name_is_said_twice() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in SOURCES}
    assert measured(texts) == {}


def test_what_is_too_long_or_said_twice_would_be_noticed() -> None:
    long = "def f():\n" + "    x = 1\n" * MOST_LINES_OF_A_FUNCTION
    texts = {f"a/{n}.py": "" for n in range(MOST_FILES + 1)}
    texts |= {"b/x.py": "class C: ...\n" * 2, "b/y.py": "class C: ...\n" + "#\n" * MOST_LINES, "b/z.py": long}
    assert measured(texts) == {"a": 25, "b/y.py": 301, "b/z.py:f": 46, "C": 3}
    assert measured({"z.py": long.replace("    x = 1\n", "", 1), "y.py": "#\n" * MOST_LINES}) == {}


def measured(texts: Mapping[str, str]) -> dict[str, int]:
    """What is above a measure, and its size: folders, files, ``FILE:FUNCTION``, names of classes said twice."""
    folders = Counter(str(Path(name).parent) for name in texts)
    found = {folder: count for folder, count in folders.items() if count > MOST_FILES}
    classes: dict[str, int] = defaultdict(int)
    for name, text in texts.items():
        lines = len(text.splitlines())
        found |= {name: lines} if lines > MOST_LINES else {}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                classes[node.name] += 1
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found |= {f"{name}:{node.name}": lines} if lines > MOST_LINES_OF_A_FUNCTION else {}
    return found | {name: count for name, count in classes.items() if count > 1}
