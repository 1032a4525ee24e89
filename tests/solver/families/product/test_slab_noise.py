"""Slabs whose correction, or whose residual, is rounding: neither shorter ones nor more knots make it less."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import model_of

from pinnkan.solver.families.product.slab_correction import NOISE_FACTOR
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.families.product.step_control import GROW
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.time_pass import TimePass

#: On the many knots of which nothing but rounding is left of a correction.
FOURTH = """
name: test
domain:
  x: [0, 2*pi]
  t: [0, 1]
  periodic: [x]
unknowns: [u]
equations:
  - u_t = u_xx - u_xxxx/100
conditions:
  - where: initial
    equation: u = cos(x)
"""


@pytest.mark.parametrize(("intervals", "made"), [(120, 2.1e-15), (200, 1.7e-14)])
def test_a_correction_that_is_rounding_is_small_enough_on_any_knots(intervals, made):
    """Of a fourth derivative it is as the fourth power of the intervals; more of them would only add to it."""
    family, none = ProductSlabs(model_of(FOURTH, tolerance=1e-6), (8, 8), intervals, 1), np.zeros(1)
    at = TimePass(family.problem, SlabHistory((), (), (0.0,), none, none), 1e-15, (1.0,), 0.1, Monitor(None, None))
    aim = replace(family.initial_aim(1e-6), degree=10)
    slab = family.attempt(aim, 0.01, at)
    assert at.allowed_correction(slab.length) < slab.correction_size < NOISE_FACTOR * slab.correction_noise
    assert family.is_accurate(aim, slab, at)
    assert not family.is_accurate(aim, replace(slab, correction_noise=0.0), at)
    assert slab.correction_size == pytest.approx(made, rel=0.5)
    assert slab.correction_noise == pytest.approx(made, rel=0.5)


STIFF = """
name: stiff
domain: {t: [0, 1000]}
unknowns: [u]
equations: ["u_tt = -1000*(u_t + u - sin(t/100))"]
conditions: [{where: initial, equation: u = 0}, {where: initial, equation: "u_t = 0"}]
"""


def test_what_a_stiff_equation_does_not_let_grow_is_no_rounding():
    """Without friction a force that is rounding would make what the square of a slab's length says, far more."""
    family, none = ProductSlabs(model_of(STIFF, tolerance=1e-6), (8, 8), 1, 1), np.zeros(1)
    at = TimePass(family.problem, SlabHistory((), (), (0.0,), none, none), 1e-13, (1000.0,), 0.1, Monitor(None, None))
    aim = family.initial_aim(1e-6)
    for length in (300.0, 30.0):
        slab = family.attempt(aim, length, at)
        assert slab.correction_size > NOISE_FACTOR * slab.correction_noise
        assert not family.is_accurate(aim, slab, at)


DECAY = """
name: decay
domain: {t: [0, 1]}
unknowns: [u]
equations: [u_t = -u]
conditions: [{where: initial, equation: u = 1}]
"""


def test_a_residual_that_is_rounding_makes_no_slab_shorter(monkeypatch):
    monkeypatch.setattr("pinnkan.solver.time_pass.LEAST_ALLOWED", 0.0)
    family, none = ProductSlabs(model_of(DECAY, tolerance=1e-6), (8, 8), 1, 1), np.zeros(1)
    at = TimePass(family.problem, SlabHistory((), (), (0.0,), none, none), 1e-17, (1.0,), 0.1, Monitor(None, None))
    aim = family.initial_aim(1e-6)
    slab = family.attempt(aim, 0.01, at)
    assert slab.rounding_loss == pytest.approx(
        slab.residual_floor**2 / slab.length
    )  # nothing is hidden between points below that
    rough = replace(slab, correction_noise=0.0)
    assert rough.correction_size > at.allowed_correction(slab.length)
    assert family.is_accurate(aim, rough, at)
    assert family.plan_next(aim, rough, at).length == GROW * slab.length
    by_itself = replace(rough, residual_floor=0.0)
    assert not family.is_accurate(aim, by_itself, at)
    assert family.plan_next(aim, by_itself, at).length < slab.length
