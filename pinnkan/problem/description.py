"""Describe a problem in words, as ``pinnkan check`` prints it."""

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import sympy

from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.coordinates import SIDES
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.settings import EstimatedNumber
from pinnkan.problem.shapes import name_in_file, pieces_of
from pinnkan.problem.statement import (
    Condition,
    Equation,
    Measurement,
    Place,
    Point,
    Problem,
    Quantity,
    ShapeSide,
    Side,
    WholeDomain,
)

_ORDERS = ("zeroth", "first", "second", "third", "fourth")


def describe(problem: Problem) -> str:
    """Return the equations as understood, the conditions by place and the settings, one aligned line each."""
    coordinates = ", ".join(c.name for c in problem.coordinates)
    rows = [("name", problem.name)]
    rows += [("unknown", f"{name}({coordinates})") for name in problem.unknowns]
    for symbol, (low, high), wraps in zip(problem.coordinates, problem.box.ranges, problem.box.periodic, strict=True):
        rows.append(("domain", f"{symbol.name} from {low:.10g} to {high:.10g}{', periodic' if wraps else ''}"))
    rows += _shape_rows(problem)
    for equation in problem.equations:
        rows += [("equation", f"{expression_text(equation.residual)} = 0"), ("", _kind(problem, equation))]
    rows += [("vector", f"{name} = ({', '.join(parts)})") for name, parts in problem.vectors.items()]
    rows += [("units", ", ".join(f"{name} {unit}" for name, unit in problem.units.items()))] * bool(problem.units)
    rows += dict.fromkeys((condition.name, condition_words(condition)) for condition in conditions_by_place(problem))
    rows += [("estimate", _number_words(name, number)) for name, number in problem.numbers.items()]
    rows += [("data", _measurement_words(m)) for m in problem.measurements]
    rows += [("quantity", f"{name} = {quantity_words(problem, q)}") for name, q in problem.quantities.items()]
    rows += [("exact", f"{name} = {expression_text(value)}") for name, value in (problem.exact or {}).items()]
    rows += [("solver", _settings(problem.solver)), ("output", _settings(problem.output))]
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{label:<{width}}{text}".rstrip() for label, text in rows)


def _shape_rows(problem: Problem) -> list[tuple[str, str]]:
    """The area of a shape, and the names of the pieces of its boundary; no row for a box."""
    if not isinstance(problem.domain, ShapedDomain):
        return []
    names = dict.fromkeys(map(name_in_file, pieces_of(problem.domain)))
    return [("shape", f"of area {problem.domain.measure:.10g}, bounded by {', '.join(names)}")]


def _number_words(name: str, number: EstimatedNumber) -> str:
    words = f"{name}, from {number.start:.10g}"
    if math.isfinite(number.high):
        words += f", between {number.low:g} and {number.high:g}"
    if number.prior is not None:
        words += f", before any data {number.prior[0]:g} +- {number.prior[1]:g}"
    return words + ", by its logarithm" * number.is_logarithmic


def _measurement_words(measured: Measurement) -> str:
    noise = "noise from the misfit" if measured.noise is None else f"noise {np.sqrt(np.mean(measured.noise**2)):.3g}"
    return f"{measured.name}: {len(measured.values)} values of {measured.equation.text}, {noise}"


def conditions_by_place(problem: Problem) -> list[Condition]:
    """The conditions place by place, in the order in which the places are first named."""
    names = list(dict.fromkeys(c.name for c in problem.conditions))
    return sorted(problem.conditions, key=lambda c: names.index(c.name))


def quantity_words(problem: Problem, quantity: Quantity) -> str:
    """A quantity in words: ``integral of p*n_x over left, right``, ``max of u, over time``."""
    (place, equation), *others = quantity.parts
    where = ""
    if isinstance(place, Point):
        given = zip(problem.coordinates, place.position, strict=True)
        where = " at " + ", ".join(f"{c.name} = {x:g}" for c, x in given if x is not None)
    elif isinstance(place, Side) and quantity.kind == "value":
        where = f" at {problem.coordinates[place.axis].name} = {problem.box.ranges[place.axis][place.end]:g}"
    elif isinstance(place, Side | ShapeSide):
        where = " over " + _sides(problem, [place, *(other for other, _ in others)])
    curve = problem.time_axis is not None and problem.dimension > 1
    when = "" if not curve else " at the end" if quantity.at_end else ", over time"
    return f"{quantity.kind} of {equation.text}{where}{when}"


def _sides(problem: Problem, places: Sequence[Place]) -> str:
    """The names of sides or pieces: ``left, right``, or ``boundary`` for all of them."""
    if isinstance(problem.domain, ShapedDomain):
        pieces = [place for place in places if isinstance(place, ShapeSide)]
        every_piece = set(pieces) == set(pieces_of(problem.domain))
        return "boundary" if every_piece else ", ".join(dict.fromkeys(map(name_in_file, pieces)))
    names = {(problem.coordinates.index(sympy.Symbol(c)), end): name for name, (c, end) in SIDES.items() if
             sympy.Symbol(c) in problem.coordinates}  # fmt: skip
    every = {key for key in names if not problem.box.periodic[key[0]]}
    given = [(place.axis, place.end) for place in places if isinstance(place, Side)]
    return "boundary" if set(given) == every else ", ".join(names[key] for key in given)


def _kind(problem: Problem, equation: Equation) -> str:
    orders = [
        f"{_ORDERS[order]} order in {symbol.name}"
        for symbol, order in zip(problem.coordinates, equation.orders, strict=True)
        if order
    ]
    return ", ".join([*orders, "linear" if equation.is_linear else "nonlinear"])


def condition_words(condition: Condition) -> str:
    """A condition as an equation, ``u = 0`` where it gives a value; ``none``."""
    equation = condition.equation
    if equation is None:
        return "none"
    text = f"{expression_text(equation.residual)} = 0"
    if len(equation.jets) == 1:
        symbol = next(iter(equation.jets))
        value = prescribed_value(equation, symbol)
        text = text if value is None else f"{symbol.name} = {expression_text(value)}"
    if isinstance(condition.place, WholeDomain):
        text = equation.text
    return text if condition.enforce == "auto" else f"{text} ({condition.enforce})"


def _settings(section: Any) -> str:
    values = {f.name: getattr(section, f.name) for f in fields(section)}
    return ", ".join(f"{name} {setting_text(value)}" for name, value in values.items())


def setting_text(value: Any) -> str:
    """A setting as in a file; None is ``auto``."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f"{value:.17g}" if isinstance(value, float) and value == int(value) and abs(value) < 1e15 else str(value)
