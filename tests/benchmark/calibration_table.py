"""The calibration as a table, a histogram, and the counts that are wanted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from tables import circumstances

if TYPE_CHECKING:
    from calibration import Row

matplotlib.use("Agg")
import matplotlib.pyplot as plt

#: Wanted of an effectivity, and of the true error of what says `converged`, in tolerances.
LOWEST, HIGHEST, MOST_ERROR = 0.8, 10.0, 2.0
#: Decades of the histogram.
BINS = np.logspace(-1, 2, 31)


def write_table(folder: Path, random: Sequence[Row], shipped: Sequence[Row], command: str) -> None:
    """Write calibration.md and histogram.png."""
    lines = ["# Calibration of the error estimate", ""]
    lines += [
        "Effectivity is estimate over true relative L2 error; the true error is integrated independently of the"
        " solver, and `exact` is taken from the problem before it is solved."
        " Wanted: 95 % of the effectivities in [0.8, 10], nothing `converged` with an error above twice the tolerance.",
        "",
        *[f"* {key}: {value}" for key, value in circumstances(command).items()],
        "",
        "Rows are kept as they were measured; the command continues with"
        " those that are missing, and measures all of them anew when the CSV files are deleted.",
        "",
        "![Histogram of effectivities](histogram.png)",
        "",
        "| problems | solves | effectivity known | in [0.8, 10] | below 0.8 | above 10 | least | median | largest"
        " | converged | of these error > 2 x tolerance |",
        "|" + " --- |" * 11,
    ]
    families = {
        "random": list(random),
        "- steady": [r for r in random if "time" not in r.kind and "deep" not in r.kind],
        "- in time": [r for r in random if "time" in r.kind and "deep" not in r.kind],
        "- deep": [r for r in random if "deep" in r.kind],
        "shipped": list(shipped),
    }
    lines += [summary(name, rows) for name, rows in families.items() if rows]
    for title, rows in (("Shipped problems", shipped), ("Random problems", random)):
        if rows:
            lines += [
                "",
                f"## {title}",
                "",
                "| problem | equation | solution | tolerance | verdict | estimate | error | effectivity | seconds |",
            ]
            lines += ["|" + " --- |" * 9, *[_line(r) for r in rows]]
    (folder / "calibration.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _draw(folder / "histogram.png", random, shipped)


def summary(name: str, rows: Sequence[Row]) -> str:
    """One line of counts."""
    known = np.array([r.effectivity for r in rows if np.isfinite(r.effectivity)])
    converged = [r for r in rows if r.verdict == "converged"]
    wrong = sum(r.error > MOST_ERROR * r.tolerance for r in converged)
    if not len(known):
        return f"| {name} | {len(rows)} | 0 |  |  |  |  |  |  | {len(converged)} | {wrong} |"
    inside = int(((known >= LOWEST) & (known <= HIGHEST)).sum())
    return (
        f"| {name} | {len(rows)} | {len(known)} | {inside} ({100 * inside / len(known):.1f} %) "
        f"| {int((known < LOWEST).sum())} | {int((known > HIGHEST).sum())} | {known.min():.2f} "
        f"| {np.median(known):.2f} | {known.max():.1f} | {len(converged)} | {wrong} |"
    )


def _line(r: Row) -> str:
    return (
        f"| {r.problem} | {r.kind} | {r.solution} | {r.tolerance:.0e} | {r.verdict} | {r.estimate:.1e} | {r.error:.1e} "
        f"| {r.effectivity:.2f} | {r.seconds:.2f} |"
    )


def _draw(path: Path, random: Sequence[Row], shipped: Sequence[Row]) -> None:
    figure, axes = plt.subplots(figsize=(7.0, 3.6), layout="constrained")
    groups = [[r.effectivity for r in rows if np.isfinite(r.effectivity)] for rows in (random, shipped)]
    shown = [np.clip(g, BINS[0], BINS[-1]) for g in groups]
    names = [f"random problems ({len(groups[0])})", f"shipped problems ({len(groups[1])})"]
    axes.hist(shown, bins=list(BINS), stacked=True, color=["#4477aa", "#ccbb44"], label=names)
    axes.axvspan(LOWEST, HIGHEST, color="#999999", alpha=0.15, lw=0, label="wanted: 0.8 to 10")
    axes.set(xscale="log", yscale="symlog", xlabel="effectivity: estimated / true error", ylabel="solves")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit("run calibration.py --table")
