"""The film of a result with time: one frame after the other, and what moves is where the solution is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from closed_form import solved
from PIL import Image

from pinnkan.export.pictures import draw_pictures
from pinnkan.export.play import _CURVE, _LONGER, _MAP, FRAMES, _axes, _panel, draw_play, encode_play


@pytest.mark.parametrize("kind", ["front", "pool", "vortex"])
def test_it_has_all_frames_and_they_differ(kind: str, tmp_path: Path) -> None:
    draw_play(solved(kind), tmp_path / "play.gif")
    with Image.open(tmp_path / "play.gif") as film:
        assert film.n_frames == FRAMES  # type: ignore[attr-defined]
        frames = []
        for index in (0, FRAMES - 1):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB"), dtype=float))
    assert np.abs(frames[1] - frames[0]).mean() > 0.2


def test_a_bump_that_moves_to_the_right_does_so(tmp_path: Path) -> None:
    draw_play(solved("pool"), tmp_path / "play.gif")
    centres = []
    with Image.open(tmp_path / "play.gif") as film:
        for index in (0, FRAMES // 2):
            film.seek(index)
            green = np.asarray(film.convert("RGB"), dtype=float)[60:-60, 120:430, 1]
            bright = green > 180
            centres.append(np.nonzero(bright)[1].mean())
    assert centres[1] > centres[0] + 30


@pytest.mark.parametrize("kind", ["front", "pool"])
def test_all_frames_have_one_palette_and_no_bands(kind: str, tmp_path: Path) -> None:
    """Other colours from frame to frame flicker; too few of them make bands in what is smooth."""
    draw_play(solved(kind), tmp_path / "play.gif")
    colours, most = set(), 0
    with Image.open(tmp_path / "play.gif") as film:
        for index in range(FRAMES):
            film.seek(index)
            found = {tuple(c) for c in np.asarray(film.convert("RGB")).reshape(-1, 3)}
            colours |= found
            most = max(most, len(found))
    assert len(colours) <= 256
    assert most > (150 if kind == "pool" else 20)


@pytest.mark.skipif(which("ffmpeg") is None, reason="needs ffmpeg")
def test_the_film_for_players_shows_the_same_frames(tmp_path: Path) -> None:
    draw_play(solved("pool"), tmp_path / "play.gif")
    encode_play(solved("pool"), tmp_path / "play.mp4")
    raw = ["ffmpeg", "-loglevel", "error", "-i", "play.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    told = subprocess.run(raw, cwd=tmp_path, capture_output=True, check=True).stdout
    with Image.open(tmp_path / "play.gif") as film:
        wide, high = (size + size % 2 for size in film.size)
        decoded = np.frombuffer(told, np.uint8).reshape(FRAMES, high, wide, 3).astype(float)
        film.seek(FRAMES - 1)
        last = np.asarray(film.convert("RGB"), dtype=float)
    away = [np.abs(frame[: film.size[1], : film.size[0]] - last).mean() for frame in decoded[[-1, 0]]]
    assert away[0] < 3.0 < away[1]


def test_without_ffmpeg_there_is_the_gif_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw_pictures(solved("front"), tmp_path) == (["solution.png", "convergence.png", "solution.gif"], [])


def moving(*ranges: tuple[float, float]) -> Any:
    """A solution on these ranges, time last, as far as panels ask."""
    box = SimpleNamespace(ranges=ranges)
    problem = SimpleNamespace(box=box, time_axis=len(ranges) - 1, dimension=len(ranges))
    return SimpleNamespace(problem=problem, domain=SimpleNamespace(box=box))


@pytest.mark.parametrize(
    ("y", "shape"), [((5.0, 6.0), (1.0, 0.5)), ((5.0, 9.0), (0.5, 1.0)), ((5.0, 5.1), (1.0, 1 / 3))]
)
def test_a_map_has_the_shape_of_the_domain_wherever_that_lies(y: tuple[float, float], shape: tuple[float, ...]) -> None:
    assert _panel(moving((1.0, 3.0), y, (0.0, 1.0)), True) == pytest.approx([_LONGER * side for side in shape])


def test_a_curve_is_sampled_finely_a_map_less_so_and_space_in_its_middle() -> None:
    (x,) = _axes(moving((1.0, 3.0), (0.0, 1.0)))
    assert (len(x), x[0], x[-1]) == (_CURVE, 1.0, 3.0)
    x, y, z = _axes(moving((1.0, 3.0), (5.0, 9.0), (2.0, 6.0), (0.0, 1.0)))
    assert (len(x), len(y), y[0], y[-1], z.tolist()) == (_MAP, _MAP, 5.0, 9.0, [4.0])
