"""Unknowns that turn out to be far less than was expected of them count for themselves."""

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pinnkan import solve
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.units.natural_units import natural_sizes, with_scaled_sizes
from pinnkan.verdict.records import Reason

TEXT = """
name: switch
domain: {t: [0, END]}
unknowns: [u, v]
equations: ["RATE", "v_t = SWITCH"]
conditions: [{where: initial, equation: u = BEGIN}, {where: initial, equation: v = 0}]
solver: {tolerance: TOLERANCE, max_time: 60}
"""


def stated(rate, switch, end, tolerance, begin=0):
    text = TEXT.replace("RATE", rate).replace("SWITCH", switch).replace("END", str(end))
    return parse_problem(text.replace("BEGIN", str(begin)).replace("TOLERANCE", str(tolerance)), Path("switch.yaml"))


def approached(scale, slope, value, tolerance):
    """The estimate for v of v_t = K (1 + tanh(S (u - C))) - v, u = sin(t), and its error, both relative."""
    problem = stated("u_t = cos(t)", f"{scale}*(1 + tanh({slope}*(u - {value}))) - v", 12, tolerance)

    def rate(t, v):
        return 2.0 * scale / (1.0 + np.exp(-2.0 * slope * (np.sin(t) - value))) - v

    times = np.linspace(0.0, 12.0, 601)
    true = solve_ivp(rate, (0, 12), [0.0], "DOP853", times, rtol=1e-10, atol=1e-16, max_step=1e-2).y[0]
    solution = solve(problem)
    assert solution.verdict.converged
    off = solution(times[:, None])["v"].ravel() - true
    return solution.verdict.estimate, np.linalg.norm(off) / np.linalg.norm(true)


def test_a_switch_that_is_only_approached_is_known_for_itself():
    """v counted as 1e-4 of what its equation let expect, and was 0.25 and 11 times itself off; estimates 6e-4, 4e-6."""
    assert approached(1e4, 30, 1.2, 1e-3)[1] < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "slope", "value", "tolerance"), [(1e8, 100, 1.1, 1e-4), (1e8, 30, 1.3, 1e-3)])
def test_one_that_is_a_millionth_of_what_was_expected_too(scale, slope, value, tolerance):
    estimate, off = approached(scale, slope, value, tolerance)
    assert off < max(2.0 * tolerance, estimate)


@pytest.mark.parametrize(
    ("rate", "switch", "end", "tolerance", "begin"),
    [
        ("u_t = 0.5", "1 + tanh(10*(u - 1))", 4, 1e-4, 0),
        ("u_t = -u", "1e6*(1 + tanh(20*(u - 1.5)))", 10, 1e-3, 1),
        pytest.param("u_t = 1 - 0.5*u", "1 + tanh(20*(u - 1)) - v", 4, 1e-4, 0, marks=pytest.mark.slow),
    ],
)
def test_rounding_of_a_formula_is_no_curvature(rate, switch, end, tolerance, begin):
    """It bent errors of 1e-11, where nothing was yet: passes aimed less and less far until the time was over."""
    assert solve(stated(rate, switch, end, tolerance, begin)).verdict.converged


def test_sizes_that_were_learned_are_those_of_unknowns_and_of_what_moves_them():
    problem = stated("u_t = cos(t)", "1e4*(1 + tanh(30*(u - 1.2))) - v", 12, 1e-3)
    (u, v), (one, two) = natural_sizes(problem)
    assert natural_sizes(with_scaled_sizes(problem, (1.0, 1e-6))) == ((u, 1e-6 * v), (one, 1e-6 * two))
    assert natural_sizes(problem) == ((u, v), (one, two))


def test_what_is_nothing_is_not_asked_to_be_something():
    solution = solve(stated("u_t = cos(t)", "u - u", 3, 1e-6))
    assert solution.verdict.reason == Reason.CONVERGED
    assert np.abs(solution(np.array([[3.0]]))["v"]).max() < 1e-12
