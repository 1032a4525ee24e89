"""Measured values of the solution: the section ``data`` and the CSV files that it names."""

from collections.abc import Sequence as Items
from dataclasses import replace
from pathlib import Path

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.problem import schema
from pinnkan.problem.conditions import residual_equation
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.names import check_name, read_constant, section
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.sections.csv_columns import Columns, CsvError, read_columns
from pinnkan.problem.source import Mapping, Node, Scalar
from pinnkan.problem.statement import Equation, Measurement

Array = NDArray[np.float64]


def read_data(node: Node | None, domain: DomainSection, scope: Scope, report: Report) -> tuple[Measurement, ...]:
    """Read all measurements: one for each unknown with a column, or one for an ``equation``."""
    out: list[Measurement] = []
    for name, (span, value) in section(node, report, "data").items():
        check_name(name, span, report, "set of data")
        if not isinstance(value, Mapping):
            report.error_at(value.span, f"'{name}' does not say where its values are", "{file: sensors.csv}")
            continue
        found = schema.entries(value, schema.DATA, report, f"the data '{name}'")
        if "file" in found:
            out += _DataReader(name, found, domain, scope, report).measurements()
    return tuple(out)


class _DataReader:
    """Reads one entry of the section ``data``."""

    def __init__(self, name: str, found: dict[str, Node], domain: DomainSection, scope: Scope, report: Report) -> None:
        self.name, self.found, self.domain, self.report = name, found, domain, report
        self.scope = replace(scope, context="measured data")

    def measurements(self) -> list[Measurement]:
        """The measurements; none after a fault."""
        try:
            return self._measurements()
        except CsvError as error:
            self._fail("file", str(error), error.hint)
            return []

    def _measurements(self) -> list[Measurement]:
        before = self.report.failed
        columns = self._columns()
        if columns is None:
            return []
        names = self._names_of_columns(columns)
        points = self._points(columns, names)
        if points is None or (self.report.failed and not before):
            return []
        if "equation" in self.found:
            measured = [self._measured_by_equation(columns)]
        else:
            unknowns = [u for u in self.scope.space.unknowns if names.get(u, u) in columns.names]
            if not unknowns:
                listed = ", ".join(self.scope.space.unknowns)
                hint = "columns: {u: temperature}, or equation: u_x = flux"
                self._fail("file", f"no column holds an unknown ({listed})", hint)
            measured = [self._measured_unknown(u, names.get(u, u), columns) for u in unknowns]
        several = len(measured) > 1
        found = [(f"{self.name}.{m[0]}" if several else self.name, *m[1:]) for m in measured if m is not None]
        return [m for m in (self._measurement(*one, points, columns) for one in found) if m is not None]

    def _fail(self, key: str, message: str, hint: str = "") -> None:
        self.report.error_at(self.found[key].span, message, hint)

    def _constant(self, node: Node) -> float:
        """The value of a constant expression; one after a fault."""
        local = replace(self.scope, allows_unknowns=False, allows_coordinates=False)
        value = read_constant(node, local, self.report)
        return 1.0 if value is None else value

    def _columns(self) -> Columns | None:
        node = self.found["file"]
        if not isinstance(node, Scalar) or not node.text.strip():
            self._fail("file", "the name of a file is missing", "file: sensors.csv")
            return None
        home = Path(self.report.text.path).parent if Path(self.report.text.path).is_file() else Path()
        return read_columns(home / node.text)

    def _names_of_columns(self, columns: Columns) -> dict[str, str]:
        """From coordinates and unknowns to columns, as ``columns`` says."""
        known = [*self.domain.coordinates, *self.scope.space.unknowns]
        out = {}
        for name, (span, value) in section(self.found.get("columns"), self.report, "columns").items():
            if name not in known:
                hint = did_you_mean(name, known) or f"one of: {', '.join(known)}"
                self.report.error_at(span, f"'{name[:60]}' is no coordinate and no unknown", hint)
            elif not isinstance(value, Scalar) or value.text not in columns.names:
                self._lacking(value, columns)
            else:
                out[name] = value.text
        return out

    def _lacking(self, node: Node, columns: Columns) -> None:
        name = node.text if isinstance(node, Scalar) else ""
        hint = did_you_mean(name, columns.names) or f"its columns: {', '.join(columns.names)}"
        self.report.error_at(node.span, f"{columns.path.name} has no column '{name[:60]}'", hint)

    def _points(self, columns: Columns, names: dict[str, str]) -> Array | None:
        """The points (row, coordinate), nan where one is missing."""
        fixed = self._fixed()
        out = []
        for coordinate in self.domain.coordinates:
            name = names.get(coordinate, coordinate)
            if coordinate in fixed:
                out.append(np.full(columns.count, fixed[coordinate]))
            elif name in columns.names:
                out.append(columns.column(name))
            else:
                hint = f"columns: {{{coordinate}: ..}}, or at: {{{coordinate}: 0.5}}"
                self._fail("file", f"{columns.path.name} has no column for {coordinate}", hint)
                return None
        points = np.stack(out, -1)
        known = np.isfinite(points).all(1)
        outside = np.flatnonzero(known & ~self.domain.domain.contains(points, INSIDE_TOLERANCE))
        if outside.size:
            row = int(outside[0])
            why = self.domain.domain.outside_reason(points[row], self.domain.coordinates)
            more = f", and {outside.size - 1} more" * (outside.size > 1)
            self._fail("file", f"{columns.place(row)}: measured outside of the domain: {why}{more}")
            return None
        return points

    def _fixed(self) -> dict[str, float]:
        out = {}
        for name, (span, value) in section(self.found.get("at"), self.report, "at").items():
            if name not in self.domain.coordinates:
                hint = f"its coordinates: {', '.join(self.domain.coordinates)}"
                self.report.error_at(span, f"'{name[:60]}' is no coordinate of this domain", hint)
            out[name] = self._constant(value)
        return out

    def _measured_unknown(self, unknown: str, column: str, columns: Columns) -> tuple[str, Equation, Array] | None:
        node = self.found["file"]
        assert isinstance(node, Scalar)
        line, place = self.report.text.locate(node.span.start)
        symbol = self.scope.space.unknown_symbol(unknown)
        equation = Equation(symbol, self.scope.space.jets_of(symbol), unknown, line, place)
        return unknown, equation, columns.column(column)

    def _measured_by_equation(self, columns: Columns) -> tuple[str, Equation, Array] | None:
        """``u_x = flux``: an expression of the solution, and one of columns."""
        node = self.found["equation"]
        if not isinstance(node, Scalar) or node.text.count("=") != 1:
            self._fail("equation", "this must be `expression of the solution = expression of columns`", "u_x = flux")
            return None
        at = node.text.index("=")
        left = parse(node, self.scope, self.report, 0, at)
        symbols = {name: sympy.Symbol(name) for name in columns.names if name.isidentifier()}
        of_columns = Scope(JetSpace((), ()), symbols, allows_coordinates=False, context="a measured value")
        right = parse(node, of_columns, self.report, at + 1)
        if left is None or right is None:
            return None
        equation = residual_equation(left, node, self.scope, self.report)
        if not equation.jets:
            self._fail("equation", "no unknown stands on its left", "u_x = flux: the solution left, columns right")
            return None
        used = sorted(right.free_symbols, key=str)
        with np.errstate(all="ignore"):
            values = Tape([right], used)([columns.column(str(s)) for s in used])[0]
        return "", equation, np.broadcast_to(np.asarray(values, dtype=np.float64), (columns.count,))

    def _measurement(
        self, name: str, equation: Equation, values: Array, points: Array, columns: Columns
    ) -> Measurement | None:
        noise = self._noise(values, columns)
        known = np.isfinite(values) & np.isfinite(points).all(1)
        if noise is not None:
            known &= np.isfinite(noise)
            if (noise[known] <= 0.0).any():
                row = int(np.flatnonzero(known & ~(noise > 0.0))[0])
                hint = "where a value is zero a relative noise says nothing: write noise: 0.01"
                self._fail("noise", f"{columns.place(row)}: the noise of a value is not positive", hint)
                return None
        if not known.any():
            self._fail("file", f"{columns.path.name} holds no value of '{equation.text}'")
            return None
        return Measurement(
            name, equation, points[known], np.ascontiguousarray(values[known]), None if noise is None else noise[known]
        )

    def _noise(self, values: Array, columns: Columns) -> Array | None:
        """The standard deviation of each value (row,); None if the file does not say."""
        node = self.found.get("noise")
        if node is None:
            return None
        if not isinstance(node, Mapping):
            return np.full(columns.count, self._constant(node))
        found = schema.entries(node, schema.NOISE, self.report, "a noise")
        if len(found) != 1:
            self.report.error_at(node.span, "a noise is one of: 0.01, {relative: 0.05}, {column: u_std}")
            return None
        (kind, value), *_ = found.items()
        if kind == "relative":
            return np.abs(values) * self._constant(value)
        if not isinstance(value, Scalar) or value.text not in columns.names:
            self._lacking(value, columns)
            return None
        return columns.column(value.text)


def check_counts(measurements: Items[Measurement], estimate: Node | None, count: int, report: Report) -> None:
    """Report fewer measured values than numbers to be found."""
    values = sum(len(m.values) for m in measurements)
    if measurements and values < count and estimate is not None:
        report.error_at(estimate.span, f"{count} numbers from {values} measured values", "measure more, or fix some")
