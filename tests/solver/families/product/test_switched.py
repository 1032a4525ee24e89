"""Values on a side that jump while time goes on."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve

SWITCHED = """
name: inlet
domain: {x: [0, 1], t: [0, 1.1]}
unknowns: [c]
equations: [c_t = c_xx]
conditions:
  - {where: initial, equation: c = 0}
  - {where: left, equation: c = 1 - heaviside(t - 1)}
  - {where: right, equation: c = 0}
solver: {tolerance: 1e-3}
"""


@pytest.mark.slow
def test_what_a_side_lets_in_may_be_switched_off():
    """A slab that ended there took the value after it, and all before it became too short."""
    result = solve(parse_problem(SWITCHED, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    n, x = np.arange(1, 200)[:, None] * np.pi, np.linspace(0.0, 1.0, 401)[1:]
    late = ((np.exp(-(n**2) * 0.05) - np.exp(-(n**2) * 1.05)) * 2.0 / n * np.sin(n * x)).sum(0)  # series of 1 - x
    found = result(np.stack([x, np.full(400, 1.05)], 1))["c"]
    assert np.abs(found - late).max() < 1e-3 * np.abs(late).max()


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.4, 0.5])
def test_a_threshold_is_passed_wherever_it_is(threshold):
    """Where a random point met what is left of it no slab was to end there: 0.1, 0.4 and 0.5 were refused."""
    text = f"""
name: threshold
domain: {{t: [0, 1]}}
unknowns: [u]
equations: ["u_t = 1 + heaviside(u - {threshold})"]
conditions: [{{where: initial, equation: u = 0}}]
solver: {{tolerance: 1e-3}}
"""
    solution = solve(parse_problem(text, "t.yaml"))
    assert solution.verdict.converged
    assert float(solution(np.array([[1.0]]))["u"][0]) == pytest.approx(2.0 - threshold, rel=1e-6)


@pytest.mark.parametrize(
    ("equations", "last"),
    [
        (("u_t = 1 + heaviside(u - 0.4)", "v_t = u - v"), 2.6),
        (("u_t = 1 + heaviside(v - 0.4)", "v_t = 1 + heaviside(u - 0.4)"), 2.6),
    ],
)
def test_so_it_is_in_systems(equations, last):
    """Next to the threshold, where no slab is to end any more, a random point met what was left of it."""
    text = f"""
name: threshold
domain: {{t: [0, 1.5]}}
unknowns: [u, v]
equations: ["{equations[0]}", "{equations[1]}"]
conditions: [{{where: initial, equation: u = 0}}, {{where: initial, equation: v = 0}}]
solver: {{tolerance: 1e-4}}
"""
    solution = solve(parse_problem(text, "t.yaml"))
    assert solution.verdict.converged
    assert float(solution(np.array([[1.5]]))["u"][0]) == pytest.approx(last, rel=1e-6)
