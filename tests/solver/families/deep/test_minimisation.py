"""The minimisations of a deep solve are recorded, so that a stopped one goes on to the same bits."""

from dataclasses import replace

import numpy as np
import pytest
from deep_problems import LINE, stated
from stored_state import Ending, same_bits, stored

from pinnkan.solver.driver import solve
from pinnkan.solver.families.deep import sweeps
from pinnkan.solver.families.deep.minimisation import (
    ESTIMATE_TIME_SHARE,
    LM_LEAST_GAIN,
    LM_WINDOW,
    SweepMinimiser,
    _stalled,
)
from pinnkan.solver.families.deep.state import DeepState
from pinnkan.solver.monitor import Monitor


@pytest.mark.parametrize("method", ["adam", pytest.param("lbfgs", marks=pytest.mark.slow)])
def test_going_on_from_a_state_gives_the_bits_of_the_whole_training(method, monkeypatch):
    monkeypatch.setitem(sweeps.MOST_STEPS, method, 3)
    monkeypatch.setitem(sweeps.TRIAL_STEPS, method, 2)
    problem, states = stated(LINE, f"method: {method}, network: ridge, hidden: [2, 2], max_levels: 2"), []
    whole = solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert len(states) >= 5
    for state in (states[0], states[3], states[-1]):
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert [s.loss for s in again.history] == [s.loss for s in whole.history]
    done = states[3].family_state.results
    moved = replace(states[3].family_state, results=tuple(replace(end, x=end.x * (1.0 + 1e-9)) for end in done))
    again = solve(problem, monitor=Monitor(None, None, resumed=states[3].with_family_state(moved)))
    assert not same_bits(again, whole)


HEAT = """
name: heat
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ["u_t = u_xx/10 - u**3"]
conditions: [{where: initial, equation: u = sin(pi*x)}, {where: boundary, equation: u = 0}]
solver: {tolerance: 1e-9, network: deep, hidden: [2], degree: 4, knots: 1, time_slabs: 2, max_levels: 1}
"""


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.slow
def test_a_sweep_that_the_time_limit_cuts_short_is_shown_and_done_in_full_by_a_resumed_solve(steps, monkeypatch):
    """Two slabs; what was cut comes first, though the slab after it was begun to have something to show."""
    monkeypatch.setitem(sweeps.MOST_STEPS, "gauss_newton", 3)
    monkeypatch.setitem(sweeps.TRIAL_STEPS, "gauss_newton", 2)
    problem, monitor = stated(HEAT, ""), Ending(steps)
    whole, cut = solve(problem), solve(problem, monitor=monitor)
    assert (cut.verdict.reason, len(cut.levels)) == ("max_time", 1)
    assert len(cut.history) < len(whole.history)
    assert not same_bits(cut, whole)
    again = solve(problem, monitor=Monitor(None, None, resumed=stored(monitor.state)))
    assert same_bits(again, whole)
    assert [s.loss for s in again.history] == [s.loss for s in whole.history]


def test_a_descent_has_stalled_when_its_last_steps_gained_too_little_whatever_came_before():
    worthwhile, slow = 1.0 - 1.5 * LM_LEAST_GAIN, 1.0 - 0.5 * LM_LEAST_GAIN
    losses = list(worthwhile ** np.arange(30))
    assert not any(_stalled(losses[:n]) for n in range(1, 31))
    losses += list(losses[-1] * slow ** np.arange(1, LM_WINDOW + 1))
    assert _stalled(losses)
    assert not _stalled(losses[: 30 + LM_WINDOW // 3])  # most of the last WINDOW steps were worth while


@pytest.mark.parametrize(
    ("known", "descent", "more", "late"),
    [((), None, 1.0, True), ((), None, -1.0, False), (("done",), None, 1.0, False), ((), "begun", 1.0, False)],
)
def test_a_sweep_is_late_where_nothing_is_left_that_costs_no_time(known, descent, more, late):
    monitor = Monitor(100.0, None, spent=100.0 * (1.0 - ESTIMATE_TIME_SHARE) + more)
    assert SweepMinimiser(None, monitor, "cpu", DeepState(results=known, restart=descent)).is_out_of_time() == late
