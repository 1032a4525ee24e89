"""Conditions at the start that the sides contradict."""

import pytest

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.verdict.records import Reason

TEXT = """
name: start
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions:
  - {where: initial, equation: "START"}
  - {where: left, equation: "LEFT"}
  - {where: right, equation: "RIGHT"}
solver: {tolerance: TOLERANCE, max_time: 60}
"""


def solved(start, left, right, equation="u_t = 0.1*u_xx", tolerance=1e-4):
    text = TEXT.replace("START", start).replace("LEFT", left).replace("RIGHT", right).replace("EQUATION", equation)
    return pinnkan.solve(parse_problem(text.replace("TOLERANCE", str(tolerance)), "start.yaml"))


@pytest.mark.parametrize(
    ("start", "left", "right"),
    [
        ("u = u_x", "u = 1", "u = 2"),
        ("u_x = cos(x)", "u = 0", "u = 0"),
        ("u_x + u = 2", "u = 0", "u = 0"),
        ("u_x + 10*u = 10", "u = 0", "u = 5"),
    ],
)
def test_a_compromise_is_no_solution(start, left, right):
    """They were "converged" with an estimate of 2e-7: u(x, 0) solved u_xx = u, in place of u = u_x."""
    for tolerance in (1e-2, 1e-4):
        verdict = solved(start, left, right, tolerance=tolerance).verdict
        assert verdict.reason == Reason.STALLED
        assert f'of the terms of "{start}"' in verdict.sentence


def test_so_it_is_of_equations_that_bend():
    assert solved("u_x = u", "u = 1", "u = 2", "u_t = u*(1 - u) + 0.1*u_xx").verdict.reason == Reason.STALLED


@pytest.mark.parametrize(
    ("start", "left", "right"),
    [
        ("u_x = 2*u", "u = 1", "u_x = 2*exp(2)"),
        ("u_xx = u", "u = 1", "u = 2"),
        ("u_x = cos(x)", "u = 0", "u = sin(1)"),
        ("u_x + u = 2", "u = 0", "u_x + u = 2"),
    ],
)
def test_what_can_be_met_is_solved(start, left, right):
    assert solved(start, left, right).verdict.converged


def test_sides_that_meet_the_start_only_at_a_corner_contradict_nothing():
    """2 u = sin(3 x) + 1 is 1 at the left, where u is zero from then on."""
    assert solved("2*u = sin(3*x) + 1", "u = 0", "u = 0", tolerance=1e-2).verdict.converged
