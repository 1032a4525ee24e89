"""Tables of points: read, evaluate, write."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pinnkan.errors import UsageError
from pinnkan.kan.field import Array
from pinnkan.problem.fields import parse_field_name
from pinnkan.problem.statement import Problem
from pinnkan.run.folder import write_atomically
from pinnkan.solution import OutsideError, Solution


@dataclass(frozen=True)
class Column:
    """A column of the output: a derivative of an unknown."""

    name: str
    unknown: int
    order: tuple[int, ...]


def parse_fields(text: str | None, problem: Problem) -> tuple[Column, ...]:
    """``u,u_x`` as columns; a vector stands for its unknowns, None for all of them.

    Raises UsageError: a name that is no unknown of the problem or no derivative of one.
    """
    names = [n.strip() for n in text.split(",")] if text is not None else list(problem.unknowns)
    return tuple(_column(part, problem) for name in names for part in problem.vectors.get(name, (name,)))


def _column(name: str, problem: Problem) -> Column:
    try:
        jet = parse_field_name(name, problem)
    except UsageError as error:
        raise UsageError(f"--fields: {error}") from None
    return Column(name, jet.unknown, jet.order)


def read_points(path: Path, problem: Problem) -> tuple[Array, list[int]]:
    """Points of a CSV file, (point, coordinate), and the line of each in the file.

    A first row of names is optional: it puts the columns in order, and columns with other names are left out.

    Raises UsageError: with the line, for anything that is not a table of finite numbers.
    """
    rows = _rows(path)
    names = [c.name for c in problem.coordinates]
    if not rows:
        raise UsageError(f"{path}: holds no points; wanted are rows of {', '.join(names)}")
    line, first = rows[0]
    chosen = list(range(len(names)))
    width = len(names)
    if any(not _is_number(cell) for cell in first) and set(first) & set(names):
        missing = [n for n in names if n not in first]
        if missing:
            raise UsageError(f"{path}:{line}: the header has no column {missing[0]!r}; wanted are {', '.join(names)}")
        chosen, width, rows = [first.index(n) for n in names], len(first), rows[1:]
    points = [_numbers(path, number, row, width, names) for number, row in rows]
    return np.array(points, dtype=np.float64).reshape(-1, width)[:, chosen], [number for number, _ in rows]


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Non-empty rows with their line numbers; separated by comma, semicolon, tab or blanks; ``#`` before a header."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8") from error
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip("# \t") if not rows else line
        if not bare.strip():
            continue
        separator = next((s for s in ",;" if s in bare), None)
        cells = next(csv.reader([bare], delimiter=separator)) if separator else bare.split()
        rows.append((number, [cell.strip() for cell in cells]))
    return rows


def _numbers(path: Path, line: int, row: Sequence[str], width: int, names: Sequence[str]) -> list[float]:
    if len(row) != width:
        raise UsageError(f"{path}:{line}: {len(row)} columns instead of {width} ({', '.join(names)})")
    wrong = next((cell for cell in row if not _is_number(cell)), None)
    if wrong is not None:
        hint = f"; a first line with names has to name {', '.join(names)}" if line == 1 else ""
        raise UsageError(f"{path}:{line}: {wrong!r} is not a number{hint}")
    return [float(cell) for cell in row]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def evaluate(solution: Solution, path: Path, fields: str | None) -> tuple[list[str], Array]:
    """Header and rows of the output: the coordinates as given, then the fields asked for."""
    columns = parse_fields(fields, solution.problem)
    points, lines = read_points(path, solution.problem)
    try:
        inside = solution.inside(points)
    except OutsideError as outside:
        raise UsageError(f"{path}:{lines[outside.row]}: {outside.why}") from outside
    orders = sorted({column.order for column in columns})
    values = solution.field(inside, orders)
    picked = [values[:, c.unknown, orders.index(c.order)] for c in columns]
    names = [c.name for c in solution.problem.coordinates] + [c.name for c in columns]
    return names, np.column_stack([points, *picked])


def write_values(path: Path, names: Sequence[str], values: Array) -> None:
    """A CSV file whose numbers read back to the same bits; it replaces an old one only when complete."""
    lines = [",".join(names), *(",".join(repr(float(v)) for v in row) for row in values)]
    try:
        write_atomically(path, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
