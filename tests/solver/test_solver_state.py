"""Going on from any state of a solve gives the bits that the solve itself gives."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from stored_state import same_bits, stored

from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver.driver import solve
from pinnkan.solver.families.deep.state import DeepState
from pinnkan.solver.families.fitted.levels import FittedState
from pinnkan.solver.families.product.levels import ProductState
from pinnkan.solver.families.product.step_control import Aim
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_loop_state import MarchState
from pinnkan.solver.solver_state import LevelsState, SolverState

LAYER = """
name: layer
domain: {x: [0, 1]}
unknowns: [u]
equations: ["-u_xx/50 + u*u_x + u = 0"]
conditions: [{where: left, equation: u = 1}, {where: right, equation: u = -1}]
solver: {tolerance: 1e-6, degree: 5}
"""
FRONT = """
name: front
domain: {x: [-1, 1], t: [0, 0.3]}
unknowns: [u]
equations: [u_t + u*u_x = u_xx/30]
conditions: [{where: initial, equation: u = -sin(pi*x)}, {where: boundary, equation: u = 0}]
solver: {tolerance: 1e-4, degree: 6}
"""
DEEP = """
name: deep
domain: {x: [0, 1]}
unknowns: [u]
equations: ["u_xx = 9*sin(3*x) - u"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1e-13, network: deep, hidden: [2], knots: 2, max_levels: 2}
"""
JOINT = DEEP.replace("9*sin(3*x) - u", "9*sin(3*x) - u**2")
ASKEW = """
name: askew
domain: {x: [0, 1], y: [0, 1]}
functions: {v: tanh((cos(pi/6)*(y - 0.4) - sin(pi/6)*(x - 0.5))/0.03) + x*y}
unknowns: [u]
equations: [-lap(u)/30 + cos(pi/6)*u_x + u*u_y/2 = -lap(v)/30 + cos(pi/6)*dx(v) + v*dy(v)/2]
conditions: [{where: boundary, equation: u = v}]
solver: {tolerance: 1e-2}
"""
#: A third slab whose front leaves its first coordinates.
MOVING = """
name: moving
domain: {x: [0, 1], y: [0, 1], t: [0, 0.05]}
functions: {v: 0.5*(1 - tanh((0.8*x + 0.6*y - 0.7*t - 0.6)*70))}
unknowns: [u]
equations: [u_t + 1.4*u*(0.8*u_x + 0.6*u_y) = lap(u)/200]
conditions: [{where: initial, equation: u = v}, {where: boundary, equation: u = v}]
solver: {tolerance: 3e-2}
"""
#: Text, and what the family's own part of a state is.
KINDS = {
    "steady": (LAYER, ProductState),
    "slabs": (FRONT, Aim),
    "deep": (DEEP, DeepState),
    "joint": (JOINT, DeepState),
    "askew": (ASKEW, ProductState | FittedState),
}
KINDS_BY_SPEED = [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "askew")) for kind in KINDS]


def stated(kind: str) -> Problem:
    return parse_problem(KINDS[kind][0], f"{kind}.yaml")


def own(state: SolverState) -> object:
    """The family's part of a state."""
    return (
        state.aim if isinstance(state, MarchState) else state.family_state if isinstance(state, LevelsState) else None
    )


@cache
def whole(kind: str) -> tuple[Solution, list[SolverState]]:
    states: list[SolverState] = []
    return solve(stated(kind), monitor=Monitor(None, None, lambda state, _: states.append(state))), states


@pytest.mark.parametrize("kind", KINDS_BY_SPEED)
def test_going_on_from_a_state_gives_the_bits_of_the_whole_solve(kind: str) -> None:
    result, states = whole(kind)
    assert all(isinstance(own(s), KINDS[kind][1]) for s in states)
    picked = np.unique(np.linspace(0, len(states) - 1, 2 if kind in ("deep", "joint", "askew") else 4).astype(int))
    picked = np.append(picked, [i for i, s in enumerate(states) if isinstance(own(s), FittedState)][:1]).astype(int)
    for number in picked:
        again = solve(stated(kind), monitor=Monitor(None, None, resumed=stored(states[number])))
        assert same_bits(again, result), f"state {number} of {len(states)}"
        assert [replace(x, seconds=0.0) for x in again.levels] == [replace(x, seconds=0.0) for x in result.levels]
        assert [replace(x, seconds=0.0) for x in again.history] == [replace(x, seconds=0.0) for x in result.history]


@pytest.mark.slow
def test_a_front_that_is_straightened_within_a_slab_goes_on_from_every_state() -> None:
    states: list[SolverState] = []
    stated = parse_problem(MOVING, "moving.yaml")
    result = solve(stated, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    for state in states:
        if isinstance(state, MarchState) and len(state.slab_history.slabs) == 2:
            assert same_bits(solve(stated, monitor=Monitor(None, None, resumed=stored(state))), result)


def test_another_state_leads_elsewhere() -> None:
    result, states = whole("steady")
    state = next(s for s in states if isinstance(s, LevelsState) and s.level_number == 1)
    begun = replace(state.family_state, coefficients=state.family_state.coefficients * (1.0 + 1e-9), is_solved=False)
    moved = replace(state, family_state=begun, newton=None)
    assert not same_bits(solve(stated("steady"), monitor=Monitor(None, None, resumed=moved)), result)


def test_the_levels_on_the_axes_are_shown_until_the_trained_coordinates_are_ahead() -> None:
    fitted = [s for s in whole("askew")[1] if isinstance(s, LevelsState) and isinstance(s.family_state, FittedState)]
    axes = fitted[0].competitor
    assert axes is not None
    assert fitted[0].field is axes.field
    assert (fitted[0].network, fitted[0].levels) == (axes.network, axes.levels)
    last = fitted[-1]
    assert last.field is axes.field
    ahead = replace(last, family_levels=(*last.family_levels[:-1], replace(last.family_levels[-1], estimate=1e-9)))
    assert ahead.field is last.previous_field
    assert "trained inner coordinates" in ahead.network
    assert [level.number for level in ahead.levels] == list(range(last.level_number))


@pytest.mark.parametrize("kind", KINDS_BY_SPEED)
def test_seconds_spent_before_count(kind: str) -> None:
    state = whole(kind)[1][-1]
    late = solve(stated(kind), monitor=Monitor(100.0, None, resumed=state, spent=101.0))
    assert late.verdict.reason == "max_time"
    assert late.seconds > 101.0
    assert late.levels == state.levels
