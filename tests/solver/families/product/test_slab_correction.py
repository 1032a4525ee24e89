"""Corrections made one after the other are those made together; slabs that are given up have the local one only."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import model_of
from solved import on_slabs

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product import slab_correction, slabs
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.slab_history import MIN_SLABS, SlabHistory
from pinnkan.solver.time_pass import MAX_TOLERANCE_SHARE, TimePass

FRONT = """
name: front
domain: {x: [0, 1], t: [0, 0.5]}
unknowns: [u]
functions: {v: tanh(20*(x - 0.2 - t/2))}
equations: ["u_t + u*u_x = u_xx/50 + dt(v) + v*dx(v) - dx(dx(v))/50"]
conditions:
  - {where: initial, equation: u = v}
  - {where: boundary, equation: u = v}
exact: {u: v}
"""


def run(monkeypatch, many):
    """The outcome where spaces from so many coefficients on are large; attempts, and slabs with errors carried on."""
    attempts, carried = [], []
    first, second = slab_correction.correct_slab, slab_correction.propagate_error
    monkeypatch.setattr(slab_correction, "SEPARATE_SIZE", many)
    monkeypatch.setattr(slabs, "correct_slab", lambda *given: attempts.append(0) or first(*given))
    monkeypatch.setattr(slabs, "propagate_error", lambda *given: carried.append(0) or second(*given))
    out = on_slabs(model_of(FRONT, tolerance=1e-4), 4, 4, 1, Monitor(None, None))
    return out, len(attempts), len(carried)


def test_one_after_the_other_they_are_what_they_are_together(monkeypatch):
    together, _, _ = run(monkeypatch, np.inf)
    apart, attempts, carried = run(monkeypatch, 0)
    estimates = [[level.estimate for level in out.levels] for out in (together, apart)]
    assert estimates[1] == pytest.approx(estimates[0], rel=1e-6)
    ends = [[level.time for level in out.levels] for out in (together, apart)]
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)
    assert len(apart.levels) <= carried < attempts


def test_in_the_plane_a_slab_that_is_held_short_may_have_a_larger_share():
    none = np.zeros(1)
    plane = FRONT.replace("x: [0, 1]", "x: [0, 1], y: [0, 1]")
    line, square = (
        TimePass(
            model_of(text).problem, SlabHistory((), (), (0.0,), none, none), 1e-3, (0.5,), 0.1, Monitor(None, None)
        )
        for text in (FRONT, plane)
    )
    assert square.allowed_correction(0.005) > 3.0 * line.allowed_correction(0.005)
    assert square.allowed_correction(0.25) == line.allowed_correction(0.25)


def test_in_the_plane_a_slab_may_make_more_where_errors_die_out():
    """If slabs keep the share q of the square of an error, no more than 1 / (1 - q) of them add up."""
    none, plane = np.zeros(1), FRONT.replace("x: [0, 1]", "x: [0, 1], y: [0, 1]")

    def allowed(text, kept, slabs=5):
        run = SlabHistory((), (), (0.0,), none, none, error_rms=(1e-5,) * slabs, carried_rms=(kept * 1e-5,) * slabs)
        return TimePass(model_of(text).problem, run, 1e-3, (0.5,), 0.1, Monitor(None, None)).allowed_correction(0.005)

    assert allowed(plane, 0.9) == pytest.approx(0.19**0.5 / SAFETY * 1e-3)
    assert (
        MAX_TOLERANCE_SHARE * 1e-3
        == allowed(plane, 0.5)
        > allowed(plane, 0.9)
        > allowed(plane, 1.0)
        == allowed(plane, 2.0)
    )
    assert allowed(plane, 0.5, slabs=MIN_SLABS) == allowed(plane, 1.0)
    assert allowed(FRONT, 0.5) == allowed(FRONT, 1.0)


def test_where_the_equations_bend_within_the_error_a_pass_aims_less_far_and_is_not_believed(monkeypatch):
    found = []
    monkeypatch.setattr(
        slabs, "curvature_share", lambda *given: found.append(slab_correction.curvature_share(*given)) or 0.6
    )
    out = on_slabs(model_of(FRONT, tolerance=1e-4), 4, 4, 2, Monitor(None, None))
    assert out.reason == "max_levels"
    assert "bend too much" in out.detail
    assert out.levels[-1].estimate < 1e-6  # of the second pass
    assert 0.0 < max(found) < 0.01  # in truth


@pytest.mark.parametrize(("together", "is_solved"), [(0.0, True), (np.inf, False)])
def test_what_curvature_makes_is_solved_for_where_it_may_add_up(monkeypatch, together, is_solved):
    calls, made = [], System.step_for_residuals
    monkeypatch.setattr(System, "step_for_residuals", lambda self, left: calls.append(0) or made(self, left))
    monkeypatch.setattr(slab_correction, "CURVATURE_TOTAL", together)
    on_slabs(model_of(FRONT, tolerance=1e-4), 4, 4, 1, Monitor(None, None))
    assert bool(calls) == is_solved  # no slab makes as much as MAY_COUNT by itself


def test_what_an_equation_bends_is_half_its_second_difference():
    """(c + d)^2 and (c - d)^2 less twice c^2 are 2 d^2; solved for, the integral of d^2 along a line, with its sign."""
    model = model_of("""
name: square
domain: {t: [0, 1]}
unknowns: [u]
equations: ["u_t = u**2"]
conditions: [{where: initial, equation: u = 0}]
""")
    space = Space((Axis(np.linspace(0, 1, 3), 5),))
    system = System(model, space, keeps_solver=True)
    zero, step = np.zeros(space.shape), np.full(space.shape, 1e-3)
    fixed = np.zeros(space.shape, dtype=bool)
    fixed[0] = True
    system.gauss_newton_steps(zero, [zero], fixed)
    (left,) = system.second_difference(zero, step)
    made = system.step_for_residuals([left])
    np.testing.assert_allclose(made[-1, 0], 1e-6, rtol=1e-9)


def test_without_the_other_the_estimate_is_another(monkeypatch):
    apart, _, _ = run(monkeypatch, 0)
    monkeypatch.setattr(slab_correction, "_with_initial_errors", lambda *given: slab_correction.with_fixed_values(
        given[0], given[2], given[1].halved_traces(), slab_correction.side_values(given[0], given[2]), given[3]
    ))  # fmt: skip
    alone, _, _ = run(monkeypatch, 0)
    assert alone.levels[-1].estimate != pytest.approx(apart.levels[-1].estimate, rel=1e-2)


@pytest.mark.slow
def test_what_decays_to_nothing_in_space_keeps_its_estimate(monkeypatch):
    """Errors are carried on more accurately than the solution decays in a slab."""
    problem = pinnkan.load_problem(DECAY)
    found = pinnkan.solve(problem)
    assert found.verdict.converged
    assert found.true_error < found.verdict.estimate
    monkeypatch.setattr(slab_correction, "GLOBAL_ACCURACY_IN_SPACE", 1e-3)
    assert pinnkan.solve(problem).levels[-1].estimate > 3.0 * found.verdict.estimate


DECAY = """
name: decay
domain: {x: [0, 1], y: [0, 1], z: [0, 1], t: [0, 1]}
functions: {v: exp(-3*pi**2*t)*sin(pi*x)*sin(pi*y)*sin(pi*z)}
unknowns: [u]
equations: [u_t = lap(u)]
conditions:
  - {where: initial, equation: "u = v"}
  - {where: boundary, equation: "u = 0"}
exact: {u: v}
solver: {tolerance: 1.0e-5}
"""


@pytest.mark.slow
def test_corrections_see_what_a_nonlinear_term_makes_between_the_points():
    """With a Gauss point less per interval the effectivity was 1.04 here, 0.6 of Kuramoto-Sivashinsky's equation."""
    problem = pinnkan.load_problem("reaction_front")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-6)))
    assert 1.2 < solution.verdict.estimate / solution.true_error < 1.4
