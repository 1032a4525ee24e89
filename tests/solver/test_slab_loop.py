"""The loop over slabs, with a family that only recites: what is accepted, tried again and kept, and how it ends."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from reciting import TOLERANCE, Growing, Looking, Recital, ends, marched, stated

from pinnkan.errors import SolverError
from pinnkan.solver.error_growth import MIN_CUT, TARGET_SHARE
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.slab_loop import GIVE_UP_FACTOR, LASTING_SLABS, MAX_CURVATURE_SHARE, ROUNDING_HAS_GROWN, SHORTENING
from pinnkan.solver.slab_loop_state import FIRST_INSTANTS
from pinnkan.solver.time_pass import JUMP_WIDTH, PAST_TIME_SHARE, SMALLEST_SLAB, TIME_ROUNDING, TimePass
from pinnkan.verdict.records import Iteration, Reason
from pinnkan.verdict.verdict import judge


def test_stability_is_asked_of_ever_fewer_slabs():
    looking = Looking()
    assert marched(Recital(first=0.05), looking).reason == Reason.CONVERGED
    assert looking.asked == [0, 1, 3, 7, 15]


def test_slabs_of_the_first_instants_are_not_asked_for_their_stability():
    looking = Looking(falls=lambda number: True)
    run = marched(Recital(first=0.3 * FIRST_INSTANTS), looking)
    assert (run.reason, run.levels[0].time[1]) == (Reason.RANK_DEFICIENT, 0.3 * FIRST_INSTANTS)
    assert min(looking.asked) > 0


@pytest.mark.parametrize(
    ("ranges", "time", "expected"),
    [
        ((0.0, 1.0), 0.0, JUMP_WIDTH**2),
        ((0.0, 1.0), 1e-10, PAST_TIME_SHARE * 1e-10),
        ((0.0, 1.0), 0.5, SMALLEST_SLAB),
        ((1.0, 3.0), 1.0, TIME_ROUNDING),
    ],
)
def test_slabs_may_be_shortest_at_the_start(ranges, time, expected):
    problem, none = stated(), np.zeros(1)
    problem = replace(problem, domain=problem.domain.time_part(*ranges))
    at = TimePass(
        problem, SlabHistory((), (), (ranges[0], time), none, none), 1e-3, (ranges[1],), 0.1, Monitor(None, None)
    )
    assert at.shortest() == pytest.approx(expected)


def test_slabs_may_be_as_short_again_after_a_jump():
    problem, none = stated(), np.zeros(1)
    problem = replace(problem, domain=problem.domain.time_part(0.0, 1.0))
    run = SlabHistory((), (), (0.0, 0.5), none, none)
    after, later = (TimePass(problem, run, 1e-3, (*stop, 1.0), 0.1, Monitor(None, None)) for stop in ((0.5,), ()))
    assert after.shortest() == pytest.approx(TIME_ROUNDING * 0.5)
    assert after.is_early(0.5 + TIME_ROUNDING)
    assert not after.is_early(0.5 + 10.0 * TIME_ROUNDING)
    assert later.shortest() == pytest.approx(SMALLEST_SLAB)
    assert not later.is_early(0.5)


def test_a_stability_constant_that_goes_on_falling_ends_the_solve():
    looking = Looking(falls=lambda number: number > 0)
    out = marched(Recital(first=0.1), looking)
    assert (out.reason, out.detail, len(out.levels)) == (Reason.RANK_DEFICIENT, "it falls on", LASTING_SLABS)
    once = Looking(falls=lambda number: number == 1)
    assert marched(Recital(first=0.1), once).reason == Reason.CONVERGED
    assert once.asked == [0, 1, 2, 3, 7]


def test_conditions_that_leave_a_part_of_the_start_open_are_asked_once():
    """heaviside(x - 0.5)*(u - 1) = 0 at the start: every later slab begins with the whole state of the one before."""
    looking = Looking(falls=lambda number: number < 2, has_open_start=True)
    assert marched(Recital(first=0.1), looking).reason == Reason.RANK_DEFICIENT
    assert marched(Recital(first=0.1), Looking(falls=lambda number: number < 2)).reason == Reason.CONVERGED


def test_a_last_slab_that_has_not_settled_is_not_converged():
    assert marched(Recital(first=0.5), Looking(falls=lambda number: True)).reason == Reason.RANK_DEFICIENT


def test_a_slab_whose_residual_is_that_of_its_data_is_tried_again():
    class Rough(Recital):
        def evaluate_minimum(self, slab, at):
            return replace(super().evaluate_minimum(slab, at), is_resolved=slab.length < 0.2)

    out = marched(Rough(first=0.5))
    assert (out.reason, max(b - a for a, b in (level.time for level in out.levels))) == (Reason.CONVERGED, 0.1875)
    impatient = marched(Rough(first=0.5, patient=False))
    assert not judge(impatient.levels, TOLERANCE, impatient.reason).converged
    assert judge(out.levels, TOLERANCE, out.reason).converged


def test_rounding_of_slabs_counts_and_may_be_too_much():
    class Rounded(Recital):
        def attempt(self, aim, length, at):
            return replace(super().attempt(aim, length, at), rounding=self.rounding)

    for rounding, reason in ((0.5, Reason.CONVERGED), (0.95, Reason.MAX_LEVELS), (2.0, Reason.BELOW_ROUNDING)):
        family = Rounded(slabs=2)
        family.rounding = rounding * TOLERANCE
        out = marched(family)
        assert out.reason == reason
        assert out.levels[-1].estimate == pytest.approx((SAFETY * 0.1 + rounding) * TOLERANCE)


def unhurried(records):
    return [replace(record, seconds=0.0) for record in records]


def test_slabs_cover_the_time_and_their_errors_add_up():
    out = marched(Recital(first=0.4))
    assert out.reason == Reason.CONVERGED
    assert ends(out) == pytest.approx([0.4, 0.8, 1.0])
    assert all(a.time[1] == b.time[0] for a, b in pairwise(out.levels))
    assert [level.estimate for level in out.levels] == pytest.approx([SAFETY * 0.1 * TOLERANCE] * 3)
    assert [level.number for level in out.levels] == [0, 1, 2]
    assert out.field.grid([np.array([0.5]), np.array([0.1, 0.9])], (0, 0)) == pytest.approx(np.ones((1, 2, 1)))
    assert out.network == "a network"


def test_a_slab_that_does_not_pass_is_tried_again_and_its_steps_are_told():
    family, heard = Recital(passing=0.3), []
    out = marched(family, monitor=Monitor(None, heard.append))
    assert family.attempts[:3] == [(0.0, 0.5), (0.0, 0.25), (0.25, 0.5)]
    assert ends(out) == [0.25, 0.5, 0.75, 1.0]
    assert len(out.history) == len(family.attempts) == 7  # the last one is as short as what remains
    assert [x for x in heard if isinstance(x, Iteration)] == list(out.history)
    assert [level.iterations for level in out.levels] == [1] * 4


def test_a_slab_is_accepted_as_it_is_where_no_other_attempt_is_to_be_had():
    family = Recital(passing=0.3, patient=False)
    assert ends(marched(family)) == [0.5, 1.0]
    assert len(family.attempts) == 2


def test_only_slabs_that_pass_are_looked_at_in_their_own_box():
    looking = Looking()
    marched(Recital(passing=0.3), looking)
    assert [box.ranges for box in looking.boxes] == [((0.0, 1.0), (t, t + 0.25)) for t in (0.0, 0.25, 0.5, 0.75)]


@pytest.mark.parametrize(("times", "unseen"), [(0, False), (1, False), (2, True)])
def test_a_missed_feature_gets_knots_and_is_told_of_where_it_is_still_missed(times, unseen):
    family = Recital()
    out = marched(family, Looking(times))
    assert len(family.attempts) == 2 + (times > 0)
    assert ["x = 0.4, t = 0.3" in level.unseen for level in out.levels] == [unseen, False]


def test_a_slab_without_a_solution_is_tried_shorter():
    family = Recital(solvable=0.2)
    out = marched(family)
    assert out.reason == Reason.CONVERGED
    assert family.attempts[:3] == [(0.0, 0.5), (0.0, SHORTENING * 0.5), (SHORTENING * 0.5, 0.5)]
    assert len(out.history) == len(out.levels)  # what raised has no steps


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(None, Reason.NOT_FINITE), (np.linalg.LinAlgError("singular"), Reason.DIVERGED)],
    ids=["of the solver", "of the algebra"],
)
@pytest.mark.parametrize("fixed", [True, False])
def test_where_no_slab_is_short_enough_the_place_is_named_and_the_slabs_before_stay(fixed, failure, reason):
    """No slab crosses t = 0.7; one of a given length is not tried shorter."""
    family, monitor = Recital(floor=0.7, fixed=fixed, failure=failure), Monitor(None, None)
    with pytest.raises(SolverError, match=r"^at t = 0\.[567]") as found:
        marched(family, monitor=monitor)
    assert found.value.reason == reason
    assert ends(monitor.state)[0] == 0.5
    assert ends(monitor.state)[-1] == pytest.approx(0.5 if fixed else 0.7)
    assert monitor.state.field is not None


def test_another_pass_aims_lower_until_the_estimate_is_below_the_tolerance():
    family = Recital(error=2.0)
    out = marched(family)
    assert out.reason == Reason.CONVERGED
    assert family.locals == pytest.approx([TOLERANCE, TOLERANCE * TARGET_SHARE / (SAFETY * 2.0)])
    assert out.levels[-1].estimate == pytest.approx(TARGET_SHARE * TOLERANCE)
    assert (len(out.levels), len(out.history)) == (2, 4)  # the slabs of the last pass, the steps of both
    alone = Recital(error=0.5)
    marched(alone)
    assert alone.locals == [TOLERANCE]


def test_the_local_tolerance_falls_no_faster_than_it_may():
    family = Recital(error=1e9)
    out = marched(family)
    assert out.reason == Reason.MAX_LEVELS
    assert family.locals == pytest.approx([TOLERANCE * MIN_CUT**n for n in range(3)])


class Stuck(Recital):
    """The second pass has no slab from ``stuck`` on."""

    def __init__(self, stuck, **options):
        super().__init__(failure=SolverError("it did not settle", Reason.DIVERGED), **options)
        self.stuck = stuck

    def attempt(self, aim, length, at):
        self.solvable = 0.0 if len(self.locals) > 1 and at.time == self.stuck else 1.0
        return super().attempt(aim, length, at)


class StuckAndGiven(Stuck):
    """Of which the error outgrows the tolerance."""

    def attempt(self, aim, length, at):
        slab = super().attempt(aim, length, at)
        return replace(slab, squared_error_norms=np.exp(20.0 * at.time) * slab.squared_error_norms)


@pytest.mark.parametrize("time", [0.0, 0.5])
def test_a_pass_that_ends_early_leaves_what_the_one_before_it_has(time):
    out = marched(Stuck(time, error=2.0))
    assert (out.reason, ends(out)) == (Reason.MAX_LEVELS, [0.5, 1.0])
    assert out.detail == f"a tighter march ended at t = {time:.6g}: it did not settle"
    with pytest.raises(SolverError, match="it did not settle"):  # the first pass was given up: the solution may end
        marched(StuckAndGiven(0.0, error=2.0 * GIVE_UP_FACTOR, first=0.25))


def test_a_pass_whose_error_outgrows_the_tolerance_is_given_up_but_not_the_last_one():
    family = Growing(first=0.125)
    out = marched(family)
    begun = [t for t, _ in family.attempts]
    assert begun.count(0.0) == len(family.locals) == 3
    first, last = begun[: begun.index(0.0, 1)], begun[-8:]
    assert len(first) < 4
    assert last == [k / 8 for k in range(8)]
    assert np.exp(40.0 * first[-1]) * SAFETY > GIVE_UP_FACTOR
    assert (out.reason, ends(out)[-1]) == (Reason.MAX_LEVELS, 1.0)


@pytest.mark.parametrize(("options", "passes"), [({"most_passes": 1}, 1), ({"slabs": 2}, 1), ({"most_passes": 2}, 2)])
def test_passes_end_where_they_are_used_up_or_the_slabs_are_given(options, passes):
    family = Recital(error=1e9, **options)
    out = marched(family)
    assert (out.reason, len(family.locals)) == (Reason.MAX_LEVELS, passes)
    assert ends(out) == [0.5, 1.0]


def test_going_on_from_every_state_gives_the_same():
    kept = []
    family = Recital(passing=0.3, error=2.0)
    out = marched(family, monitor=Monitor(None, None, lambda state, _: kept.append(state)))
    assert len(kept) == len(family.attempts) == 14
    for state in kept:
        again = marched(Recital(passing=0.3, error=2.0), monitor=Monitor(None, None, resumed=state))
        assert unhurried(again.levels) == unhurried(out.levels)
        assert unhurried(again.history) == unhurried(out.history)
        assert again.reason == out.reason
    moved = replace(
        kept[-2], local_tolerance=replace(kept[-2].local_tolerance, scale=2.0 * kept[-2].local_tolerance.scale)
    )
    elsewhere = marched(Recital(passing=0.3, error=2.0), monitor=Monitor(None, None, resumed=moved))
    assert elsewhere.levels[-1].estimate > out.levels[-1].estimate


def test_when_the_time_is_over_the_slabs_so_far_are_shown():
    states = []
    marched(Recital(first=0.25), monitor=Monitor(None, None, lambda state, _: states.append(state)))
    out = marched(Recital(first=0.25), monitor=Monitor(1.0, None, resumed=states[2], spent=2.0))
    assert (out.reason, ends(out)) == (Reason.MAX_TIME, [0.25, 0.5])
    assert out.field.breaks(1).tolist() == [0.0, 0.25, 0.5]


def test_without_time_one_attempt_is_made_and_the_initial_data_are_shown():
    family = Recital(passing=0.3)
    out = marched(family, monitor=Monitor(1.0, None, spent=2.0))
    assert (out.reason, out.levels, out.error) == (Reason.MAX_TIME, (), None)
    assert family.attempts == [(0.0, 0.5)]
    assert out.field.grid([np.array([0.5]), np.array([0.25])], (0, 0)) == pytest.approx(np.full((1, 1, 1), 7.0))


def test_what_curvature_has_made_of_an_error_is_carried_on_with_it():
    """A share of 0.2 in each of two slabs is one of 0.4 where the error is carried on, of 0.2 where it is forgotten."""
    none = np.zeros(1)
    run = SlabHistory((), (), (0.0,), none, none)
    assert run.next_curvature_share(1e-6, 0.0, 0.2) == 0.2
    run = replace(run, curvature_shares=(0.2,))
    assert run.next_curvature_share(1e-6, 1e-6, 0.2) == pytest.approx(0.4)
    assert run.next_curvature_share(1e-6, 0.0, 0.2) == pytest.approx(0.2)
    assert run.max_curvature_share == 0.2 <= MAX_CURVATURE_SHARE < 0.4


def test_where_the_first_pass_was_as_tight_as_arithmetic_allows_the_next_would_be_no_better(monkeypatch):
    """What is rounded at the start has grown: out of memory for knots that hold data to 1e-19, before."""
    out = marched(Recital(error=4.0))
    assert out.reason != Reason.BELOW_ROUNDING  # a negative control
    monkeypatch.setattr("pinnkan.solver.slab_loop.LEAST_ALLOWED", TOLERANCE)
    out = marched(Recital(error=4.0))
    assert (out.reason, out.detail) == (Reason.BELOW_ROUNDING, ROUNDING_HAS_GROWN)
