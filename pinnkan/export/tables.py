"""``levels.csv`` and ``history.csv``: the records of a run as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from pinnkan.verdict.records import Iteration, Level

_LEVEL = (
    "level", "time_start", "time_end", "intervals", "degree", "parameters", "points", "loss", "heldout_residual",
    "estimate", "true_error", "iterations", "seconds", "note",
)  # fmt: skip
_HISTORY = ("level", "iteration", "loss", "step", "damping", "rate", "seconds")


def levels_csv(levels: Sequence[Level]) -> str:
    """One row per level or slab; ``intervals`` and ``degree`` as ``8x16``; times empty when steady."""
    return _table(_LEVEL, [_level_row(level) for level in levels])


def history_csv(history: Sequence[Iteration]) -> str:
    """One row per step; of Adam, per ten."""
    return _table(_HISTORY, [(s.level, s.iteration, s.loss, s.step, s.damping, s.rate, s.seconds) for s in history])


def by_x(numbers: Sequence[int]) -> str:
    """(8, 16) as ``8x16``."""
    return "x".join(map(str, numbers))


def _level_row(level: Level) -> tuple[Any, ...]:
    start, end = level.time or ("", "")
    true_error = "" if level.true_error is None else level.true_error
    return (
        level.number, start, end, by_x(level.intervals), by_x(level.degree), level.parameters, level.points, level.loss,
        level.heldout, level.estimate, true_error, level.iterations, level.seconds, level.remarks,
    )  # fmt: skip


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
