"""Points around narrow features, of which a flank may lie in a box that ends before their middle."""

import numpy as np
import pytest

import pinnkan
from pinnkan.domain.box import Box
from pinnkan.problem.features.subdivision import Feature
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate.neighbourhood import neighbourhood_of

PULSE = """
name: pulse
domain: {{t: [0, {end}]}}
unknowns: [a]
equations: ["a_t = -{rate}*a + exp(-((t - {middle})/{width})**2)/{width}"]
conditions: [{{where: initial, equation: a = 1}}]
solver: {{tolerance: 1e-5}}
"""


@pytest.mark.parametrize(
    ("beyond", "is_there"), [(-1e-3, True), (0.0, True), (1e-9, True), (4e-3, True), (2e-2, False)]
)
def test_a_flank_is_looked_at(beyond, is_there):
    feature = Feature(np.array([1.0 + beyond]), np.array([1e-3]), 1.0)
    near = neighbourhood_of(feature, np.array([True]), Box(((0.0, 1.0),), (False,)), {})
    assert (near is not None) == is_there
    if near is not None:
        assert near.points.min() >= 0.0
        assert near.points.max() <= 1.0
        assert np.abs(near.points - near.place).min() < 1e-4


@pytest.mark.parametrize(
    ("end", "middle", "width", "rate"),
    [
        (1, 0.25, 1e-6, 12.3),
        (1, 0.1, 1e-5, 1),
        (1, 0.1875, 1e-6, 0),
        (24, 6, 2.4e-5, 0.1),
        (1e5, 83953.02, 0.1, 1.23e-4),
    ],
)
def test_slabs_do_not_end_in_a_pulse_of_which_they_have_seen_nothing(end, middle, width, rate):
    """Of a pulse at a quarter or a tenth of the time half was lost, with an estimate of 1e-9."""
    text = PULSE.format(end=end, middle=middle, width=width, rate=rate)
    solution = pinnkan.solve(parse_problem(text, "t.yaml"))
    assert solution.verdict.converged
    late = np.sqrt(np.pi) * np.exp(-rate * (end - middle)) + np.exp(-rate * end)
    assert abs(solution([[end]])["a"][0] - late) < 1e-4 * max(1.0, late)
