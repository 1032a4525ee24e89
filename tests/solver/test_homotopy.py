"""From a milder problem to the one asked for: the way there, and where there is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.homotopy import continue_from_milder_problem, milder_problem
from pinnkan.solver.monitor import Monitor

TEXT = """
name: t
domain: {x: [0, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions: [{where: boundary, equation: u = 0}]
"""


def of(equation):
    return parse_problem(TEXT.replace("EQUATION", equation), "t.yaml")


def followed(problem):
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    return continue_from_milder_problem(
        model, lambda m: ProductLevels(m, 9, 3, 14, is_homotopy_step=True), Monitor(None, None)
    )


def test_a_milder_problem_has_more_of_the_terms_of_highest_order():
    (equation,) = milder_problem(of("u_x**2 - 0.5*u_xx = 1"), 3.0).equations
    values = {s: {0: 7.0, 1: 2.0, 2: 5.0}[jet.total_order] for s, jet in equation.jets.items()}
    assert float(equation.residual.subs(values)) == 4.0 - 4.0 * 2.5 - 1.0


def test_the_solution_of_a_milder_problem_leads_to_the_one_asked_for():
    problem = of("u_x**2 - 1e-2*u_xx = 1")
    state = followed(problem)
    u = state.space.evaluate_grid(state.coefficients, [np.array([0.25, 0.5, 0.75])], (0,))[:, 0]
    np.testing.assert_allclose(u, [0.25, 0.4931, 0.25], atol=0.02)  # 1e-2 log cosh, Cole and Hopf


@pytest.mark.slow
def test_where_there_is_no_solution_none_is_found():
    """Bratu's equation beyond its turning point 3.5138."""
    assert followed(of("u_xx + 3.6*exp(u) = 0")) is None
    assert followed(of("u_xx + 3.4*exp(u) = 0")) is not None


def test_the_truth_in_the_file_is_not_that_of_the_milder_problem():
    assert milder_problem(replace(of("u_xx = 1"), exact={"u": 0}), 1.0).exact is None
