"""What a march makes of the time, its unit and its beginning, and what passes aim at, with a family that recites."""

from dataclasses import replace

import numpy as np
import pytest
from reciting import TOLERANCE, Growing, Looking, Recital, marched

from pinnkan.errors import SolverError
from pinnkan.problem.units.natural_units import natural_sizes
from pinnkan.solver.error_growth import TARGET_SHARE, LocalTolerance
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.slab_loop import (
    GIVE_UP_FACTOR,
    LARGE_SLAB_CURVATURE,
    MAX_CURVATURE_SHARE,
    MIN_SIZE_SHARE,
    TIGHTENING,
    _curvature_tightening,
    _exceeds_tolerance,
    _first_state,
)
from pinnkan.solver.slab_loop_state import FIRST_INSTANTS
from pinnkan.solver.verify.findings import ErrorAtLeast
from pinnkan.verdict.records import Reason
from pinnkan.verdict.verdict import judge


def test_the_first_instants_are_a_share_of_the_whole_time():
    """Slabs of 0.8 of them from t = 2 to 4: the second one ends beyond them."""
    looking = Looking(falls=lambda number: True)
    marched(Recital(first=0.8 * 2.0 * FIRST_INSTANTS, begins=2.0, total=2.0), looking)
    assert looking.asked[0] == 1


def test_time_may_begin_anywhere_and_have_any_unit():
    """What is given up, allowed in the next pass and estimated is the same from t = 2 to 6 as from 0 to 1."""
    families = [Growing(first=total / 64, begins=begins, total=total) for begins, total in ((0.0, 1.0), (2.0, 4.0))]
    outs = [marched(family) for family in families]
    assert [((t - 2.0) / 4.0, h / 4.0) for t, h in families[1].attempts] == families[0].attempts
    assert len(families[0].attempts) < 3 * 64
    assert families[1].locals == families[0].locals
    assert [level.estimate for level in outs[1].levels] == [level.estimate for level in outs[0].levels]
    assert outs[1].field.breaks(1).tolist() == [2.0 + 4.0 * t for t in outs[0].field.breaks(1)]


@pytest.mark.parametrize(("until", "times"), [(2.5, 0.25**0.5), (4.0, 1.0), (2.09, None)])
@pytest.mark.parametrize("kind", ["of what there is", "of what counts", "rounded"])
def test_a_pass_is_given_up_where_its_error_over_all_of_time_is_so_many_tolerances(kind, until, times):
    """From 2 to 4; the root mean square is that so far times the root of the share of time seen, if much is."""
    family, past = Recital(begins=2.0, total=2.0), until - 2.0
    bound = GIVE_UP_FACTOR * TOLERANCE / (times or 1.0)
    for share, expected in ((0.99, False), (1.01, times is not None)):
        error = share * bound
        correction, rounding = (0.0, error) if kind == "rounded" else (error / SAFETY, 0.0)
        size, least = (1e-9, 1.0) if kind == "of what counts" else (1.0, 0.0)
        squares, errors = np.array([size * past]), np.array([correction**2 * past])
        run = SlabHistory(
            (),
            (),
            (2.0, until),
            squares,
            errors,
            squared_rounding_integral=rounding**2 * past,
            squared_norm_floor=least,
        )
        assert (
            _exceeds_tolerance(
                family, replace(_first_state(family, 0, LocalTolerance.constant(1e-3)), slab_history=run)
            )
            == expected
        )


def test_what_counts_is_a_share_of_the_natural_size_per_time():
    family, states = Recital(begins=2.0, total=2.0), []
    marched(family, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert states[0].slab_history.squared_norm_floor == pytest.approx(
        np.square(MIN_SIZE_SHARE * np.array(natural_sizes(family.problem)[0]))
    )
    small = Recital(begins=2.0, total=2.0, error=20.0)
    small.size = 1e-2 * MIN_SIZE_SHARE
    marched(small, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert states[-1].pass_number > 0
    assert states[-1].slab_history.squared_norm_floor == pytest.approx([small.size**2])


def test_where_equations_bend_or_stability_falls_the_next_pass_aims_less_far():
    class Bent(Recital):
        def attempt(self, aim, length, at):
            return replace(super().attempt(aim, length, at), curvature_share=1.1 * MAX_CURVATURE_SHARE)

    for family, looking in ((Bent(), Looking()), (Recital(), Looking(falls=lambda number: True))):
        out = marched(family, looking)
        assert not judge(out.levels, TOLERANCE, out.reason).converged
        assert family.locals[:2] == pytest.approx([TOLERANCE, TOLERANCE * TARGET_SHARE * TIGHTENING])


def test_what_many_slabs_bend_together_is_in_proportion_to_the_error():
    """Heat2d-LT at 1e-2 took three times as long as at 1e-3: 52 slabs of 0.02 at most, 0.33 in all."""
    assert _curvature_tightening(bent(0.08, 0.16, 0.24)) == 1.0
    assert _curvature_tightening(bent(*np.linspace(0.0, 2.0 * MAX_CURVATURE_SHARE, 11))) == pytest.approx(0.5)
    assert (
        _curvature_tightening(bent(0.02, 0.02 + 1.1 * LARGE_SLAB_CURVATURE, MAX_CURVATURE_SHARE + 0.01)) == TIGHTENING
    )
    assert (
        _curvature_tightening(bent(0.02, 0.02 + 1.1 * LARGE_SLAB_CURVATURE)) == 1.0
    )  # a negative control: no more than may be


def bent(*bendings):
    none = np.zeros(1)
    return SlabHistory((), (), (0.0,), none, none, curvature_shares=bendings)


def test_a_pass_that_was_given_up_is_not_the_end(monkeypatch):
    """It had been `converged`, at a fourth of the time, where its estimate was small for what it had got."""
    whole = marched(Recital(begins=2.0)).levels[-1].time
    given_up = []

    def gives_up(family, state):
        given_up.append(state.pass_number == 0 and bool(state.slab_history.slabs))
        return given_up[-1]

    monkeypatch.setattr("pinnkan.solver.slab_loop._exceeds_tolerance", gives_up)
    assert marched(Recital(begins=2.0)).levels[-1].time == whole
    assert any(given_up)


@pytest.mark.parametrize(("left", "slabs"), [(1e-12, 1), (4e-12, 2)])
def test_what_is_left_of_the_time_by_rounding_is_no_slab(left, slabs):
    class Short(Recital):
        def next_length(self, aim, at):
            return at.end - at.time - (left if at.time == at.start else 0.0)

    assert len(marched(Short(begins=2.0, total=2.0, passing=3.0, solvable=3.0)).levels) == slabs


def test_the_error_of_a_slab_is_looked_at_in_its_time():
    class Seeing(Looking):
        def between(self, field, box, loss, spaces, known):
            assert tuple(known.error.breaks(1)) == box.ranges[1]
            return super().between(field, box, loss, spaces, known)

    looking = Seeing()
    marched(Recital(begins=2.0), looking)
    assert len(looking.boxes) == 2


@pytest.mark.parametrize(("reason", "told"), [(Reason.DIVERGED, Reason.UNDERSAMPLED), (Reason.NOT_FINITE,) * 2])
def test_a_march_that_diverges_at_something_narrow_says_so(reason, told):
    looking = Looking()
    looking.narrow_feature_at = lambda time: f"narrow at {time}"
    with pytest.raises(SolverError, match="narrow at 0.5" if told != reason else "no solution") as found:
        marched(Recital(floor=0.7, fixed=True, failure=SolverError("no solution", reason)), looking)
    assert found.value.reason == told


class Switching(Looking):
    """What finds, in every slab, equations that switch by ``size`` within the error."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def find(self, candidate):
        return ErrorAtLeast(self.size, "a threshold")


def test_what_is_switched_within_the_error_asks_for_tighter_passes_and_is_then_undecided():
    family = Recital(most_passes=3)
    out = marched(family, Switching(2 * TOLERANCE))
    assert (out.reason, out.detail) == (Reason.UNDECIDED, "a threshold")
    assert family.locals[1] <= TIGHTENING * family.locals[0] * 1.01
    assert marched(Recital(), Switching(0.5 * TOLERANCE)).reason == Reason.CONVERGED  # a negative control


def test_what_was_switched_grows_as_errors_do():
    state = _first_state(Recital(), 0, LocalTolerance.constant(TOLERANCE))
    grown = state.with_switch_error(1.0, 1e-4, "here").with_switch_error(20.0).with_switch_error(0.1, 1e-4, "there")
    assert grown.switch_error[:2] == pytest.approx((3e-4, 2e-3))
    assert grown.switch_error[2] == "here"
