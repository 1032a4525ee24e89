"""Numbers found from measured values: lines, a section of the report, a table, and a picture."""

import math
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnkan.export.style import BELOW, BLUE, GREEN, GREY, HEAD, LEFT, ORANGE, RED, Canvas, title
from pinnkan.export.tables import csv_text
from pinnkan.problem.report import escape_unprintable
from pinnkan.solution import Solution
from pinnkan.verdict.fit_records import Fit, FittedData, FoundNumber

#: Inches of a panel, and between two.
_PANEL, _BESIDE = (3.4, 2.8), 1.0
_COLOURS = (BLUE, ORANGE, GREEN, RED)
#: Correlations are told from this size on.
_TOLD = 0.5


def number_words(number: FoundNumber) -> str:
    """The value, with as many digits as its error and its standard error leave."""
    error = max(number.error if math.isfinite(number.error) else 0.0, number.standard_error or 0.0)
    if not (0.0 < error < math.inf and number.value != 0.0):
        return f"{number.value:.10g}"
    return f"{number.value:.{min(max(math.ceil(math.log10(abs(number.value) / error)) + 2, 2), 16)}g}"


def fit_lines(solution: Solution) -> list[str]:
    """Each number in a line for the terminal, and how well data are met."""
    units, lines = solution.problem.units, []
    for name, n in solution.estimate.items():
        value = f"{name} = {number_words(n)}{f' {units[name]}' if name in units else ''}"
        if n.standard_error is None:
            lines.append(f"{value}, error {n.error:.1e}")
        else:
            lines.append(f"{value}, standard error {n.standard_error:.1e}, error of the solution {n.error:.1e}")
    met = [] if solution.fit is None else [misfit_words(solution.fit)]
    return [escape_unprintable(line) for line in (*lines, *met)]


def misfit_words(fit: Fit) -> str:
    """How well the data are met, in one sentence for each set of them."""
    parts = []
    for part in fit.data:
        size = math.sqrt(sum(noise**2 for noise in part.noise) / len(part.noise))
        noise = (
            f"the noise given is {size:.2g}" if part.is_noise_given else f"from it a noise of {size:.2g} is estimated"
        )
        parts.append(f"{part.name}: {len(part.measured)} values, misfit {part.misfit:.2g}; {noise}")
    given = all(part.is_noise_given for part in fit.data)
    chi = f"; chi-square {fit.chi_square:.4g} for {fit.freedoms} degrees of freedom" if given else ""
    return "; ".join(parts) + chi


def fit_section(solution: Solution) -> str:
    """The numbers as a section of the report; "" where none were sought."""
    fit = solution.fit
    if fit is None:
        return _free_numbers_section(solution)
    rows = ["| number | value | standard error | error of the solution | start |", "|---|---|---|---|---|"]
    rows += [
        f"| {solution.problem.label(name)} | {number_words(n)} | {n.standard_error:.1e} | {n.error:.1e} | {n.start:g} |"
        for name, n in fit.numbers.items()
    ]
    names = list(fit.numbers)
    pairs = [
        f"{names[i]} and {names[j]} {fit.correlations[i][j]:+.2f}"
        for i in range(len(names))
        for j in range(i)
        if abs(fit.correlations[i][j]) >= _TOLD
    ]
    said = [
        "The standard error is what the noise of the data leaves open; the error of the solution is what the estimated "
        "error of the solution changes in the number.",
        f"{misfit_words(fit)}.",
        f"Correlations: {', '.join(pairs)}." if pairs else "",
        f"The data do not determine {fit.undetermined}." if fit.undetermined else "",
    ]
    return "\n\n".join(["## Numbers found", "\n".join(map(escape_unprintable, rows)), *filter(None, said)])


def _free_numbers_section(solution: Solution) -> str:
    """The numbers without data as a section of the report; "" if there are none."""
    if not solution.free_numbers:
        return ""
    rows = ["| number | value | error | start |", "|---|---|---|---|"]
    rows += [
        f"| {solution.problem.label(name)} | {number_words(n)} | {n.error:.1e} | {n.start:g} |"
        for name, n in solution.free_numbers.items()
    ]
    said = "The equations and conditions determine them together with the unknowns, nearest to their starts."
    return "\n\n".join(["## Numbers found", "\n".join(map(escape_unprintable, rows)), said])


def data_csv(fit: Fit, coordinates: list[str]) -> str:
    """One row per measured value: its set of data, its place, what was measured and computed, and its noise."""
    rows = [
        (part.name, *point, measured, computed, noise)
        for part in fit.data
        for point, measured, computed, noise in zip(part.points, part.measured, part.computed, part.noise, strict=True)
    ]
    return csv_text(("data", *coordinates, "measured", "computed", "noise"), rows)


def fit_size(solution: Solution) -> tuple[float, float]:
    """Inches of :func:`draw_fit`."""
    return LEFT + 2 * _PANEL[0] + _BESIDE + 0.3, HEAD + 0.1 + _PANEL[1] + BELOW


def draw_fit(drawing: Figure, solution: Solution) -> None:
    """Measured values beside computed ones, and their differences over the noise."""
    fit = solution.fit
    assert fit is not None
    title(drawing, solution)
    canvas = Canvas(drawing, HEAD)
    left = canvas.panel(LEFT, 0.1, *_PANEL)
    right = canvas.panel(LEFT + _PANEL[0] + _BESIDE, 0.1, *_PANEL)
    last = solution.problem.coordinates[-1].name
    is_line = solution.problem.dimension == 1
    for part, colour in zip(fit.data, chain(*[_COLOURS] * len(fit.data)), strict=False):
        at, off = np.array(part.points)[:, -1], np.array(part.measured) - np.array(part.computed)
        if is_line:
            _along(left, part, at, colour)
        else:
            left.plot(part.computed, part.measured, ".", color=colour, markersize=3, label=part.name)
        right.plot(at, off / np.array(part.noise), ".", color=colour, markersize=3)
    if not is_line:
        ends = left.get_xlim()
        left.plot(ends, ends, color=GREY, linewidth=0.7, zorder=0)
    left.set(xlabel=last if is_line else "computed", ylabel="measured")
    right.axhline(0.0, color=GREY, linewidth=0.7, zorder=0)
    right.set(xlabel=last, ylabel="(measured - computed) / noise")
    left.legend(fontsize=8)


def _along(panel: Axes, part: FittedData, at: np.ndarray, colour: str) -> None:
    """Values over the only coordinate, those computed joined by lines."""
    order = np.argsort(at)
    panel.plot(at[order], np.array(part.computed)[order], color=colour, linewidth=1.0)
    panel.errorbar(at, part.measured, part.noise, fmt=".", color=colour, markersize=4, elinewidth=0.7, label=part.name)
