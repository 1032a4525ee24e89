"""Runs without a solver: solutions in closed form stand in for it."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from closed_form import FRONT, LINE, restored, solver

from pinnkan.run import restoring, solving


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with ``line.yaml`` and ``front.yaml``."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "front.yaml").write_text(FRONT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(solving, "solve", solver())
    monkeypatch.setattr(restoring, "restore_field", restored)
    return tmp_path


@pytest.fixture
def command() -> Callable[..., Namespace]:
    """The namespace of a command line with every option at its default."""

    def build(**given: object) -> Namespace:
        defaults = {
            "file": "line.yaml", "out": None, "tolerance": None, "max_time": None, "device": None, "seed": None,
            "json": False, "quiet": False, "verbose": False, "run": "results/line", "points": "points.csv",
            "fields": None, "resolution": None, "times": None,
        }  # fmt: skip
        return Namespace(**(defaults | given))

    return build
