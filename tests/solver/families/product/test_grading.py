"""Knots graded towards a place where the residual hardly falls, and nowhere else."""

from dataclasses import replace

import flow
import numpy as np
import pytest
from edited import edited
from small_models import model_of

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.problem import corners
from pinnkan.problem.corners import Corner
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product import levels
from pinnkan.solver.families.product.grading import (
    MOST_HALVINGS,
    CorrectionProfile,
    grade_towards_corners,
    grade_towards_point,
    grade_towards_sides,
)

EVEN = Axis(np.linspace(0.0, 1.0, 5), 6)
SLOW = {"mass": [1.0, 1e-2, 1e-6, 1e-9], "left": [0.98, 0.7, 0.5, 0.5], "fall": [0.25, 0.1, 1e-3, 1e-6]}
SMOOTH = {"mass": [1e-9] * 4, "left": [0.5] * 4, "fall": [1e-6] * 4}


def profile(mass, left, fall):
    mass, left = np.array(mass), np.array(left)
    return CorrectionProfile(mass, np.stack([left * mass, (1 - left) * mass], 1), np.array(fall))


def test_intervals_whose_residual_rests_are_halved_towards_a_point_and_their_shadow_waits():
    upper = {key: values[::-1] for key, values in SLOW.items()} | {"left": [0.5, 0.5, 0.3, 0.02]}
    x, y = grade_towards_point((EVEN, EVEN), (profile(**SLOW), profile(**upper)), 1e-12)
    assert x.intervals == y.intervals == EVEN.intervals + MOST_HALVINGS
    assert x.breaks[1] == 0.25 * 0.5**MOST_HALVINGS
    assert y.breaks[-2] == 1.0 - 0.25 * 0.5**MOST_HALVINGS


@pytest.mark.parametrize("change", [{"fall": [1e-5] * 4}, {"left": [0.5] * 4}, {"mass": [0.5, 1.0, 0.5, 0.1]}])
def test_what_falls_has_no_side_or_is_no_peak_is_refined_as_ever(change):
    assert grade_towards_point((EVEN, EVEN), (profile(**SLOW), profile(**SLOW | change)), 1e-12) is None


def test_a_layer_along_a_coordinate_and_a_line_are_refined_as_ever():
    assert grade_towards_point((EVEN, EVEN), (profile(**SLOW), profile(**SMOOTH)), 1e-12) is None
    assert grade_towards_point((EVEN,), (profile(**SLOW),), 1e-12) is None


def test_few_halvings_where_few_are_enough():
    mild = profile(**SLOW | {"fall": [0.02, 0.01, 1e-3, 1e-6]})
    x, _ = grade_towards_point((EVEN, EVEN), (mild, mild), 1e-3)
    assert x.intervals == EVEN.intervals + 2


#: On the unit square the lid x(1 - x) contradicts the walls at both corners.
CAVITY = edited("y: [0, 2]", "y: [0, 1]", flow.TEXT) + "solver: {tolerance: 5e-3, max_levels: 3, degree: 10}\n"


@pytest.mark.slow
def test_a_lid_that_contradicts_the_walls_is_solved_for_in_three_levels(monkeypatch):
    found = pinnkan.solve(model_of(CAVITY).problem)
    assert found.verdict.converged, found.verdict.sentence
    # neither before nor while it is solved
    monkeypatch.setattr(corners, "_is_contradicted", lambda *_: False)
    monkeypatch.setattr(levels, "grade_towards_point", lambda *_: None)
    assert pinnkan.solve(model_of(CAVITY).problem).verdict.estimate > 3 * found.verdict.estimate


def test_knots_that_are_one_but_for_rounding_are_one():
    """The middle of an interval by its ends and by its width."""
    axes = (Axis(np.array([0.0, 0.1, 0.7, 1.0]), 3), Axis(np.array([0.0, 0.3, 1.0]), 3))
    corner = Corner((0.7, 0.0), True, frozenset({0}), True)
    once = [np.ones(3, dtype=bool), np.ones(2, dtype=bool)]
    found = grade_towards_corners(axes, [corner], [np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0])], once)
    assert found is not None
    assert all(np.diff(a.breaks).min() > 1e-3 for a in found)


@pytest.mark.parametrize(
    ("mass", "excess", "breaks"),
    [
        ([1.0, 0.1, 0.1, 0.1], 4.0, [0.0, 0.25 / 8, 0.25 / 4, 0.25 / 2, 0.25, 0.5, 0.75, 1.0]),
        ([0.0, 0.1, 0.1, 1.0], 2.1, [0.0, 0.25, 0.5, 0.75, 0.875, 1.0]),
        ([0.1, 1.0, 1.0, 0.1], 4.0, None),
        ([1.0, 0.0, 0.0, 0.0], 1.5, None),
    ],
)
def test_a_jump_at_a_side_is_met_by_as_many_halvings_as_its_order_asks_for(mass, excess, breaks):
    found = grade_towards_sides((EVEN, EVEN), [np.array(mass), np.full(4, 1e-9)], (excess, 0.1))
    assert (found is None) == (breaks is None)
    if found is not None:
        np.testing.assert_allclose(found[0].breaks, breaks)
        assert found[1] is EVEN
    assert grade_towards_sides((replace(EVEN, periodic=True),), [np.array(mass)], (excess,)) is None


def test_a_plate_that_is_quenched_begins_on_few_knots():
    """On 147 x 147 intervals, after eleven attempts."""
    text = """
name: quenched
domain: {x: [0, 1], y: [0, 1], t: [0, 0.5]}
unknowns: [u]
equations: ["u_t = 0.1*lap(u)"]
conditions: [{where: initial, equation: u = 1}, {where: boundary, equation: u = 0}]
solver: {tolerance: 1e-2}
"""
    solution = pinnkan.solve(parse_problem(text, "t.yaml"))
    odd = np.pi * np.arange(1, 200, 2)
    along = (4.0 / odd * np.sin(0.3 * odd) * np.exp(-0.1 * 0.05 * odd**2)).sum()
    assert solution.verdict.converged
    assert solution(np.array([[0.3, 0.3, 0.05]]))["u"] == pytest.approx(along**2, abs=1e-2)
    assert max(max(level.intervals) for level in solution.levels) < 80
