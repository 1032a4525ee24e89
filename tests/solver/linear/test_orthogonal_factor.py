"""Triangles by orthogonal transformations against the product J^T J, and where that has lost what J holds."""

import numpy as np
import pytest
from small_models import LINE, model_of

from pinnkan.assembly import condition_weights
from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear import normal_equations
from pinnkan.solver.linear.orthogonal_factor import banded_qr_factor
from pinnkan.solver.linear.system import System

ROUND = """
name: round
domain: {x: [0, 1], periodic: [x]}
unknowns: [u, v]
equations: ['u_x + v = 1', 'v_x - 3*u - v = x']
conditions: []
"""
CHAIN = """
name: chain
domain: {x: [0, 1]}
unknowns: [u, v, w]
equations: ['u_x + v = 1', 'v_x - w = x', 'w_x + w = 1']
conditions:
  - {where: left, equation: u = 0}
  - {where: left, equation: v = 0}
  - {where: left, equation: w = 0}
  - {where: right, equation: none}
"""
LINES = {
    "values": LINE.format(equation="-u_xx + (1 + x)*u = 1", left=0, right="u = 0"),
    "a slope": LINE.format(equation="-u_xx + u = 1", left=0, right="u_x = 0"),
    "two unknowns around a circle": ROUND,
    "three unknowns, two in each equation": CHAIN,
}


def made(text, intervals, degree=4):
    model = model_of(text)
    axis = Axis(np.linspace(0.0, 1.0, intervals + 1) ** 1.5, degree, model.problem.box.periodic[0])
    space = Space((axis,), len(model.problem.unknowns))
    return System(model, space).linear_solver(*zero_conditions(model.conditions, space))


def full(lower):
    """R of a band of R^T."""
    count = lower.shape[1]
    return sum(np.diag(diagonal[: count - k], k) for k, diagonal in enumerate(lower) if k < count)


@pytest.mark.parametrize("intervals", [5, 13])
@pytest.mark.parametrize("beneath", [0.0, 0.3])
@pytest.mark.parametrize("name", LINES)
def test_the_triangle_has_the_products_of_the_columns(name, beneath, intervals):
    equations = made(LINES[name], intervals)
    count, scale = equations.ordering.size, np.linspace(1.0, 2.0, equations.ordering.size)
    triangle = full(banded_qr_factor(equations._cells(), equations.ordering, scale, beneath, equations.bandwidth))
    unit = np.diag(scale)
    wanted = scale[:, None] * equations.normal_product(unit) + beneath**2 * np.eye(count)
    np.testing.assert_allclose(triangle.T @ triangle, wanted, atol=1e-13 * np.abs(wanted).max())


def test_what_squares_have_lost_is_solved_for_again(monkeypatch):
    """A side whose row weighs 1e9 times as much: J^T J has lost what lies between its two functions."""
    channel = LINE.format(equation="dx((1/395 + (0.41*x)**2*u_x)*u_x) = -1", left=0, right="u_x = 0")
    monkeypatch.setattr(condition_weights, "MAX_LAYER_RATIO", 1e30)
    monkeypatch.setattr(normal_equations, "MAX_ORTHOGONAL_WORK", 1e7)  # too many rows for a full matrix
    equations = made(channel, 160, degree=9)
    assert equations._orthogonal_basis is None
    assert equations.shift == 0.0
    wanted = np.random.default_rng(0).standard_normal((equations.ordering.size, 1))
    assert equations.solve([-image for image in equations.apply(wanted)]) == pytest.approx(wanted, abs=1e-5)
