"""What is said of a wave that a slab lacks: where knots have to be, or that steps have left it."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.remaining_waves import RemainingWave
from pinnkan.solver.verify import unresolved_waves
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.hidden_errors.hidden_feature import refine_at_feature
from pinnkan.solver.verify.unresolved_waves import (
    MAX_REMAINING_SHARES,
    MIN_SLAB_SHARE,
    RADIANS_PER_INTERVAL,
    missing_wave,
)
from pinnkan.verdict.records import Reason

MODEL = model_of("""
name: torus
domain: {x: [0, 1], y: [0, 2], t: [0, 10], periodic: [x, y]}
unknowns: [u]
equations: [u_t = lap(u)]
conditions: [{where: initial, equation: u = 1}]
solver: {tolerance: 1e-3}
""")
NUMBERS = (30.0, 0.0)


def lacking(intervals, length, size, monkeypatch, own=0.0):
    """What is said of a slab on so many intervals along x that lacks a wave of some size along x."""
    asked = []

    def left(remainder, allowed):
        assert remainder.domain.box.lengths[-1] == length
        asked.append(allowed)
        return RemainingWave(size, NUMBERS) if size > allowed else None

    monkeypatch.setattr(unresolved_waves, "largest_remaining_wave", left)
    breaks = (np.linspace(0, 1, intervals + 1), np.linspace(0, 2, 5), np.array([0.0, length]))
    space = Space((Axis(breaks[0], 4, True), Axis(breaks[1], 4, True), Axis(breaks[2], 4)), 1)
    field = ProductField(((space, np.ones(space.shape)),))
    slab = MODEL.problem.domain.time_part(0.0, length)
    return (
        missing_wave(MODEL, Candidate(field, slab, 0.0, context=FieldContext(allowed_error=own), is_slab=True)),
        asked,
        space,
    )


def test_intervals_that_hold_it_are_asked_for(monkeypatch):
    found, asked, space = lacking(6, 1.0, 1e-3, monkeypatch)
    assert asked == [pytest.approx(1e-4)]  # a tenth of the time, a tenth of the tolerance
    assert found is not None
    assert found.feature is not None
    finer = refine_at_feature(space.axes[:2], found.feature)
    assert np.diff(finer[0].breaks).max() <= RADIANS_PER_INTERVAL / NUMBERS[0]
    assert np.diff(finer[0].breaks).min() > 0.25 * RADIANS_PER_INTERVAL / NUMBERS[0]
    assert finer[1].intervals == 4


def test_where_they_hold_it_the_march_ends_with_its_length(monkeypatch):
    found, _, _ = lacking(24, 1.0, 2 * MAX_REMAINING_SHARES * 1e-4, monkeypatch)
    assert found is not None
    assert found.reason == Reason.STALLED
    assert "0.21 in x," in found.sentence
    assert lacking(24, 1.0, 0.5 * MAX_REMAINING_SHARES * 1e-4, monkeypatch)[0] is None


def test_a_slab_whose_errors_are_forgotten_may_have_what_it_is_allowed(monkeypatch):
    """Heat2d-LT until t = 100 had ended at t = 21 with 50 shares of the tolerance, where it may have 250."""
    assert (
        lacking(24, 1.0, 2 * MAX_REMAINING_SHARES * 1e-4, monkeypatch, own=3 * MAX_REMAINING_SHARES * 1e-4)[0] is None
    )
    assert (
        lacking(24, 1.0, 4 * MAX_REMAINING_SHARES * 1e-4, monkeypatch, own=3 * MAX_REMAINING_SHARES * 1e-4)[0]
        is not None
    )
    assert lacking(6, 1.0, 1e-3, monkeypatch, own=1.0)[0] is not None  # knots are asked for as before


def test_the_first_instants_are_not_asked(monkeypatch):
    found, asked, _ = lacking(6, 5.0 * MIN_SLAB_SHARE, 1.0, monkeypatch)
    assert found is None
    assert asked == []


DRUM = """
name: drum
domain: {x: [0, 1], y: [0, 1], t: [0, 5]}
functions:
  w: sin(pi*x)*sin(2*pi*y)*cos(sqrt(5)*pi*t) + 0.3*sin(3*pi*x)*sin(pi*y)*sin(sqrt(10)*pi*t)
unknowns: [u]
equations: ["u_tt = lap(u)"]
conditions:
  - {where: initial, equation: u = w}
  - {where: initial, equation: u_t = dt(w)}
  - {where: boundary, equation: u = 0}
exact: {u: w}
solver: {tolerance: 1.0e-3}
"""


def test_a_residual_of_high_degree_in_time_is_no_wave():
    """On three points of time it was one, of 1.5e-3 of the solution, twice; 1e-5 was left."""
    solution = pinnkan.solve(parse_problem(DRUM, "drum.yaml"))
    assert solution.verdict.converged
    assert solution.true_error < 1e-3
