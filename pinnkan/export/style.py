"""How every picture looks: places in inches, colours, colour maps, the line that states the verdict."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from pinnkan.export.arrays import size_of
from pinnkan.kan.field import Array
from pinnkan.solution import Solution
from pinnkan.verdict.verdict import Verdict

#: Colours that stay apart for colour-blind readers and in print (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, RED, BLACK, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#222222", "#777777"
#: Knot lines: seen on dark and on light colours.
KNOTS = "#9A9A9A"
#: Stream lines: seen on the dark half of the colours of a length and on most of the light one.
STREAMS = "#EEEEEE"
#: Colour maps of values and of errors: perceptually uniform, and their lightness grows, so that grey shows as much.
VALUE_MAP, ERROR_MAP = "viridis", "magma"
#: Below a true error of rounding size a log axis shows noise only.
SMALLEST = 1e-17
#: Errors are shown over at most so many decades below their largest value; the rest is one colour.
DECADES = 4
#: Errors are relative to the root mean square of what is shown.
ESTIMATED, TRUE = "estimated relative error", "true relative error"
#: Inches above a picture for its title, and between panels for the labels of axes and colour bars.
HEAD, LEFT, RIGHT, ABOVE, BELOW = 0.38, 0.75, 0.85, 0.32, 0.52

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: A logarithmic axis that spans more is read by its powers of ten; a choice.
_WIDE = 1e3
#: One that spans less is read by 1, 2 and 5 of each power; a choice: three to five labels.
_SHORT = 30.0
#: Of PNG files; a choice: 6, the default, takes three times as long for files that are a tenth smaller.
_COMPRESSION = 1

_RC: Any = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": False,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "axes.formatter.limits": (-3, 4),
}


@contextmanager
def sheet(width: float, height: float) -> Iterator[tuple[Figure, FigureCanvasAgg]]:
    """An empty figure of that size in inches and what it is drawn on, in the style of every picture."""
    with matplotlib.rc_context(_RC):
        drawing = Figure(figsize=(width, height))
        yield drawing, FigureCanvasAgg(drawing)


@dataclass(frozen=True)
class Canvas:
    """A part of a figure, ``top`` inches below its upper edge; places on it are inches from its left upper corner.

    Places are worked out and not searched for: an automatic layout takes as long as the drawing.
    """

    figure: Figure
    top: float = 0.0

    def panel(self, x: float, y: float, width: float, height: float, **options: Any) -> Axes:
        """Axes with their left upper corner at (x, y)."""
        wide, high = self.figure.get_size_inches()
        place = (x / wide, 1 - (self.top + y + height) / high, width / wide, height / high)
        return self.figure.add_axes(place, **options)

    def bar(self, picture: Any, x: float, y: float, height: float, label: str = "") -> None:
        """The colours of a picture, as high as the panels to the left of (x, y)."""
        bar = self.figure.colorbar(picture, cax=self.panel(x + 0.1, y, 0.12, height))
        bar.outline.set_linewidth(0.5)
        bar.ax.set_title(label, loc="left", fontsize="small")


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of that size in inches, saved as a PNG at the end; no window, no global state left behind."""
    with sheet(width, height) as (drawing, canvas):
        yield drawing
        _plain_powers(drawing)
        canvas.draw()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(path, compress_level=_COMPRESSION)


class PlainPowers(LogFormatterSciNotation):
    """Powers of ten in plain characters: the typesetting of formulas takes a third of the time of a picture."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """``10⁻³``, or ``2×10⁻³`` between two powers."""
        text = re.sub(r"\$\\mathdefault\{(.*)\}\$", r"\1", super().__call__(x, pos))
        text = re.sub(r"10\^\{(-?\d+)\}", lambda power: "10" + power[1].translate(_RAISED), text)
        return text.replace(r"\times", "×")


class PlainNumbers(PlainPowers):
    """``0.2, 0.5, 1`` on a logarithmic axis that spans little; powers where these would be long."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The number as one would write it."""
        return f"{x:g}" if 1e-3 <= x < 1e5 else super().__call__(x, pos)


def _plain_powers(drawing: Figure) -> None:
    """Plain powers of ten; over many decades no ticks between them, which cost half of the time of a picture."""
    for axes in drawing.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            if type(axis.major.formatter) is LogFormatterSciNotation and high > _WIDE * low:
                axis.set_minor_locator(NullLocator())
            if type(axis.major.formatter) is LogFormatterSciNotation and high < _SHORT * low:
                axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter(PlainNumbers(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf)))
            for label in (axis.major, axis.minor):
                if type(label.formatter) is LogFormatterSciNotation:
                    label.formatter = PlainPowers(labelOnlyBase=label.formatter.labelOnlyBase)
                    label.formatter.set_axis(axis)


def title(drawing: Figure, solution: Solution) -> None:
    """Name and verdict, in red when the tolerance was not reached."""
    colour = BLACK if solution.verdict.converged else RED
    text = f"{solution.problem.name}   {verdict_in_short(solution.verdict)}"
    if is_partial(solution):
        (_, reached), (_, end) = solution.domain.box.ranges[-1], solution.problem.box.ranges[-1]
        text += f"; t = {reached:.4g} of {solution.problem.format_march_position(end, 4).removeprefix('t = ')} reached"
    height = drawing.get_size_inches()[1]
    drawing.text(0.01, 1 - 0.1 / height, text, fontsize=10.5, color=colour, ha="left", va="top")


def is_partial(solution: Solution) -> bool:
    """Whether time did not come to its end."""
    return solution.problem.time_axis is not None and (
        solution.domain.box.ranges[-1][1] < solution.problem.box.ranges[-1][1]
    )


def verdict_in_short(verdict: Verdict) -> str:
    """``converged: estimated relative error 1.2e-07 ≤ tolerance 1.0e-06``; a run stopped early may be below it too."""
    words = "converged" if verdict.converged else f"NOT CONVERGED ({verdict.reason or 'tolerance not reached'})"
    if not np.isfinite(verdict.estimate):
        return f"{words}: error not known, tolerance {verdict.tolerance:.1e}"
    relation = "≤" if verdict.estimate <= verdict.tolerance else ">"
    so_far = "" if verdict.converged or relation == ">" else " so far"
    return (
        f"{words}: estimated relative error{so_far} {verdict.estimate:.1e} {relation} tolerance {verdict.tolerance:.1e}"
    )


def value_colours(values: Array) -> dict[str, Any]:
    """The map of values over all of them."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return {"cmap": VALUE_MAP, "norm": Normalize(low, high if high > low else low + 1.0)}


def error_colours(values: Array) -> dict[str, Any]:
    """A logarithmic map over the last decades below the largest error."""
    finite = values[np.isfinite(values)]
    high = max(float(finite.max()) if finite.size else 0.0, 10 * SMALLEST)
    return {"cmap": ERROR_MAP, "norm": LogNorm(max(high * 10.0**-DECADES, SMALLEST), high)}


def floored(values: Array) -> Array:
    """Values for a logarithmic map: nothing below its smallest colour is left out as a hole."""
    return np.maximum(np.abs(values), SMALLEST)


def masked(values: Array) -> Array:
    """Values for a logarithmic curve: zeros, such as conditions met exactly, leave a gap."""
    return np.where(np.abs(values) > SMALLEST, np.abs(values), np.nan)


def error_panels(arrays: dict[str, Array], name: str) -> list[tuple[str, str]]:
    """Which arrays show the error of what has this name, with their titles: estimate and true error, or a residual."""
    known = [("error_estimate", ESTIMATED), ("error", TRUE)]
    every = [(kind if kind in arrays else f"{kind}_{name}", label) for kind, label in known]
    return [(key, label) for key, label in every if key in arrays] or [("residual_1", "|residual|")]


def few_ticks(axes: Axes, *directions: Axis) -> None:
    """About five round ticks, so that the labels of small panels do not meet."""
    for direction in directions or (axes.xaxis, axes.yaxis):
        direction.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def faint(lines: float) -> float:
    """How opaque so many knot lines across a panel are: fainter the more there are, so that they bury nothing."""
    return float(np.clip(12 / max(lines, 1.0), 0.18, 0.6))


def whole_decades(axes: Axes, most: float = np.inf) -> None:
    """Ends a logarithmic axis at powers of ten, no more than ``most`` decades apart, and labels these alone."""
    low, high = (float(np.log10(end)) for end in axes.get_ylim())
    top = np.ceil(high)
    axes.set_ylim(10.0 ** max(np.floor(low), top - most), 10.0**top)
    axes.yaxis.set_minor_locator(NullLocator())


def relative(arrays: Mapping[str, Array], key: str, name: str) -> Array:
    """The array of an error, divided by the size of what it is the error of; a residual as it is."""
    return arrays[key] if key.startswith("residual") else arrays[key] / size_of(arrays[name])


def image(axes: Axes, samples: Sequence[Array], values: Array, colours: dict[str, Any]) -> Any:
    """Values (x, y) on even ``samples`` of x and y as a coloured map that fills the panel."""
    # interpolated colours would put beads along the lines where an error vanishes
    how: Any = "nearest" if colours["cmap"] == ERROR_MAP else "bilinear"
    (x, y) = samples
    ends = (float(x[0]), float(x[-1]), float(y[0]), float(y[-1]))
    return axes.imshow(values.T, extent=ends, origin="lower", aspect="auto", interpolation=how, **colours)
