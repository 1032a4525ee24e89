"""Levels of steady problems: convergence, knots in a layer, the estimate, and honest failure."""

from dataclasses import replace

import numpy as np
import pytest
from records import levels
from small_models import model_of
from solved import on_levels

from pinnkan.solver.families.product import level_estimate
from pinnkan.solver.families.product import levels as module
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.findings import Decision, NeedsKnots, Remark
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.verifier import Answer, Verifier

LAYER = """
name: layer
domain:
  x: [0, 1]
unknowns: [u]
functions:
  v: exp((x - 1)/0.01) + sin(3*x)
equations:
  - -0.01*u_xx + u_x = -0.01*dx(dx(v)) + dx(v)
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
"""
WAVES = """
name: waves
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [u]
functions:
  v: sin(x + 1)*sin(9*y)
equations:
  - lap(u) - u**3 = lap(v) - v**3
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
"""


def run(text, tolerance=1e-6, degree=6, intervals=2, levels=14, limit=None, seen=None):
    return on_levels(model_of(text, tolerance=tolerance), degree, intervals, levels, Monitor(limit, seen))


def test_levels_end_below_the_tolerance_with_an_honest_estimate():
    for text in (LAYER, WAVES):
        out = run(text)
        assert out.reason == ""
        assert out.levels[-1].estimate <= 1e-6
        assert out.levels[0].estimate > 1e-6
        resolved = [x for x in out.levels if x.true_error < 0.1]  # a layer between two points is not seen, then at once
        assert len(resolved) >= (1 if text == LAYER else 3)
        assert all(x.estimate >= 0.8 * x.true_error for x in resolved)
        assert out.levels[-1].estimate <= 20 * out.levels[-1].true_error


def test_knots_gather_in_a_layer_and_not_outside():
    """A layer 0.01 wide at x = 1: the intervals there are far shorter than at x = 0."""
    breaks = run(LAYER).field.breaks(0)
    width = np.diff(breaks)
    assert width[-1] < 0.02
    assert width[0] > 10 * width[-1]
    smooth = run(LAYER.replace("exp((x - 1)/0.01)", "0*x").replace("0.01", "1")).field.breaks(0)
    assert np.diff(smooth).min() > 0.1


def test_the_coordinate_with_the_short_waves_gets_the_knots():
    field = run(WAVES, 1e-4, degree=4).field
    assert len(field.breaks(1)) > len(field.breaks(0))
    turned = run(WAVES.replace("sin(x + 1)*sin(9*y)", "sin(y + 1)*sin(9*x)"), 1e-4, degree=4).field
    assert len(turned.breaks(0)) > len(turned.breaks(1))


def test_the_error_is_returned_as_a_function():
    out = run(LAYER, 1e-4)
    x = np.linspace(0, 1, 400)[:, None]
    true = np.exp((x[:, 0] - 1) / 0.01) + np.sin(3 * x[:, 0]) - out.field(x, [(0,)])[:, 0, 0]
    estimated = out.error(x, [(0,)])[:, 0, 0]
    assert np.linalg.norm(true - estimated) < 0.3 * np.linalg.norm(true)
    assert np.linalg.norm(true + estimated) > np.linalg.norm(true)


def test_a_layer_between_the_points_is_not_believed():
    """The residual is still the data's, whatever the correction says: no verdict before the layer is seen."""
    out = run(LAYER, tolerance=0.5, levels=1)
    assert out.reason == "not_asymptotic"
    assert out.levels[-1].loss > 0.01
    assert run(LAYER, tolerance=0.1).levels[-1].true_error < 0.1


def test_a_feature_whose_knots_are_there_leads_to_ordinary_refinement(monkeypatch):
    """A check that sees something as wide as the box asks for knots that every level has."""
    wide, asked, verify = HiddenFeature(np.array([0.5]), np.array([1.0]), 1.0), [], Verifier.__call__

    def once(*given):
        asked.append(given)
        return (Answer("a check", NeedsKnots(wide)),) if len(asked) == 1 else verify(*given)

    monkeypatch.setattr(Verifier, "__call__", once)
    out = run(LAYER, 1e-4)
    assert len(asked) == 2
    assert out.reason == ""
    assert out.levels[-1].parameters > out.levels[-2].parameters


def test_what_rounding_left_in_a_correction_taken_for_the_solution_stays_in_the_estimate(monkeypatch):
    plain = run(WAVES.replace("- u**3", "").replace("- v**3", ""), 1e-9)
    assert plain.levels[-1].iterations == 0
    estimate = level_estimate.estimate_by_correction
    monkeypatch.setattr(
        level_estimate, "estimate_by_correction", lambda *a, **k: replace(estimate(*a, **k), rounding=1e-10)
    )
    rounded = run(WAVES.replace("- u**3", "").replace("- v**3", ""), 1e-9)
    more = [b.estimate - a.estimate for a, b in zip(plain.levels, rounded.levels, strict=True)]
    taken = [level.iterations == 0 for level in plain.levels]
    assert more == pytest.approx([1e-10 * (t and n > 0) for n, t in enumerate(taken)], abs=1e-12)


@pytest.mark.parametrize(
    ("fall", "more", "words"),
    [
        (0.99, 2.0, "no correction lowers the residual"),
        (0.5, 2.0, ""),
        (0.99, 1.1, ""),  # few are halved: something is closed in on
    ],
)
def test_a_residual_as_large_as_the_data_is_at_rest_unless_it_halves_with_its_interval(fall, more, words):
    family = module.ProductLevels(model_of(LAYER), 6, 2, 14)
    found = enumerate(levels(*[1e-9] * 4))
    seen = [replace(x, is_resolved=False, loss=fall**k, parameters=int(100 * more**k)) for k, x in found]
    assert family.stagnation_reason(seen) == words


def test_the_least_determined_function_is_carried_to_the_next_level():
    family = module.ProductLevels(model_of(WAVES, tolerance=10.0), 6, 2, 14)
    state, _ = family.minimise(family.initial_state(), 0, Monitor(None, None))
    measured = family.evaluate_minimum(state)
    estimate = family.estimate(state, measured, Outcome(measured.field, None))
    following = family.refine(state, estimate, Decision(findings=(Remark("it waits"),)))
    assert following.space.shape == estimate.space.shape
    assert following.near_null == pytest.approx(estimate.spaces.near_nulls[1].coefficients, abs=1e-9)


@pytest.mark.parametrize("size", [1e6, 0.1])
def test_a_correction_larger_than_the_solution_is_no_start_where_it_raises_the_residual(size):
    """That of a nearly singular matrix hangs on rounding: with one numpy the next level began at 1e23 of a residual."""
    family = module.ProductLevels(model_of(WAVES), 6, 2, 14)
    state, _ = family.minimise(family.initial_state(), 0, Monitor(None, None))
    measured = family.evaluate_minimum(state)
    found = family.estimate(state, measured, Outcome(measured.field, None))
    raised = replace(found, correction=1e6 * found.correction, size=size)
    following = family.refine(state, raised, Decision(findings=(Remark("it waits"),)))
    alone = state.space.prolong(state.coefficients, following.space)
    loss = family._system(following.space).loss
    assert (loss(following.coefficients) <= 1.01 * loss(alone)) == (size > 1.0)  # a small one is always tried
    with_it = family.refine(state, replace(found, size=size), Decision(findings=(Remark("it waits"),)))
    assert loss(with_it.coefficients) < loss(alone)  # and one that lowers it, whatever is said of its size


def test_the_least_determined_function_reaches_knots_graded_towards_a_corner():
    text = """
name: p_laplace
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [u]
equations:
  - -div(sqrt(1 + u_x**2 + u_y**2)*grad(u)) = 1
conditions:
  - where: boundary
    equation: u = 0
"""
    family = module.ProductLevels(model_of(text), 10, 3, 2)
    state, _ = family.minimise(family.initial_state(), 0, Monitor(None, None))
    measured = family.evaluate_minimum(state)
    following = family.refine(state, family.estimate(state, measured, Outcome(measured.field, None)), Decision())
    assert any((np.diff(axis.breaks).min() < 1 / 8) for axis in following.space.axes)  # finer than halved
    assert following.near_null.shape == following.space.shape


def test_too_few_levels_and_too_little_time_are_named():
    few = run(f"{WAVES}solver: {{max_levels: 2}}\n", levels=2)
    assert (few.reason, len(few.levels)) == ("max_levels", 2)
    late = run(LAYER, limit=0.0)
    assert late.reason == "max_time"
    assert len(late.levels) == 1


def test_progress_hears_of_every_level_and_step():
    seen = []
    out = run(WAVES, 1e-3, degree=4, seen=seen.append)
    told = tuple(replace(x, answers=()) for x in out.levels)
    assert tuple(x for x in seen if x in told) == told
    assert tuple(x for x in seen if x in out.history) == out.history
    assert len(out.history) == sum(x.iterations for x in out.levels)


POWER = """
name: power
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - x*u_xx + 0.4*u_x = 0
conditions:
  - where: left
    equation: u = 0
  - where: right
    equation: u = 1
exact:
  u: x**0.6
"""


def test_knots_go_to_an_end_that_spoils_everything():
    """What they add there is less than any tolerance: all intervals were halved, six thousand in the end."""
    last = run(POWER, tolerance=3e-3, degree=9, intervals=3, levels=40).levels[-1]
    assert last.estimate <= 3e-3
    assert 0.8 < last.estimate / last.true_error < 10.0
    assert last.intervals[0] < 300
