"""Quantities of functions in closed form, as they are read off solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from edited import problem

from pinnkan.assembly.clock import Clock
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.quantities import evaluate_quantities
from pinnkan.verdict.records import Reading

X, Y, T = sympy.symbols("x y t")


@dataclass(frozen=True)
class Given:
    """A field of given expressions with a few knots."""

    expressions: tuple[sympy.Expr, ...]
    coordinates: tuple[sympy.Symbol, ...]
    ranges: tuple[tuple[float, float], ...]
    intervals: int = 3

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        return np.stack([self._values(list(points.T), order) for order in orders], -1)

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return [self._values(np.meshgrid(*axes, indexing="ij"), order) for order in orders]

    def breaks(self, axis: int, time: float | None = None) -> Array:
        return np.linspace(*self.ranges[axis], self.intervals + 1)

    def _values(self, at: Sequence[Array], order: tuple[int, ...]) -> Array:
        derived = list(self.expressions)
        for symbol, count in zip(self.coordinates, order, strict=True):
            derived = [sympy.diff(e, symbol, count) if count else e for e in derived]
        return np.stack([np.broadcast_to(v, at[0].shape) for v in Tape(derived, self.coordinates)(at)], -1)


def stated(quantities: str, domain: str = "{x: [0, 1], y: [0, 2]}") -> Problem:
    initial = "  - {where: initial, equation: u = 0}\n  - {where: initial, equation: v = 0}\n" if "t:" in domain else ""
    rate = "u_t = lap(u)", "v_t = lap(v)"
    first, second = rate if "t:" in domain else ("lap(u) = 1", "lap(v) = 1")
    return problem(
        f"name: read\ndomain: {domain}\nunknowns: [u, v]\nequations:\n  - {first}\n  - {second}\nconditions:\n"
        "  - {where: boundary, equation: u = 0}\n  - {where: boundary, equation: v = 0}\n"
        f"{initial}quantities:\n  q: {quantities}\n"
    )


def read(stated_problem: Problem, u: sympy.Expr, v: sympy.Expr, e: sympy.Expr | None = None) -> Reading:
    field = Given((u, v), stated_problem.coordinates, stated_problem.box.ranges)
    error = None if e is None else Given((e, sympy.S.Zero), stated_problem.coordinates, stated_problem.box.ranges)
    return evaluate_quantities(stated_problem, field, error, np.linspace(0.0, 1.0, 5))["q"]  # type: ignore[arg-type]


LINE = """\
name: read
domain: {{x: [0, 1]}}
unknowns: [u]
equations: [u_xx = 0]
conditions: [{{where: left, equation: u = 0}}, {{where: right, equation: u = 1}}]
quantities: {{q: {}}}
"""


def on_line(quantity: str, u: sympy.Expr, clock: Clock | None = None) -> Reading:
    field, error = (Given((e,), (X,), ((0.0, 1.0),)) for e in (u, 1e-9 * u))
    return evaluate_quantities(problem(LINE.format(quantity)), field, error, np.zeros(1), clock)["q"]  # type: ignore[arg-type]


def over_square(quantity: str, u: sympy.Expr) -> Reading:
    stated_problem = stated(quantity, "{x: [0, 1], y: [0, 1]}")
    field, error = (Given((e, e), (X, Y), ((0.0, 1.0),) * 2) for e in (u, 1e-9 * u))
    return evaluate_quantities(stated_problem, field, error, np.zeros(1))["q"]  # type: ignore[arg-type]
