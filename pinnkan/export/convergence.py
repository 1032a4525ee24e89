"""The picture of how the tolerance was reached, error against parameters or time and seconds; and that of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import viridis
from matplotlib.figure import Figure

from pinnkan.export.style import (
    BELOW,
    BLUE,
    GREEN,
    GREY,
    HEAD,
    LEFT,
    ORANGE,
    Canvas,
    figure,
    masked,
    title,
    whole_decades,
)
from pinnkan.kan.field import Array
from pinnkan.problem.evolution import as_time_problem
from pinnkan.solution import Solution
from pinnkan.verdict.records import Level

#: Inches of a panel, and between two for labels on both sides.
_PANEL, _BESIDE = (3.4, 2.8), 1.3


def convergence_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_convergence`."""
    return _count(solution) * (_BESIDE + _PANEL[0]) - 0.3, HEAD + 0.1 + _PANEL[1] + BELOW


def _count(solution: Solution) -> int:
    """Panels: two for levels, three for slabs."""
    return 3 if solution.levels and solution.levels[0].time is not None else 2


def draw_convergence(drawing: Figure, solution: Solution) -> None:
    """Estimate, true error and tolerance for every level or slab."""
    levels = solution.levels
    title(drawing, solution)
    canvas = Canvas(drawing, HEAD)
    steps = [LEFT + 0.2 + k * (_BESIDE + _PANEL[0]) for k in range(_count(solution))]
    panels = [canvas.panel(x, 0.1, *_PANEL) for x in steps] if levels else []
    if not levels:
        drawing.text(0.5, 0.5, "no level was completed", ha="center", color=GREY)
    elif levels[0].time is None:
        left, right = panels
        parameters = np.array([level.parameters for level in levels])
        _errors(left, parameters, levels, solution)
        # labels of a logarithmic axis meet each other when it spans less than a decade or so, and no value has no scale
        wide = parameters.max() > 5 * parameters.min() and np.isfinite(left.dataLim.x0)
        left.set(xscale="log") if wide else left.set_xlim(0, 1.1 * parameters.max())
        left.set(xlabel="parameters", ylabel="relative error")
        _number(left, levels)
        left.legend(loc="best")
        _against_seconds(right, solution)
    else:
        left, middle, right = panels
        ends = np.array([level.time[1] for level in levels if level.time is not None])
        _errors(left, ends, levels, solution)
        problem = as_time_problem(solution.problem)
        time = problem.coordinates[-1].name
        name = problem.label(time)
        left.set(xlabel=f"{name} reached", ylabel="relative error so far", xlim=problem.box.ranges[-1])
        left.legend(loc="best")
        _slabs(middle, levels, name, problem.label(time, "length of the slab"))
        _against_seconds(right, solution)


def _errors(axes: Axes, abscissae: Array, levels: Sequence[Level], solution: Solution) -> None:
    marker = "o" if len(levels) < 40 else ""
    estimates = masked(np.array([level.estimate for level in levels], dtype=np.float64))
    axes.plot(abscissae, estimates, color=ORANGE, marker=marker, ms=6.5, label="estimate")
    true = np.array([np.nan if level.true_error is None else level.true_error for level in levels])
    if np.isfinite(true).any():
        axes.plot(abscissae, masked(true), color=GREEN, marker=marker, ms=3.5, label="true error")
    axes.axhline(solution.verdict.tolerance, color=GREY, ls="--", lw=1, label="tolerance")
    axes.set_yscale("log")
    axes.margins(x=0.08, y=0.05)
    whole_decades(axes)
    axes.grid(True, which="major", lw=0.3, alpha=0.5)


def _against_seconds(axes: Axes, solution: Solution) -> None:
    _errors(axes, np.array([level.seconds for level in solution.levels]), solution.levels, solution)
    axes.set(xlabel="seconds")
    axes.set_xlim(left=0)


def _number(axes: Axes, levels: Sequence[Level]) -> None:
    """The number of each level above its mark."""
    for level in levels:
        place = (level.parameters, level.estimate)
        axes.annotate(str(level.number), place, xytext=(4, 4), textcoords="offset points", fontsize=8, color=GREY)


def _slabs(axes: Axes, levels: Sequence[Level], name: str, length: str) -> None:
    """Length of each slab over time, and the space intervals in it."""
    spans = [level.time for level in levels if level.time is not None]
    edges = np.array([spans[0][0], *(b for _, b in spans)])
    axes.stairs(np.diff(edges), edges, color=BLUE, lw=1.4, baseline=None)
    axes.set(xlabel=name, yscale="log", xlim=(edges[0], edges[-1]))
    axes.set_ylabel(length, color=BLUE)
    axes.margins(y=0.15)
    twin = axes.twinx()
    intervals = [float(np.prod(level.intervals[:-1])) for level in levels]
    twin.stairs(intervals, edges, color=GREY, lw=1.0, baseline=None)
    twin.set_ylabel("space intervals", color=GREY)
    twin.set_ylim(0, max(intervals) * 1.15)
    twin.spines["right"].set_visible(True)


#: Inches of a panel, and of the legend beside it.
_SWEPT, _LEGEND = (5.0, 2.6), 2.4


def draw_sweep(chosen: Sequence[Mapping[str, str]], columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Values of each of ``columns``, one per combination (None or "" where there is none), into a PNG file."""
    first, *others = chosen[0]
    across = _places([each[first] for each in chosen])
    labels = [", ".join(f"{name} = {each[name]}" for name in others) for each in chosen]
    (wide, high), groups = _SWEPT, list(dict.fromkeys(labels))
    with figure(path, LEFT + wide + _LEGEND, len(columns) * (high + BELOW) + 0.2) as drawing:
        for row, (name, values) in enumerate(columns.items()):
            panel = Canvas(drawing).panel(LEFT, 0.15 + row * (high + BELOW), wide, high)
            heights = np.array([np.nan if v in (None, "") else float(v) for v in values])
            for group, colour in zip(groups, viridis(np.linspace(0, 0.9, len(groups))), strict=True):
                mine = np.array([label == group for label in labels])
                panel.plot(across[mine], heights[mine], "o-", color=colour, ms=4, label=group)
            panel.set(xlabel=first, ylabel=name)
            if others:
                panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _places(texts: Sequence[str]) -> Array:
    """The values as numbers; expressions such as ``0.01/pi`` by their order."""
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        order = list(dict.fromkeys(texts))
        return np.array([float(order.index(text)) for text in texts])
