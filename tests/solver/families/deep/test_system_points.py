"""Training points of a deep network: exact rules, and cells that follow the solution."""

import numpy as np
import pytest

from pinnkan import solve
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.deep.system import equidistribute, tensor_rule


def test_points_integrate_and_follow_a_steep_place():
    points, weights = tensor_rule(
        [composite_gauss_rule(np.array([0.0, 0.2, 1.0]), 3), composite_gauss_rule(np.array([-1.0, 2.0]), 3)]
    )
    assert float(weights @ (points[:, 0] ** 5 * points[:, 1] ** 2)) == pytest.approx(1 / 6 * 3, rel=1e-12)
    x = np.linspace(-1, 1, 401)
    breaks = equidistribute(x, 1 + 50 * np.exp(-((x / 0.02) ** 2)), 20)
    assert breaks[[0, -1]].tolist() == [-1.0, 1.0]
    assert np.diff(breaks).min() < 0.1 * np.diff(breaks).max()
    assert np.ptp(np.diff(equidistribute(x, np.ones(401), 20))) < 1e-12


def test_cells_share_the_integral_of_the_monitor_whatever_its_samples():
    """The integral of 2 x is x^2, in four equal parts at the roots of k/4."""
    x = np.linspace(0.0, 1.0, 2001) ** 2
    np.testing.assert_allclose(equidistribute(x, 2.0 * x, 4), np.sqrt(np.arange(5) / 4.0), atol=1e-3)
    np.testing.assert_allclose(equidistribute(x, np.ones(2001), 4), np.arange(5) / 4.0, atol=1e-12)


@pytest.mark.parametrize("network", ["ridge", "deep"])
def test_an_equation_in_time_alone_has_all_its_rows_along_it(network: str) -> None:
    text = f"name: a\ndomain: {{t: [0, 1]}}\nunknowns: [u]\nequations: [u_t = -u]\nsolver: {{network: {network}}}\n"
    solution = solve(parse_problem(text + "conditions: [{where: initial, equation: u = 1}]\n", "t.yaml"))
    t = np.linspace(0.0, 1.0, 11)
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(t)["u"], np.exp(-t), atol=1e-6)
