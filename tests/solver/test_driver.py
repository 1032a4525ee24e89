"""The entry to all methods: what was chosen, what is returned, and failures with a name."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.solver import driver, memory
from pinnkan.solver.driver import result_so_far, solve
from pinnkan.solver.families.deep.comparison import Comparison
from pinnkan.solver.families.deep.state import DeepState
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck
from pinnkan.verdict.records import Evidence, Reason


def stated(**settings):
    problem = load_problem("poisson1d")
    return replace(problem, solver=replace(problem.solver, **settings))


def test_a_smooth_problem_converges_without_settings():
    result = solve(stated())
    assert result.verdict.converged
    assert result.network.startswith("product")
    x = np.linspace(0, 1, 50)[:, None]
    u = result.field(x, [(0,), (2,)])[:, 0]
    assert np.abs(u[:, 0] - np.sin(np.pi * x[:, 0])).max() < result.verdict.tolerance
    assert np.abs(u[:, 1] - np.sin(np.pi * x[:, 0])).max() > 1.0
    assert np.abs(result.error(x, [(0,)])).max() < result.verdict.tolerance


def test_degree_and_knots_of_the_file_are_used():
    first = solve(stated(degree=5, knots=7)).levels[0]
    assert (first.degree, first.intervals) == ((5,), (7,))


@pytest.mark.parametrize(("settings", "reason"), [({"max_levels": 1}, "max_levels"), ({"max_time": 1e-9}, "max_time")])
def test_a_limit_that_ends_the_run_is_its_reason(settings, reason):
    verdict = solve(stated(degree=3, tolerance=1e-9, **settings)).verdict
    assert not verdict.converged
    assert verdict.reason == reason


@pytest.mark.parametrize("state", [None, LevelsState(DeepState(), None)], ids=["no state", "a state without field"])
def test_a_run_that_ends_before_there_is_anything_to_show_fails_with_its_reason(state):
    """Not with a result whose function is None."""
    with pytest.raises(SolverError, match="before there was anything to show") as ended:
        result_so_far(stated(), Monitor(None, None, resumed=state), Reason.MAX_TIME)
    assert ended.value.reason == Reason.MAX_TIME
    states = []
    solve(stated(), monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert result_so_far(stated(), Monitor(None, None, resumed=states[-1]), Reason.MAX_TIME).field is not None


def test_the_true_error_is_measured_against_exact():
    problem = stated()
    doubled = replace(problem, exact={"u": 2 * problem.exact["u"]})
    result, halved = solve(problem), solve(replace(doubled, solver=replace(doubled.solver, max_levels=1)))
    assert 0.0 < result.levels[-1].true_error <= result.verdict.tolerance
    assert halved.levels[-1].true_error == pytest.approx(0.5, rel=1e-3)  # half of it
    assert solve(replace(problem, exact=None)).levels[-1].true_error is None


def test_the_correction_is_not_blind_on_symmetric_data():
    """On knots in the symmetry points of sin sin a halved interval adds nothing: effectivity 0.2 before."""
    problem = load_problem("poisson2d")
    levels = solve(replace(problem, solver=replace(problem.solver, degree=8, knots=3, tolerance=1e-9))).levels
    assert all(0.8 * x.true_error <= x.estimate <= 10 * x.true_error for x in levels)


def test_a_solution_known_up_to_a_constant_is_not_converged():
    text = "name: n\ndomain:\n  x: [0, 1]\nunknowns: [u]\nequations:\n  - u_xx = cos(pi*x)\n"
    text += "conditions:\n  - where: boundary\n    equation: u_x = 0\n"
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert not verdict.converged
    assert verdict.remedy


def test_the_allocator_is_told_before_anything_is_solved(monkeypatch):
    told = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: told.append(1))
    solve(stated())
    assert told == [1]


def test_the_degree_in_time_is_chosen_unless_the_file_names_one():
    problem = load_problem("wave")
    chosen, named = (
        {level.degree[-1] for level in solve(replace(problem, solver=replace(problem.solver, degree=degree))).levels}
        for degree in (None, 8)
    )
    assert len(chosen) > 1
    assert named == {8}


def test_the_check_measures_a_deep_network_by_the_residual_off_its_points(monkeypatch):
    seen, examine = [], FeatureCheck.examine
    monkeypatch.setattr(Comparison, "compare", lambda self, field, suspect=None: None)
    monkeypatch.setattr(FeatureCheck, "examine", lambda self, *given: seen.append(given[2]) or examine(self, *given))
    last = solve(stated(network="deep", hidden=(2,), knots=2)).levels[-1]
    assert seen == [last.heldout] != [last.loss]


def test_a_deep_network_is_compared_with_a_product_network():
    result = solve(stated(network="deep", hidden=(2,), knots=2))
    last = result.levels[-1]
    assert last.estimate == pytest.approx(last.true_error, rel=0.1)  # the latter is that on random points
    assert result.verdict.evidence == Evidence.COMPARISON


def test_a_deep_network_that_was_judged_otherwise_is_judged_again_when_resumed(monkeypatch):
    problem, states = stated(network="deep", hidden=(2,), knots=2), []
    with monkeypatch.context() as without:
        without.setattr(Comparison, "compare", lambda self, field, suspect=None: None)
        before = solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    after = solve(problem, monitor=Monitor(None, None, resumed=states[-1]))
    assert before.verdict.evidence != after.verdict.evidence == Evidence.COMPARISON
    assert after.verdict.estimate == after.levels[-1].estimate != before.levels[-1].estimate
    assert after.verdict.estimate == solve(problem).verdict.estimate


def test_a_jump_at_a_corner_is_named_where_the_residual_stands(monkeypatch):
    """As that of a plate does; here of what has no weights."""
    monkeypatch.setattr(Model, "corner_weights", None)
    text = (
        "name: n\ndomain: {x: [0, 1], y: [0, 1]}\nunknowns: [u]\nequations: [-lap(u) = 1]\nsolver: {tolerance: 0.1}\n"
    )
    text += "conditions:\n  - {where: [left, bottom], equation: u = 0}\n  - {where: [right, top], equation: u = 1}\n"
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert not verdict.converged
    assert "conditions disagree at x = 0, y = 1, where no function has a finite one" in verdict.sentence


@pytest.mark.parametrize(("waves", "is_known"), [(2048, False), (2, True)])
def test_a_quantity_of_what_is_not_resolved_has_no_error(waves, is_known):
    """The mean over a thousand waves between the points was 480 stated errors off."""
    text = f"""
    name: waves
    domain: {{x: [0, 1]}}
    unknowns: [u]
    equations: ["dx((1.1 + sin({waves}*pi*x))*u_x) = -1"]
    conditions: [{{where: boundary, equation: "u = 0"}}]
    quantities: {{mean: {{integral: u}}}}
    solver: {{max_levels: 6, tolerance: 1e-2}}
    """
    solution = solve(parse_problem(textwrap.dedent(text), "waves.yaml"))
    assert np.isfinite(solution.verdict.estimate) == is_known
    assert (solution.quantities["mean"].errors is not None) == is_known


@pytest.mark.parametrize(
    ("name", "settings", "threads"),
    [
        ("poisson1d", {}, 1),
        ("poisson2d", {}, 2),
        ("poisson2d", {"network": "deep"}, 1),
        ("heat1d", {}, 1),  # its slabs are small
        ("heat2d", {}, 4),
    ],
)
def test_only_large_problems_have_several_threads(name, settings, threads):
    """And each has them for itself; where fewer are allowed there are no more."""
    problem = load_problem(name)
    problem = replace(problem, solver=replace(problem.solver, **settings))
    before = torch.get_num_threads()
    try:
        for allowed in (4, 1):
            torch.set_num_threads(allowed)
            with driver._torch_threads(problem):
                assert torch.get_num_threads() == min(threads, allowed)
            assert torch.get_num_threads() == allowed
    finally:
        torch.set_num_threads(before)
