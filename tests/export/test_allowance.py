"""Files that fit into the seconds left for them."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
from closed_form import solved

import pinnkan
from pinnkan.export import allowance as module
from pinnkan.export.allowance import WRITTEN, Allowance
from pinnkan.export.pictures import draw_pictures
from pinnkan.export.samples import FEWEST, frame_times, space_samples
from pinnkan.export.vtk import write_vtk


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A millisecond for each point."""
    monkeypatch.setattr(module, "_seconds_of_a_point", lambda solution: 1e-3)


def test_points_are_those_that_the_seconds_hold(slow: None) -> None:
    found = Allowance(10.0)
    assert 0.4 < found.points(solved("plane"), 0.5) * (1e-3 + WRITTEN) / 10.0 <= 0.5
    assert found.points(solved("plane"), less=20.0) == 1.0
    assert Allowance().points(solved("plane")) == np.inf


@pytest.mark.parametrize("kind", ["line", "plane", "front"])
def test_a_point_takes_some_time(kind: str) -> None:
    assert 0.0 < module._seconds_of_a_point(solved(kind)) < 1.0


def test_a_point_of_an_ordinary_equation_takes_some_time() -> None:
    text = {"domain": {"t": (0, 1)}, "unknowns": ["a"], "equations": ["a_t = -a"], "conditions": [("initial", "a = 1")]}
    assert 0.0 < module._seconds_of_a_point(pinnkan.solve(pinnkan.Problem(**text))) < 1.0


def test_it_is_a_point_in_the_middle_of_the_time_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled, tried = module.sampled, []
    monkeypatch.setattr(module, "sampled", lambda solution, axes: tried.append(axes[-1]) or sampled(solution, axes))
    rules = [("boundary", "u = 0"), ("initial", "u = sin(pi*x)")]
    text = {"domain": {"x": (0, 1), "t": (2, 6)}, "unknowns": ["u"], "equations": ["u_t = u_xx/10"]}
    module._seconds_of_a_point(pinnkan.solve(pinnkan.Problem(**text, conditions=rules, solver={"tolerance": 1e-2})))
    assert tried[0].tolist() == [4.0]


def test_short_of_time_there_are_fewer_points_and_frames() -> None:
    plane, front = solved("plane"), solved("front")
    assert np.prod([len(a) for a in space_samples(plane, most=500.0)]) <= 500
    assert len(space_samples(plane)[0]) > 100
    assert len(frame_times(front, most=10.0 * FEWEST)) == 10
    assert len(frame_times(front, most=1.0)) == 2
    assert len(frame_times(front)) == 51


def test_files_hold_no_more_than_they_may(tmp_path: Path) -> None:
    write_vtk(solved("front"), tmp_path, most=900.0)
    assert len(list((tmp_path / "solution.frames").iterdir())) == 2
    assert pyvista.read(tmp_path / "solution.spacetime.vtu").n_points <= 900


def test_pictures_without_time_are_left_out_and_said_so(tmp_path: Path) -> None:
    written, warnings = draw_pictures(solved("line"), tmp_path, Allowance(0.0))
    assert written == []
    assert [w.split(" was not drawn")[0] for w in warnings] == ["solution.png", "convergence.png"]
    assert not list(tmp_path.iterdir())
