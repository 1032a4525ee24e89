"""Pictures are drawn for every shape of problem, and never stop a run."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from closed_form import COORDINATES, solved

from pinnkan.export import pictures
from pinnkan.export.maps import _opacity
from pinnkan.export.pictures import draw_pictures
from pinnkan.export.samples import has_frames
from pinnkan.export.style import error_colours, value_colours, verdict_in_short
from pinnkan.solution import Solution
from pinnkan.verdict.records import Reason
from pinnkan.verdict.verdict import Verdict

SLOW = ("vortex", "jet")


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] * (k in SLOW)) for k in COORDINATES])
def test_every_shape_of_problem_has_both_pictures(kind: str, tmp_path: Path) -> None:
    written, warnings = draw_pictures(solved(kind), tmp_path)
    assert warnings == []
    films = ["solution.gif"] if has_frames(solved(kind).problem) else []
    assert written == ["solution.png", "convergence.png", *films]
    for name in written[:2]:
        header = (tmp_path / name).read_bytes()[:24]
        width, height = struct.unpack(">II", header[16:24])
        assert header.startswith(b"\x89PNG")
        assert min(width, height) > 500


def test_a_picture_of_a_missed_tolerance_has_it_in_its_name(tmp_path: Path) -> None:
    assert draw_pictures(solved("line", converged=False), tmp_path)[0][0] == "solution.NOT_CONVERGED.png"


def test_a_run_with_one_level_or_none_still_has_its_pictures(tmp_path: Path) -> None:
    solution = solved("line")
    for levels in (solution.levels[:1], ()):
        bare = replace(solution, levels=levels, error=None, problem=replace(solution.problem, exact=None))
        assert draw_pictures(bare, tmp_path)[1] == []


def test_a_picture_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(solution: Solution, path: Path) -> None:
        path.write_bytes(b"half a picture")
        raise RuntimeError("no ink")

    monkeypatch.setattr(pictures, "_solution_picture", broken)
    written, warnings = draw_pictures(solved("line"), tmp_path)
    assert written == ["convergence.png"]
    assert warnings == ["solution.png could not be drawn: RuntimeError: no ink"]
    assert not (tmp_path / "solution.png").exists()


def test_knot_lines_are_fainter_the_more_there_are() -> None:
    assert [_opacity(n) for n in (2, 48, 1000)] == [0.7, 0.25, 0.15]


def test_a_field_that_changes_sign_has_a_neutral_zero() -> None:
    colours = value_colours(np.array([-1.0, 3.0]))
    assert (colours["norm"].vmin, colours["norm"].vmax) == (-3, 3)
    assert value_colours(np.array([0.0, 3.0]))["cmap"] == "viridis"
    assert value_colours(np.array([2.0, 2.0]))["norm"].vmax > 2


def test_colours_survive_values_that_are_not_finite() -> None:
    assert value_colours(np.array([np.nan, np.inf]))["norm"].vmax == 1
    assert error_colours(np.array([np.nan, 0.0]))["norm"].vmin > 0


@pytest.mark.parametrize(
    ("converged", "estimate", "reason", "words"),
    [
        (True, 1e-7, "", "converged: estimated relative error 1.0e-07 ≤ tolerance 1.0e-04"),
        (False, 1e-3, "max_levels", "NOT CONVERGED (max_levels): estimated relative error 1.0e-03 > tolerance 1.0e-04"),
        (
            False,
            1e-7,
            "max_time",
            "NOT CONVERGED (max_time): estimated relative error so far 1.0e-07 ≤ tolerance 1.0e-04",
        ),
        (False, np.inf, "stalled", "NOT CONVERGED (stalled): error not known, tolerance 1.0e-04"),
    ],
)
def test_the_title_of_a_picture_does_not_contradict_itself(
    converged: bool, estimate: float, reason: str, words: str
) -> None:
    assert verdict_in_short(Verdict(converged, 1e-4, estimate, Reason(reason))) == words
