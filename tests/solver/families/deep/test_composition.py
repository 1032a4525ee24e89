"""Compositions in many coordinates: rounds of steps, growth where they stall, and a solve that goes on."""

import math
from dataclasses import replace

import numpy as np
import pytest
from many_problems import bell, model_of, told
from stored_state import Ending, same_bits, stored

import pinnkan
from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.errors import SolverError
from pinnkan.kan.layers.network import random_network
from pinnkan.solver.driver import result_so_far, solve
from pinnkan.solver.families.blocks.levels import enriched_sum, first_space
from pinnkan.solver.families.deep import composition
from pinnkan.solver.families.deep.composition import (
    CompositionLevels,
    CompositionState,
    _larger_networks,
    _LevelTraining,
)
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.findings import Decision
from pinnkan.verdict.records import Reason


@pytest.fixture
def short(monkeypatch):
    """Few steps of few starts."""
    monkeypatch.setattr(composition, "STARTS", 1)
    monkeypatch.setattr(composition, "TRIAL_STEPS", 2)
    monkeypatch.setattr(composition, "LEVEL_STEPS", 3)


def family(problem):
    model = model_of(problem)
    return CompositionLevels(model, enriched_sum(first_space(model, None)), None, "asked for")


def first_level(levels):
    """The state at the end of the first level, and its estimate."""
    state, _ = levels.minimise(levels.initial_state(), 0, Monitor(None, None))
    return state, levels.estimate(state, levels.evaluate_minimum(state), None)


def timeless(records):
    return [replace(record, seconds=0.0) for record in records]


@pytest.mark.slow
def test_going_on_from_a_stored_state_gives_the_same_bits(short):
    """Two levels, the network grown between them; the states in the first level and before the second."""
    problem = bell("tolerance: 1e-3, network: deep")
    whole, states = told(problem)
    assert [(s.level_number, s.family_state.final_loss is None) for s in states] == [(0, False), (1, True), (1, False)]
    assert whole.levels[1].parameters > whole.levels[0].parameters
    for state in states[:2]:
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert timeless(again.levels) == timeless(whole.levels)
        assert timeless(again.history) == timeless(whole.history)
    own = states[2].family_state
    other = family(problem).field_of_network(own.network.with_flat(own.network.flat() * (1.0 + 1e-9)))
    moved = replace(states[2], family_state=replace(own, field=other))
    assert not same_bits(solve(problem, monitor=Monitor(None, None, resumed=moved)), whole)


def test_an_interrupted_solve_shows_its_last_level(short):
    problem = bell("tolerance: 1e-3, network: deep")
    whole, states = told(problem)
    early = result_so_far(problem, Monitor(None, None, resumed=stored(states[1])), Reason.INTERRUPTED)
    assert (early.verdict.converged, early.verdict.reason) == (False, "interrupted")
    assert timeless(early.levels) == timeless(whole.levels[:1])
    assert "54 coefficients" in early.network
    assert "66 coefficients" in whole.network
    with pytest.raises(SolverError, match="before there was anything to show"):
        result_so_far(problem, Monitor(None, None, resumed=states[0]), Reason.INTERRUPTED)


def test_a_network_that_has_stalled_grows_so_often_and_no_more(short):
    levels = family(bell())
    state, estimate = first_level(levels)
    going = levels.refine(replace(state, initial_loss=100.0 * state.final_loss), estimate, Decision())
    assert going.network.parameters == state.network.parameters
    stalled = replace(state, initial_loss=state.final_loss, density=composition.MOST_DENSITY)
    grown = levels.refine(stalled, estimate, Decision())
    assert grown.network.parameters > state.network.parameters
    assert (grown.growths, grown.final_loss, grown.number) == (1, None, state.number + 1)
    assert levels.refine(replace(stalled, growths=composition.MOST_GROWTHS), estimate, Decision()) is None


def test_what_a_network_grows_into_represents_its_function():
    levels, network = family(bell()), random_network((5, 1, 1), 7, 2, 0.1, 0)
    points = levels.problem.domain.sample(50, sobol_generator(0))
    before = levels.field_of_network(network)(points, [(0,) * 5])
    for larger in _larger_networks(network, True, 3):
        assert larger.parameters > network.parameters
        np.testing.assert_allclose(levels.field_of_network(larger)(points, [(0,) * 5]), before, rtol=0, atol=1e-12)
    assert np.ptp(before) > 0.1
    assert len(_larger_networks(network, False, 3)) == 1  # widths that were asked for stay


def test_a_residual_off_the_points_that_is_far_larger_calls_for_more_of_them(short):
    levels = family(bell())
    state, estimate = first_level(levels)
    denser = levels.refine(
        state, replace(estimate, heldout=1.1 * composition.MOST_HELDOUT_RATIO * state.final_loss), Decision()
    )
    assert denser.density == composition.DENSITY_FACTOR * state.density
    assert denser.initial_loss == math.inf  # of other points
    assert denser.network.parameters == state.network.parameters
    same = levels.refine(
        state, replace(estimate, heldout=0.9 * composition.MOST_HELDOUT_RATIO * state.final_loss), Decision()
    )
    assert same.density == state.density


@pytest.mark.slow
def test_a_composition_gets_points_until_the_residual_off_them_agrees():
    """From this seed the estimate is below the tolerance while the residual between the points is out of proportion."""
    problem = pinnkan.load_problem("poisson5d_gaussian")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-4, seed=10)))
    assert solution.verdict.converged
    assert solution.true_error < 1e-4
    assert len(solution.levels) > 1


@pytest.mark.slow
def test_a_level_that_the_time_limit_cuts_short_is_shown_and_done_in_full_by_a_resumed_solve(short):
    problem, monitor = bell("tolerance: 1e-3, network: deep"), Ending(4)
    whole, cut = solve(problem), solve(problem, monitor=monitor)
    assert (cut.verdict.reason, len(cut.levels)) == ("max_time", 1)
    assert cut.levels[0].iterations < whole.levels[0].iterations
    assert same_bits(solve(problem, monitor=Monitor(None, None, resumed=stored(monitor.state))), whole)


@pytest.mark.parametrize(
    ("until", "limit", "on_trial", "is_late"),
    [(1e3, None, True, False), (4.0, None, True, True), (4.0, None, False, False), (1e3, 3.0, False, True)],
)
def test_a_round_is_late_beyond_the_limit_or_on_its_first_level_the_end_of_its_trial(until, limit, on_trial, is_late):
    levels = replace(family(bell()), first_level_deadline=until)
    state = (
        levels.initial_state()
        if on_trial
        else CompositionState(levels.field_of_network(random_network((5, 1, 1), 4, 2, 0.1, 0)))
    )
    assert _LevelTraining(levels, state, 0, Monitor(limit, None, spent=5.0)).is_out_of_time() == is_late
