"""Values at a side where an equation loses its derivatives: those that contradict what is left of it are refused."""

import pytest

import pinnkan
from pinnkan.problem.registry import parse_problem

LINE = """
name: line
domain: {{x: [0, 1]}}
unknowns: [u]
equations: ["{equation}"]
conditions:
  - {{where: left, equation: {left}}}
  - {{where: right, equation: {right}}}
solver: {{tolerance: 1.0e-4, max_time: 30}}
"""


def verdict_of(equation, left, right="none"):
    return pinnkan.solve(parse_problem(LINE.format(equation=equation, left=left, right=right), "t.yaml")).verdict


@pytest.mark.parametrize(
    ("equation", "left", "right"),
    [
        ("x*u_x + u = 1", "u = 5", "none"),
        ("x*u_x + 3*u = 1", "u = 5", "none"),
        ("sin(x)*u_x + u = 1", "u = 5", "none"),
        ("-x**2*u_xx + u = 1", "u = 5", "u = 2"),
    ],
)
def test_a_value_that_no_solution_has_is_refused(equation, left, right):
    """Converged with 1e-5 estimated: u was 5 at zero, and 1 from a billionth on."""
    verdict = verdict_of(equation, left, right)
    assert not verdict.converged
    assert f"`{equation}` leaves other values than those that are given" in verdict.sentence
    assert "at x = 0" in verdict.sentence


@pytest.mark.parametrize(
    ("equation", "left", "right"),
    [
        ("x*u_x + u = 1 + 2*x", "u = 1", "none"),
        ("-x**2*u_xx + u = 1", "u = 1", "u = 2"),
        ("(1 - x)*u_x + 2*u = 2", "u = 3", "none"),
        ("-u_xx + u/(1 + x) = 1", "u = 5", "u = 0"),
    ],
)
def test_a_value_that_one_has_is_not(equation, left, right):
    assert verdict_of(equation, left, right).converged


def test_what_a_logarithm_solves_is_no_contradiction():
    """Of x u_xx = 1, 0 * u_xx = 1 at zero is none: u is x log(x)."""
    assert "leaves other values" not in verdict_of("x*u_xx = 1", "u = 0", "u = 0").sentence


def test_rounding_beside_a_solution_is_no_contradiction():
    """In the middle of a disk u_yy = 0 is left of Laplace's equation, of a u that is 1e-9 there."""
    text = """
name: disk
domain: {x: [0, 1], y: [0, 2*pi], periodic: [y]}
unknowns: [u]
equations: ["x**2*u_xx + x*u_x + u_yy = 0"]
conditions: [{where: left, equation: u_x = 0}, {where: right, equation: u = cos(2*y)}]
"""
    assert pinnkan.solve(parse_problem(text, "t.yaml")).verdict.converged
