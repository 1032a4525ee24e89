"""Unknowns that an equation without derivatives gives are seen in corners as well."""

import numpy as np
import pytest

import pinnkan
from pinnkan.assembly.row_weights import incompatible_corner_weights
from pinnkan.problem.registry import parse_problem

TEXT = """
name: beside
domain: {{x: [0, 1], y: [0, 1]}}
functions: {{U: sin(3*x)*y, V: cos(2*x*y)}}
unknowns: [{unknowns}]
equations: [{equations}]
conditions: [{conditions}]
solver: {{tolerance: 1.0e-4}}
"""
SIDES = "{{where: boundary, equation: {} = {}}}"


def problem_of(unknowns, equations, conditions):
    own = ", ".join(f'"{e}"' for e in equations)
    return parse_problem(TEXT.format(unknowns=unknowns, equations=own, conditions=", ".join(conditions)), "t.yaml")


def is_known(solution, exact):
    """Whether s is what it is said to be within three times the estimate."""
    x, y = np.random.default_rng(0).random((2, 200))
    expected = exact(x, y)
    off = np.linalg.norm(solution(np.stack([x, y], 1))["s"].ravel() - expected) / np.linalg.norm(expected)
    return solution.verdict.converged and off <= 3 * solution.verdict.estimate + 1e-10


def twisted(own):
    """Laplace's operator and a mixed derivative, and an unknown beside them."""
    right = "dx(dx(U)) + dy(dy(U)) + 0.5*dx(dy(U))"
    return problem_of("u, s", [f"u_xx + u_yy + 0.5*u_xy = {right}", own], [SIDES.format("u", "U")])


@pytest.mark.parametrize(
    ("own", "exact"),
    [
        ("s = u", lambda x, y: np.sin(3 * x) * y),
        ("s = u_x + V", lambda x, y: 3 * np.cos(3 * x) * y + np.cos(2 * x * y)),
        ("s - 2*u_y = 0", lambda x, y: 2 * np.sin(3 * x)),
        ("s = V", lambda x, y: np.cos(2 * x * y)),
    ],
)
def test_what_is_given_beside_a_mixed_derivative_is_determined(own, exact):
    """Refused: a function of s in a corner, where its rows weighed nothing, seemed to be free."""
    assert is_known(pinnkan.solve(twisted(own)), exact)


def test_shear_of_a_sheet_is_determined():
    equations = ["2*u_xx + u_yy + v_xy = 2*dx(dx(U)) + dy(dy(U)) + dx(dy(V))",
                 "2*v_yy + v_xx + u_xy = 2*dy(dy(V)) + dx(dx(V)) + dx(dy(U))", "s = u_y + v_x"]  # fmt: skip
    solution = pinnkan.solve(problem_of("u, v, s", equations, [SIDES.format("u", "U"), SIDES.format("v", "V")]))
    assert is_known(solution, lambda x, y: np.sin(3 * x) - 2 * y * np.sin(2 * x * y))


def test_such_equations_have_no_power():
    assert incompatible_corner_weights(twisted("s = u_x")).powers == ((1.5, 0.0),) * 2
