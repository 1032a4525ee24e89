"""Draws a small picture of every shipped problem for the gallery of the documentation.

    python tests/benchmark/gallery.py            results/figures/gallery/NAME.png, five minutes
    python tests/benchmark/gallery.py burgers    one of them

Each problem is solved as its file says. What is drawn is the first vector or unknown: curves over one coordinate, a map
of two, with time three of them; of more coordinates the first two, the others in the middle of their ranges.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import pinnkan  # noqa: E402  (the path comes first, so that the script runs by its name alone)
from pinnkan.export.arrays import Shown, shown_of  # noqa: E402
from pinnkan.export.maps import clip_to_shape, extended  # noqa: E402
from pinnkan.export.shape_cells import shape_of  # noqa: E402
from pinnkan.export.style import BLUE, GREEN, ORANGE, value_colours  # noqa: E402
from pinnkan.kan.field import Array  # noqa: E402
from pinnkan.problem.registry import shipped_problems  # noqa: E402

FOLDER = ROOT / "results" / "figures" / "gallery"
#: Inches and dots per inch: 480 by 270 dots, a third of a page and sharp on most screens.
SIZE, DOTS = (4.8, 2.7), 100
#: Colours of a file: enough for a smooth map, a third of the bytes of all colours.
COLOURS = 96
#: Samples per coordinate of a map and of a curve.
ACROSS, ALONG = 240, 1601


def picture(solution: pinnkan.Solution) -> Figure:
    """The solution at a glance, without knots and errors."""
    drawing = Figure(figsize=SIZE, dpi=DOTS, layout="constrained")
    problem, shown = solution.problem, shown_of(solution.problem)
    space = [axis for axis in range(problem.dimension) if axis != problem.time_axis]
    if len(space) < 2:
        axes = drawing.subplots()
        free = (*space, problem.time_axis) if problem.time_axis is not None else tuple(space)
        if len(free) == 1:
            curves(axes, solution, free[0])
        else:
            planes([axes], solution, shown[0], free, [{}])
        return drawing
    if problem.time_axis is None:
        planes([drawing.subplots()], solution, shown[0], (space[0], space[1]), [{}])
        return drawing
    times = np.linspace(*problem.box.ranges[problem.time_axis], 3)
    panels = list(drawing.subplots(1, 3))
    planes(panels, solution, shown[0], (space[0], space[1]), [{problem.time_axis: float(t)} for t in times])
    for axes, time in zip(panels, times, strict=True):
        axes.set_title(f"t = {time:.3g}", fontsize=8)
        axes.label_outer()
    return drawing


def curves(axes: Axes, solution: pinnkan.Solution, axis: int) -> None:
    """Every unknown over the one coordinate, each in units of its own where there are several."""
    problem = solution.problem
    breaks = solution.field.breaks(axis)
    x = np.unique(np.concatenate([breaks, np.linspace(breaks[0], breaks[-1], ALONG)]))
    values = solution(x[:, None])
    for name, colour in zip(problem.unknowns, (BLUE, ORANGE, GREEN), strict=False):
        size = float(np.abs(values[name]).max()) if len(problem.unknowns) > 1 else 1.0
        label = name if size == 1.0 else f"{name} / {size:.2g}"
        axes.plot(x, values[name] / size, color=colour, linewidth=1.4, label=label)
    axes.set_xlabel(problem.coordinates[axis].name)
    axes.spines[["top", "right"]].set_visible(False)
    if len(problem.unknowns) > 1:
        axes.legend(frameon=False, fontsize=8)
    else:
        axes.set_ylabel(problem.unknowns[0])


def planes(
    panels: Sequence[Axes],
    solution: pinnkan.Solution,
    shown: Shown,
    free: tuple[int, ...],
    held: Sequence[Mapping[int, float]],
) -> None:
    """Maps over two coordinates in the same colours, the others as ``held`` or in the middle of their ranges.

    Of a vector its length; with its stream lines in space.
    """
    problem = solution.problem
    in_space = problem.time_axis not in free
    x, y = (np.linspace(*problem.box.ranges[axis], ACROSS) for axis in free)
    maps = [sampled(solution, shown, free, x, y, at) for at in held]
    lengths = [np.linalg.norm(parts, axis=0) if shown.is_vector else parts[0] for parts in maps]
    shape = shape_of(solution)
    colours = value_colours(np.array(lengths))
    for axes, parts, length in zip(panels, maps, lengths, strict=True):
        axes.pcolormesh(x, y, extended(length), shading="gouraud", rasterized=True, **colours)
        if shown.is_vector and in_space:
            axes.streamplot(x, y, *parts[:2], color="#EEEEEE", linewidth=0.6, arrowsize=0.6, density=0.8)
        axes.set(xlabel=problem.coordinates[free[0]].name, ylabel=problem.coordinates[free[1]].name)
        axes.set(xlim=x[[0, -1]], ylim=y[[0, -1]], aspect="equal" if in_space else "auto")
        if shape is not None:
            clip_to_shape(axes, shape)
        axes.tick_params(labelsize=7)


def sampled(
    solution: pinnkan.Solution, shown: Shown, free: tuple[int, ...], x: Array, y: Array, held: Mapping[int, float]
) -> list[Array]:
    """The unknowns that are shown, each (y, x), nan outside of a shape."""
    ranges = solution.problem.box.ranges
    points = np.array([held.get(axis, sum(ends) / 2) for axis, ends in enumerate(ranges)])
    grid = np.tile(points, (len(x) * len(y), 1))
    grid[:, free] = np.stack(np.meshgrid(x, y, indexing="xy"), axis=-1).reshape(-1, 2)
    values = solution.field(grid, [(0,) * len(ranges)])[..., 0]
    values[~solution.domain.contains(grid)] = np.nan
    return [values[:, u].reshape(len(y), len(x)) for u in shown.unknowns]


def save(drawing: Figure, path: Path) -> None:
    """The figure as a PNG of few colours."""
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw the problems that are named, or all."""
    for name in sys.argv[1:] or shipped_problems():
        solution = pinnkan.solve(pinnkan.load_problem(name))
        save(picture(solution), FOLDER / f"{name}.png")
        print(solution)


if __name__ == "__main__":
    main()
