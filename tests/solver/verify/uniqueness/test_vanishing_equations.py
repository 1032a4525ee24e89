"""Equations that say nothing for a part of the time or place."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.uniqueness.vanishing_equations import VanishingEquations

TIME = """
name: gate
domain: {{t: [0, 1]}}
unknowns: [u, v]
equations: ["u_t = 1", "{equation}"]
conditions:
  - {{where: initial, equation: u = 0}}
  {more}
solver: {{tolerance: 1e-4}}
"""
RATE = "- {where: initial, equation: v = 1}"
LINE = """
name: line
domain: {{x: [0, 1]}}
unknowns: [u, v]
equations: ["u_xx = 0", "{equation}"]
conditions: [{{where: left, equation: "u = 0"}}, {{where: right, equation: "u = 1"}}]
solver: {{tolerance: 1e-4}}
"""
PLATE = """
name: plate
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u, v]
equations: ["lap(u) = 0", "{equation}"]
conditions: [{{where: boundary, equation: u = x}}]
solver: {{tolerance: 1e-4}}
"""
ROD = """
name: rod
domain: {{x: [0, 1], t: [0, 1]}}
unknowns: [u, v]
equations: ["u_t = u_xx + 1 - t", "{equation}"]
conditions: [{{where: initial, equation: u = 0}}, {{where: boundary, equation: u = t - t**2/2}}]
solver: {{tolerance: 1e-4}}
"""


@pytest.mark.parametrize(
    ("text", "more", "equation", "where"),
    [
        (TIME, "", "max(0.7 - u, 0)*(v - 1) = 0", "t = 0.7"),
        (TIME, RATE, "max(0.5 - u, 0)*(v_t - 1) = 0", "t = 0.5"),
        (TIME, RATE, "max(abs(u - 0.5) - 1e-2, 0)*(v_t + v) = 0", "t = 0.49"),
        (TIME, "", "max(abs(u - 0.3) - 1e-4, 0)*(v - 1) = 0", "t = 0.2999"),
        (TIME, "", "exp(-1/max(0.999 - u, 1e-300))*(v - 1) = 0", "t = 0.99"),
        (LINE, "", "max(abs(u - 0.5) - 1e-2, 0)*(v - x) = 0", "x = 0.49"),
        (PLATE, "", "max(0.6 - u, 0)*(v - x) = 0", "x = 0."),
        (ROD, "", "max(0.4 - u, 0)*(v - x) = 0", "t = 0.55"),
    ],
)
def test_what_an_equation_leaves_free_for_a_while_is_refused(text, more, equation, where):
    """Any v fulfils it there, and the one that goes on smoothly had converged."""
    verdict = pinnkan.solve(parse_problem(text.format(equation=equation, more=more), "t.yaml")).verdict
    assert not verdict.converged
    assert f"`{equation}` says nothing from" in verdict.sentence
    assert where in verdict.sentence


@pytest.mark.parametrize(
    "equation",
    [
        "max(1.001 - u, 0)*(v - 1) = 0",
        "abs(u - 0.3)*(v - 1) = 0",
        "max(0.5 - u, 0)*(v - 1) + max(u - 0.5, 0)*(v - 1) = 0",
        "max(u - 0.5, 0)**40*(v - 1) + v = 1",
        "min(v, 2 + u) = u",
    ],
)
def test_what_is_zero_at_a_point_or_never_is_not(equation):
    model = model_of(TIME.format(equation=equation, more=""))

    def field(points, orders):
        values = np.stack([points[:, 0], points[:, 0] if "min" in equation else np.ones(len(points))], 1)
        return np.stack([np.where(order == (0,), values, 1.0) for order in orders], -1)

    for error in (None, lambda points, orders: 1e-12 * field(points, orders)):
        assert not VanishingEquations(model).objection(field, model.problem.domain, error)


def test_an_equation_that_always_moves_is_not_asked():
    """It costs nothing where a number stands in it as much everywhere, or nothing but powers."""
    assert not VanishingEquations(model_of(TIME.format(equation="v_t = max(u, 0.5)*exp(v)", more=RATE))).candidates
    assert not VanishingEquations(model_of(TIME.format(equation="(u - 0.3)*(v - 1) = 0", more=""))).candidates
