"""What an experiment shows: tables beside the paper's figures, CSV with every seed, loss and true error in training."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pinnkan.export.style import BLUE, GREEN, GREY, ORANGE
from pinnkan.export.tables import csv_text
from pinnkan.kan.field import Array
from pinnkan.study.contest import ContestOutcome, Record, median
from pinnkan.study.report import StudyReport

#: One colour per family, one line style per kind of schedule.
COLOURS = {"spline": BLUE, "power ReLU": ORANGE, "MLP": GREY, "Gauss-Newton": GREEN}
STYLES = {"multilevel": "-", "fine": "--", "coarse": ":"}
WIDTHS = {"multilevel": 2.0, "fine": 1.3, "coarse": 1.5, "single": 1.0}
#: A loss that grew beyond this multiple of the smallest start only squeezes the rest of the picture.
HIGHEST = 30.0
#: Networks without levels of one family, in the order of the table.
SINGLES = ("-", (0, (6, 2)), (0, (1, 1)))


def attach_outcomes(report: StudyReport, outcomes: Sequence[ContestOutcome], loss: str, error: str) -> None:
    """What every contest leaves beside its table: both CSV files and the curves, labelled ``loss`` and ``error``."""
    report.attach("outcomes.csv", outcomes_csv(outcomes))
    report.attach("history.csv", history_csv(outcomes))
    draw_curves(report, outcomes, loss, error)


def draw_curves(report: StudyReport, outcomes: Sequence[ContestOutcome], loss: str, error: str) -> None:
    """Loss against work, error against work, error against seconds: medians, bands from the smallest to the largest."""
    caption = "Loss and true error: medians over the seeds, bands from the smallest to the largest; dots: a new level."
    with report.figure("curves", caption, 13.0, 4.3) as drawing:
        left, middle, right = drawing.subplots(1, 3)
        first_order = [o for o in outcomes if o.contender.method != "gauss_newton"]
        _panel(left, first_order, lambda r: r.work, lambda r: r.loss.numpy())
        _panel(middle, first_order, lambda r: r.work, lambda r: r.error.numpy())
        _panel(right, outcomes, lambda r: r.seconds, lambda r: r.error.numpy())
        left.set(ylabel=loss, xlabel="work (evaluations on the coarsest level)")
        middle.set(ylabel=error, xlabel="work (evaluations on the coarsest level)")
        for axes in (left, middle):
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.ticklabel_format(axis="x", style="plain")
        right.set(ylabel=error, xlabel="CPU seconds per seed", xscale="log")
        handles, labels = right.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside right upper")


def _panel(
    axes: Axes, outcomes: Sequence[ContestOutcome], along: Callable[[Record], float], value: Callable[[Record], Array]
) -> None:
    starts, lowest = [], []
    singles: Counter[str] = Counter()
    for o in outcomes:
        x = np.array([along(r) for r in o.records])
        y = np.stack([value(r) for r in o.records])
        kind, colour = o.contender.kind, COLOURS[o.contender.family]
        middle = np.median(y, 1)
        shown = x > 0 if along(o.records[-1]) and axes is not None else x >= 0
        style = SINGLES[singles[o.contender.family] % len(SINGLES)] if kind == "single" else STYLES[kind]
        singles[o.contender.family] += kind == "single"
        axes.plot(x[shown], middle[shown], ls=style, color=colour, lw=WIDTHS[kind], label=o.contender.name)
        axes.fill_between(x[shown], y.min(1)[shown], y.max(1)[shown], color=colour, alpha=0.12, lw=0)
        changes = [n for n in range(1, len(o.records)) if o.records[n].level != o.records[n - 1].level and n > 1]
        if kind == "multilevel":
            axes.plot(x[changes], middle[changes], "o", color=colour, ms=4)
        starts.append(float(middle[0]))
        lowest.append(float(y[y > 0.0].min()))
    axes.set_yscale("log")
    axes.set_ylim(0.5 * min(lowest), min(axes.get_ylim()[1], HIGHEST * max(s for s in starts if np.isfinite(s))))
    axes.grid(True, which="major", lw=0.3, alpha=0.5)


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, numbers to the right."""
    lines = [f"| {' | '.join(head)} |", "|" + "|".join("---" if n == 0 else "---:" for n in range(len(head))) + "|"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def outcomes_markdown(outcomes: Sequence[ContestOutcome]) -> str:
    """One line per contender: medians over the seeds, their range; the paper's loss and the ratio where it has any."""
    printed = any(o.contender.paper is not None for o in outcomes)
    rows = []
    for o in outcomes:
        steps = " + ".join(map(str, o.contender.schedule))
        row = [o.contender.name, str(o.parameters), steps, spread(o.last.loss)]
        if printed:
            paper = o.contender.paper
            row += ["", ""] if paper is None else [f"{paper:.2e}", f"{median(o.last.loss) / paper:.2g}"]
        rows.append([*row, spread(o.last.error), f"{o.last.seconds:.1f}"])
    head = ["network", "parameters", "steps per level", "loss (range)"]
    head += ["paper", "ours / paper"] if printed else []
    return markdown([*head, "true error (range)", "CPU s per seed"], rows)


def outcomes_csv(outcomes: Sequence[ContestOutcome]) -> str:
    """One line per contender and seed."""
    rows = []
    for o in outcomes:
        steps = " ".join(map(str, o.contender.schedule))
        for n, seed in enumerate(o.seeds):
            loss, error = float(o.last.loss[n]), float(o.last.error[n])
            known = [o.contender.name, o.contender.family, o.contender.method, o.parameters, steps, seed]
            rows.append([*known, f"{loss:.6e}", f"{error:.6e}", f"{o.last.work:g}", f"{o.last.seconds:.3f}"])
    head = ["network", "family", "method", "parameters", "steps", "seed", "loss", "true_error", "work", "seconds"]
    return csv_text(head, rows)


def history_csv(outcomes: Sequence[ContestOutcome]) -> str:
    """Medians over the seeds along every training."""
    rows = []
    for o in outcomes:
        for r in o.records:
            middle = [f"{median(v):.4e}" for v in (r.loss, r.error)]
            rows.append([o.contender.name, r.level, f"{r.work:g}", f"{r.seconds:.3f}", *middle])
    return csv_text(["network", "level", "work", "seconds", "loss", "true_error"], rows)


def spread(values: torch.Tensor) -> str:
    """Median (smallest to largest)."""
    if len(values) == 1:
        return f"{float(values):.2e}"
    return f"{median(values):.2e} ({float(values.min()):.1e} to {float(values.max()):.1e})"
