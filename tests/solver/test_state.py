"""Going on from any state of a solve gives the bits that the solve itself gives."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem
from pinnkan.solver.driver import Result, solve
from pinnkan.solver.families.deep.state import DeepState
from pinnkan.solver.families.product.state import SlabsState, SteadyState
from pinnkan.solver.monitor import Watch
from pinnkan.solver.state import State

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
KINDS = {
    "steady": (LAYER, SteadyState),
    "slabs": (FRONT, SlabsState),
    "deep": (DEEP, DeepState),
    "joint": (JOINT, DeepState),
}


def stated(kind: str) -> Problem:
    return parse_problem(KINDS[kind][0], f"{kind}.yaml")


@cache
def whole(kind: str) -> tuple[Result, list[State]]:
    states: list[State] = []
    return solve(stated(kind), watch=Watch(None, None, lambda state, _: states.append(state))), states


def same_bits(a: Result, b: Result) -> bool:
    (one, meta), (other, also) = a.field.tensors(), b.field.tensors()
    return meta == also and set(one) == set(other) and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_a_state_gives_the_bits_of_the_whole_solve(kind: str) -> None:
    result, states = whole(kind)
    assert all(isinstance(s, KINDS[kind][1]) for s in states)
    picked = np.unique(np.linspace(0, len(states) - 1, 2 if kind in ("deep", "joint") else 4).astype(int))
    for number in picked:
        again = solve(stated(kind), watch=Watch(None, None, resumed=states[number]))
        assert same_bits(again, result), f"state {number} of {len(states)}"
        assert [replace(x, seconds=0.0) for x in again.levels] == [replace(x, seconds=0.0) for x in result.levels]
        assert [replace(x, seconds=0.0) for x in again.history] == [replace(x, seconds=0.0) for x in result.history]


def test_another_state_leads_elsewhere() -> None:
    result, states = whole("steady")
    state = next(s for s in states if isinstance(s, SteadyState) and s.number == 1)
    moved = replace(state, start=state.start * (1.0 + 1e-9), newton=None, solved=False)
    assert not same_bits(solve(stated("steady"), watch=Watch(None, None, resumed=moved)), result)


@pytest.mark.parametrize("kind", KINDS)
def test_seconds_spent_before_count(kind: str) -> None:
    state = whole(kind)[1][-1]
    late = solve(stated(kind), watch=Watch(100.0, None, resumed=state, spent=101.0))
    assert late.verdict.reason == "max_time"
    assert late.seconds > 101.0
    assert late.levels == state.levels
