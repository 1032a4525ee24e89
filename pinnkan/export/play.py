"""``solution.gif``: the first unknown or vector over time, with its axes; only what moves is drawn anew.

``solution.mp4`` is the same where ffmpeg is installed: smaller, and players stop and wind it.
"""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.export.arrays import frame_times, shown_axes_of, shown_of, sliced, words_of
from pinnkan.export.style import BELOW, BLUE, HEAD, LEFT, RIGHT, VALUE_MAP, Canvas, image, sheet, value_colours
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

#: Frames, and samples of a curve and per axis of a map; choices: three seconds of play, in half a second of work.
FRAMES = 31
_CURVE, _MAP = 1201, 201
_PIXELS_PER_INCH = 90
#: Greys and tints of the curve among the 256 colours of a film; the others are those of the map.
_GREYS, _TINTS = 24, 16
_MILLISECONDS = 100
#: Seconds for ffmpeg, which needs a third of one.
LONGEST = 60.0
#: Inches of a panel of curves, and of the longer side of a map.
_CURVE_PANEL, _LONGER = (5.0, 2.9), 3.8


def draw_play(solution: Solution, path: Path) -> None:
    """Writes the play of a result with time; of three coordinates of space the plane in the middle of the third."""
    problem = solution.problem
    axes = _axes(solution)
    times = frame_times(solution, FRAMES)
    fields = [np.squeeze(_at(solution, [*sliced(problem, axes), np.array([t])])) for t in times]
    plane = len(shown_axes_of(problem)) > 1
    wide, high = _panel(solution, plane)
    with sheet(LEFT + wide + RIGHT, HEAD + high + BELOW) as (drawing, canvas):
        moving = (_map if plane else _curve)(drawing, solution, axes, np.stack(fields))
        clock = drawing.text(0.5, 0.98, "", ha="center", va="top", animated=True)
        drawing.dpi = _PIXELS_PER_INCH
        canvas.draw()
        still = canvas.copy_from_bbox(drawing.bbox)
        frames, palette = [], _palette()
        for time, field in zip(times, fields, strict=True):
            canvas.restore_region(still)
            moving.set_data(field.T) if plane else moving.set_ydata(field)
            clock.set_text(problem.format_march_position(time, 4))
            for artist in (moving, clock):
                artist.axes.draw_artist(artist) if artist.axes else artist.draw(canvas.get_renderer())
            drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            frames.append(drawn.quantize(palette=palette, dither=Image.Dither.NONE))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=_MILLISECONDS, loop=0)


def encode_play(_: Solution, path: Path) -> None:
    """Writes the film beside it as MP4, of even width and height in the colours that every player takes.

    Raises subprocess.SubprocessError: ffmpeg fails, or takes LONGEST.
    """
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-loglevel", "error", "-y", "-i", path.with_suffix(".gif").name, *even, path.name]
    subprocess.run(command, cwd=path.parent, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=LONGEST)


def samples_of(solution: Solution) -> float:
    """How many points it takes."""
    return float(FRAMES * np.prod([len(axis) for axis in _axes(solution)]))


def _palette() -> Image.Image:
    """The colours of all frames: those of maps, greys of axes and letters, tints of the curve.

    One palette for each frame made bands in maps, other ones from frame to frame.
    """
    tints = [np.outer(np.linspace(0, 1, count), np.ones(3)) for count in (_GREYS, _TINTS)]
    curve = 1 + tints[1] * (np.array(to_rgb(BLUE)) - 1)
    colours = np.concatenate([colormaps[VALUE_MAP](np.linspace(0, 1, 256 - _GREYS - _TINTS))[:, :3], tints[0], curve])
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * colours).astype(np.uint8).tobytes())
    return palette


def _axes(solution: Solution) -> list[Array]:
    """Even samples of the coordinates shown, of the third its middle."""
    ranges = [solution.domain.box.ranges[axis] for axis in shown_axes_of(solution.problem)]
    count = _CURVE if len(ranges) == 1 else _MAP
    return [np.linspace(*ends, count) for ends in ranges[:2]] + [np.array([sum(ends) / 2]) for ends in ranges[2:]]


def _at(solution: Solution, axes: list[Array]) -> Array:
    """What is shown on the grid of ``axes``, nan outside the domain."""
    shown = shown_of(solution.problem)[0]
    values = shown.of(solution.field.grid(axes, (0,) * solution.problem.dimension))
    return np.where(
        solution.domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), INSIDE_TOLERANCE), values, np.nan
    )


def _panel(solution: Solution, plane: bool) -> tuple[float, float]:
    """Inches of the panel: of a map in the shape of the domain."""
    if not plane:
        return _CURVE_PANEL
    (a, b), (c, d) = solution.problem.box.ranges[:2]
    longest = max(b - a, d - c)
    return _LONGER * max((b - a) / longest, 1 / 3), _LONGER * max((d - c) / longest, 1 / 3)


def _curve(drawing: Figure, solution: Solution, axes: list[Array], fields: Array) -> Any:
    panel = Canvas(drawing).panel(LEFT, HEAD, *_panel(solution, False))
    low, high = float(np.nanmin(fields)), float(np.nanmax(fields))
    margin = 0.05 * (high - low) or 1.0
    (line,) = panel.plot(axes[0], fields[0], color=BLUE, animated=True)
    panel.set(xlim=axes[0][[0, -1]], ylim=(low - margin, high + margin))
    problem, shown = solution.problem, shown_of(solution.problem)[0]
    panel.set_xlabel(problem.label(problem.coordinates[0].name))
    panel.set_ylabel(problem.label(shown.name, words_of(shown)))
    return line


def _map(drawing: Figure, solution: Solution, axes: list[Array], fields: Array) -> Any:
    problem, (wide, high) = solution.problem, _panel(solution, True)
    panel = Canvas(drawing).panel(LEFT, HEAD, wide, high)
    picture = image(panel, axes[:2], fields[0], value_colours(fields))
    picture.set_animated(True)
    shown = shown_of(problem)[0]
    Canvas(drawing).bar(picture, LEFT + wide, HEAD, high, problem.label(shown.name, words_of(shown)))
    names = [problem.label(c.name) for c in problem.coordinates]
    panel.set(xlabel=names[0], ylabel=names[1])
    return picture
