"""An unknown that is moved only while another one passes a threshold for a moment."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pinnkan import solve
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck

TEXT = """
name: passed
domain: {x: [0, 1], t: [0, 3]}
unknowns: [u, v]
equations:
  - u_t = 0.1*u_xx + (cos(t) + 0.1*pi**2*sin(t))*sin(pi*x)
  - v_t = RATE
conditions:
  - {where: initial, equation: u = 0}
  - {where: initial, equation: v = 0}
  - {where: [left, right], equation: u = 0}
solver: {tolerance: 1.0e-4, max_time: 100}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "times"), [("u - min(u, 0.999)", 1.0), ("abs(u - 0.999) + u - 0.999", 2.0)])
def test_what_only_a_bend_moves_is_not_nothing(rate, times):
    """u = sin(pi*x)*sin(t); v came out as nothing, with an estimate of 1e-13."""
    solution = solve(parse_problem(TEXT.replace("RATE", rate), Path("passed.yaml")))
    x, t = np.linspace(0.4, 0.6, 41), np.linspace(0.0, 3.0, 6001)
    rates = np.maximum(np.outer(np.sin(np.pi * x), np.sin(t)) - 0.999, 0.0)
    true = times * np.trapezoid(rates, t, axis=1)
    found = solution(np.stack([x, np.full(41, 3.0)], 1))["v"].ravel()
    assert np.linalg.norm(found - true) < 1e-3 * np.linalg.norm(true)


def test_an_equation_is_compared_with_its_own_residual():
    """What is left of the others, much as it may be, is nothing that it could hide behind."""
    problem = parse_problem(TEXT.replace("RATE", "u - min(u, 0.999)"), Path("passed.yaml"))
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    axes = Axis(np.linspace(0.0, 1.0, 9), 6), Axis(np.linspace(0.0, 3.0, 9), 6)
    space = Space(axes, 2)
    wave = [
        a.project(f(a.projection_points()), 0) for a, f in zip(axes, (lambda x: np.sin(np.pi * x), np.sin), strict=True)
    ]
    values = np.stack([np.multiply.outer(*wave), np.zeros(space.shape[:-1])], -1)
    field, check = ProductField(((space, values),)), FeatureCheck(model)
    assert check.examine(field, problem.domain, 1.0) is None
    found = check.examine(field, problem.domain, 1.0, FieldContext(losses=(1.0, 1e-16)))
    assert found is not None
    assert found.place == pytest.approx([0.5, 0.5 * np.pi], abs=0.05)
