"""Times at which a slab has to end."""

import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.required_slab_ends import leading_coefficients


@pytest.mark.parametrize(
    ("equation", "factors"), [("(1 + u)*u_tt + u_t = 4*u_xx", ["u + 1"]), ("u_tt + x*u_ttx = u", ["1", "x"])]
)
def test_what_stands_before_the_highest_derivatives_in_time(equation, factors):
    text = f"""
name: leading
domain: {{x: [0, 1], t: [0, 1]}}
unknowns: [u, v]
equations: ["{equation}", "v_xx = u"]
conditions:
  - {{where: boundary, equation: u = 0}}
  - {{where: boundary, equation: v = 0}}
  - {{where: initial, equation: u = 0}}
  - {{where: initial, equation: u_t = 0}}
"""
    moving, resting = parse_problem(text, "leading.yaml").equations
    assert sorted(map(str, leading_coefficients(moving))) == factors
    assert leading_coefficients(resting) == ()
