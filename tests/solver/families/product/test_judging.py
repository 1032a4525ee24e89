"""What a residual that stands says of the error."""

import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import judging

EIKONAL = """
name: eikonal
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - u_x**2 - 1.45e-3*u_xx = 1
conditions:
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-5
"""


@pytest.mark.slow
def test_at_a_spurious_minimum_of_a_nonlinear_residual_the_estimate_says_so(monkeypatch):
    """The error is 1.9, the corrections are 4e-4: it is nearly minus the solution."""
    verdict = solve(parse_problem(EIKONAL, "t.yaml")).verdict
    assert not verdict.converged
    assert verdict.estimate > 1.0
    monkeypatch.setattr(judging, "STANDS", 2.0)
    assert solve(parse_problem(EIKONAL, "t.yaml")).verdict.estimate < 1e-2
