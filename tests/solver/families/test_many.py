"""More than three coordinates: blocks, or a composition, whichever is predicted to be cheaper."""

from dataclasses import replace

import pytest
from many_problems import bell, block_levels, coupled, told
from stored_state import same_bits, stored

import pinnkan
from pinnkan.solver.driver import result_so_far, solve
from pinnkan.solver.families import many
from pinnkan.solver.families.deep import composed
from pinnkan.solver.families.deep.composed import Composed, ComposedState
from pinnkan.solver.families.many import forecast
from pinnkan.solver.levels import begun, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Reason


def state_after(family, count):
    state = begun(family)
    leave = lambda s: len(s.own_levels) == count  # noqa: E731
    return solve_levels(family, Verifier(family.model), Monitor(None, None), state, leave)[1]


def test_the_forecast_follows_the_order_of_the_levels():
    state = state_after(block_levels(bell()), 2)
    last = state.own_levels[-1]
    needed, seconds = forecast(state, 1e-6)
    assert needed > 5 * last.parameters
    assert seconds > 0
    assert forecast(state, 1.0)[0] == last.parameters
    assert forecast(replace(state, own_levels=state.own_levels[:1]), 1e-6) == (0.0, 0.0)
    assert forecast(replace(state, own_levels=state.own_levels[::-1]), 1e-6)[0] == float("inf")


@pytest.fixture
def tried(monkeypatch):
    """The outcomes of compositions that are tried after the first level of blocks, and lose after one of their own."""
    outcomes = []

    def lost(family, verify, monitor, state, leave=lambda _: False):
        if not isinstance(family, Composed):
            return solve_levels(family, verify, monitor, state, leave)
        outcomes.append(solve_levels(replace(family, most_levels=1), verify, monitor, state))
        return outcomes[-1]

    monkeypatch.setattr(many, "PATIENCE", -1.0)
    monkeypatch.setattr(many, "solve_levels", lost)
    monkeypatch.setattr(composed, "RACE_STEPS", 2)
    monkeypatch.setattr(composed, "ROUND_STEPS", 2)
    return outcomes


def test_a_composition_that_loses_gives_way_to_the_blocks_and_is_not_tried_again(tried):
    problem = coupled()
    whole, states = told(problem)
    assert whole.verdict.converged
    assert len(tried) == 1
    assert "chosen because a B-spline KAN" in whole.network
    assert [level.number for level in whole.levels] == list(range(len(whole.levels)))
    inside = next(s for s in states if isinstance(s.own, ComposedState))
    for state in (inside, states[-1]):
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert again.network == whole.network
    assert len(tried) == 2  # once more from within it, not from the blocks that go on


def test_a_solve_interrupted_in_a_trial_shows_the_blocks_while_they_are_ahead(tried):
    problem = coupled()
    _, states = told(problem)
    inside = [s for s in states if isinstance(s.own, ComposedState)]
    blocks = inside[0].beside
    early = result_so_far(problem, Monitor(None, None, resumed=stored(inside[0])), Reason.INTERRUPTED)
    assert early.levels == blocks.own_levels
    assert same_bits(early, blocks)
    assert "on one coordinate" in early.network
    record, shown = replace(blocks.own_levels[-1], estimate=1e-9), inside[-1].own.field
    ahead = replace(inside[-1], own_levels=(record,), shown=shown, words="deep")
    assert ahead.field is shown
    assert ahead.network == "deep"
    assert ahead.levels == (*blocks.own_levels, record)
    assert not same_bits(ahead, blocks)


@pytest.mark.parametrize(("share", "reason"), [(0.1, None), (1e9, Reason.MAX_LEVELS)])
def test_a_composition_that_has_stalled_behind_the_blocks_is_left_before_it_grows_on(monkeypatch, share, reason):
    """However long it might have been tried; one that counts as ahead grows as often as it may."""
    outcomes = []

    def watched(family, *rest):
        out, state = solve_levels(family, *rest)
        if isinstance(family, Composed):
            outcomes.append(out)
        return out, state

    monkeypatch.setattr(many, "forecast", lambda state, tolerance: (1e3, 1e9))
    monkeypatch.setattr(many, "CLEARLY", share)
    monkeypatch.setattr(many, "solve_levels", watched)
    monkeypatch.setattr(composed, "RACE_STEPS", 1)
    monkeypatch.setattr(composed, "ROUND_STEPS", 1)
    monkeypatch.setattr(composed, "MOST", 2)
    monkeypatch.setattr(composed, "MOST_GAP", float("inf"))
    result = solve(coupled())
    assert result.verdict.converged
    (out,) = outcomes
    assert out.reason == reason
    assert len({level.parameters for level in out.levels}) == (1 if reason is None else 3)


def solved(problem):
    solution = pinnkan.solve(problem)
    assert solution.verdict.converged, solution.verdict.sentence
    assert solution.true_error <= problem.solver.tolerance
    assert solution.verdict.estimate >= 0.8 * solution.true_error
    return solution


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_composition_is_found_and_chosen_where_blocks_would_need_thousands(seed):
    solution = solved(bell(f"tolerance: 1e-6, seed: {seed}"))
    assert solution.parameters < 200
    assert "KAN [5, 1, 1]" in solution.network


@pytest.mark.slow
def test_blocks_alone_reach_the_bell_curve_too():
    solution = solved(bell("tolerance: 1e-4, network: product"))
    assert solution.parameters > 500
