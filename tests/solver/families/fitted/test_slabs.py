"""Slabs of time in coordinates that move with a front: followed, solved, corrected, refined and accepted."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from askew_problems import BURGERS, TURNING, error_of, model_of
from stored_state import same_bits, stored

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import FittedPiece, rotated_coordinates
from pinnkan.kan.product import Space
from pinnkan.solver.families.fitted import slabs as fitted_slabs
from pinnkan.solver.families.fitted.initial_front import (
    axes_for_data,
    extrapolate_coordinates,
    front_coordinates,
    initial_values,
)
from pinnkan.solver.families.fitted.levels import Corrections
from pinnkan.solver.families.fitted.slabs import DEGREES, FittedSlab, FittedSlabs
from pinnkan.solver.families.product.step_control import MARGIN
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.required_slab_ends import required_slab_ends
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.slab_loop import SHORTENING, march_in_time
from pinnkan.solver.slab_loop_state import MarchState
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Reason


def family_of(model, share):
    """The slabs of a model on the front of its initial data, with knots that represent these to a share."""
    values = initial_values(model)
    first = front_coordinates(model.problem, values)
    return FittedSlabs(model, first, axes_for_data(values, first, model.problem, DEGREES[:2], share), values, 1, "")


def before_the_first(model):
    zero = np.zeros(1)
    run = SlabHistory((), (), (0.0,), zero, zero)
    return TimePass(model.problem, run, 1e-2, required_slab_ends(model.problem), 0.0, Monitor(None, None))


def after(at, slab):
    run = at.slab_history
    pieces, errors, ends = (*run.slabs, slab.piece), (*run.error_pieces, slab.error), (*run.ends, at.time + slab.length)
    squares = run.squared_norms + slab.squared_norms
    error_squares = run.squared_error_norms + slab.squared_error_norms
    return replace(at, slab_history=SlabHistory(pieces, errors, ends, squares, error_squares))


def test_a_slab_follows_the_front_and_corrects_itself():
    """One slab over a twentieth of a turn: the course bends after the front, and the estimate is honest."""
    model = model_of(TURNING)
    family = family_of(model, 3e-2)
    slab = family.attempt(family.initial_aim(1e-2), 0.1, before_the_first(model))
    true = error_of(slab.system, slab.piece.terms[0][1])
    assert true < 2e-2
    assert 0.8 <= slab.correction_size / true <= 10
    propagated = float(np.sqrt(slab.squared_error_norms / slab.squared_norms)[0])
    assert 0.8 * true <= propagated <= slab.correction_size * (1.0 + 1e-12)  # nothing comes from slabs before
    later = extrapolate_coordinates(slab.piece.coordinates, (*model.problem.box.ranges[:2], (0.1, 0.2)))
    assert later.angle % np.pi == pytest.approx(np.pi / 6 + np.pi / 20, abs=0.02)


@pytest.mark.slow
def test_a_nonlinear_slab_starts_from_a_state_that_moves_with_the_front():
    """From the state frozen in x and y, Gauss-Newton took 8 steps here, 13 elsewhere, or did not settle."""
    model = model_of(BURGERS)
    family, at = family_of(model, 1e-3), before_the_first(model)
    aim, mistakes = family.initial_aim(1e-2), []
    for end in (0.02, 0.15):
        slab = family.attempt(aim, end - at.time, at)
        assert len(slab.steps) <= 6
        mistakes.append(error_of(slab.system, slab.piece.terms[0][1]))
        aim, at = family.plan_next(aim, slab, at), after(at, slab)
    assert max(mistakes) < 2e-3


def wide_front():
    """A wide front in two slabs, the first of which is rejected twice, once FIRST_SLAB is a half."""
    model = model_of(TURNING.replace("2e-3", "5e-2").replace("1e-2", "1e-3"), "0.02")
    first = rotated_coordinates(np.pi / 6, model.problem.box.ranges[:2])
    box = first.covering_ranges(model.problem.box.ranges[:2])
    axes = tuple(Axis(np.linspace(*ends, n + 1), 4) for ends, n in zip(box, (4, 2), strict=True))
    return FittedSlabs(model, first, axes, initial_values(model), 1, "")


@pytest.mark.slow
def test_going_on_from_a_stored_state_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(fitted_slabs, "FIRST_SLAB_SHARE", 0.5)
    family, states = wide_front(), []
    verify = Verifier(family.model)
    whole = march_in_time(family, verify, Monitor(None, None, lambda state, _: states.append(state)))
    within = next(s for s in states if s.aim.best is not None)
    assert (len(within.slab_history.slabs), len(states[-1].slab_history.slabs)) == (0, 1)
    for state in (within, states[-1]):
        again = march_in_time(family, verify, Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert [replace(x, seconds=0.0) for x in again.levels] == [replace(x, seconds=0.0) for x in whole.levels]
    finer = replace(states[-1].aim, axes=(family.axes[0].halved(), family.axes[1]))
    moved = replace(states[-1], aim=finer, newton=None)
    assert not same_bits(march_in_time(family, verify, Monitor(None, None, resumed=moved)), whole)


def test_the_time_limit_ends_a_slab_between_two_steps_and_the_data_are_there_to_show():
    model = model_of(BURGERS)
    family, monitor = family_of(model, 1e-3), Monitor(1e-9, None)
    out = march_in_time(family, Verifier(model), monitor)
    assert (out.reason, out.levels) == (Reason.MAX_TIME, ())
    assert isinstance(monitor.state, MarchState)
    assert len(monitor.state.newton.steps) == 1
    points = np.random.default_rng(0).random((200, 3)) * [1, 1, monitor.state.initial_end]
    shown = out.field(points, [(0, 0, 0)])[:, 0, 0]
    np.testing.assert_allclose(shown, family.initial_values(points[:, :2])[:, 0], atol=0.02)
    assert np.ptp(shown) > 0.9


COURSE = rotated_coordinates(1.0, ((0.0, 1.0), (0.0, 1.0)))
AXES = (Axis(np.linspace(0, 1, 5), 5), Axis(np.linspace(0, 1, 3), 4))


@dataclass(frozen=True, eq=False)
class Pretended(FittedSlabs):
    """Slabs whose correction is ``correction`` of the intervals across, and ``late`` of the length, in time."""

    correction: object = None
    late: object = None
    seen: tuple[list, list] = ()

    def initial_piece(self, aim):
        return FittedPiece(COURSE, ()), 0.01

    def attempt(self, aim, length, at):
        sizes = (self.correction(aim.axes[0].intervals), 0.0, self.late(length))
        self.seen[0].append((length, sum(sizes), aim.axes[0].intervals))
        space = Space((*aim.axes, Axis(np.array([0.0, length]), 4)))
        local = Corrections((None, None), sizes, tuple(np.ones(a.intervals) for a in aim.axes))
        piece, one = FittedPiece(aim.coordinates, ((space, np.zeros(space.shape)),)), np.ones(1)
        return FittedSlab(piece, piece, length, (), one, one, one, local, None, correction_size=sum(sizes))

    def evaluate_minimum(self, slab, at):
        return LossMinimum(None, (1, 1, 1), (5, 4, 4), 1, 1, 0.0, 0.0)

    def plan_next(self, aim, slab, at):
        self.seen[1].append((slab.length, slab.correction_size))
        raise TimeoutError


class Silent(SimpleNamespace):
    """Checks that find nothing."""

    def __call__(self, candidate):
        return ()


def attempts(correction, late=lambda _: 0.0):
    """(length, size, intervals) of all attempts, and of the accepted one.

    ``correction`` is a function of the intervals across, ``late`` of the length.
    """
    problem = replace(model_of(TURNING.replace("1e-2", "1e-4"), "0.01").problem, exact={})
    family = Pretended(SimpleNamespace(problem=problem), COURSE, AXES, None, 1, "", correction, late, ([], []))
    silent = SimpleNamespace(
        first_event=lambda *_: None, predict_event=lambda *_: None, permanent_stops=lambda stops: stops
    )
    verify = Silent(feature_check=silent, event_finder=silent)
    with pytest.raises(TimeoutError):
        march_in_time(family, verify, Monitor(None, None))
    seen, (accepted,) = family.seen
    return seen, accepted


def test_a_slab_in_which_gauss_newton_fails_is_tried_again_shorter():
    outcomes = iter([False, False, True])

    def correction(_):
        if not next(outcomes):
            raise SolverError("Gauss-Newton did not settle in a slab")
        return 1e-9

    seen, accepted = attempts(correction)
    assert len(seen) == 1
    assert accepted[0] == pytest.approx(0.02 * 0.01 * SHORTENING**2)


def test_knots_that_only_raise_the_correction_are_given_up_after_two_attempts():
    seen, accepted = attempts(lambda n: 1e-3 * n)
    sizes = [size for _, size, _ in seen]
    assert sizes[:3] == sorted(set(sizes[:3]))
    assert accepted[1] == sizes[0]
    assert len(seen) == 1 + fitted_slabs.MOST_STAGNANT_ATTEMPTS + 1  # the best one is made again


def test_knots_that_lower_the_correction_are_put_in_until_it_is_allowed():
    seen, accepted = attempts(lambda n: 1e-2 * 4.0**-n)
    assert len(seen) > 1
    assert accepted[1] == min(size for _, size, _ in seen)


def test_without_the_rule_all_rejections_would_be_used_up(monkeypatch):
    monkeypatch.setattr(fitted_slabs, "MOST_STAGNANT_ATTEMPTS", 99)
    seen, _ = attempts(lambda n: 1e-3 * n)
    assert len(seen) == 1 + fitted_slabs.MOST_REJECTIONS


def test_attempts_that_are_too_long_are_none_in_vain():
    """The shorter they are, the more of a pulse in time they see, until it is resolved."""
    seen, accepted = attempts(lambda _: 1e-9, lambda length: 1e-6 / length if length > 1e-6 else 1e-9)
    assert len(seen) > 1 + fitted_slabs.MOST_STAGNANT_ATTEMPTS
    assert accepted[0] <= 1e-6
    assert {intervals for *_, intervals in seen} == {AXES[0].intervals}


def test_coordinates_that_fit_no_better_are_not_taken(monkeypatch):
    """Something steeper than the front does not turn a slab away: the loss of the third turn was a third larger."""
    v = "(erf(s/sqrt(4*eps*(t + 0.5))) + b)"
    b = "5*exp(-((t - 0.05)/0.03)**2)*(1 - 4*x**2)*(1 - 4*y**2)"
    text = TURNING.replace("  v: erf(s/sqrt(4*eps*(t + 0.5)))", f"  b: {b}\n  v: {v}")
    source = "dt(b) + spin*(x*dy(b) - y*dx(b)) - eps*lap(b)"
    model = model_of(text.replace("= eps*lap(u)", f"= eps*lap(u) + {source}"))
    family, losses = family_of(model, 3e-2), []
    for turns in (3, 1):
        monkeypatch.setattr(fitted_slabs, "MOST_SOLVES", turns)
        slab = family.attempt(family.initial_aim(1e-2), 0.05, before_the_first(model))
        losses.append(slab.system.mean_square(slab.piece.terms[0][1]))
    assert losses[0] <= losses[1]


@pytest.mark.parametrize(("sizes", "taken"), [((2.0, 1.0), 1), ((1.0, 2.0), 0)])
def test_of_coordinates_that_leave_more_the_smaller_correction_decides(monkeypatch, sizes, taken):
    """turning_front at 1e-6 stayed in coordinates that left less, and took 20 times as long."""
    model, losses, seen = model_of(TURNING), iter((1.0, 2.0)), []
    family = family_of(model, 3e-2)
    monkeypatch.setattr(fitted_slabs.ImmersedSystem, "mean_square", lambda *_: next(losses))
    monkeypatch.setattr(fitted_slabs, "MOST_COURSE_OFFSET", 0.0)  # the front is never straight enough

    def corrected(system, found, length, at):
        seen.append(SimpleNamespace(system=system, correction_size=sizes[len(seen)]))
        return seen[-1]

    monkeypatch.setattr(fitted_slabs, "_correct_slab", corrected)
    slab = family.attempt(family.initial_aim(1e-2), 0.05, before_the_first(model))
    assert slab is seen[taken]
    assert seen[0].system.coordinates is not seen[1].system.coordinates


def test_a_slab_is_as_long_as_its_correction_in_time_allows():
    def length(size, allowed):
        local = SimpleNamespace(sizes=(0.0, 0.0, size))
        slab = SimpleNamespace(length=0.1, local_corrections=local, piece=SimpleNamespace(coordinates=COURSE))
        slab.space = SimpleNamespace(axes=AXES)
        return FittedSlabs.plan_next(None, None, slab, SimpleNamespace(allowed_correction=lambda _: allowed)).length

    assert length(0.3e-5, 1e-5) == pytest.approx(0.1 * MARGIN)
    assert length(0.3e-5, 0.9e-5) < length(0.3e-5, 1e-5) < length(0.3e-5, 1.1e-5)
