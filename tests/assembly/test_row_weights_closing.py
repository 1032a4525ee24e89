"""Equations without derivatives that close others in time: heavier the shorter a slab is."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from small_models import model_of

import pinnkan
from pinnkan.assembly.row_weights import ALGEBRAIC_WEIGHT, algebraic_equations, algebraic_weight
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem

TEXT = """
name: closed
domain: {{x: [0, 1], t: [0, 2]}}
unknowns: [u, w]
equations: ["{first}", "{second}"]
conditions:
  - {{where: initial, equation: "u = {start}"}}
  - {{where: boundary, equation: u = 1}}
solver: {{tolerance: 1e-4, max_time: 60}}
"""


def text(first="u_t = 0.1*u_xx - w", second="w = u**2", start="1"):
    return TEXT.format(first=first, second=second, start=start)


@pytest.mark.parametrize(
    ("first", "second", "closes"),
    [
        ("u_t = 0.1*u_xx - w", "w = u**2", True),
        ("u_t = 0.1*u_xx - w", "w = u_x", False),
        ("u_t = 0.1*dx(w*u_x)", "w = 1 + u**2", False),  # which has a derivative of w
    ],
)
def test_what_has_no_derivatives_and_tells_what_has_none_closes(first, second, closes):
    problem = model_of(text(first, second)).problem
    assert algebraic_equations(problem) == (False, closes)


def test_ordinary_equations_have_none():
    line = "name: a\ndomain: {t: [0, 1]}\nunknowns: [u, w]\nequations: [u_t = -w, w = u**2]\n"
    problem = model_of(line + "conditions: [{where: initial, equation: u = 1}]\n").problem
    assert algebraic_equations(problem) == (False, False)


@pytest.mark.parametrize(("length", "weight"), [(2.0, ALGEBRAIC_WEIGHT), (0.2, ALGEBRAIC_WEIGHT), (2e-6, 1e6)])
def test_it_weighs_the_time_over_the_length_of_the_slab(length, weight):
    problem = model_of(text()).problem
    space = Space((Axis(np.array([0.0, 1.0]), 3), Axis(np.array([0.5, 0.5 + length]), 3)), 2)
    assert algebraic_weight(problem, space) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("second", "rate"),
    [("w*(1 + w) = u", lambda u: 0.5 * (np.sqrt(1.0 + 4.0 * u) - 1.0)), ("w = u**2", np.square)],
)
def test_values_on_a_side_that_disagree_with_the_start_do_not_pull_at_it(second, rate):
    """u_xx jumps at once from 0 to 10 w on the sides: slabs of 1e-14 had not settled."""
    solution = pinnkan.solve(parse_problem(text(second=second), "t.yaml"))
    x, times = np.linspace(0.0, 1.0, 401), [0.01, 0.3, 2.0]

    def rates(_, inner):
        u = np.pad(inner, 1, constant_values=1.0)
        return 0.1 * np.diff(u, 2) / x[1] ** 2 - rate(inner)

    near = np.abs(np.subtract.outer(x[1:-1], x[1:-1])) < 1.5 * x[1]
    found = solve_ivp(rates, (0.0, 2.0), np.ones(399), "BDF", times, rtol=1e-8, atol=1e-10, jac_sparsity=near)
    assert solution.verdict.converged
    for time, inner in zip(times, found.y.T, strict=True):
        points = np.column_stack([x[1:-1], np.full(399, time)])
        np.testing.assert_allclose(solution(points)["u"], inner, atol=2e-4)
