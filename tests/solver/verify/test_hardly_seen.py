"""Functions that equations hardly see, and J^T J not at all: what steps leave of them is missing from the solution."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve

STREAMLINES = """
name: streamlines
domain: {x: [0, 2*pi], y: [0, 2*pi], periodic: [x, y]}
functions:
  v: cos(x)*sin(2*y) + 0.3*sin(9*(y - 0.3*cos(x)))
unknowns: [u]
equations:
  - u_x - 0.3*sin(x)*u_y + 1e-5*u - 1e-5*lap(u) = dx(v) - 0.3*sin(x)*dy(v) + 1e-5*v - 1e-5*lap(v)
"""
RESONANCE = """
name: resonance
domain: {x: [0, 1], y: [0, 1]}
parameters: {eps: 1.0e-5}
functions:
  s: x + 0.1*sin(2*pi*x)
  w: 1 + 0.2*pi*cos(2*pi*x)
  v: sin(pi*x)*sin(pi*y)
  n: 0.5*sin(5*pi*s)*sin(19*pi*y)
unknowns: [u]
equations:
  - >-
    dx(u_x/w) + w*u_yy + w*(386*pi**2 + eps)*u = dx(dx(v)/w) + w*dy(dy(v)) + w*(386*pi**2 + eps)*v + w*eps*n
conditions:
  - {where: boundary, equation: u = 0}
solver: {max_time: 40}
"""


def error(solution, exact):
    points = np.stack([a + (b - a) * np.random.default_rng(0).random(4000) for a, b in solution.problem.box.ranges], 1)
    wanted = exact(*points.T)
    return float(np.linalg.norm(solution(points)["u"].ravel() - wanted) / np.linalg.norm(wanted))


def streamlines(x, y):
    return np.cos(x) * np.sin(2 * y) + 0.3 * np.sin(9 * (y - 0.3 * np.cos(x)))


def resonance(x, y):
    warped = x + 0.1 * np.sin(2 * np.pi * x)
    return np.sin(np.pi * x) * np.sin(np.pi * y) + 0.5 * np.sin(5 * np.pi * warped) * np.sin(19 * np.pi * y)


@pytest.mark.parametrize("tolerance", [1e-2, 3e-4])
def test_waves_along_curved_streamlines_are_not_missing(tolerance):
    """7e-6 was estimated, 1e-3 was missing of what is the same along every streamline."""
    solution = solve(parse_problem(STREAMLINES, "s.yaml"), tolerance=tolerance)
    assert solution.verdict.converged
    assert error(solution, streamlines) <= min(tolerance, 1.25 * solution.verdict.estimate)


@pytest.mark.slow
def test_a_wave_next_to_its_resonance_is_not_missing_where_a_coefficient_varies():
    """The least determined function of a space had ten times the residual of one of a coarser space: a fourth of the
    solution was missing at 1e-2."""
    solution = solve(parse_problem(RESONANCE, "r.yaml"), tolerance=1e-2)
    assert not solution.verdict.converged or error(solution, resonance) <= 1e-2
