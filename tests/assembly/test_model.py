"""What is compiled once for a solve."""

import pytest
from small_models import model_of

from pinnkan.assembly.model import NO_RATE_WEIGHT

FLOW = """
name: flow
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u, p]
equations: ["u_t + p_x = u_xx", "p_xx = u"]
conditions:
  - {where: initial, equation: u = 0}
  - {where: boundary, equation: u = 0}
  - {where: boundary, equation: p = 0}
"""
STEADY = FLOW.replace(", t: [0, 1]", "").replace("u_t", "u").replace("  - {where: initial, equation: u = 0}\n", "")


@pytest.mark.parametrize(("text", "counted"), [(FLOW, (1.0, NO_RATE_WEIGHT)), (STEADY, (1.0, 1.0))])
def test_unknowns_count_that_evolve_and_all_where_none_does(text, counted):
    assert model_of(text).norm_weights == counted
