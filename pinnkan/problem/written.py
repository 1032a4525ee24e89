"""Expressions as the user writes them, and a problem in words: what ``pinnkan check`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.expressions.functions import WRITTEN
from pinnkan.problem.statement import Condition, Equation, Problem

_ORDERS = ("zeroth", "first", "second", "third", "fourth")
_LONGEST = 400  # characters of an expression that are shown


class _Writer(StrPrinter):
    """sympy's text with the names of the problem file and ten digits."""

    def _print_Float(self, expr: sympy.Float) -> str:  # noqa: N802
        return f"{float(expr):.10g}"

    def _print_Function(self, expr: sympy.Function) -> str:  # noqa: N802
        name = WRITTEN.get(expr.func, expr.func.__name__)
        return f"{name}({self.stringify(expr.args, ', ')})"

    def _print_ExpBase(self, expr: sympy.Expr) -> str:  # noqa: N802
        return f"exp({self._print(expr.args[0])})"


def written(expression: sympy.Expr) -> str:
    """An expression in the syntax of the problem file; very long ones are cut."""
    text = str(_Writer().doprint(expression))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def describe(problem: Problem) -> str:
    """The equations as understood, the conditions side by side, the settings; one aligned line each."""
    coordinates = ", ".join(c.name for c in problem.coordinates)
    rows = [("name", problem.name)]
    rows += [("unknown", f"{name}({coordinates})") for name in problem.unknowns]
    rows += [("domain", line) for line in _domain(problem)]
    for equation in problem.equations:
        rows += [("equation", f"{written(equation.residual)} = 0"), ("", _kind(problem, equation))]
    rows += [(condition.name, _condition(condition)) for condition in problem.conditions]
    rows += [("exact", f"{name} = {written(value)}") for name, value in (problem.exact or {}).items()]
    rows += [("solver", _settings(problem.solver)), ("output", _settings(problem.output))]
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{label:<{width}}{text}".rstrip() for label, text in rows)


def _domain(problem: Problem) -> Iterator[str]:
    for symbol, (low, high), wraps in zip(problem.coordinates, problem.ranges, problem.periodic, strict=True):
        yield f"{symbol.name} from {low:.10g} to {high:.10g}{', periodic' if wraps else ''}"


def _kind(problem: Problem, equation: Equation) -> str:
    orders = [
        f"{_ORDERS[order]} order in {symbol.name}"
        for symbol, order in zip(problem.coordinates, equation.orders, strict=True)
        if order
    ]
    symbols = set(equation.jets)
    slopes = [sympy.diff(equation.residual, s) for s in symbols]
    linear = not any(slope.free_symbols & symbols for slope in slopes)
    return ", ".join([*orders, "linear" if linear else "nonlinear"])


def _condition(condition: Condition) -> str:
    equation = condition.equation
    if equation is None:
        return "none"
    text = f"{written(equation.residual)} = 0"
    if len(equation.jets) == 1:
        symbol = next(iter(equation.jets))
        value = prescribed_value(equation, symbol)
        text = text if value is None else f"{symbol.name} = {written(value)}"
    return text if condition.enforce == "auto" else f"{text} ({condition.enforce})"


def _settings(section: Any) -> str:
    values = {f.name: getattr(section, f.name) for f in fields(section)}
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    """A setting as the file writes it; None is ``auto``."""
    if value is None:
        return "auto"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f"{value:.17g}" if isinstance(value, float) and value == int(value) and abs(value) < 1e15 else str(value)
