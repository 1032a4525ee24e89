"""Levels of a steady front in coordinates that are trained on the way."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from askew_problems import FRONT, SMOOTH, WIDE, error_of, model_of, steady_system, step_from

from pinnkan.kan.coordinates.warped import rotated_coordinates
from pinnkan.solver.families.fitted.levels import (
    MOST_STAGNANT_LEVELS,
    Corrections,
    FittedLevels,
    corrections_by_axis,
    mark_intervals,
)
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Reason

BENT = """
name: bent
domain:
  x: [0, 1]
  y: [0, 1]
parameters:
  w: 0.004
functions:
  v: tanh((y - 0.2 - 0.4*x - 0.25*x**2)/w)
unknowns: [u]
equations:
  - -w*lap(u) + u_y - 0.6*u_x = -w*lap(v) + dy(v) - 0.6*dx(v)
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
solver:
  tolerance: 1e-3
"""


def family(text, degrees, middle, most):
    model = model_of(text)
    return FittedLevels(model, rotated_coordinates(np.radians(degrees), model.problem.box.ranges, middle), most)


def solved(levels, leave=lambda _: False):
    return solve_levels(levels, Verifier(levels.model), Monitor(None, None), initial_levels_state(levels), leave)[0]


def test_corrections_estimate_the_error_and_see_along_which_coordinate_it_is():
    system = steady_system(FRONT, (24, 3), angle=np.radians(120))
    c = step_from(system, np.zeros(system.space.shape))
    found = corrections_by_axis(system, c, system.squared_norms(c)[0])
    true = error_of(system, c)
    assert 0.8 * true <= sum(found.sizes) <= 10 * true
    assert mark_intervals(found, 1e-6)[0].any()
    assert not mark_intervals(found, 1e-6)[1].any()


def test_a_wrong_angle_is_trained_level_by_level():
    out = solved(family(WIDE, 123, 0.2, 8))
    assert out.reason == Reason.CONVERGED
    assert np.degrees(out.field.pieces[0].coordinates.angle) == pytest.approx(120, abs=0.5)
    assert out.levels[-1].true_error <= 1e-2
    early = solved(family(WIDE, 123, 0.2, 12), lambda _: True)
    assert early.reason is None
    assert len(early.levels) == 1


def test_what_was_missed_beside_the_front_is_resolved_and_does_not_turn_the_coordinates():
    """A bump of width 0.003: its gradients are three hundred times those of the front, which they led astray."""
    bump = "30*exp(-((x - 0.7312)**2 + (y - 0.2177)**2)/0.003**2)"
    out = solved(family(WIDE.replace("+ x*y", f"+ {bump}"), 121, 0.2, 30))
    assert out.reason == Reason.CONVERGED
    assert np.degrees(out.field.pieces[0].coordinates.angle) == pytest.approx(120, abs=0.1)
    assert out.levels[-1].true_error <= 1e-2
    assert any(a.is_resolved > b.is_resolved for a, b in zip(out.levels, out.levels[1:], strict=False))


@pytest.mark.parametrize(("potential", "held"), [("20", True), ("(169*pi**2 + 1)", False)])
def test_what_does_not_hold_the_waves_of_its_equation_is_not_resolved(potential, held):
    """However little of its residual is left: x y is nearly all of what there is."""
    text = SMOOTH.replace("sin(2*x + y)*exp(y)", "x*y + sin(12*pi*x)*sin(5*pi*y)/1e3")
    text = text.replace("-eps*lap(u) + cos(a)*u_x + sin(a)*u_y", f"lap(u) + {potential}*u")
    text = text.replace("-eps*lap(v) + cos(a)*dx(v) + sin(a)*dy(v)", f"lap(v) + {potential}*v")
    levels = family(text, 135, 0.0, 9)
    solved_once, _ = levels.minimise(levels.initial_state(), 0, Monitor(None, None))
    assert levels.evaluate_minimum(solved_once).is_resolved == held


@pytest.mark.slow
@pytest.mark.parametrize("start", [118.0, 128.0])
def test_a_front_that_is_not_resolved_yet_is_not_sought_in_the_corners(start):
    """Functions that the domain only touches took up the residual: the angle went off by 25 degrees or for good."""
    out = solved(family(BENT, start, 0.3, 16))
    assert out.reason == Reason.CONVERGED
    assert out.levels[-1].true_error <= 1e-3
    seen = [float(level.note.split(" degrees")[0].split()[-1]) for level in out.levels]
    assert max(abs(angle - 33.0) for angle in seen) < 15.0


@dataclass(frozen=True, eq=False)
class Forgetful(FittedLevels):
    """Refines once, and from then on begins again with the knots of the first level."""

    def refine(self, state, estimate, against):
        is_first = state.previous_field is None and state.previous_estimate == 1.0
        return (
            super().refine(state, estimate, against)
            if is_first
            else replace(self.initial_state(), previous_estimate=0.999)
        )


def test_levels_that_bring_neither_a_smaller_estimate_nor_half_of_the_residual_are_in_vain():
    fine = family(SMOOTH.replace("1e-3", "1e-13"), 115, 0.3, 20)
    levels = Forgetful(fine.model, fine.coordinates, fine.most_levels)
    out = solved(levels)
    assert out.reason == Reason.STALLED
    assert "no longer lower" in out.detail
    *tried, shown = out.levels
    assert [level.estimate for level in tried].index(shown.estimate) == 1  # the best one is shown again
    assert shown.number == len(tried) == 2 + MOST_STAGNANT_LEVELS
    assert out.field.pieces[0].terms[0][0].axes[1].intervals == shown.intervals[1]
    assert levels.stagnation_reason(tried)
    assert not levels.stagnation_reason(tried[:-1])
    assert not levels.stagnation_reason([*tried[:-1], replace(tried[-1], loss=0.4 * shown.loss)])  # still falling
    assert not levels.stagnation_reason([replace(level, is_resolved=False) for level in tried])
    missed = replace(tried[1], unseen="not seen by the points near x = 0.4")  # others are to be compared from there on
    assert not levels.stagnation_reason([tried[0], missed, *tried[2:]])


def test_more_knots_than_rounding_allows_end_without_success():
    """Each level has more knots, and rounding what is left: how it ends hangs on the order of the sums."""
    out = solved(family(SMOOTH.replace("1e-3", "1e-13"), 115, 0.3, 5))
    assert out.reason in (Reason.STALLED, Reason.MAX_LEVELS)
    best = min(out.levels, key=lambda level: level.estimate)
    assert 1e-13 < 0.8 * best.true_error < best.estimate < 1e-6


@pytest.mark.parametrize("size", [1.0, 1e-4, 1e4])
def test_knots_go_where_nine_tenths_of_a_correction_are_whatever_its_size(size):
    mass = size * np.array([0.2, 5.0, 1.5, 0.3, 3.0])
    marks, others = mark_intervals(Corrections((), (1.0, 0.1), (mass, mass)), 1e-6)
    assert marks.tolist() == [False, True, True, False, True]
    assert not others.any()
