"""Near resonances: the second opinion sees the error that coarse knots do not, and what nothing determines."""

import numpy as np
import pytest
import torch
from small_models import LINE

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.verify.near_singular import UNDETERMINED, half_waves, second_opinion

HELMHOLTZ = """
name: helmholtz
domain:
  x: [0, 1]
unknowns: [u]
functions:
  v: exp(x) + sin(9*pi*x)
parameters:
  k2: {k2}
equations:
  - u_xx + k2*u = dx(dx(v)) + k2*v
conditions:
  - where: boundary
    equation: {condition}
"""


def solved(k2, condition="u = v"):
    problem = parse_problem(HELMHOLTZ.format(k2=k2, condition=condition), "t.yaml")
    return problem, solve(problem)


def opinion(k2, condition="u = v"):
    problem, result = solved(k2, condition)
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    return half_waves(model, result.field), second_opinion(model, result.field)


def test_waves_are_counted_from_the_signs_of_the_equation():
    assert opinion("(9*pi)**2")[0] == pytest.approx([9.0])
    assert opinion("-100")[0] == pytest.approx([0.0])


def test_away_from_a_resonance_no_opinion_is_asked_for():
    assert opinion("(8.5*pi)**2")[1] is None
    assert opinion("-100")[1] is None


@pytest.mark.parametrize("condition", ["u = v", "dn(u) = dn(v)"])
def test_at_an_eigenvalue_the_solution_is_not_determined(condition):
    _, found = opinion("(9*pi)**2", condition)
    assert found.determined < UNDETERMINED
    assert solved("(9*pi)**2", condition)[1].verdict.reason == "rank_deficient"


def test_near_an_eigenvalue_nothing_is_converged_while_wrong():
    """A gap of 1e-4: the wave may be missing altogether on knots that do not see it."""
    x = np.linspace(0, 1, 400)[:, None]
    exact = np.exp(x[:, 0]) + np.sin(9 * np.pi * x[:, 0])
    _, result = solved("(9*pi)**2 - 1e-4")
    error = np.linalg.norm(result.field(x, [(0,)])[:, 0, 0] - exact) / np.linalg.norm(exact)
    assert not result.verdict.converged or error < 2e-4
    assert result.verdict.estimate >= 0.8 * error


def test_a_level_that_hangs_on_rounding_is_not_determined():
    text = HELMHOLTZ.format(k2="-1e-14", condition="u_x = 0").replace("exp(x) + sin(9*pi*x)", "cos(pi*x)")
    assert solve(parse_problem(text, "t.yaml")).verdict.reason == "rank_deficient"
    firm = text.replace("-1e-14", "-1")
    assert solve(parse_problem(firm, "t.yaml")).verdict.converged


OPEN = LINE.format(equation="{equation}", left=0, right="none")


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("u_xx + u = x", "rank_deficient"),
        ("-u_xx + u_x = 1", "rank_deficient"),
        ("-0.01*u_xx + u_x = 1", "rank_deficient"),  # what is free is a layer that no knot needs
        ("-(0.01 + u**2)*u_xx + u_x = 1", "rank_deficient"),  # known only along the solution
        ("u_x + u = 1", ""),
        ("(1 - x)*u_xx - u_x + 0*u = 1", ""),  # singular at the open side: smoothness is the second condition
    ],
)
def test_a_side_left_open_leaves_the_solution_open_where_the_order_asks_for_more(equation, reason):
    verdict = solve(parse_problem(OPEN.format(equation=equation), "t.yaml")).verdict
    assert verdict.reason == reason
    assert np.isinf(verdict.estimate) == bool(reason)


def test_an_outflow_in_time_is_open_with_diffusion_and_not_without():
    text = OPEN.replace("x: [0, 1]", "x: [0, 1]\n  t: [0, 0.2]") + "  - where: initial\n    equation: u = x\n"
    open_ended = solve(parse_problem(text.format(equation="u_t + u_x = 0.01*u_xx"), "t.yaml")).verdict
    assert open_ended.reason == "rank_deficient"
    assert "one more is needed, at x = 1" in open_ended.sentence
    text = text.replace("u = x", "u = x**4")  # and zero at x = 0, to the third derivative
    assert solve(parse_problem(text.format(equation="u_t + u_x = 0"), "t.yaml")).verdict.converged
