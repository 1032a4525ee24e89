"""The real ParaView opens every kind of output: names, ranges and times are what was written."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from closed_form import RANGES, T, solved

from pinnkan.export.arrays import has_frames
from pinnkan.export.paraview_script import paraview_script
from pinnkan.export.vtk import write_vtk

#: On a build machine a missing ParaView is a failure, not a reason to skip.
pytestmark = [
    pytest.mark.paraview,
    pytest.mark.skipif(
        shutil.which("pvpython") is None and "CI" not in os.environ, reason="pvpython is absent: apt install paraview"
    ),
]
SCRIPT = Path(__file__).with_name("open_in_paraview.py")
KINDS = {
    "line": "solution.vtu", "plane": "solution.vtu", "box": "solution.vtu", "flow": "solution.vtu",
    "orbit": "solution.vtu", "front": "solution.pvd", "pool": "solution.pvd", "surface": "solution.spacetime.vtu",
    "missed": "solution.NOT_CONVERGED.vtu",
}  # fmt: skip
FRAMES = 5


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What ParaView says of each kind; one process for all, because its start takes seconds."""
    root = tmp_path_factory.mktemp("paraview")
    paths = {}
    for kind, name in KINDS.items():
        folder = root / kind
        folder.mkdir()
        solution = solved({"surface": "front", "missed": "plane"}.get(kind, kind), converged=kind != "missed")
        frames = FRAMES if has_frames(solution.problem) else None
        write_vtk(solution, folder, frames=frames)
        paths[kind] = str(folder / name)
    command = ["pvpython", "--force-offscreen-rendering", str(SCRIPT), str(root), *paths.values()]
    with screen() as display:
        environment = {**_system_environment(), "DISPLAY": display}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    answer = next((line for line in done.stdout.splitlines() if line.startswith("ANSWER ")), None)
    assert answer is not None, done.stdout + done.stderr
    answers = json.loads(answer.removeprefix("ANSWER "))
    return {
        kind: answers[path] | {"picture": root / f"{i}.png", "complaints": done.stderr}
        for i, (kind, path) in enumerate(paths.items())
    }


@contextmanager
def screen() -> Iterator[str]:
    """A virtual screen that accepts connections; xvfb-run has been seen not to wait for that on a busy machine.

    Without -noreset it starts anew when its last client leaves, and ParaView, which looks before it draws, found it so.
    """
    command = ["Xvfb", "-displayfd", "1", "-noreset", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield f":{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def _system_environment() -> dict[str, str]:
    """The environment without a virtual one: pvpython brings its own Python."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "PYTEST"))}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("flow", "orbit")])
def test_every_array_is_there_in_every_frame(kind: str, opened: dict[str, dict[str, Any]]) -> None:
    for frame in opened[kind]["frames"]:
        assert set(frame) == {"u", "residual_1", "error_estimate", "error"}


@pytest.mark.parametrize("kind", ["line", "plane", "box", "front", "pool"])
def test_ranges_and_bounds_are_those_of_the_solution(kind: str, opened: dict[str, dict[str, Any]]) -> None:
    solution = solved(kind)
    found = opened[kind]
    coordinates = [c for c in solution.problem.coordinates if c is not T]
    expected = [end for c in coordinates for end in RANGES[c.name]]
    assert found["bounds"][: len(expected)] == pytest.approx(expected)
    dense = [np.linspace(*RANGES[c.name], 81) for c in coordinates]
    for time, frame in zip(found["times"], found["frames"], strict=True):
        axes = dense if solution.problem.time_axis is None else [*dense, np.array([time])]
        values = solution.field.grid(axes, (0,) * len(axes))
        assert frame["u"] == pytest.approx([values.min(), values.max()], abs=0.02 * np.abs(values).max())
        assert 0 <= frame["error"][0] <= frame["error"][1] < 3e-7


@pytest.mark.parametrize("kind", ["front", "pool"])
def test_a_series_plays_with_its_times(kind: str, opened: dict[str, dict[str, Any]]) -> None:
    assert opened[kind]["reader"] == "PVDReader"
    assert opened[kind]["times"] == pytest.approx(np.linspace(0, 1, FRAMES))
    assert len(opened[kind]["frames"]) == FRAMES


def test_glyphs_and_stream_lines_work_at_once(opened: dict[str, dict[str, Any]]) -> None:
    flow = opened["flow"]
    assert flow["opened_on"] == "u"
    assert flow["flows"]["by"] == ["velocity", "velocity"]
    assert min(flow["flows"]["glyphs"], flow["flows"]["streams"]) > 1000


def test_ordinary_equations_open_as_a_line_over_time(opened: dict[str, dict[str, Any]]) -> None:
    orbit = opened["orbit"]
    assert orbit["opened_on"] == "a"
    assert orbit["bounds"] == pytest.approx([0, 1, 0, 0, 0, 0])
    assert orbit["frames"][0]["b"] == pytest.approx([-1.0, 1.0], abs=1e-3)


def test_the_verdict_travels_in_the_field_data(opened: dict[str, dict[str, Any]]) -> None:
    assert opened["plane"]["fields"]["converged"] == [1, 1]
    assert opened["missed"]["fields"]["converged"] == [0, 0]
    assert opened["plane"]["fields"]["tolerance"] == [1e-4, 1e-4]
    assert {"TimeValue", "relative_error_estimate"} <= set(opened["plane"]["fields"])


@pytest.mark.parametrize("kind", ["plane", "front", "pool", "surface"])
def test_something_coloured_is_rendered(kind: str, opened: dict[str, dict[str, Any]]) -> None:
    pixels = matplotlib.image.imread(opened[kind]["picture"])[..., :3]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_paraview_reports_no_error(opened: dict[str, dict[str, Any]]) -> None:
    assert "ERR" not in opened["line"]["complaints"].upper().replace("X ERROR", "")


@pytest.mark.parametrize(("kind", "panels"), [("plane", 3), ("front", 3), ("box", 3), ("orbit", 2)])
def test_the_script_beside_a_result_shows_field_error_and_mesh(kind: str, panels: int, tmp_path: Path) -> None:
    solution = solved(kind)
    files = write_vtk(solution, tmp_path, frames=2 if kind == "front" else None)
    script = tmp_path / "solution.paraview.py"
    script.write_text(paraview_script(solution, script.name, files[0]))
    command = ["pvpython", "--force-offscreen-rendering", str(script), str(tmp_path / "out.png")]
    with screen() as display:
        environment = {**_system_environment(), "DISPLAY": display}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert (done.returncode, "rror" in done.stderr) == (0, False), done.stderr
    picture = matplotlib.image.imread(tmp_path / "out.png")[..., :3]
    for part in np.array_split(picture, panels, axis=1):
        assert (part[-1, 4:-4] == 1).mean() > 0.9  # the ground is white
        assert len(np.unique(part[::4, ::4].reshape(-1, 3), axis=0)) > (100 if panels == 3 else 10)
        colourful = np.ptp(part, axis=2) > 0.2  # of the field or curve; black labels and the ground are none
        assert 0.002 < colourful.mean() < 0.7 or panels == 2
    if panels == 3:  # the bar lies below, with white between it and the field
        rows = (np.ptp(picture[:, : picture.shape[1] // 3], axis=2) > 0.2).any(axis=1)
        assert np.count_nonzero(np.diff(rows.astype(int)) == 1) == 2
