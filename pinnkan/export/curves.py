"""Pictures of results with one space coordinate: a curve when steady, a space-time map and profiles with time."""

from itertools import cycle, pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from pinnkan.export import style
from pinnkan.export.arrays import Shown, at_time, exact_values, open_grid, pictured, size_of, space_samples, words_of
from pinnkan.export.style import ABOVE, BELOW, ESTIMATED, LEFT, TRUE, Canvas
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

_ERROR_COLOURS = {ESTIMATED: style.ORANGE, TRUE: style.GREEN, "|residual|": style.BLUE}
#: The estimate is wider, so that it is seen below a true error that agrees with it.
_ESTIMATE_WIDTH = 2.4
#: Colours of the components of a vector, in turn.
_COMPONENTS = (style.BLUE, style.ORANGE, style.GREEN, style.RED)
_PROFILES = 5
#: Samples of the space-time map in t and x: about as fine as its pixels.
_MAP = (900, 420)
#: Inches of the panels, width and heights, and of a legend beside them.
_LEGEND = 2.3
_CURVE, _SPACE_TIME, _PROFILE = (6.6, 2.6, 1.6), (7.8, 2.7), (3.4, 2.3)


def curve_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_curve`, with the legend."""
    width, high, low = _CURVE
    return LEFT + width + _LEGEND, high + low + 0.3 + BELOW


def draw_curve(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown, or the components of a vector, on a line or over time, the knots as ticks, the error below."""
    problem = solution.problem
    (x,) = axes = space_samples(solution)
    arrays = pictured(solution, axes)
    width, high, low = _CURVE
    top = canvas.panel(LEFT, 0.1, width, high)
    bottom = canvas.panel(LEFT, high + 0.25, width, low, sharex=top)
    top.tick_params(labelbottom=False)
    for unknown, colour in zip(shown.unknowns, cycle(_COMPONENTS), strict=False):
        name = problem.unknowns[unknown]
        top.plot(x, arrays[name], color=colour, label=f"{name}, computed")
        if problem.exact is not None:
            exact = exact_values(problem, problem.exact, open_grid(axes))[..., unknown]
            top.plot(x, exact, color=style.BLACK, lw=1.0, ls=(0, (4, 3)), label=f"{name}, exact")
    _rug(top, solution.field.breaks(0), "knot intervals" if problem.time_axis is None else "time slabs")
    top.set_ylabel(problem.label(shown.name))
    top.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    for key, label in style.error_panels(arrays, shown.name):
        width = _ESTIMATE_WIDTH if label == ESTIMATED else 1.0
        bottom.semilogy(
            x, style.masked(style.relative(arrays, key, shown.name)), color=_ERROR_COLOURS[label], lw=width, label=label
        )
    style.whole_decades(bottom, style.DECADES)
    bottom.set(xlabel=problem.label(problem.coordinates[0].name), xlim=problem.box.ranges[0])
    bottom.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def spacetime_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_spacetime`, with the legend."""
    (_, height), (wide, high) = _SPACE_TIME, _PROFILE
    return 2 * (LEFT + wide + 0.1) + _LEGEND - 0.9, 2 * ABOVE + height + high + 2 * BELOW


def draw_spacetime(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown over (t, x) with knots and slabs, its profiles at a few times, and the error along them.

    Of a vector it is the length.
    """
    (width, height), (wide, high) = _SPACE_TIME, _PROFILE
    _map(canvas, canvas.panel(LEFT, ABOVE, width, height), solution, shown)
    lower = ABOVE + height + BELOW + ABOVE
    left, right = (canvas.panel(LEFT + k * (wide + LEFT + 0.1), lower, wide, high) for k in (0, 1))
    _profiles(left, right, solution, shown)


def _map(canvas: Canvas, axes: Axes, solution: Solution, shown: Shown) -> None:
    problem = solution.problem
    slabs = solution.field.breaks(1)
    reached = solution.domain.box.ranges
    t, x = (np.linspace(*reached[axis], count) for axis, count in zip((1, 0), _MAP, strict=True))
    values = shown.of(solution.field.grid([x, t], (0, 0)))
    picture = style.image(axes, (t, x), values.T, style.value_colours(values))
    canvas.bar(picture, LEFT + _SPACE_TIME[0], ABOVE, _SPACE_TIME[1], problem.units.get(shown.name, ""))
    if style.is_partial(solution):
        axes.axvspan(reached[1][1], problem.box.ranges[1][1], color=style.GREY, alpha=0.15, lw=0)
        axes.text(0.99, 0.96, "not reached", transform=axes.transAxes, ha="right", va="top", color=style.GREY)
    knots = [
        [(a, x), (b, x)]
        for a, b in pairwise(slabs)
        for x in solution.field.breaks(0, (a + b) / 2)
    ]  # fmt: skip
    across = len(knots) / max(len(slabs) - 1, 1)
    axes.add_collection(
        LineCollection(knots, colors=style.KNOTS, linewidths=0.4, alpha=style.faint(across)), autolim=False
    )
    axes.vlines(slabs, *problem.box.ranges[0], colors=style.KNOTS, linewidths=0.5, alpha=style.faint(len(slabs)))
    names = [problem.label(c.name) for c in problem.coordinates]
    axes.set(xlabel=names[1], ylabel=names[0], ylim=problem.box.ranges[0])
    axes.set_xlim(problem.box.ranges[1])
    count = len(slabs) - 1
    axes.set_title(f"{words_of(shown)}, with knots and {count} time slab{'s' * (count > 1)}", loc="left")


def _profiles(left: Axes, right: Axes, solution: Solution, shown: Shown) -> None:
    problem = solution.problem
    axes = space_samples(solution)
    times = np.linspace(*solution.domain.box.ranges[1], _PROFILES)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, _PROFILES))
    profiles = [at_time(solution, axes, time) for time in times]
    key, label = style.error_panels(profiles[0], shown.name)[-1]
    size = 1.0 if key.startswith("residual") else size_of(np.stack([arrays[shown.name] for arrays in profiles]))
    for time, colour, arrays in zip(times, colours, profiles, strict=True):
        left.plot(axes[0], arrays[shown.name], color=colour, label=problem.format_march_position(time))
        right.semilogy(axes[0], style.masked(arrays[key] / size), color=colour, lw=0.9)
    style.whole_decades(right, style.DECADES)
    name = problem.label(problem.coordinates[0].name)
    left.set(xlabel=name, xlim=problem.box.ranges[0])
    left.set_title(problem.label(shown.name, words_of(shown)), loc="left")
    right.set(xlabel=name, xlim=problem.box.ranges[0])
    right.set_title(f"{label}, same times", loc="left")
    for panel in (left, right):
        style.few_ticks(panel, panel.xaxis)
    right.legend(*left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _rug(axes: Axes, knots: Array, what: str) -> None:
    """Knots as ticks along the lower edge."""
    ticks: dict[str, Any] = {"color": style.BLACK, "lw": 0.6, "alpha": 0.7, "transform": axes.get_xaxis_transform()}
    axes.vlines(knots, 0.0, 0.035, **ticks)
    axes.plot([], [], color=style.BLACK, lw=0.6, marker="|", ls="none", label=f"{len(knots) - 1} {what}")
