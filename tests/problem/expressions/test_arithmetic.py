"""Arithmetic of expressions: roots of what is cut off at zero."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.verdict.records import Reason

TANK = """
name: tank
domain: {t: [0, 3]}
unknowns: [h]
equations: ["h_t = %s"]
conditions: [{where: initial, equation: "h = %s"}]
solver: {tolerance: 1e-4}
"""


@pytest.mark.parametrize("root", ["-max(h, 0)**0.5", "-sqrt(max(h, 0))", "-sqrt(4*max(h, 0))/2", "-sqrt(-min(-h, 0))"])
def test_a_tank_empties_and_stays_empty(root):
    """Its slope was 0/0 once it was empty."""
    found, t = solve(parse_problem(TANK % (root, 1), "t.yaml")), np.linspace(0.0, 3.0, 301)
    assert found.verdict.converged
    assert np.abs(found(t[:, None])["h"] - np.maximum(1.0 - 0.5 * t, 0.0) ** 2).max() < 1e-4


@pytest.mark.parametrize(
    ("rate", "start"), [("max(h, 0)**0.5", 0), ("2*max(h - sin(t), 0)**0.5 + cos(t)", 0), ("max(h - 1, 0)**0.5", 1)]
)
def test_what_such_a_root_does_not_determine_is_not_converged(rate, start):
    """h = 0 and h = t**2/4, and more of the kind; the last had shortened slabs until no time was left between."""
    found = solve(parse_problem(TANK % (rate, start), "t.yaml")).verdict
    assert found.reason in (Reason.DIVERGED, Reason.RANK_DEFICIENT)
