"""A ridge network has several unknowns too, in their own units."""

import numpy as np

import pinnkan
from pinnkan.problem.registry import parse_problem

TEXT = """
name: plate
domain: {x: [0, 1]}
unknowns: [u, v]
equations: [u_xx = v, v_xx = 0]
conditions:
  - {where: left, equation: u = 0}
  - {where: right, equation: u = 1}
  - {where: left, equation: v = 0}
  - {where: right, equation: v = 6000}
solver: {network: ridge, hidden: [3], max_levels: 2, max_time: 20}
"""


def test_unknowns_come_back_in_their_own_units():
    solution = pinnkan.solve(parse_problem(TEXT.encode(), "plate.yaml"))
    x = np.linspace(0, 1, 11)
    found = solution(x[:, None])
    np.testing.assert_allclose(found["v"], 6000 * x, atol=6.0)
    np.testing.assert_allclose(found["u"], 1000 * x**3 - 999 * x, atol=1.0)
