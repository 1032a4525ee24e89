"""The loop over levels, with a family that only recites: when it asks, when it ends and why, what it keeps."""

from dataclasses import replace

import pytest
from reciting_levels import PROBLEM, SPIKE, TOLERANCE, Asked, Recital, solved, unhurried

from pinnkan.errors import SolverError
from pinnkan.solver.level_loop import MAX_ROUNDING, initial_levels_state
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import FIRST_LEVEL_MARGIN, SAFETY, Outcome
from pinnkan.solver.verify.findings import ErrorAtLeast, NeedsKnots, Refused
from pinnkan.solver.verify.verifier import Answer
from pinnkan.verdict.records import Evidence, Iteration, Reason


def test_converged_is_said_only_after_the_checks_were_asked_about_that_function():
    asked = Asked()
    out, _ = solved(Recital((1e-1, 1e-3, 1e-5)), asked)
    assert (out.reason, out.field, out.error, out.network) == (Reason.CONVERGED, "u2", "e2", "network 2")
    assert asked.fields == ["u2"]
    assert [level.estimate for level in out.levels] == [1e-1, 1e-3, 1e-5]
    assert [level.number for level in out.levels] == [step.level for step in out.history] == [0, 1, 2]
    assert [level.iterations for level in out.levels] == [1, 1, 1]


def test_an_objection_raises_the_estimate_and_asks_for_another_level():
    asked = Asked(ErrorAtLeast(1e-2), NeedsKnots(SPIKE))
    out, _ = solved(Recital((1e-1, 1e-5, 1e-6, 1e-7)), asked)
    assert asked.fields == ["u1", "u2", "u3"]
    assert [level.estimate for level in out.levels] == [1e-1, SAFETY * 1e-2, 1e-6, 1e-7]
    assert out.reason == Reason.CONVERGED


def test_checks_are_told_how_much_the_safety_of_the_estimate_leaves():
    told = []
    solved(Recital((1e-1, 1e-5)), lambda candidate: told.append(candidate.allowed) or ())
    assert told == [TOLERANCE / SAFETY]


def test_an_objection_with_a_reason_ends_the_solve():
    none_such = Refused(Reason.RANK_DEFICIENT, "a function may be added")
    out, _ = solved(Recital((1e-1, 1e-5, 1e-6)), Asked(none_such))
    assert (out.reason, out.detail, out.field) == (Reason.RANK_DEFICIENT, "a function may be added", "u1")
    assert out.levels[-1].estimate == float("inf")


def test_a_feature_that_the_family_knows_to_be_within_the_tolerance_is_no_objection():
    for forgives, levels in ((True, 2), (False, 3)):
        out, _ = solved(Recital((1e-1, 1e-5, 1e-6), forgives=forgives), Asked(NeedsKnots(SPIKE)))
        assert (out.reason, len(out.levels)) == (Reason.CONVERGED, levels)


@pytest.mark.parametrize(
    "change", [{"is_resolved": False}, {"unconverged_reason": "still moving"}, {"heldout": 1.0, "loss": 1e-3}, {}]
)
def test_a_small_estimate_is_not_enough_where_the_level_is_not_sound(change):
    """Not resolved, not at rest, or a residual off the points out of proportion; the last one is sound."""
    asked = Asked()
    out, _ = solved(Recital((1e-1, 1e-5, 1e-5), changes=({}, change)), asked)
    assert asked.fields == (["u2"] if change else ["u1"])
    assert out.reason == Reason.CONVERGED


def test_a_larger_error_below_the_tolerance_joins_the_estimate():
    out, _ = solved(Recital((1e-1, 1e-6)), Asked(ErrorAtLeast(1e-5)))
    assert out.reason == Reason.CONVERGED
    assert out.levels[-1].estimate == pytest.approx(SAFETY * 1e-5)


def test_what_points_miss_is_looked_for_where_the_residual_off_them_is_out_of_proportion():
    """The level that has missed something says so, and is not the best one."""
    asked, losses = Asked(), []
    asked.missed_features = lambda c: losses.append(c.loss) or (Answer("a check", NeedsKnots(SPIKE)),)
    changes = ({}, {"heldout": 1.0, "loss": 1e-3})
    out, _ = solved(Recital((1e-1, 1e-5, 1e-5), changes=changes), asked)
    assert losses == [pytest.approx(9e-3)]  # a feature may be what the rest of the residual off the points is
    assert out.reason == Reason.CONVERGED
    assert [bool(level.unseen) for level in out.levels] == [False, True, False]
    assert asked.fields == ["u2"]


def test_a_level_that_has_missed_something_is_not_shown_as_the_best_one():
    out, _ = solved(Recital((1e-1, 1e-5, 1e-3), vain_after=3), Asked(NeedsKnots(SPIKE)))
    assert (out.reason, out.field) == (Reason.STALLED, "u2")


def test_a_first_level_needs_a_margin_unless_it_was_compared():
    near = 1.4 * FIRST_LEVEL_MARGIN * TOLERANCE
    assert len(solved(Recital((near, near)))[0].levels) == 2
    assert len(solved(Recital((0.9 * FIRST_LEVEL_MARGIN * TOLERANCE,)))[0].levels) == 1
    assert len(solved(Recital((near,), evidence=Evidence.COMPARISON))[0].levels) == 1


EXHAUSTED = [
    ({}, None, Reason.MAX_LEVELS),
    ({"is_resolved": False}, None, Reason.NOT_ASYMPTOTIC),
    ({"unconverged_reason": "still moving"}, None, Reason.STALLED),
    ({}, NeedsKnots(SPIKE), Reason.UNDERSAMPLED),
]


@pytest.mark.parametrize(("change", "objection", "reason"), EXHAUSTED)
@pytest.mark.parametrize("limit", [{"most_levels": 2}, {"richest": 1}], ids=["all used", "no richer one"])
def test_without_more_levels_the_reason_is_what_was_wrong_with_the_last_one(limit, change, objection, reason):
    small = 1e-5 if objection else 1e-2
    asked = Asked(*[objection] * (objection is not None))
    named = replace(PROBLEM, solver=replace(PROBLEM.solver, max_levels=2))
    out, _ = solved(Recital((1e-1, small, 1e-5), changes=({}, change), problem=named, **limit), asked)
    assert (out.reason, len(out.levels), out.field) == (reason, 2, "u1")


@pytest.mark.parametrize(("third", "count"), [(1e-2, 4), (5e-2, 3)])
def test_an_error_that_falls_at_last_is_followed_beyond_the_usual_levels(third, count):
    out, _ = solved(Recital((1e-1, 1e-1, third, 5e-6), most_levels=3))
    assert len(out.levels) == count
    assert (out.reason == Reason.CONVERGED) == (count == 4)


@pytest.mark.parametrize(("sizes", "best"), [((1e-1, 1e-3, 1e-2), 1), ((1e-1, 1e-2, 1e-3), 2)])
def test_levels_in_vain_end_at_the_best_one(sizes, best):
    out, _ = solved(Recital(sizes, vain_after=3))
    assert (out.reason, out.detail) == (Reason.STALLED, "nothing moves")
    assert (out.field, out.error) == (f"u{best}", f"e{best}")
    assert out.levels[-1].estimate == min(sizes)
    assert [level.number for level in out.levels] == list(range(3 + (best != 2)))


def test_a_level_that_is_not_resolved_is_not_the_best():
    out, _ = solved(Recital((1e-1, 1e-3, 1e-2), changes=({}, {"is_resolved": False}), vain_after=3))
    assert (out.field, out.levels[-1].estimate) == ("u2", 1e-2)


def test_rounding_above_the_tolerance_ends_the_solve_and_is_the_least_estimate():
    finer = replace(PROBLEM, solver=replace(PROBLEM.solver, tolerance=1e-6))
    for rounding, estimate in ((0.5 * MAX_ROUNDING, 1e-3), (2.0 * MAX_ROUNDING, float("inf"))):
        out, _ = solved(Recital((1e-3, 1e-5), rounding=rounding, problem=finer))
        assert (out.reason, len(out.levels)) == (Reason.BELOW_ROUNDING, 1)
        assert out.levels[-1].estimate == estimate
    below, _ = solved(Recital((1e-3, 1e-5), rounding=0.5 * TOLERANCE))
    assert (below.reason, len(below.levels)) == (Reason.CONVERGED, 2)


def test_when_the_time_is_over_there_is_one_level_to_show():
    out, _ = solved(Recital((1e-1, 1e-2, 1e-5)), monitor=Monitor(1.0, None, spent=2.0))
    assert (out.reason, len(out.levels), out.field) == (Reason.MAX_TIME, 1, "u0")
    done, _ = solved(Recital((1e-5,)), monitor=Monitor(1.0, None, spent=2.0))
    assert done.reason == Reason.CONVERGED


def test_a_time_limit_that_passes_before_a_level_leaves_its_state():
    family = Recital((1e-1, 1e-2, 1e-5))
    _, state = solved(family, should_pause=lambda s: s.level_number == 2)
    late = Monitor(1.0, None, spent=2.0)
    with pytest.raises(OutOfTimeError):
        solved(family, monitor=late, state=state)
    assert late.state.field == "u1"
    assert [level.estimate for level in late.state.levels] == [1e-1, 1e-2]


def test_going_on_from_every_state_that_was_kept_gives_the_same():
    family, kept = Recital((1e-1, 1e-3, 1e-5)), []
    out, _ = solved(family, monitor=Monitor(None, None, lambda state, _: kept.append(state)))
    assert [(s.family_state.number, s.family_state.at_minimum) for s in kept] == [
        (n, b) for n in range(3) for b in (False, True)
    ]
    assert [s.field for s in kept] == ["data", "data", "u0", "u0", "u1", "u1"]
    for state in kept:
        again, _ = solved(family, state=state)
        assert unhurried(again.levels) == unhurried(out.levels)
        assert unhurried(again.history) == unhurried(out.history)
        assert again.field == out.field
    elsewhere, _ = solved(Recital((1e-1, 1e-2, 1e-5)), state=kept[2])
    assert unhurried(elsewhere.levels) != unhurried(out.levels)


def test_a_first_state_with_nothing_to_show_is_not_kept():
    kept = []
    solved(Recital((1e-1, 1e-5), initial=None), monitor=Monitor(None, None, lambda state, _: kept.append(state)))
    assert [(s.family_state.number, s.family_state.at_minimum) for s in kept] == [(0, True), (1, False), (1, True)]


def test_a_solve_that_is_left_goes_on_from_its_state():
    family = Recital((1e-1, 1e-3, 1e-5))
    out, state = solved(family, should_pause=lambda s: len(s.levels) == 1)
    assert (out.reason, state.level_number) == (None, 1)
    whole, _ = solved(family, state=state)
    assert (whole.reason, len(whole.levels)) == (Reason.CONVERGED, 3)


def test_a_second_family_counts_on_and_is_shown_once_it_is_ahead():
    _, first = solved(Recital((1e-1, 1e-2)), should_pause=lambda s: len(s.levels) == 2)
    states = []
    monitor = Monitor(None, None, lambda state, _: states.append(state))
    second = Recital((1e-1, 1e-3, 1e-5), name="other")
    out, _ = solved(second, monitor=monitor, state=initial_levels_state(second, competitor=first))
    assert [level.number for level in out.levels] == [2, 3, 4]
    assert [len(s.levels) for s in states] == [2, 2, 2, 2, 4, 4]
    assert [s.network for s in states] == ["network 1"] * 4 + ["other 1"] * 2
    assert [s.levels[-1].estimate for s in states] == [1e-2] * 4 + [1e-3] * 2


def test_a_listener_hears_of_every_step_and_level():
    heard = []
    out, _ = solved(Recital((1e-1, 1e-5)), monitor=Monitor(None, heard.append))
    assert [type(x) is Iteration for x in heard] == [True, False, True, False]
    assert [x for x in heard if not isinstance(x, Iteration)] == [replace(level, answers=()) for level in out.levels]


STUCK = (1e-1, 2e-2, 2e-2, 3e-2, 2e-2, 9.0, 1e-5)


def test_levels_that_lead_nowhere_go_on_from_elsewhere_once():
    out, _ = solved(Recital(STUCK, other=6))
    assert out.reason == Reason.CONVERGED
    assert [level.estimate for level in out.levels] == [*STUCK[:5], STUCK[6]]
    out, _ = solved(Recital((*STUCK[:5], 9.0, 9.0, 9.0, 9.0), other=5))  # no better there: the levels go on
    assert [level.estimate for level in out.levels[5:]] == [9.0] * 4
    assert out.reason == Reason.MAX_LEVELS


def test_estimates_that_halve_in_three_levels_lead_somewhere():
    out, _ = solved(Recital((1e-1, 2e-2, 2e-2, 2e-2, 9e-3, 1e-5), other=0))
    assert [level.estimate for level in out.levels] == [1e-1, 2e-2, 2e-2, 2e-2, 9e-3, 1e-5]


def test_a_correction_larger_than_the_solution_leads_nowhere():
    estimates = (1e-1, 1e-2, 1e-2, 2.0, 1e-3, 1e-5)
    out, _ = solved(Recital(estimates, other=5))
    assert [level.estimate for level in out.levels] == [*estimates[:4], estimates[5]]
    rough = Recital(estimates, other=5, changes=({},) * 3 + ({"is_resolved": False},))
    assert [level.estimate for level in solved(rough)[0].levels] == [*estimates]


def test_where_a_correction_moves_all_fewer_functions_are_asked_first_and_once() -> None:
    estimates, asked = (1e-1, 1e-2, 1e-2, 2.0, 1e-3, 1e-5), []
    fewer = Outcome("among fewer", None, reason=Reason.CONVERGED)
    out, _ = solved(Recital(estimates, other=5), solve_subspace=lambda: fewer)
    assert out is fewer
    out, _ = solved(Recital(estimates, other=5), solve_subspace=lambda: asked.append(1))
    assert [level.estimate for level in out.levels] == [*estimates[:4], estimates[5]]
    assert len(asked) == 1
    assert solved(Recital((1e-1, 2.0, 1e-5)), solve_subspace=lambda: fewer)[0] is not fewer  # too early to tell


def test_what_has_not_settled_begins_elsewhere_and_ends_where_it_has_not_either():
    falls = Refused(Reason.RANK_DEFICIENT, "falls on", 0.0, must_persist=True)
    out, _ = solved(Recital((1e-5, 1e-5, 1e-5), other=2), Asked(falls, falls))
    assert (out.reason, len(out.levels)) == (Reason.RANK_DEFICIENT, 2)


def test_a_minimum_that_is_not_found_is_sought_from_elsewhere():
    out, _ = solved(Recital((1e-1, 1e-3, 1e-5), fails_at=1, other=2))
    assert out.reason == Reason.CONVERGED
    with pytest.raises(SolverError, match="lowers"):
        solved(Recital((1e-1, 1e-3, 1e-5), fails_at=1))
