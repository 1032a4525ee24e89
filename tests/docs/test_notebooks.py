"""The notebooks run from top to bottom, and nothing that they show is stored."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs" / "hooks"))

import notebook_page  # noqa: E402  (after its path)

ALL = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_what_a_notebook_shows_is_not_stored(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries between a notebook and its kernel
@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_a_notebook_runs_and_becomes_a_page_with_its_pictures(path: Path) -> None:
    shown = dict(notebook_page.shown(path, f"notebooks/{path.name}"))
    page = shown[f"notebooks/{path.stem}.md"]
    assert page.startswith("# ")
    assert "Converged" in page
    assert "Traceback" not in page
