"""Sides that let something grow, from the file to the verdict."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify import sides

#: The growing mode is cosh(m (x - 0.5)) with m tanh(m / 2) = 4.
BOTH = """
name: both
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ["u_t = u_xx"]
conditions:
  - {where: initial, equation: "u = 1 + 1e-9*cosh(4.130676277949611*(x - 0.5))"}
  - {where: [left, right], equation: dn(u) = 4*(u - 1)}
"""
MOVING = """
name: moving
domain: {x: [0, 1], y: [0, 1], t: [0, 0.1]}
unknowns: [u]
equations: ["u_t = u_xx + u_yy"]
conditions:
  - {where: initial, equation: "u = cos(pi*x)*y"}
  - {where: [left, right], equation: dn(u) = 0}
  - {where: bottom, equation: u = 0}
  - {where: top, equation: "u_t = SIGN*dn(u)"}
solver: {tolerance: 1e-2}
"""


def solved(text):
    return pinnkan.solve(parse_problem(text.encode(), "a.yaml"))


def growth(solution):
    """Of the mode at x = 1 until t = 1, relative to that of the closed form."""
    value = float(np.ravel(solution(np.array([[1.0, 1.0]]))["u"])[0]) - 1.0
    m = 4.130676277949611
    return value / (1e-9 * np.cosh(m / 2) * np.exp(m * m))


def test_what_sides_let_grow_is_held_by_short_slabs():
    solution = solved(BOTH)
    assert solution.verdict.converged, solution.verdict.sentence
    assert growth(solution) == pytest.approx(1.0, rel=0.01)


def test_without_looking_at_the_sides_it_is_lost(monkeypatch):
    """A negative control of the one before: 2 per cent of the solution, 1.7e-5 estimated."""
    monkeypatch.setattr(sides.Sides, "rates", lambda self, field, ranges, numbers: np.zeros(len(sides.TIMES)))
    assert abs(growth(solved(BOTH)) - 1.0) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "is_well_posed"), [("1", False), ("-1", True)])
def test_a_side_with_an_equation_of_its_own_is_asked_whether_that_is_well_posed(sign, is_well_posed):
    verdict = solved(MOVING.replace("SIGN", sign)).verdict
    assert verdict.converged == is_well_posed, verdict.sentence
    assert ("waves along a side grow" in verdict.sentence) != is_well_posed
