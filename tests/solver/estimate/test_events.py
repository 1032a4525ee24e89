"""Where a solution in time alone passes a bend of its equations: slabs end there, and estimates are what they say."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pinnkan import solve
from pinnkan.problem.registry import parse_problem

JERK = """
name: jerk
domain: {t: [0, 30]}
unknowns: [u, v, a]
equations:
  - u_t = v
  - v_t = a
  - a_t = -0.6*a - v + abs(u) - 1
conditions:
  - {where: initial, equation: u = 0.1}
  - {where: initial, equation: v = 0}
  - {where: initial, equation: a = 0}
solver: {tolerance: 1.0e-3}
"""
ONCE = """
name: once
domain: {t: [0, 2]}
unknowns: [u]
equations: ["u_t = 1 + abs(u - 1)"]
conditions:
  - {where: initial, equation: u = 0}
solver: {tolerance: 1.0e-4}
"""
TANK = """
name: tank
domain: {t: [0, 100]}
unknowns: [h]
equations: ["h_t = -0.02*sqrt(max(h, 0))"]
conditions:
  - {where: initial, equation: h = 0.25}
solver: {tolerance: 1.0e-3}
"""


def jerk(t, y):
    u, v, a = y
    return [v, a, -0.6 * a - v + abs(u) - 1]


def effectivity(problem):
    """The estimate over the true error of the worst unknown, of what converges."""
    times = np.linspace(0.0, 30.0, 3001)
    true = solve_ivp(jerk, (0, 30), [0.1, 0, 0], method="DOP853", rtol=1e-12, atol=1e-14, max_step=1e-2, t_eval=times).y
    solution = solve(problem)
    assert solution.verdict.converged
    found = solution(times[:, None])
    off = [np.linalg.norm(found[k].ravel() - y) / np.linalg.norm(y) for k, y in zip("uva", true, strict=True)]
    return solution.verdict.estimate / max(off)


@pytest.mark.slow
def test_the_estimate_of_what_bends_is_no_smaller_than_its_error():
    """Of Chua's circuit it was a thousandth, where slabs ended at no bends, and here a quarter."""
    assert 0.9 < effectivity(parse_problem(JERK, "jerk.yaml")) < 2.0


def test_a_slab_that_would_be_accepted_ends_at_a_bend():
    """u = 2 - 2 exp(-t) is 1 at log(2), and goes on as exp(t - log(2))."""
    solution = solve(parse_problem(ONCE, "once.yaml"))
    assert min(abs(level.time[1] - np.log(2.0)) for level in solution.levels) < 1e-6
    assert solution(np.array([[2.0]]))["u"].item() == pytest.approx(0.5 * np.exp(2.0), rel=1e-6)


@pytest.mark.parametrize("tolerance", [pytest.param(1e-2, marks=pytest.mark.slow), 1e-3, 1e-5])
def test_what_a_tank_that_runs_dry_is_below_zero_is_no_bend(tolerance):
    text = TANK.replace("1.0e-3", str(tolerance))
    solution = solve(parse_problem(text, "tank.yaml"))
    times = np.linspace(0.0, 100.0, 501)
    off = solution(times[:, None])["h"].ravel() - np.maximum(0.5 - 0.01 * times, 0.0) ** 2
    assert solution.verdict.converged
    assert np.linalg.norm(off) < tolerance * 0.25


PASSES = """
name: passes
domain: {t: [0, 3]}
unknowns: [u, v]
equations: [u_t = cos(t), "RATE"]
conditions:
  - {where: initial, equation: u = 0}
  - {where: initial, equation: v = 0}
solver: {tolerance: 1.0e-4}
"""


@pytest.mark.parametrize(("rate", "times"), [("v_t = u - min(u, C)", 1.0), ("v_t = abs(u - C) + u - C", 2.0)])
@pytest.mark.parametrize("threshold", [0.9999, 0.99995])
def test_a_bend_that_is_passed_by_less_than_the_tolerance_moves_what_rests_else(rate, times, threshold):
    """v came out as nothing, with the estimate of u, which is known to 1e-8."""
    solution = solve(parse_problem(PASSES.replace("RATE", rate.replace("C", str(threshold))), "passes.yaml"))
    half = np.arccos(threshold)
    true = 2.0 * (np.sin(half) - half * threshold)
    assert solution.verdict.converged
    assert solution(np.array([[3.0]]))["v"].item() == pytest.approx(times * true, rel=1e-3)
