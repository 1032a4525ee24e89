"""Read a table of numbers from a CSV file, with the line of every fault."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: The largest file that is read, in bytes.
MAX_CSV_BYTES = 200_000_000
#: Words for a value that is missing, in small letters.
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})


class CsvError(Exception):
    """A file that holds no table of numbers; ``hint``: what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, eq=False)
class Columns:
    """A table: by column its values (row,), nan where one is missing, and the line of each row.

    ``words``: by column the first line with a cell that is no number, and that cell.
    """

    path: Path
    values: Mapping[str, NDArray[np.float64]]
    lines: NDArray[np.int64]
    words: Mapping[str, tuple[int, str]]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.values)

    def column(self, name: str) -> NDArray[np.float64]:
        """The values of a column (row,). Raises CsvError: one of them is no number."""
        if name in self.words:
            line, word = self.words[name]
            raise CsvError(f"{self.path.name}:{line}: '{word}' is no number", "leave a missing value empty")
        return self.values[name]

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.lines)

    def place(self, row: int) -> str:
        """``sensors.csv:12``: the line of a row."""
        return f"{self.path.name}:{self.lines[row]}"


def read_columns(path: Path) -> Columns:
    """Read a CSV file with a line of names; lines that begin with # are left out. Raises CsvError."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CsvError(f"'{path}' cannot be read: {why}", "the path is relative to the problem file") from None
    if state.st_size > MAX_CSV_BYTES:
        raise CsvError(f"'{path}' is larger than {MAX_CSV_BYTES:,} bytes")
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> Columns:
    """Read a file that changed at a time and has a size; the same file is read once."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            kept = [(rows.line_num, row) for row in rows if any(map(str.strip, row)) and not row[0].startswith("#")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CsvError(f"'{path}' cannot be read: {error}", "a CSV file in UTF-8 is wanted") from None
    if len(kept) < 2:
        raise CsvError(f"'{path}' holds no values", "a line of names, then one line for each measurement")
    (_, head), *body = kept
    names = [name.strip() for name in head]
    if all(_number(name) is not None for name in names):
        raise CsvError(f"{path.name}:{kept[0][0]}: the names of the columns are missing", "a first line as x,t,u")
    if len(set(names)) < len(names):
        raise CsvError(f"{path.name}:{kept[0][0]}: two columns have one name")
    table = np.empty((len(body), len(names)))
    words: dict[str, tuple[int, str]] = {}
    for k, (line, row) in enumerate(body):
        if len(row) != len(names):
            raise CsvError(f"{path.name}:{line}: {len(row)} values for {len(names)} columns")
        for j, cell in enumerate(row):
            number = _number(cell)
            if number is None:
                words.setdefault(names[j], (line, cell.strip()[:40]))
            table[k, j] = math.nan if number is None else number
    lines = np.array([line for line, _ in body])
    return Columns(path, {name: table[:, j] for j, name in enumerate(names)}, lines, words)


def _number(cell: str) -> float | None:
    """The number in a cell, nan for a missing one; None for other words."""
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
