"""Runs without a solver: solutions in closed form stand in for it."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from closed_form import FRONT, LINE, Known, solver

from pinnkan.export.vtk import stem_of
from pinnkan.run import codec, solving
from pinnkan.solution import Solution


@pytest.fixture(autouse=True)
def known_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields in closed form can be stored."""
    monkeypatch.setitem(codec._CLASSES, "Known", Known)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with ``line.yaml`` and ``front.yaml``; solver and pictures are stood in for."""
    (tmp_path / "line.yaml").write_text(LINE)
    (tmp_path / "front.yaml").write_text(FRONT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(solving, "solve_monitored", solver())
    monkeypatch.setattr("pinnkan.export.pictures.draw_pictures", blank_pictures)
    return tmp_path


def blank_pictures(solution: Solution, folder: Path, allowance: object = None) -> tuple[list[str], list[str]]:
    """Takes the place of the real ones, which take a second each and have their own tests."""
    names = [f"{stem_of(solution)}.png", "convergence.png"]
    for name in names:
        (folder / name).write_bytes(b"")
    return names, []


@pytest.fixture
def command() -> Callable[..., Namespace]:
    """The namespace of a command line with every option at its default."""

    def build(**given: object) -> Namespace:
        defaults = {
            "file": "line.yaml", "out": None, "tolerance": None, "max_time": None, "device": None, "seed": None,
            "set": {}, "begun": 0.0, "json": False, "resume": False, "quiet": False, "verbose": False,
            "run": "results/line", "points": "points.csv", "fields": None, "resolution": None, "times": None,
            "certify": False,
        }  # fmt: skip
        return Namespace(**(defaults | given))

    return build
