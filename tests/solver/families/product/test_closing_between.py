"""Knots between one level and the next: as many as the tolerance asks for, where halving would be far too many."""

import numpy as np
from small_models import model_of
from solved import on_levels

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product import levels
from pinnkan.solver.families.product.refinement_choice import UNIFORM_AIM, uniformly_refined_space

WAVES = """
name: waves
domain:
  x: [0, 1]
  y: [0, 1]
  z: [0, 1]
unknowns: [u]
functions:
  v: sin(3*pi*x)*sin(3*pi*y)*sin(3*pi*z)
equations:
  - -lap(u) = -lap(v)
conditions:
  - where: boundary
    equation: u = 0
exact:
  u: v
"""
SPACE = Space((Axis(np.array([0.0, 0.1, 0.4, 0.7, 1.0]), 4), *(Axis(np.linspace(0.0, 2.0, n), 4) for n in (9, 5))))


def counts(space):
    return [axis.intervals for axis in space.axes]


def test_knots_are_as_many_as_the_fall_of_the_residual_says():
    model = model_of(WAVES, tolerance=1e-6)
    space = uniformly_refined_space(model, SPACE, 2.0**2 * UNIFORM_AIM * 1e-6, 2.0**-8)  # 2^(2/8) times as many
    assert counts(space) == [int(np.ceil(n * 2**0.25)) for n in (4, 8, 4)]
    for old, new in zip(SPACE.axes, space.axes, strict=True):
        assert new.breaks[0] == old.breaks[0]
        assert new.breaks[-1] == old.breaks[-1]
    assert np.diff(space.axes[0].breaks)[0] < 0.5 * np.diff(space.axes[0].breaks)[-1]  # of the same density


def test_where_much_is_missing_or_nothing_is_known_all_intervals_are_halved():
    model = model_of(WAVES, tolerance=1e-6)
    assert uniformly_refined_space(model, SPACE, 1e-2, 2.0**-8) is None
    assert uniformly_refined_space(model, SPACE, 2e-6, 1.0) is None
    assert uniformly_refined_space(model, SPACE, np.inf, 2.0**-8) is None


def test_in_the_plane_all_intervals_are_halved():
    plane = Space(SPACE.axes[:2])
    assert uniformly_refined_space(model_of(WAVES, tolerance=1e-6), plane, 2.0**2 * UNIFORM_AIM * 1e-6, 2.0**-8) is None


def test_knots_with_places_of_their_own_stay_there():
    bent = model_of(WAVES.replace("= -lap(v)", "= abs(x - 0.3)").replace("exact:\n  u: v\n", ""), tolerance=1e-6)
    assert uniformly_refined_space(bent, SPACE, 2e-6, 2.0**-8) is None
    jointed = Space((Axis(np.linspace(0.0, 1.0, 5), 4, joints=(0.5,)), *SPACE.axes[1:]))
    assert uniformly_refined_space(model_of(WAVES, tolerance=1e-6), jointed, 2e-6, 2.0**-8) is None


def test_a_level_with_fewer_knots_is_solved_and_judged(monkeypatch):
    """Without it the last correction, which judges, is made on twice as many and more coefficients."""
    monkeypatch.setattr(levels, "is_correction_expensive", lambda *_: True)
    monkeypatch.setattr("pinnkan.solver.families.product.level_estimate.is_correction_expensive", lambda *_: True)
    model = model_of(WAVES, tolerance=5e-7)
    fewer = on_levels(model, 6, 2, 9)
    monkeypatch.setattr(levels, "uniformly_refined_space", lambda *_: None)
    halved = on_levels(model, 6, 2, 9)
    assert fewer.reason == halved.reason == ""
    (small, _), (large, _) = fewer.error.pieces[0], halved.error.pieces[0]
    assert small.size < 0.5 * large.size
    assert fewer.levels[-1].true_error <= fewer.levels[-1].estimate <= 5e-7
