"""Time slabs: first and second order in time, the propagated estimate, a fixed number, knots that follow."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from small_models import model_of
from solved import on_slabs

import pinnkan
from pinnkan.kan.product import Space
from pinnkan.solver.families.product import slabs
from pinnkan.solver.families.product.slab import insert_knots
from pinnkan.solver.families.product.slab_correction import FEWER_GAUSS_POINTS, GLOBAL_ACCURACY
from pinnkan.solver.families.product.slabs import (
    FIRST_SLAB,
    MOST_REJECTIONS,
    STEP_ACCURACY,
    ProductSlabs,
)
from pinnkan.solver.linear.normal_equations import DEFAULT_ACCURACY
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature

PROBLEM = """
name: test
domain:
  x: [0, 1]
  t: [0, {end}]
unknowns: [u]
functions:
  v: {v}
equations:
  - {equation}
conditions:
  - where: initial
    equation: u = {initial}
{more}
  - where: boundary
    equation: u = v
exact:
  u: v
"""
VELOCITY = "  - where: initial\n    equation: u_t = dt(v)"


def text(v, equation, initial, more="", end=1):
    return PROBLEM.format(v=v, equation=equation, initial=initial, more=more, end=end)


HEAT = text("exp(-pi**2*t/10)*sin(pi*x) + x*t", "u_t = u_xx/10 + x", "v")
WAVE = text("sin(3*x - 3*t) + x*t", "u_tt = u_xx", "v", VELOCITY)
GROWTH = text("exp(4*t)*sin(pi*x)*(1 + x)", "u_t = u_xx/100 + 5*u + dt(v) - dx(dx(v))/100 - 5*v", "v", end=2)
FRONT = text("tanh(20*(x - 0.2 - t/2))", "u_t + u*u_x = u_xx/50 + dt(v) + v*dx(v) - dx(dx(v))/50", "v")


@cache
def run(problem, tolerance, degree=4, intervals=4, slabs=None, passes=3, limit=None):
    model = model_of(problem, tolerance=tolerance, time_slabs=slabs)
    return on_slabs(model, degree, intervals, passes, Monitor(limit, None))


def effectivity(out):
    return out.levels[-1].estimate / out.levels[-1].true_error


@pytest.mark.parametrize("problem", [HEAT, WAVE], ids=["heat", "wave"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_slabs_reach_the_tolerance_and_the_estimate_is_honest(problem, tolerance):
    out = run(problem, tolerance)
    assert out.reason == ""
    assert out.levels[-1].estimate <= tolerance
    assert out.levels[-1].true_error <= tolerance
    assert 0.8 <= effectivity(out) <= 10.0


def test_slabs_cover_the_time_without_gaps_and_u_and_its_velocity_are_continuous():
    out = run(WAVE, 1e-6)
    times = [x.time for x in out.levels]
    assert len(times) > 2
    assert times[0][0] == 0.0
    assert times[-1][1] == 1.0
    assert all(a[1] == b[0] for a, b in pairwise(times))
    x = np.linspace(0, 1, 50)
    (left, a), (right, b) = out.field.pieces[:2]
    at = np.array([times[0][1]])
    for order, tolerance in ((0, 1e-6), (1, 1e-4)):
        jump = left.evaluate_grid(a, [x, at], (0, order)) - right.evaluate_grid(b, [x, at], (0, order))
        assert np.abs(jump).max() < tolerance
    second = left.evaluate_grid(a, [x, at], (0, 2)) - right.evaluate_grid(b, [x, at], (0, 2))
    assert np.abs(second).max() > 1e-9


def test_the_estimate_counts_the_growth_of_earlier_errors():
    """Errors grow like exp(5 t): the corrections of single slabs, added up, would be far too small."""
    out = run(GROWTH, 1e-4, slabs=24, passes=1)
    assert 0.8 <= effectivity(out) <= 10.0


def test_without_propagation_the_estimate_would_be_too_small(monkeypatch):
    following = ProductSlabs.plan_next

    def forgetful(*given):
        aim = following(*given)
        return replace(aim, start=replace(aim.start, errors=tuple(np.zeros_like(e) for e in aim.start.errors)))

    monkeypatch.setattr(ProductSlabs, "plan_next", forgetful)
    out = on_slabs(model_of(GROWTH, tolerance=1e-4, time_slabs=24), 4, 4, 1)
    assert effectivity(out) < 0.8


def test_a_fixed_number_of_slabs_holds_what_grows_or_is_refused():
    """Of 1 + 1e-8 exp(100 t) until t = 2 one slab had made 1, with an estimate of 6e-10."""
    text = "name: rest\ndomain: {t: [0, 0.15]}\nunknowns: [a]\nequations: [a_t = 100*(a - 1)]\n"
    text += "conditions: [{where: initial, equation: a = 1 + 1e-6}]\nsolver: {tolerance: 1e-2, time_slabs: SLABS}\n"
    verdict = pinnkan.solve(pinnkan.load_problem(text.replace("SLABS", "1"))).verdict
    assert verdict.reason == "max_levels"
    assert "e^15, and e^4 is held: leave out `time_slabs`, or give 4 or more" in verdict.sentence
    solution = pinnkan.solve(pinnkan.load_problem(text.replace("SLABS", "6")))
    times = np.linspace(0.0, 0.15, 50)
    assert solution.verdict.converged
    assert np.allclose(solution(times)["a"], 1 + 1e-6 * np.exp(100 * times), atol=2e-2)


def test_a_fixed_number_of_slabs_is_obeyed():
    out = run(HEAT, 1e-3, slabs=5)
    np.testing.assert_allclose([x.time[1] for x in out.levels], [0.2, 0.4, 0.6, 0.8, 1.0], rtol=1e-12)
    assert len(run(HEAT, 1e-3).levels) != 5


def test_knots_follow_a_front_that_moves():
    out = run(FRONT, 1e-4, degree=6)
    assert out.reason == ""
    assert out.levels[-1].true_error <= 1e-4
    for time, centre, away in ((0.01, 0.2, 0.9), (0.99, 0.7, 0.15)):
        breaks = out.field.breaks(0, time)
        width = np.diff(breaks)[np.searchsorted(breaks, [centre, away]) - 1]
        assert width[0] < 0.5 * width[1]


def test_a_time_limit_is_named():
    assert run(HEAT, 1e-6, limit=0.0).reason == "max_time"


def test_initial_data_that_the_knots_miss_get_knots():
    sharp = text("exp(-200*(x - 0.3)**2)*exp(-t)", "u_t = u_xx/100 + dt(v) - dx(dx(v))/100", "v", end=0.1)
    breaks = run(sharp, 1e-4, degree=6).field.breaks(0, 0.0)
    assert len(breaks) > 5
    assert np.diff(breaks)[np.searchsorted(breaks, 0.3) - 1] < np.diff(breaks)[-1]


def test_slabs_of_fixed_length_end_although_their_time_error_is_too_large():
    out = run(GROWTH, 1e-6, slabs=3, passes=1, limit=60.0)
    assert len(out.levels) == 3
    assert out.reason != "max_time"


def test_a_correction_on_a_line_has_as_many_points_per_interval(monkeypatch):
    """One fewer in time made the effectivity of the wave equation fifty."""
    seen, corrected = [], slabs.correct_slab
    monkeypatch.setattr(slabs, "correct_slab", lambda *given: seen.append(corrected(*given)) or seen[-1])
    run(WAVE, 1e-6, degree=8)
    of_slab, richer = (
        [t.nodes.shape[1] for t in s.patches[0].tables] for s in (seen[0].system, seen[0].correction_system)
    )
    assert richer[0] == of_slab[0] - FEWER_GAUSS_POINTS[1] == of_slab[0]
    assert richer[1] > of_slab[1]
    assert (
        seen[0].correction_system.accuracy
        == GLOBAL_ACCURACY
        > seen[0].system.accuracy
        == STEP_ACCURACY
        > DEFAULT_ACCURACY
    )


def test_a_refined_slab_begins_from_the_corrected_one():
    """Nearer to the solution than the slab was: its correction added, not left out nor taken away."""
    family = ProductSlabs(model_of(FRONT, tolerance=1e-6), (4, 6), 4, 1)
    aim, none = replace(family.initial_aim(0.1), degree=6), np.zeros(1)
    at = TimePass(family.problem, SlabHistory((), (), (0.0,), none, none), 1e-6, (1.0,), 0.1, Monitor(None, None))
    slab = family.attempt(aim, FIRST_SLAB, at)
    begun, guess = insert_knots(aim.start, slab, 1e-12)
    finer = Space((*begun.axes, slab.piece[0].axes[-1]))
    x, t = np.linspace(0, 1, 101), np.linspace(0, FIRST_SLAB, 11)
    exact = np.tanh(20 * (x[:, None] - 0.2 - t / 2))
    before, after = (
        np.abs(space.evaluate_grid(c, [x, t], (0, 0))[..., 0] - exact).max()
        for space, c in (slab.piece, (finer, guess))
    )
    assert after < 0.5 * before


def test_a_feature_is_gathered_for_until_too_many_attempts_were_in_vain():
    family = ProductSlabs(model_of(FRONT, tolerance=1e-3), (4, 4), 4, 1)
    aim, none = family.initial_aim(0.1), np.zeros(1)
    at = TimePass(family.problem, SlabHistory((), (), (0.0,), none, none), 1e-3, (1.0,), 0.1, Monitor(None, None))
    slab = family.attempt(aim, FIRST_SLAB, at)
    missed = HiddenFeature(np.array([0.31, 0.01]), np.array([0.01, 0.01]), 0.5)
    gathered = family.add_knots_at(aim, slab, missed)
    assert gathered.length < slab.length
    assert gathered.start.axes[0].intervals > aim.start.axes[0].intervals
    assert family.add_knots_at(replace(aim, rejections=MOST_REJECTIONS), slab, missed) is None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tolerance"), [("robertson", 1e-8), ("van_der_pol", 1e-6), ("van_der_pol", 1e-8)])
def test_stiff_systems_reach_a_tight_tolerance(name, tolerance):
    """One small unknown sees the rounding of large ones; errors are large while a front passes, and small again."""
    assert pinnkan.solve(pinnkan.load_problem(name, tolerance=tolerance)).verdict.converged


@pytest.mark.slow
def test_a_pulse_that_has_left_leaves_no_doubt():
    """What is left of it, 1e-5 of the pulse, is as large as its residual."""
    pulse = "exp(-100*(x - 0.5)**2)"
    found = pinnkan.solve(
        pinnkan.Problem(
            domain={"x": (0, 1), "t": (0, 4)},
            unknowns=["u"],
            equations=["u_tt = u_xx"],
            conditions=[
                ("initial", f"u = {pulse}"),
                ("initial", f"u_t = -dx({pulse})"),
                ("left", "u = 0"),
                ("right", "u_t + u_x = 0"),
            ],
        )
    )
    assert found.verdict.converged


@pytest.mark.parametrize(
    ("unknowns", "equations", "starts"),
    [
        ("a, b", ("a_t = b", "b_t = -a"), ("a + b = 1", "a - b = 1")),
        ("a", ("a_tt = -a",), ("a = 1", "a_t + 2*a = 2")),
        ("a, b", ("a_t = b", "b_t = -a"), ("a = 1, enforce: penalty", "b = 0, enforce: penalty")),
    ],
)
def test_conditions_at_the_start_that_are_no_values_hold_there_only(unknowns, equations, starts):
    """Each slab began with them once more: converged, 1.2, 2.4 and 0.3 off."""
    held = "".join(f"  - {{where: initial, equation: {e}}}\n" for e in starts)
    system = f"name: a\ndomain: {{t: [0, 3]}}\nunknowns: [{unknowns}]\nequations: {list(equations)}\n"
    solution = pinnkan.solve(pinnkan.load_problem(f"{system}conditions:\n{held}"))
    t = np.linspace(0, 3, 50)
    assert solution.verdict.converged
    assert np.abs(solution(t[:, None])["a"] - np.cos(t)).max() < 1e-5
    assert len(solution.field.breaks(0)) > 3  # a negative control: slabs follow one another


@pytest.mark.parametrize("start", ["a + a**3 = 2", "exp(a) + a = exp(1) + 1", "a*exp(a**2) = exp(1)"])
def test_a_start_that_is_no_value_is_solved_for_from_far(start):
    """No slab was short enough for a damped step from zero: the iteration diverged at t = 0."""
    held = f"conditions: [{{where: initial, equation: {start}}}]\n"
    text = f"name: a\ndomain: {{t: [0, 1]}}\nunknowns: [a]\nequations: [a_t = -a]\n{held}exact: {{a: exp(-t)}}\n"
    solution = pinnkan.solve(pinnkan.load_problem(text))
    assert solution.verdict.converged
    assert solution.levels[-1].true_error < 1e-5


ALGEBRAIC = """
name: algebraic
domain: {t: [0, 2]}
unknowns: [p, q]
equations: ["p_t = -q", "FUNCTION = p"]
conditions: [{where: initial, equation: p = START}]
"""


@pytest.mark.parametrize(
    ("written", "function", "slope", "start"),
    [
        ("q**3 + q", lambda q: q**3 + q, lambda q: 3 * q**2 + 1, 10.0),
        ("q + 1e-6*(exp(20*q) - 1)", lambda q: q + 1e-6 * np.expm1(20 * q), lambda q: 1 + 2e-5 * np.exp(20 * q), 3.0),
    ],
)
def test_an_unknown_without_a_start_is_solved_for_there(written, function, slope, start):
    """From zero as well: the iteration diverged at t = 0. With q alone, f'(q) q_t = -q."""
    solution = pinnkan.solve(pinnkan.load_problem(ALGEBRAIC.replace("FUNCTION", written).replace("START", str(start))))
    times = np.linspace(0, 2, 41)
    first = brentq(lambda q: function(q) - start, 0.0, start)
    exact = solve_ivp(lambda _, q: -q / slope(q), (0, 2), [first], "Radau", times, rtol=1e-10, atol=1e-12).y[0]
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(times[:, None])["q"], exact, rtol=0, atol=1e-4 * exact.max())


def test_values_at_the_start_are_carried_as_they_are():
    model = model_of(HEAT)
    assert model.later_slab_model is model


@pytest.mark.parametrize(("waves", "expected"), [(1, (1, 4)), (6, (1, 9))])
def test_data_that_ask_for_more_intervals_are_begun_with_the_highest_degree(waves, expected):
    model = model_of(text(f"exp(-t)*sin({waves}*x)", f"u_t = u_xx + {waves**2 - 1}*u", "v"), tolerance=1e-2)
    axis = replace(ProductSlabs(model, (4, 4), 1, 1), highest_degree=9).initial_aim(0.1).start.axes[0]
    assert (axis.intervals, axis.degree) == expected
    assert (ProductSlabs(model, (4, 4), 1, 1).initial_aim(0.1).start.axes[0].intervals > 1) == (waves > 1)
