"""Formulas that are others at both ends of a circle."""

import pytest
from small_models import model_of

from pinnkan.problem.features.kinks import jumps_at_seam

TEXT = """
name: ring
domain: {{x: [0, 1], y: [0, 2], periodic: [x]}}
unknowns: [u]
equations: ["-lap(u) + u = {source}"]
conditions: [{{where: [bottom, top], equation: u = 0}}]
"""


@pytest.mark.parametrize(
    ("source", "jumps"),
    [
        ("1 + cos(2*pi*x)", False),
        ("exp(-((x - 0.5)/0.1)**2)", False),
        ("heaviside(x - 0.25)*heaviside(0.5 - x)*y", False),
        ("y*x", True),
        ("heaviside(x - 0.5)", True),
        ("u*(1 - heaviside(x - 0.5))", True),
    ],
)
def test_a_jump_between_the_last_point_of_a_circle_and_its_first_is_seen(source, jumps):
    problem = model_of(TEXT.format(source=source)).problem
    assert jumps_at_seam(problem, 0) == jumps
    assert not jumps_at_seam(problem, 1)
