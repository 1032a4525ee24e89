"""Where the equations lose hold of what they are solved for, and where not."""

import numpy as np
import pytest
import torch

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.uniqueness.branch_points import BranchPoints
from pinnkan.verdict.records import Reason

TEXT = """
name: branches
domain: {{t: [0, 2]}}
unknowns: [u, v]
equations: [u_t = v, "{equation}"]
conditions: [{{where: initial, equation: u = 0.5}}, {{where: initial, equation: "v = {start}"}}]
solver: {{tolerance: 1.0e-3}}
"""


@pytest.mark.parametrize(
    ("equation", "start", "is_held"),
    [
        pytest.param("v**2 = (1 - t)**2 + 1e-12", "sqrt(1 + 1e-12)", False, marks=pytest.mark.slow),
        ("v**2 = (1 - t)**2 + 1e-6", "sqrt(1 + 1e-6)", False),  # had converged on a root that becomes the other one
        ("v**2 = 1 - u**2", "sqrt(0.75)", False),  # at u = 1 it may rest
        ("v**2 = (1 - t)**2 + 0.1", "sqrt(1.1)", True),
        ("v**3 + v = cos(3*t)", "0.6823278038", True),  # v changes its sign
        ("(2 - t)*v = sin(2 - t)", "sin(2)/2", True),
    ],
)
def test_a_branch_that_may_be_left_is_said(equation, start, is_held):
    verdict = pinnkan.solve(parse_problem(TEXT.format(equation=equation, start=start), "t.yaml")).verdict
    assert verdict.converged == is_held
    if not is_held:
        assert verdict.reason == Reason.RANK_DEFICIENT
        assert "another branch" in verdict.sentence


ALONE = """
name: alone
domain: {{t: [0, 2]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: initial, equation: "u = {start}"}}]
solver: {{tolerance: 1.0e-3}}
"""


@pytest.mark.parametrize(
    ("equation", "start", "is_held"),
    [
        ("u*u_t = t - 1", "sqrt(1 + 1e-6)", False),  # had converged at -1 in the end, which is sqrt((t - 1)^2 + 1e-6)
        ("u*u_t = t - 1", "sqrt(2)", True),
        ("(1 + u**2)*u_t = cos(3*t)", "0", True),
    ],
)
def test_a_derivative_that_loses_its_weight_by_the_solution_is_said(equation, start, is_held):
    verdict = pinnkan.solve(parse_problem(ALONE.format(equation=equation, start=start), "t.yaml")).verdict
    assert verdict.converged == is_held
    assert ("another branch" in verdict.sentence) != is_held


@pytest.mark.parametrize(("equation", "is_asked"), [("(1 + t)*u_t = u**2", False), ("(1 + u)*u_t = u**2", True)])
def test_what_has_nothing_of_the_solution_before_it_is_not_asked_for(equation, is_asked):
    problem = parse_problem(ALONE.format(equation=equation, start="-1.5"), "t.yaml")
    asked = []

    def field(points, orders):
        asked.append(len(points))
        return -np.ones((len(points), 1, len(orders))) * (1.5 - points[:, 0, None, None])

    branches = BranchPoints(compile_model(problem, sort_conditions(problem), torch.device("cpu")))
    assert ("another branch" in branches.objection(field, problem.domain)) == is_asked
    assert bool(asked) == is_asked


@pytest.mark.parametrize(
    ("equation", "several"),
    [
        ("abs(u_x) = u", True),
        ("max(u_x, -u_x) = u", True),
        ("cosh(u_x) = 2 + u", True),
        ("u_x**4 = 1 + u", True),
        ("u_x**3 + u_x = u", False),
        ("u*u_x = 1", False),
    ],
)
def test_a_steady_solution_that_goes_over_to_another_branch_is_one_of_several(equation, several):
    """exp(x) and exp(-x), and what goes from one to the other anywhere: a zigzag had converged without a word."""
    text = f"name: n\ndomain: {{x: [0, 2]}}\nunknowns: [u]\nequations: ['{equation}']\n"
    text += "conditions: [{where: left, equation: u = 1}, {where: right, equation: none}]\nsolver: {tolerance: 1e-3}\n"
    verdict = pinnkan.solve(parse_problem(text, "t.yaml")).verdict
    assert verdict.converged
    assert ("one of several" in verdict.beside) == several
