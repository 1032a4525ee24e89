"""Fourth derivatives, of which the graded knots of a probe see rounding alone: two spaces that agree tell enough."""

import numpy as np

import pinnkan
from pinnkan.problem.registry import parse_problem

TEXT = """
name: beam
domain: {{x: [0, 1]}}
unknowns: [u]
equations: ["{equation}"]
conditions:
  - {{where: domain, equation: integral(u) = 1}}
  - {{where: right, equation: {right}}}
  - {{where: right, equation: u_x = 0}}
  - {{where: left, equation: u_xx = 0}}
solver: {{tolerance: 1.0e-4}}
"""


def solved(equation, right):
    return pinnkan.solve(parse_problem(TEXT.format(equation=equation, right=right), "t.yaml"))


def test_a_mean_in_place_of_a_support():
    """Refused: "its residual is 1e-02 of its terms: it may be added almost freely"."""
    solution, x = solved("u_xxxx = 0", "u = 0"), np.linspace(0.0, 1.0, 21)
    assert solution.verdict.converged
    exact = 4 * (1 - x) ** 2 - 4 / 3 * (1 - x) ** 3
    np.testing.assert_allclose(solution(x[:, None])["u"].ravel(), exact, atol=1e-8)


def test_a_constant_that_is_free_is_still_told():
    text = TEXT.format(equation="u_xxxx = 0", right="u_xx = 0").replace("integral(u) = 1", "integral(u_x) = 0")
    assert pinnkan.solve(parse_problem(text, "t.yaml")).verdict.reason == "rank_deficient"
