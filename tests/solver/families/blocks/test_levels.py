"""Levels of a sum of blocks: those that the problem asks for, every kind of problem, and a solve that goes on."""

from dataclasses import replace

import pytest
from many_problems import VARIANTS, block_levels, coupled, stated, told
from stored_state import same_bits, stored

import pinnkan
from pinnkan.errors import UsageError
from pinnkan.kan.blocks import support
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import result_so_far, solve
from pinnkan.solver.families.blocks.levels import BlocksState
from pinnkan.solver.monitor import Monitor
from pinnkan.verdict.records import Evidence, Reason

KNOWN = {
    "linear": coupled(solver="tolerance: 1e-5, network: product"),
    "nonlinear": VARIANTS["nonlinear"],
}


def timeless(records):
    return [replace(record, seconds=0.0) for record in records]


def test_only_the_coordinates_that_the_problem_couples_share_a_block():
    solution = pinnkan.solve(coupled())
    assert solution.verdict.converged
    assert solution.true_error <= 1e-5
    assert solution.verdict.estimate >= 0.8 * solution.true_error
    found = {support(g) for g in solution.field.space.groups}
    assert found == {(), (0,), (1,), (2,), (3,), (2, 3)}
    assert "1 on two (x3 x4)" in solution.network


def test_a_tolerance_out_of_reach_ends_without_a_verdict_of_success():
    solution = pinnkan.solve(coupled(solver="tolerance: 1e-13, max_levels: 1"))
    assert solution.verdict.reason == "max_levels"
    assert solution.verdict.estimate >= 0.8 * solution.true_error


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ("time", "wide") else pytest.mark.slow) for n in VARIANTS]
)
def test_time_normal_derivatives_nonlinear_terms_periods_and_wide_boxes_are_solved(name):
    problem = VARIANTS[name]
    solution = pinnkan.solve(problem)
    assert solution.verdict.converged, solution.verdict.sentence
    assert solution.true_error <= problem.solver.tolerance
    assert solution.verdict.estimate >= 0.8 * solution.true_error


def test_a_condition_cannot_be_exact_in_many_coordinates():
    text = coupled().source.replace("equation: u = v", "equation: u = v\n    enforce: exact")
    with pytest.raises(UsageError, match="cannot be exact"):
        pinnkan.solve(parse_problem(text, "many.yaml"))


def shortened(name):
    """Two levels of few products, with the network given, so that no clock has a say."""
    problem = KNOWN[name]
    settings = replace(problem.solver, network="product", degree=4, max_levels=2, tolerance=1e-12)
    return replace(problem, solver=settings)


@pytest.mark.parametrize("name", KNOWN)
def test_going_on_from_any_stored_state_gives_the_same_bits(name):
    problem = shortened(name)
    whole, states = told(problem)
    assert [(s.level_number, s.family_state.is_solved) for s in states] == [(0, True), (1, False), (1, True)]
    for state in states:
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert timeless(again.levels) == timeless(whole.levels)
        assert timeless(again.history) == timeless(whole.history)
    moved = replace(states[1], family_state=replace(states[1].family_state, seed=states[1].family_state.seed + 1))
    assert not same_bits(solve(problem, monitor=Monitor(None, None, resumed=moved)), whole)


def test_an_interrupted_solve_shows_its_last_level():
    problem = shortened("linear")
    whole, states = told(problem)
    assert all(isinstance(s.family_state, BlocksState) for s in states)
    early = result_so_far(problem, Monitor(None, None, resumed=stored(states[1])), Reason.INTERRUPTED)
    assert (early.verdict.converged, early.verdict.reason) == (False, "interrupted")
    assert timeless(early.levels) == timeless(whole.levels[:1])
    assert early.verdict.evidence == Evidence.BLOCKS
    assert "on one coordinate" in early.network
    assert early.error is not None
    assert not same_bits(early, whole)


def test_a_step_that_would_raise_the_residual_is_halved():
    """From zero a full step on atan(u - 4) leads to u = 22 and on to infinity."""
    equation = "lap(u)/1000 + atan(u - 4) = lap(v)/1000 + atan(v - 4)"
    given = (("boundary", "dn(u) = dn(v)"),)
    family = block_levels(stated(equation, "4 + sin(x1)*x2/9", conditions=given), 4)
    _, steps = family.minimise(family.initial_state(), 0, Monitor(None, None))
    losses = [step.loss for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.01 * losses[0]
