"""Pictures of results with one space coordinate: a curve when steady, a space-time map and profiles with time."""

from __future__ import annotations

from itertools import cycle, pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from pinnkan.export.arrays import Shown, at_time, exact_values, sampled, words_of
from pinnkan.export.samples import axis_samples, space_samples, thinned
from pinnkan.export.style import (
    BLACK,
    BLUE,
    DECADES,
    ESTIMATED,
    GREEN,
    KNOTS,
    ORANGE,
    RED,
    Canvas,
    error_panels,
    few_ticks,
    masked,
    stacked,
    value_colours,
)
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

_ERROR_COLOURS = {ESTIMATED: ORANGE, "true error": GREEN, "|residual|": BLUE}
#: The estimate is wider, so that it is seen below a true error that agrees with it.
_ESTIMATE_WIDTH = 2.4
#: Colours of the components of a vector, in turn.
_COMPONENTS = (BLUE, ORANGE, GREEN, RED)
_PROFILES = 5
#: Samples of the space-time map: about as fine as its pixels.
_MAP = (700, 500)


def draw_curve(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown, or the components of a vector, on a line or over time, the knots as ticks, the error below."""
    problem = solution.problem
    (x,) = axes = space_samples(solution)
    arrays = sampled(solution, axes)
    top, bottom = canvas.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
    for unknown, colour in zip(shown.unknowns, cycle(_COMPONENTS), strict=False):
        name = problem.unknowns[unknown]
        top.plot(x, arrays[name], color=colour, label=f"{name}, computed")
        if problem.exact is not None:
            exact = exact_values(problem, problem.exact, axes)[..., unknown]
            top.plot(x, exact, color=BLACK, lw=1.0, ls=(0, (4, 3)), label=f"{name}, exact")
    _rug(top, solution.field.breaks(0), "knot intervals" if problem.time_axis is None else "time slabs")
    top.set_ylabel(shown.name)
    top.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    for key, label in error_panels(arrays, shown.name):
        width = _ESTIMATE_WIDTH if label == ESTIMATED else 1.0
        bottom.semilogy(x, masked(arrays[key]), color=_ERROR_COLOURS[label], lw=width, label=label)
    _cut_below(bottom)
    bottom.set(xlabel=problem.coordinates[0].name, ylabel="error", xlim=problem.box.ranges[0])
    bottom.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def draw_spacetime(canvas: Canvas, solution: Solution, shown: Shown) -> None:
    """One unknown over (t, x) with knots and slabs, its profiles at a few times, and the error along them.

    Of a vector it is the length.
    """
    upper, lower = stacked(canvas, 2, [1.15, 1.0])
    _map(upper.subplots(), solution, shown)
    left, right = lower.subplots(1, 2)
    _profiles(left, right, solution, shown)


def _map(axes: Axes, solution: Solution, shown: Shown) -> None:
    problem = solution.problem
    slabs = solution.field.breaks(1)
    x = thinned(space_samples(solution)[0], _MAP[0])
    t = thinned(axis_samples(slabs, 400, 2), _MAP[1])
    values = shown.of(solution.field.grid([x, t], (0, 0)))
    picture = axes.pcolormesh(t, x, values, shading="gouraud", rasterized=True, **value_colours(values))
    axes.figure.colorbar(picture, ax=axes, pad=0.01, aspect=25)
    knots = [
        [(a, x), (b, x)]
        for a, b in pairwise(slabs)
        for x in solution.field.breaks(0, (a + b) / 2)
    ]  # fmt: skip
    faint = float(np.clip(10 / np.sqrt(len(knots)), 0.2, 0.8))
    axes.add_collection(LineCollection(knots, colors=KNOTS, linewidths=0.4, alpha=faint), autolim=False)
    axes.vlines(slabs, *problem.box.ranges[0], colors=KNOTS, linewidths=0.6, alpha=0.8)
    axes.set(xlabel=problem.coordinates[1].name, ylabel=problem.coordinates[0].name, ylim=problem.box.ranges[0])
    axes.set_xlim(problem.box.ranges[1])
    count = len(slabs) - 1
    axes.set_title(f"{words_of(shown)}, with knots and {count} time slab{'s' * (count > 1)}", loc="left")


def _profiles(left: Axes, right: Axes, solution: Solution, shown: Shown) -> None:
    problem = solution.problem
    axes = space_samples(solution)
    times = np.linspace(*solution.domain.box.ranges[1], _PROFILES)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, _PROFILES))
    label = ""
    for time, colour in zip(times, colours, strict=True):
        arrays = at_time(solution, axes, time)
        left.plot(axes[0], arrays[shown.name], color=colour, label=f"t = {time:.3g}")
        key, label = error_panels(arrays, shown.name)[-1]
        right.semilogy(axes[0], masked(arrays[key]), color=colour, lw=0.9)
    _cut_below(right)
    left.set(xlabel=problem.coordinates[0].name, ylabel=words_of(shown), xlim=problem.box.ranges[0])
    left.set_title("profiles", loc="left")
    right.set(xlabel=problem.coordinates[0].name, ylabel=label, xlim=problem.box.ranges[0])
    right.set_title(f"{label} along the same profiles", loc="left")
    for panel in (left, right):
        few_ticks(panel, panel.xaxis)
    right.legend(*left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _cut_below(axes: Axes) -> None:
    """Ends a logarithmic axis a few decades below its largest value, where only crossings of zero go."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, high * 10.0 ** -(DECADES + 2)), high)


def _rug(axes: Axes, knots: Array, what: str) -> None:
    """Knots as ticks along the lower edge."""
    style: dict[str, Any] = {"color": BLACK, "lw": 0.6, "alpha": 0.7, "transform": axes.get_xaxis_transform()}
    axes.vlines(knots, 0.0, 0.035, **style)
    axes.plot([], [], color=BLACK, lw=0.6, marker="|", ls="none", label=f"{len(knots) - 1} {what}")
