"""Tables of an experiment: Markdown beside the paper's figures, CSV with every seed."""

from collections.abc import Sequence

import torch

from pinnkan.export.tables import csv_text
from pinnkan.study.contest import ContestOutcome, median


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
    return markdown([*head, "true error (range)", "s per seed"], rows)


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
