"""Solutions beyond folds: a catalyst pellet that burns, which no milder one nearby leads to."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver import homotopy

PELLET = """
name: pellet
domain: {{x: [0, 1]}}
unknowns: [c]
equations: ["c_xx = {square}*c*exp(6*(1 - c)/(1 + 0.3*(1 - c)))"]
conditions:
  - {{where: left, equation: c_x = 0}}
  - {{where: right, equation: c = 1}}
solver: {{tolerance: 1e-5}}
"""


def shot(square, begin):
    """The pellet with this value in its middle."""

    def slopes(x, y):
        return [y[1], square * y[0] * np.exp(6.0 * (1.0 - y[0]) / (1.0 + 0.3 * (1.0 - y[0])))]

    return solve_ivp(slopes, (0.0, 1.0), [begin, 0.0], method="DOP853", rtol=1e-11, atol=1e-14, dense_output=True).sol


@pytest.mark.parametrize("square", [1.21, 0.5])
def test_a_burning_pellet_is_reached_around_two_folds(square):
    """The only solution there; the iteration had ended at a minimum of the residual that is none."""
    begins = np.geomspace(1e-9, 0.9, 60)
    ends = np.array([shot(square, b)(1.0)[0] - 1.0 for b in begins])
    (k,) = np.flatnonzero(ends[1:] * ends[:-1] < 0.0)
    begin = brentq(lambda b: shot(square, b)(1.0)[0] - 1.0, begins[k], begins[k + 1], xtol=1e-15)
    x = np.linspace(0.0, 1.0, 201)
    true = shot(square, begin)(x)[0]
    solution = pinnkan.solve(parse_problem(PELLET.format(square=square), "pellet.yaml"))
    assert solution.verdict.converged
    assert np.linalg.norm(solution(x)["c"] - true) < 1e-5 * np.linalg.norm(true)


def test_without_the_way_around_it_is_not(monkeypatch):
    monkeypatch.setattr(homotopy, "refine_for_arc_length", lambda space, coefficients: None)
    assert not pinnkan.solve(parse_problem(PELLET.format(square=0.5), "pellet.yaml")).verdict.converged
