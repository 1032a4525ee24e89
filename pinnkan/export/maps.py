"""Pictures of results in two and three space coordinates: coloured maps with the knots, slices, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from pinnkan.export.arrays import Shown, at_time, sampled, words_of
from pinnkan.export.samples import (
    axis_samples,
    has_frames,
    hidden_in_words,
    limited,
    shown_axes_of,
    sliced,
    space_breaks,
    thinned,
)
from pinnkan.export.style import (
    ERROR_MAP,
    KNOTS,
    STREAMS,
    Canvas,
    error_colours,
    error_panels,
    few_ticks,
    floored,
    value_colours,
)
from pinnkan.kan.coordinates.warped_field import FittedField
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

#: Pixels of a panel, about, along one of its sides.
_PIXELS = 300
_FRAMES = 6
#: Samples along an axis that stream lines are drawn from: the drawing library wants equal steps.
_STREAM_SAMPLES = 60
#: Domains longer than this in one direction fill their panel instead of keeping their shape.
_LONGEST = 3.0


def draw_plane(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One steady unknown in the plane with the knots, and its error beside it; a vector with its stream lines."""
    name = shown.name
    axes = _fine(solution)
    arrays = sampled(solution, axes)
    panels = error_panels(arrays, name)
    grid = canvas.subplots(1, 1 + len(panels), squeeze=False)[0]
    _panel(grid[0], solution, (0, 1), axes, arrays[name], value_colours(arrays[name]))
    _knots(grid[0], solution, (0, 1))
    _streams(grid[0], solution, shown)
    grid[0].set_title(f"{words_of(shown)}, with {_intervals(solution, (0, 1))} knot intervals", loc="left")
    for panel, (key, label) in zip(grid[1:], panels, strict=True):
        values = floored(arrays[key])
        _panel(panel, solution, (0, 1), axes, values, error_colours(values))
        panel.set_title(label, loc="left")


def draw_plane_frames(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown in the plane at several times, in common colours; a vector with its stream lines."""
    times = np.linspace(*solution.domain.box.ranges[2], _FRAMES)
    axes = limited(_fine(solution), _PIXELS**2)
    frames = [at_time(solution, axes, time)[shown.name] for time in times]
    colours = value_colours(np.stack(frames))
    grid = canvas.subplots(2, _FRAMES // 2, sharex=True, sharey=True)
    for i, (panel, frame, time) in enumerate(zip(grid.ravel(), frames, times, strict=True)):
        picture = _surface(panel, axes, frame, colours)
        _knots(panel, solution, (0, 1), time)
        _streams(panel, solution, shown, time)
        _shape(panel, solution, (0, 1))
        panel.set_title(f"t = {time:.3g}", loc="left")
        if i < _FRAMES // 2:
            panel.set_xlabel("")
        if i % (_FRAMES // 2):
            panel.set_ylabel("")
    canvas.colorbar(picture, ax=grid, pad=0.01, aspect=35).set_label(words_of(shown), rotation=0)


def draw_slices(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown of a box on its three mid-planes, and its error below; with time at the end of it.

    Of more than three coordinates the first three are shown, the others in the middle of their ranges.
    """
    problem, name = solution.problem, shown.name
    samples = _fine(solution)
    grid = canvas.subplots(2, 3)
    slices = [_slice(solution, samples, fixed) for fixed in (2, 1, 0)]
    key, label = error_panels(slices[0][1], name)[-1]
    values = value_colours(np.concatenate([s[1][name].ravel() for s in slices]))
    errors = error_colours(np.concatenate([np.abs(s[1][key]).ravel() for s in slices]))
    when = "" if not has_frames(problem) else f", t = {solution.domain.box.ranges[-1][1]:.3g}"
    if hidden_in_words(problem):
        canvas.supxlabel(f"the other coordinates: {hidden_in_words(problem)}", fontsize="small")
    for column, (fixed, (axes, arrays)) in enumerate(zip((2, 1, 0), slices, strict=True)):
        plane = tuple(a for a in range(3) if a != fixed)
        upper = _surface(grid[0, column], axes, arrays[name], values)
        lower = _surface(grid[1, column], axes, floored(arrays[key]), errors)
        _knots(grid[0, column], solution, plane)
        for row in (0, 1):
            _shape(grid[row, column], solution, plane)
        middle = (problem.box.ranges[fixed][0] + problem.box.ranges[fixed][1]) / 2
        grid[0, column].set_title(f"{problem.coordinates[fixed].name} = {middle:.3g}{when}", loc="left")
    canvas.colorbar(upper, ax=grid[0, :], pad=0.01, aspect=25).set_label(words_of(shown), rotation=0)
    canvas.colorbar(lower, ax=grid[1, :], label=label, pad=0.01, aspect=25)


def _streams(axes: Axes, solution: Solution, shown: Shown, time: float | None = None) -> None:
    """Stream lines of a vector that has as many components as the plane."""
    if not shown.is_vector or len(shown.unknowns) != 2:
        return
    x, y = (np.linspace(*solution.problem.box.ranges[axis], _STREAM_SAMPLES) for axis in (0, 1))
    at = [x, y] if time is None else [x, y, np.array([time])]
    values = solution.field.grid(at, (0,) * len(at)).reshape(len(x), len(y), -1)
    u, v = (values[..., unknown].T for unknown in shown.unknowns)
    if np.hypot(u, v).max() > 0.0:
        axes.streamplot(x, y, u, v, color=STREAMS, linewidth=0.6, arrowsize=0.7, density=1.1)


def _fine(solution: Solution) -> tuple[Array, ...]:
    """Samples as fine as the pixels of a panel, one array per space coordinate."""
    return tuple(
        thinned(axis_samples(space_breaks(solution, axis), _PIXELS), 2 * _PIXELS)
        for axis in shown_axes_of(solution.problem)
    )


def _slice(solution: Solution, samples: tuple[Array, ...], fixed: int) -> tuple[tuple[Array, ...], dict[str, Array]]:
    problem = solution.problem
    low, high = problem.box.ranges[fixed]
    axes = tuple(np.array([(low + high) / 2]) if a == fixed else s for a, s in enumerate(samples))
    full = sliced(problem, axes)
    arrays = (
        sampled(solution, full)
        if problem.time_axis is None
        else at_time(solution, full, solution.domain.box.ranges[-1][1])
    )
    flat = {name: np.take(array.reshape(array.shape[:3]), 0, axis=fixed) for name, array in arrays.items()}
    return tuple(a for i, a in enumerate(axes) if i != fixed), flat


def _panel(
    axes: Axes, solution: Solution, shown: tuple[int, ...], samples: tuple[Array, ...], values: Array, colours: Any
) -> None:
    picture = _surface(axes, samples, values, colours)
    _shape(axes, solution, shown)
    axes.figure.colorbar(picture, ax=axes, pad=0.02, aspect=25, location="bottom")


def _surface(axes: Axes, samples: tuple[Array, ...], values: Array, colours: dict[str, Any]) -> Any:
    # interpolated colours would put beads along the lines where an error vanishes
    shading: Any = "nearest" if colours["cmap"] == ERROR_MAP else "gouraud"
    return axes.pcolormesh(samples[0], samples[1], values.T, shading=shading, rasterized=True, **colours)


def _shape(axes: Axes, solution: Solution, shown: tuple[int, ...]) -> None:
    problem = solution.problem
    (a, b), (c, d) = (problem.box.ranges[i] for i in shown)
    axes.set(xlim=(a, b), ylim=(c, d))
    axes.set_xlabel(problem.coordinates[shown[0]].name)
    axes.set_ylabel(problem.coordinates[shown[1]].name, rotation=0, labelpad=8)
    few_ticks(axes)
    if max((b - a) / (d - c), (d - c) / (b - a)) <= _LONGEST:
        axes.set_aspect("equal")


def _knots(axes: Axes, solution: Solution, shown: tuple[int, ...], time: float | None = None) -> None:
    """Knot lines, fainter the more there are."""
    if isinstance(solution.field, FittedField):
        lines = solution.field.knot_lines(time)
        axes.add_collection(LineCollection(lines, colors=KNOTS, linewidths=0.45, alpha=_opacity(len(lines))))
        return
    knots = [_breaks(solution, axis, time) for axis in shown]
    ranges = [solution.problem.box.ranges[axis] for axis in shown]
    axes.vlines(knots[0], *ranges[1], colors=KNOTS, linewidths=0.45, alpha=_opacity(len(knots[0])))
    axes.hlines(knots[1], *ranges[0], colors=KNOTS, linewidths=0.45, alpha=_opacity(len(knots[1])))


def _opacity(lines: int) -> float:
    """Of so many parallel lines, so that they do not hide what is behind."""
    return float(np.clip(12 / lines, 0.15, 0.7))


def _breaks(solution: Solution, axis: int, time: float | None) -> Array:
    return space_breaks(solution, axis) if time is None else solution.field.breaks(axis, time)


def _intervals(solution: Solution, shown: tuple[int, ...]) -> str:
    if isinstance(solution.field, FittedField):
        return " × ".join(map(str, solution.field.intervals()))
    space = shown_axes_of(solution.problem)
    return " × ".join(str(len(space_breaks(solution, axis)) - 1) for axis in space if axis in shown)
