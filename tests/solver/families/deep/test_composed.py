"""Compositions in many coordinates: rounds of steps, growth where they stall, and a solve that goes on."""

import math
from dataclasses import replace

import pytest
from many_problems import bell, model_of
from stored_state import same_bits, stored

import pinnkan
from pinnkan.solver.families.blocks.levels import first_space, richer
from pinnkan.solver.families.deep import composed
from pinnkan.solver.families.deep.composed import Composed
from pinnkan.solver.levels import begun, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verify import Verifier


@pytest.fixture
def short(monkeypatch):
    """Few steps of few starts."""
    monkeypatch.setattr(composed, "STARTS", 1)
    monkeypatch.setattr(composed, "RACE_STEPS", 2)
    monkeypatch.setattr(composed, "ROUND_STEPS", 3)


def family(problem, most=3, hidden=None):
    model = model_of(problem)
    return Composed(model, richer(first_space(model, None)), hidden, "asked for", most_levels=most)


def solved(levels, monitor, state=None):
    return solve_levels(levels, Verifier(levels.model), monitor, state or begun(levels))[0]


def timeless(records):
    return [replace(record, seconds=0.0) for record in records]


def test_going_on_from_any_stored_state_gives_the_same_bits(short):
    levels, states = family(bell("tolerance: 1e-12, network: deep")), []
    whole = solved(levels, Monitor(None, None, lambda state, _: states.append(state)))
    assert [(s.number, s.own.after is None) for s in states] == [(n, begins) for n in range(3) for begins in (1, 0)]
    for state in states[::2] + states[1:2]:
        again = solved(levels, Monitor(None, None), stored(state))
        assert same_bits(again, whole)
        assert timeless(again.levels) == timeless(whole.levels)
        assert timeless(again.history) == timeless(whole.history)
    network = states[2].own.network
    other = levels.function(network.with_flat(network.flat() * (1.0 + 1e-6)))
    moved = replace(states[2], own=replace(states[2].own, field=other))
    assert not same_bits(solved(levels, Monitor(None, None), moved), whole)


def test_a_network_that_has_stalled_grows_and_represents_the_same_function(short):
    levels = family(bell("tolerance: 1e-12, network: deep"))
    states = []
    solved(replace(levels, most_levels=1), Monitor(None, None, lambda state, _: states.append(state)))
    state = states[-1].own
    estimate = levels.estimate(state, levels.measured(state), None)
    going = levels.refine(replace(state, loss=100.0 * state.after), estimate, None)
    assert going.network.parameters == state.network.parameters
    stalled = replace(state, loss=state.after, density=composed.DENSEST)
    grown = levels.refine(stalled, estimate, None)
    assert grown.network.parameters > state.network.parameters
    assert (grown.grown, grown.after, grown.number) == (1, None, state.number + 1)
    assert levels.refine(replace(stalled, grown=composed.MOST), estimate, None) is None


def test_a_residual_off_the_points_that_is_far_larger_calls_for_more_of_them(short):
    levels, states = family(bell("tolerance: 1e-12, network: deep")), []
    solved(replace(levels, most_levels=1), Monitor(None, None, lambda state, _: states.append(state)))
    state = states[-1].own
    estimate = levels.estimate(state, levels.measured(state), None)
    denser = levels.refine(state, replace(estimate, heldout=1.1 * composed.MOST_GAP * state.after), None)
    assert denser.density == composed.DENSER * state.density
    assert denser.loss == math.inf  # of other points
    assert denser.network.parameters == state.network.parameters
    same = levels.refine(state, replace(estimate, heldout=0.9 * composed.MOST_GAP * state.after), None)
    assert same.density == state.density


@pytest.mark.slow
def test_a_composition_gets_points_until_the_residual_off_them_agrees():
    """From this seed the estimate is below the tolerance while the residual between the points is out of proportion."""
    problem = pinnkan.load_problem("poisson5d_gaussian")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-4, seed=10)))
    assert solution.verdict.converged
    assert solution.true_error < 1e-4
    assert len(solution.levels) > 1
