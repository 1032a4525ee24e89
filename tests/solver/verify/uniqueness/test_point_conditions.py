"""Bodies under tractions alone, held at points: what these leave free is found wherever they are."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve

BODY = """
name: body
domain: {{x: [0, {length}], y: [0, 1]}}
unknowns: [u, v]
equations: ["3*u_xx + u_yy + 2*v_xy = 0", "3*v_yy + v_xx + 2*u_xy = 0"]
conditions:
  - {{where: [left, right], equation: 3*u_x + v_y = 1}}
  - {{where: [bottom, top], equation: 3*v_y + u_x = {across}}}
  - {{where: boundary, equation: u_y + v_x = 0}}
  - {{where: {{point: [{at}]}}, equation: u = 0}}
  - {{where: {{point: [{at}]}}, equation: v = 0}}
{more}
solver: {{tolerance: 1e-4}}
"""
THIRD = "  - {{where: {{point: [{length}, {y}]}}, equation: v = {value}}}"


def body(at, more="", length=1, across=0):
    return solve(parse_problem(BODY.format(at=at, more=more, length=length, across=across), "t.yaml"))


@pytest.mark.parametrize(("at", "length"), [("0, 0", 1), ("0.3, 0.7", 1), ("0.5, 0.5", 1), ("1, 0.2", 1), ("0, 0", 10)])
def test_a_body_that_is_held_at_one_point_may_turn_about_it(at, length):
    verdict = body(at, length=length).verdict
    assert verdict.reason == "rank_deficient"
    assert np.isinf(verdict.estimate)


def test_nor_is_there_a_solution_where_tractions_turn_it():
    assert body("0, 0", across="x - 0.5").verdict.reason == "rank_deficient"


@pytest.mark.parametrize(("length", "y"), [(1, 0), (10, 0.5)])
def test_a_third_displacement_holds_it(length, y):
    """u = 3/8 x + a y, v = -1/8 y - a x, with a = 0.1."""
    value = -0.125 * y - 0.1 * length
    result = body("0, 0", THIRD.format(length=length, y=y, value=value), length=length)
    assert result.verdict.converged
    x = np.random.default_rng(0).random((50, 2)) * [length, 1.0]
    u, v = result.field(x, [(0, 0)])[:, :, 0].T
    assert np.abs(u - (0.375 * x[:, 0] + 0.1 * x[:, 1])).max() < 1e-4 * length
    assert np.abs(v + 0.125 * x[:, 1] + 0.1 * x[:, 0]).max() < 1e-4 * length
