"""Slopes at sides that a function has not between its knots: missed where they move it by more than the tolerance."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck

TEXT = """
name: slopes
domain: {{x: [0, 1], y: [0, 1], periodic: [y]}}
unknowns: [u]
equations: [lap(u) = 0]
conditions:
  - {{where: left, equation: {left}}}
  - {{where: right, equation: {right}}}
solver: {{tolerance: 1.0e-2}}
"""
WAVE = "sin(120*pi*y)"


@pytest.mark.parametrize(
    ("left", "right", "is_missed"),
    [
        (f"u = 1 + 3e-2*{WAVE}", "u_x = 0", True),
        ("u = 1", f"u_x = 3e-2*{WAVE}", False),  # which moves u by 8e-5
        ("u = 1", f"u_x = {WAVE}", True),
        ("u = 1", f"u_x + u = 1 + 3e-2*{WAVE}", False),
        ("u = 1", f"1e-4*u_x + u = 1 + 3e-2*{WAVE}", True),
    ],
)
def test_a_slope_counts_for_what_waves_between_the_knots_make_of_it(left, right, is_missed):
    model = model_of(TEXT.format(left=left, right=right))
    space = Space((Axis(np.linspace(0.0, 1.0, 4), 4), Axis(np.linspace(0.0, 1.0, 12), 4, True)), 1)
    field = ProductField(((space, np.ones(space.shape)),))
    missed = FeatureCheck(model).examine(field, model.problem.domain, 1e-7)
    assert (missed is not None) == is_missed
