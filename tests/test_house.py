"""The order of the house: style, types, the direction of imports, and no code made from text."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "pinnkan").rglob("*.py"))
#: Names that run text or load objects, any of which would let a problem file or a checkpoint run code.
FORBIDDEN = {"eval", "exec", "compile", "parse_expr", "lambdify", "numexpr", "pickle"}


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_no_complaint() -> None:
    run(sys.executable, "-m", "ruff", "check", "--no-cache", "pinnkan", "tests")


def test_mypy_has_no_complaint() -> None:
    run(sys.executable, "-m", "mypy")


def test_imports_point_left_only() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run(sys.executable, "-c", code)


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
