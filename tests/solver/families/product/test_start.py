"""Initial data are represented as well as what sees their derivatives needs them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference.periodic_systems import cahn_hilliard

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product.start import derivatives_seen

FLOW = """
name: flow
domain: {x: [0, 1], y: [0, 1], t: [0, 1], periodic: [x, y]}
unknowns: [u, v, p]
equations: [u_t + p_x = lap(u), v_t + p_y = lap(v), u_x + v_y = 0]
conditions:
  - {where: initial, equation: "u = sin(2*pi*y)"}
  - {where: initial, equation: "v = 0"}
"""


def seen(problem):
    return derivatives_seen(compile_model(problem, sort_conditions(problem), torch.device("cpu")))


def test_a_potential_sees_second_derivatives_and_a_pressure_none():
    assert seen(pinnkan.load_problem("cahn_hilliard")) == 2
    assert seen(parse_problem(FLOW.encode(), "flow.yaml")) == 0
    assert seen(pinnkan.load_problem("heat1d")) == 0


@pytest.mark.slow
def test_cahn_hilliards_equation_is_solved_at_a_small_tolerance():
    problem = pinnkan.load_problem("cahn_hilliard")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-6)))
    assert solution.verdict.converged, solution.verdict.sentence
    x = np.linspace(0, 1, 201)
    u = solution(np.column_stack([x, np.full(201, 0.1)]))["u"]
    exact = cahn_hilliard((0.1,))[0](x, 0.1)
    assert np.linalg.norm(u - exact) < 1e-6 * np.linalg.norm(exact)
