"""The film of a result with time: one frame after the other, and what moves is where the solution is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from closed_form import solved
from PIL import Image

from pinnkan.export.play import FRAMES, draw_play


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
