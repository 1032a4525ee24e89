"""Pictures of results in two and three space coordinates: coloured maps with the knots, slices, frames."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.path import Path

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.export import style
from pinnkan.export.arrays import (
    Shown,
    has_frames,
    hidden_in_words,
    pictured,
    shown_axes_of,
    size_of,
    sliced,
    space_breaks,
    words_of,
)
from pinnkan.export.shape_cells import outline, shape_of
from pinnkan.export.style import ABOVE, BELOW, LEFT, RIGHT, Canvas
from pinnkan.kan.coordinates.warped import FittedField
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution

#: Samples along each side of a panel: as many as it has pixels, about.
_PIXELS = 400
_FRAMES = 6
#: Samples along an axis that stream lines are drawn from: the drawing library wants equal steps.
_STREAM_SAMPLES = 60
#: Domains longer than this in one direction fill their panel instead of keeping their shape.
_LONGEST = 3.0
#: Inches of the longer side of a panel: of a plane, of one of several frames or slices.
_PLANE, _SMALL = 3.0, 2.4
#: Inches between panels that share their labels.
_GAP = 0.5


def plane_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_plane`."""
    wide, high = _panel_size(solution.problem, (0, 1), _PLANE)
    count = 1 + max((solution.error is not None) + (solution.problem.exact is not None), 1)
    return count * (LEFT + wide + RIGHT), ABOVE + high + BELOW


def draw_plane(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One steady unknown in the plane with the knots, and its error beside it; a vector with its stream lines."""
    problem, name, domain = solution.problem, shown.name, shape_of(solution)
    axes = _even(solution)
    arrays = pictured(solution, axes)
    wide, high = _panel_size(problem, (0, 1), _PLANE)
    maps = [(arrays[name], f"{_words(problem, shown)}, {_intervals(solution, (0, 1))} knot intervals")]
    maps += [(style.relative(arrays, key, name), label) for key, label in style.error_panels(arrays, name)]
    for k, (values, title) in enumerate(maps):
        x = LEFT + k * (LEFT + wide + RIGHT)
        panel = canvas.panel(x, ABOVE, wide, high)
        values, colours = (
            (style.floored(values), style.error_colours(values)) if k else (values, style.value_colours(values))
        )
        canvas.bar(style.image(panel, axes, extended(values), colours), x + wide, ABOVE, high)
        _finish(panel, problem, (0, 1))
        panel.set_title(title, loc="left")
        if k == 0:
            _knots(panel, solution, (0, 1))
            _streams(panel, solution, shown)
        if domain is not None:
            clip_to_shape(panel, domain)


def frames_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_plane_frames`."""
    wide, high = _panel_size(solution.problem, (0, 1), _SMALL)
    return LEFT + _FRAMES // 2 * (wide + _GAP) + RIGHT, 2 * (ABOVE + high) + BELOW


def draw_plane_frames(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown in the plane at several times, in common colours; a vector with its stream lines."""
    problem = solution.problem
    times = np.linspace(*solution.domain.box.ranges[2], _FRAMES)
    axes, domain = _even(solution), shape_of(solution)
    zero = (0,) * problem.dimension
    frames = [shown.of(solution.field.grid([*axes, np.array([t])], zero)[:, :, 0]) for t in times]
    if domain is not None:
        inside = domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), INSIDE_TOLERANCE)
        frames = [np.where(inside, frame, np.nan) for frame in frames]
    colours = style.value_colours(np.stack(frames))
    wide, high = _panel_size(problem, (0, 1), _SMALL)
    columns = _FRAMES // 2
    for i, (frame, time) in enumerate(zip(frames, times, strict=True)):
        row, column = divmod(i, columns)
        panel = canvas.panel(LEFT + column * (wide + _GAP), ABOVE + row * (ABOVE + high), wide, high)
        picture = style.image(panel, axes, frame if domain is None else extended(frame), colours)
        _knots(panel, solution, (0, 1), time)
        _streams(panel, solution, shown, time)
        if domain is not None:
            clip_to_shape(panel, domain)
        _finish(panel, problem, (0, 1), row == 1, column == 0)
        moment = problem.format_march_position(time)
        panel.set_title(f"{_words(problem, shown)} at {moment}" if i == 0 else moment, loc="left")
    canvas.bar(picture, LEFT + columns * (wide + _GAP) - _GAP, ABOVE, 2 * high + ABOVE)


def slices_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_slices`."""
    sizes = [_panel_size(solution.problem, plane, _SMALL) for plane in _PLANES]
    return sum(LEFT + wide for wide, _ in sizes) + RIGHT, 2 * (max(h for _, h in sizes) + ABOVE + BELOW)


#: The coordinates of each slice, and the one that is fixed in it.
_PLANES = {(0, 1): 2, (0, 2): 1, (1, 2): 0}


def draw_slices(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown of a box on its three mid-planes, and its error below; with time at the end of it.

    Of more than three coordinates the first three are shown, the others in the middle of their ranges.
    """
    problem, name = solution.problem, shown.name
    slices = {plane: _slice(solution, fixed) for plane, fixed in _PLANES.items()}
    key, label = style.error_panels(slices[0, 1][1], name)[-1]
    whole = np.concatenate([arrays[name].ravel() for _, arrays in slices.values()])
    factor = 1.0 if key.startswith("residual") else 1.0 / size_of(whole)
    values = style.value_colours(whole)
    errors = style.error_colours(np.concatenate([factor * np.abs(a[key]).ravel() for _, a in slices.values()]))
    high = max(_panel_size(problem, plane, _SMALL)[1] for plane in _PLANES)
    lower = ABOVE + high + BELOW + ABOVE
    x = LEFT
    for plane, (axes, arrays) in slices.items():
        wide, tall = _panel_size(problem, plane, _SMALL)
        upper_panel = canvas.panel(x, ABOVE + high - tall, wide, tall)
        lower_panel = canvas.panel(x, lower + high - tall, wide, tall)
        upper = style.image(upper_panel, axes, arrays[name], values)
        error = style.image(lower_panel, axes, style.floored(factor * arrays[key]), errors)
        _knots(upper_panel, solution, plane)
        for panel in (upper_panel, lower_panel):
            _finish(panel, problem, plane)
        upper_panel.set_title(_where(solution, plane), loc="left")
        x += LEFT + wide
    upper_panel.figure.text(0.5, 0.005, hidden_in_words(problem), ha="center", va="bottom", fontsize="small")
    canvas.bar(upper, x - LEFT, ABOVE, high, _words(problem, shown))
    canvas.bar(error, x - LEFT, lower, high, label.replace(" relative ", "\nrelative "))


def _where(solution: Solution, plane: tuple[int, int]) -> str:
    """``z = 0.5, t = 1``: the coordinates that a slice holds."""
    problem = solution.problem
    fixed = _PLANES[plane]
    middle = sum(problem.box.ranges[fixed]) / 2
    when = f", {problem.format_march_position(solution.domain.box.ranges[-1][1])}" if has_frames(problem) else ""
    return f"{problem.coordinates[fixed].name} = {middle:.3g}{when}"


def _words(problem: Problem, shown: Shown) -> str:
    return problem.label(shown.name, words_of(shown))


def _streams(axes: Axes, solution: Solution, shown: Shown, time: float | None = None) -> None:
    """Stream lines of a vector that has as many components as the plane."""
    if not shown.is_vector or len(shown.unknowns) != 2:
        return
    x, y = (np.linspace(*solution.problem.box.ranges[axis], _STREAM_SAMPLES) for axis in (0, 1))
    at = [x, y] if time is None else [x, y, np.array([time])]
    values = solution.field.grid(at, (0,) * len(at)).reshape(len(x), len(y), -1)
    domain = shape_of(solution)
    if domain is not None:
        values[~domain.contains(np.stack(np.meshgrid(x, y, indexing="ij"), -1))] = np.nan
    u, v = (values[..., unknown].T for unknown in shown.unknowns)
    if np.nanmax(np.hypot(u, v)) > 0.0:
        axes.streamplot(x, y, u, v, color=style.STREAMS, linewidth=0.6, arrowsize=0.7, density=1.1)


def extended(values: Array) -> Array:
    """Values with those at the edge of a shape in place of the nan beside them: a picture fills its last pixels."""
    for axis in (0, 1):
        for step in (1, -1):
            values = np.where(np.isnan(values), np.roll(values, step, axis), values)
    return values


def clip_to_shape(panel: Axes, domain: ShapedDomain) -> None:
    """Hides what was drawn outside of a shape, and draws its boundary."""
    loops = outline(domain)
    path = Path.make_compound_path(*(Path(loop, closed=True) for loop in loops))
    for drawn in (*panel.images, *panel.collections):
        drawn.set_clip_path(path, panel.transData)
    panel.add_collection(LineCollection(loops, colors=style.BLACK, linewidths=0.8, clip_on=False), autolim=False)


def _panel_size(problem: Problem, plane: tuple[int, ...], longest: float) -> tuple[float, float]:
    """Inches of a panel in the shape of the domain; very long ones fill a square."""
    wide, high = (problem.box.ranges[axis][1] - problem.box.ranges[axis][0] for axis in plane)
    if max(wide, high) > _LONGEST * min(wide, high):
        return longest, longest
    return longest * wide / max(wide, high), longest * high / max(wide, high)


def _even(solution: Solution) -> list[Array]:
    """Even samples, as fine as the pixels of a panel, one array per space coordinate shown."""
    return [np.linspace(*solution.problem.box.ranges[axis], _PIXELS) for axis in shown_axes_of(solution.problem)]


def _slice(solution: Solution, fixed: int) -> tuple[list[Array], dict[str, Array]]:
    """The samples of a plane, and the arrays on it, at the last time."""
    axes = _even(solution)
    axes[fixed] = np.array([sum(solution.problem.box.ranges[fixed]) / 2])
    full = sliced(solution.problem, axes)
    if has_frames(solution.problem):
        full.append(np.array([solution.domain.box.ranges[-1][1]]))
    arrays = pictured(solution, full)
    flat = {name: np.take(array.reshape(array.shape[:3]), 0, axis=fixed) for name, array in arrays.items()}
    return [a for i, a in enumerate(axes) if i != fixed], flat


def _finish(panel: Axes, problem: Problem, plane: tuple[int, ...], below: bool = True, beside: bool = True) -> None:
    """Ends, ticks and names of the axes; their labels ``below`` and ``beside`` the panel where asked for."""
    names = [problem.label(problem.coordinates[axis].name) for axis in plane]
    panel.set(xlim=problem.box.ranges[plane[0]], ylim=problem.box.ranges[plane[1]])
    style.few_ticks(panel)
    panel.tick_params(labelbottom=below, labelleft=beside)
    panel.set_xlabel(names[0] if below else "", labelpad=1)
    panel.set_ylabel(names[1] if beside else "", labelpad=3)


def _knots(axes: Axes, solution: Solution, shown: tuple[int, ...], time: float | None = None) -> None:
    """Knot lines, fainter the more there are."""
    if isinstance(solution.field, FittedField):
        lines = solution.field.knot_lines(time)
        axes.add_collection(
            LineCollection(lines, colors=style.KNOTS, linewidths=0.45, alpha=style.faint(len(lines) / 2)), autolim=False
        )
        return
    knots = [space_breaks(solution, a) if time is None else solution.field.breaks(a, time) for a in shown]
    ranges = [solution.problem.box.ranges[axis] for axis in shown]
    axes.vlines(knots[0], *ranges[1], colors=style.KNOTS, linewidths=0.45, alpha=style.faint(len(knots[0])))
    axes.hlines(knots[1], *ranges[0], colors=style.KNOTS, linewidths=0.45, alpha=style.faint(len(knots[1])))


def _intervals(solution: Solution, shown: tuple[int, ...]) -> str:
    if isinstance(solution.field, FittedField):
        return " × ".join(map(str, solution.field.intervals()))
    space = shown_axes_of(solution.problem)
    return " × ".join(str(len(space_breaks(solution, axis)) - 1) for axis in space if axis in shown)
