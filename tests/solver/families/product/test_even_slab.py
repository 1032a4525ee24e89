"""A first slab of one period is even about its middle: one degree more in time adds odd functions, no correction."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product.slab import ProductSlab

#: The first slab is a twentieth of the time: one period.
STRING = """
name: string
domain:
  x: [0, 1]
  t: [0, 40]
unknowns: [u]
equations:
  - u_tt = u_xx
conditions:
  - where: initial
    equation: u = sin(pi*x)
  - where: initial
    equation: u_t = 0
  - where: boundary
    equation: u = 0
exact:
  u: sin(pi*x)*cos(pi*t)
solver:
  tolerance: 1e-7
"""


def first_error(result):
    x, t = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, result.levels[0].time[1], 41), indexing="ij")
    u = result.field(np.stack([x.ravel(), t.ravel()], -1), [(0, 0)])[:, 0, 0]
    return float(np.abs(u - np.sin(np.pi * x.ravel()) * np.cos(np.pi * t.ravel())).max())


@pytest.mark.slow
def test_what_the_residual_can_hide_in_a_slab_is_looked_for_with_more_degrees():
    result = solve(parse_problem(STRING, "t.yaml"))
    assert result.verdict.converged
    assert result.levels[-1].true_error <= 1.25 * result.verdict.estimate
    assert first_error(result) < 1e-7


def test_without_that_look_the_slab_would_be_believed(monkeypatch):
    monkeypatch.setattr(ProductSlab, "hidden_error", property(lambda _: 0.0))
    result = solve(parse_problem(STRING, "t.yaml"))
    assert result.verdict.estimate < 1e-7 < 1e-5 < result.levels[-1].true_error
