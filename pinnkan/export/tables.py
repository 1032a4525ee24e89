"""``levels.csv``, ``history.csv`` and ``quantities.csv``: the records of a run, and what was read off, as tables."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from pinnkan.verdict.records import Iteration, Level, Reading

_LEVEL = (
    "level", "time_start", "time_end", "intervals", "degree", "parameters", "points", "loss", "heldout_residual",
    "estimate", "true_error", "iterations", "seconds", "note",
)  # fmt: skip
_HISTORY = ("level", "iteration", "loss", "step", "damping", "rate", "seconds")


def levels_csv(levels: Sequence[Level], names: Sequence[str] = ()) -> str:
    """One row per level or slab; ``intervals`` and ``degree`` as ``8x16``; times empty when steady.

    Columns for each of the ``names`` of unknowns and vectors follow where the records have them.
    """
    kinds = [kind for kind in ("estimate", "true_error") if any(_each(level, kind) for level in levels)]
    header = [*_LEVEL, *(f"{kind}_{name}" for kind in kinds for name in names)]
    rows = [
        (*_level_row(level), *(e for kind in kinds for e in _each(level, kind) or ("",) * len(names)))
        for level in levels
    ]
    return csv_text(header, rows)


def _each(level: Level, kind: str) -> tuple[float, ...]:
    return level.estimates if kind == "estimate" else level.true_errors


def quantities_csv(readings: Mapping[str, Reading], units: Mapping[str, str]) -> str:
    """One row per quantity, and one per time of a curve: time (empty without), value, error (empty if not known).

    A column of units follows where any of them has one, and one of notes.
    """
    rows = []
    for name, reading in readings.items():
        for k, value in enumerate(reading.values):
            time = "" if reading.times is None else float(reading.times[k])
            error = "" if reading.errors is None else float(reading.errors[k])
            rows.append((name, time, float(value), error, units.get(name, ""), reading.note))
    has = [True] * 4 + [any(name in units for name in readings), any(reading.note for reading in readings.values())]
    header = ("quantity", "time", "value", "error", "unit", "note")
    return csv_text(tuple(compress(header, has)), [tuple(compress(row, has)) for row in rows])


def history_csv(history: Sequence[Iteration]) -> str:
    """One row per step; of Adam, per ten."""
    return csv_text(_HISTORY, [(s.level, s.iteration, s.loss, s.step, s.damping, s.rate, s.seconds) for s in history])


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


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
