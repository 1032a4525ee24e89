"""The minimisations of a deep solve are recorded, so that a stopped one goes on to the same bits."""

from dataclasses import replace

import pytest
from deep_problems import LINE, stated
from stored_state import same_bits, stored

from pinnkan.solver.driver import solve
from pinnkan.solver.families.deep import sweeps
from pinnkan.solver.monitor import Monitor


@pytest.mark.parametrize("method", ["adam", pytest.param("lbfgs", marks=pytest.mark.slow)])
def test_going_on_from_a_state_gives_the_bits_of_the_whole_training(method, monkeypatch):
    monkeypatch.setitem(sweeps.MOST_STEPS, method, 3)
    monkeypatch.setitem(sweeps.RACE_STEPS, method, 2)
    problem, states = stated(LINE, f"method: {method}, network: ridge, hidden: [2, 2], max_levels: 2"), []
    whole = solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert len(states) >= 5
    for state in (states[0], states[3], states[-1]):
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert [s.loss for s in again.history] == [s.loss for s in whole.history]
    done = states[3].own.done
    moved = replace(states[3].own, done=(*done[:-1], replace(done[-1], x=done[-1].x * (1.0 + 1e-9))))
    again = solve(problem, monitor=Monitor(None, None, resumed=states[3].having(moved)))
    assert not same_bits(again, whole)
