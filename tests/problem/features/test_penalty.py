"""What to write instead of an equation that switches where nobody knows: it is solved, near the obstacle problem."""

import numpy as np
import pytest

from pinnkan import solve
from pinnkan.problem.features.penalty import penalty_advice
from pinnkan.problem.registry import parse_problem

OBSTACLE = """
name: obstacle
domain: {{x: [0, 1]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: boundary, equation: u = 0}}]
solver: {{tolerance: 1e-3}}
"""


def obstacle(equation):
    return parse_problem(OBSTACLE.format(equation=equation), "t.yaml")


@pytest.mark.parametrize(
    ("equation", "instead"),
    [
        ("min(-u_xx, u - 0.2*x) = 0", "-u_xx = 1e5*max(-u + 0.2*x, 0)"),
        ("max(u_xx, 0.2*x - u) = 0", "-u_xx = 1e5*max(-u + 0.2*x, 0)"),
        ("0 = min(u - 0.2*x, -u_xx - 1)", "-u_xx - 1 = 1e5*max(-u + 0.2*x, 0)"),
    ],
)
def test_the_part_of_highest_order_is_held_by_a_penalty(equation, instead):
    (words,) = penalty_advice(obstacle(equation))
    assert f"write `{instead}`" in words


@pytest.mark.parametrize("equation", ["max(u_xx + 1, 0.1*u_xx + 2) = 0", "-u_xx = max(u, 1)"])
def test_other_switches_need_none(equation):
    assert not list(penalty_advice(obstacle(equation)))


def test_what_is_written_instead_is_solved():
    """The obstacle 0.3 - 4 (x - 1/2)^2 is left along tangents through the ends, at a = sqrt(0.175) from them."""
    (words,) = penalty_advice(obstacle("min(-u_xx, u - 0.3 + 4*(x - 0.5)**2) = 0"))
    solution = solve(obstacle(words.split("`")[3]))
    assert solution.verdict.converged
    x, a = np.linspace(0.0, 1.0, 201), np.sqrt(0.175)
    near = np.minimum(x, 1.0 - x)
    truth = np.where(near < a, 8.0 * (0.5 - a) * near, 0.3 - 4.0 * (x - 0.5) ** 2)
    off = np.linalg.norm(solution(x[:, None])["u"] - truth) / np.linalg.norm(truth)
    assert off < 1e-3
    assert np.linalg.norm(solution(x[:, None])["u"] - 1.01 * truth) / np.linalg.norm(truth) > 1e-3


def test_the_remedy_says_so():
    text = OBSTACLE.format(equation="min(-u_xx, u - 0.3 + 4*(x - 0.5)**2) = 0").replace("1e-3", "1e-3, max_levels: 1")
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert not verdict.converged
    assert "write `-u_xx = 1e5*max(-u" in verdict.remedy
