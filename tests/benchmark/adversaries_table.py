"""The adversaries as a table and a picture."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from tables import circumstances

if TYPE_CHECKING:
    from adversaries import Row  # the script beside this file, when it runs by its name

matplotlib.use("Agg")
import matplotlib.pyplot as plt

#: Wanted of effectivities.
LOWEST, HIGHEST = 0.8, 10.0


def write_table(folder: Path, rows: Sequence[Row], command: str) -> None:
    """Write adversaries.md and adversaries.png."""
    (folder / "adversaries.md").write_text(summary(rows, command), encoding="utf-8")
    _draw(folder / "adversaries.png", rows)


def summary(rows: Sequence[Row], command: str) -> str:
    """The counts that are wanted, by kind, and every row that is not as it should be."""
    lines = ["# Adversaries", "", "Drawn to be converged and wrong; see tests/adversaries."]
    lines += ["", *[f"* {key}: {value}" for key, value in circumstances(command).items()], ""]
    lines += ["| kind | runs | converged | wrong | effectivities in [0.8, 10] | least | median | largest |",
              "|" + " --- |" * 8, _counts("all", rows)]  # fmt: skip
    for posed in dict.fromkeys(row.conditions for row in rows):
        lines.append(_counts(f"conditions {posed}", [r for r in rows if r.conditions == posed]))
    for kind in sorted({row.kind for row in rows}):
        lines.append(_counts(kind, [r for r in rows if r.kind == kind]))
    reasons = Counter(row.verdict for row in rows if row.conditions == "right")
    lines += ["", "![Estimates and true errors over the tolerance](adversaries.png)"]
    lines += ["", "Verdicts on what is well posed: " + ", ".join(f"{k} {n}" for k, n in reasons.most_common()) + "."]
    lines += ["", "## Wrong, and effectivities out of bounds", "",
              "| number | kind | coefficients | feature | family | conditions | tolerance | verdict "
              "| estimate | error |",
              "|" + " --- |" * 10]  # fmt: skip
    for r in rows:
        if r.is_wrong or (np.isfinite(r.effectivity) and not LOWEST <= r.effectivity <= HIGHEST):
            lines.append(
                f"| {r.number} | {r.kind} | {r.coefficients} | {r.feature} | {r.family} | {r.conditions} "
                f"| {r.tolerance:.0e} | {r.verdict} | {r.estimate:.1e} | {r.error:.1e} |"
            )
    return "\n".join(lines) + "\n"


def _counts(name: str, rows: Sequence[Row]) -> str:
    known = np.array([r.effectivity for r in rows if np.isfinite(r.effectivity)])
    inside = int(((known >= LOWEST) & (known <= HIGHEST)).sum())
    share = f"{inside} of {len(known)} ({100 * inside / len(known):.1f} %)" if len(known) else ""
    extremes = f"{known.min():.2f} | {np.median(known):.2f} | {known.max():.1f}" if len(known) else " |  | "
    converged, wrong = sum(r.verdict == "converged" for r in rows), sum(r.is_wrong for r in rows)
    return f"| {name} | {len(rows)} | {converged} | {wrong} | {share} | {extremes} |"


def _draw(path: Path, rows: Sequence[Row]) -> None:
    """Estimate against true error, both over the tolerance."""
    figure, axes = plt.subplots(figsize=(6.0, 4.4), layout="constrained")
    axes.axvspan(2.0, 1e6, ymin=0.0, color="#ee6677", alpha=0.12, lw=0, label="wrong, if converged")
    both = np.array([1e-9, 1e6])
    axes.fill_between(both, LOWEST * both, HIGHEST * both, color="#999999", alpha=0.2, lw=0, label="wanted: 0.8 to 10")
    for is_converged, colour, name in ((True, "#4477aa", "converged"), (False, "#ccbb44", "not converged")):
        some = [r for r in rows if (r.verdict == "converged") == is_converged and np.isfinite(r.effectivity)]
        x, y = (np.array([getattr(r, k) / r.tolerance for r in some]) for k in ("error", "estimate"))
        axes.plot(np.clip(x, 1e-9, 1e6), np.clip(y, 1e-9, 1e6), ".", color=colour, label=f"{name} ({len(some)})")
    axes.set(xscale="log", yscale="log", xlabel="true error / tolerance", ylabel="estimate / tolerance")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit("run adversaries.py --table")
