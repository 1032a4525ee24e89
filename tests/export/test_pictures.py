"""Pictures are drawn for every shape of problem, and never stop a run."""

import math
import struct
from dataclasses import replace
from pathlib import Path
from shutil import which

import matplotlib
import numpy as np
import pytest
from closed_form import COORDINATES, solved
from matplotlib.text import Text

from pinnkan.export import pictures
from pinnkan.export.arrays import has_frames
from pinnkan.export.pictures import draw_pictures, figure_of
from pinnkan.export.style import (
    ERROR_MAP,
    VALUE_MAP,
    error_colours,
    figure,
    relative,
    value_colours,
    verdict_in_short,
)
from pinnkan.solution import Solution
from pinnkan.verdict.records import Reason
from pinnkan.verdict.verdict import Verdict

SLOW = ("vortex", "jet")


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] * (k in SLOW)) for k in COORDINATES])
def test_every_shape_of_problem_has_both_pictures(kind: str, tmp_path: Path) -> None:
    written, warnings = draw_pictures(solved(kind), tmp_path)
    assert warnings == []
    films = ["solution.gif", *["solution.mp4"] * bool(which("ffmpeg"))] if has_frames(solved(kind).problem) else []
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


@pytest.mark.parametrize("estimate", [math.nan, math.inf, 0.0])
def test_levels_without_any_estimate_have_their_pictures(estimate: float, tmp_path: Path) -> None:
    solution = solved("line")
    first = replace(solution.levels[0], estimate=estimate, true_error=None)
    levels = (first, replace(first, number=1, parameters=100 * first.parameters))
    assert draw_pictures(replace(solution, levels=levels), tmp_path)[1] == []


def test_without_the_film_it_is_made_from_there_is_no_second_one_and_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(solution: Solution, path: Path) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(pictures, "draw_play", broken)
    monkeypatch.setattr(pictures, "which", lambda name: name)
    written, warnings = draw_pictures(solved("front"), tmp_path)
    assert written == ["solution.png", "convergence.png"]
    assert warnings == ["solution.gif could not be drawn: RuntimeError: no ink"]


def test_a_picture_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(solution: Solution, path: Path) -> None:
        path.write_bytes(b"half a picture")
        raise RuntimeError("no ink")

    monkeypatch.setattr(pictures, "_solution_picture", broken)
    written, warnings = draw_pictures(solved("line"), tmp_path)
    assert written == ["convergence.png"]
    assert warnings == ["solution.png could not be drawn: RuntimeError: no ink"]
    assert not (tmp_path / "solution.png").exists()


def grows_in_grey(name: str) -> bool:
    """Whether the luminance of a map (Rec. 709) grows from its first colour to its last."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, 64))[:, :3]
    return bool((np.diff(colours @ [0.2126, 0.7152, 0.0722]) > 0).all())


def test_colours_can_be_told_apart_in_grey() -> None:
    assert grows_in_grey(VALUE_MAP)
    assert grows_in_grey(ERROR_MAP)
    assert not grows_in_grey("RdBu_r")


def test_values_fill_their_colours() -> None:
    colours = value_colours(np.array([-1.0, 3.0]))
    assert (colours["norm"].vmin, colours["norm"].vmax) == (-1, 3)
    assert value_colours(np.array([2.0, 2.0]))["norm"].vmax > 2


def test_errors_have_four_decades_below_their_largest_and_are_relative() -> None:
    norm = error_colours(np.array([1e-9, 1e-3]))["norm"]
    assert (norm.vmin, norm.vmax) == (pytest.approx(1e-7), 1e-3)
    arrays = {"u": np.array([[3.0, -3.0]]), "error": np.array([[6e-4, 0.0]]), "residual_1": np.array([[5.0, 5.0]])}
    np.testing.assert_allclose(relative(arrays, "error", "u"), [[2e-4, 0.0]])
    np.testing.assert_allclose(relative(arrays, "residual_1", "u"), arrays["residual_1"])


def texts(solution: Solution) -> list[str]:
    """Every text of the picture."""
    return [text.get_text() for text in figure_of(solution).findobj(Text)]


@pytest.mark.parametrize("kind", ["line", "plane", "front", "pool", "box", "orbit"])
def test_axes_have_names_with_their_units(kind: str) -> None:
    solution = solved(kind)
    units = {"x": "m", "y": "m", "z": "m", "t": "s", "u": "K", "a": "rad"}
    names = {c.name for c in solution.problem.coordinates} - ({"t"} if kind == "pool" else set())
    said = texts(replace(solution, problem=replace(solution.problem, units=units)))
    assert {f"{name} ({units[name]})" for name in names} <= set(said)
    assert any("(K)" in text or "(rad)" in text or text == "K" for text in said)
    assert names <= set(texts(solution))


def test_a_partial_run_shows_how_far_it_came() -> None:
    stopped = solved("front", converged=False)
    stopped = replace(stopped, field=replace(stopped.field, reached=0.3))  # type: ignore[type-var]
    said = texts(stopped)
    assert "not reached" in said
    assert any("t = 0.3 of 1 reached" in text for text in said)
    assert not any("reached" in text and "tolerance" not in text for text in texts(solved("front")))


@pytest.mark.parametrize("kind", ["line", "plane", "front", "pool", "box", "flow"])
def test_no_panel_leaves_the_figure_or_covers_another(kind: str) -> None:
    places = [axes.get_position() for axes in figure_of(solved(kind)).axes]
    assert all(p.x0 > 0 and p.y0 > 0 and p.x1 < 1 and p.y1 < 1 for p in places)
    pairs = [(p, q) for k, p in enumerate(places) for q in places[:k]]
    assert not any(p.overlaps(q) for p, q in pairs)


def test_the_title_is_inside_of_the_figure() -> None:
    drawing = figure_of(solved("line"))
    (title,) = drawing.texts[:1]
    place = title.get_window_extent().transformed(drawing.transFigure.inverted())
    assert 0 < place.y0 < place.y1 < 1
    assert 0 < place.x0 < place.x1 < 1


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


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ((1.0, 3.4), ["1", "2"]),
        ((0.04, 0.3), ["0.05", "0.1", "0.2"]),
        ((2e-7, 3e-6), ["2×10⁻⁷", "5×10⁻⁷", "10⁻⁶", "2×10⁻⁶"]),
        ((1.0, 90.0), ["10⁰", "10¹"]),
        ((1e-8, 1.0), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²"]),
    ],
)
def test_a_logarithmic_axis_that_spans_little_is_read_by_one_two_and_five(
    ends: tuple[float, float], labels: list[str], tmp_path: Path
) -> None:
    with figure(tmp_path / "axis.png", 3, 3) as drawing:
        axes = drawing.add_axes((0.2, 0.2, 0.7, 0.7), yscale="log", ylim=ends)
    shown = [label.get_text() for label in axes.get_yticklabels() if ends[0] <= label.get_position()[1] <= ends[1]]
    assert set(labels) <= set(shown)
    assert len([text for text in shown if text]) <= 9
