"""More than three coordinates: blocks, or a composition, whichever is predicted to be cheaper."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from many_problems import bell, block_levels, coupled, stated, told
from stored_state import same_bits, stored

import pinnkan
from pinnkan.assembly import clock
from pinnkan.cli import main
from pinnkan.errors import SolverError
from pinnkan.solver.driver import result_so_far, solve
from pinnkan.solver.families import high_dimensions
from pinnkan.solver.families.blocks.levels import BlocksLevels
from pinnkan.solver.families.deep import composition
from pinnkan.solver.families.deep.composition import CompositionLevels, CompositionState
from pinnkan.solver.families.high_dimensions import COST_POWER, forecast
from pinnkan.solver.families.separable.state import SeparableState
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Evidence, Reason


def state_after(family, count):
    state = initial_levels_state(family)
    leave = lambda s: len(s.family_levels) == count  # noqa: E731
    return solve_levels(family, Verifier(family.model), Monitor(None, None), state, leave)[1]


def test_the_forecast_follows_the_order_of_the_levels():
    state = state_after(block_levels(bell()), 2)
    last = state.family_levels[-1]
    needed, seconds = forecast(state, 1e-6)
    assert needed > 5 * last.parameters
    assert seconds > 0
    assert forecast(state, 1.0)[0] == last.parameters
    assert forecast(replace(state, family_levels=state.family_levels[:1]), 1e-6) == (0.0, 0.0)
    assert forecast(replace(state, family_levels=state.family_levels[::-1]), 1e-6)[0] == float("inf")


def test_the_forecast_takes_the_time_of_the_last_level_alone():
    """Twice the coefficients for a tenth of the error: a hundredth more takes four times as many."""
    state = state_after(block_levels(bell()), 1)
    (level,) = state.family_levels
    levels = (
        replace(level, estimate=1e-1, parameters=100, seconds=1.0),
        replace(level, estimate=1e-2, parameters=200, seconds=4.0),
    )
    needed, seconds = forecast(replace(state, family_levels=levels), 1e-4)
    assert needed == pytest.approx(800.0)
    assert seconds == pytest.approx(3.0 * 4.0**COST_POWER)


def test_blocks_that_are_asked_for_are_not_called_a_choice():
    for network, why in (("product", "asked for"), ("auto", "predicted to need less")):
        solution = pinnkan.solve(coupled(solver=f"tolerance: 1e-3, network: {network}"))
        assert solution.verdict.converged
        assert why in solution.network


@pytest.fixture
def tried(monkeypatch):
    """The outcomes of compositions that are tried after the first level of blocks, and lose after one of their own."""
    outcomes = []

    def lost(family, verify, monitor, state, leave=lambda _: False):
        if not isinstance(family, CompositionLevels):
            return solve_levels(family, verify, monitor, state, leave)
        outcomes.append(solve_levels(replace(family, most_levels=1), verify, monitor, state))
        return outcomes[-1]

    monkeypatch.setattr(high_dimensions, "TRIAL_SECONDS", -1.0)
    monkeypatch.setattr(high_dimensions, "solve_levels", lost)
    monkeypatch.setattr(composition, "TRIAL_STEPS", 2)
    monkeypatch.setattr(composition, "LEVEL_STEPS", 2)
    return outcomes


def test_a_composition_that_loses_gives_way_to_the_blocks_and_is_not_tried_again(tried):
    problem = coupled()
    whole, states = told(problem)
    assert whole.verdict.converged
    assert len(tried) == 1
    assert "chosen because a B-spline KAN" in whole.network
    assert [level.number for level in whole.levels] == list(range(len(whole.levels)))
    inside = next(s for s in states if isinstance(s.family_state, CompositionState))
    for state in (inside, states[-1]):
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert again.network == whole.network
    assert len(tried) == 2  # once more from within it, not from the blocks that go on


def test_a_solve_interrupted_in_a_trial_shows_the_blocks_while_they_are_ahead(tried):
    problem = coupled()
    _, states = told(problem)
    inside = [s for s in states if isinstance(s.family_state, CompositionState)]
    blocks = inside[0].competitor
    early = result_so_far(problem, Monitor(None, None, resumed=stored(inside[0])), Reason.INTERRUPTED)
    assert early.levels == blocks.family_levels
    assert same_bits(early, blocks)
    assert "on one coordinate" in early.network
    record, shown = replace(blocks.family_levels[-1], estimate=1e-9), inside[-1].family_state.field
    ahead = replace(inside[-1], family_levels=(record,), previous_field=shown, network_words="deep")
    assert ahead.field is shown
    assert ahead.network == "deep"
    assert ahead.levels == (*blocks.family_levels, record)
    assert not same_bits(ahead, blocks)


@pytest.mark.parametrize(("share", "reason"), [(0.1, None), (1e9, Reason.MAX_LEVELS)])
def test_a_composition_that_has_stalled_behind_the_blocks_is_left_before_it_grows_on(monkeypatch, share, reason):
    """However long it might have been tried; one that counts as ahead grows as often as it may."""
    outcomes = []

    def watched(family, *rest):
        out, state = solve_levels(family, *rest)
        if isinstance(family, CompositionLevels):
            outcomes.append(out)
        return out, state

    monkeypatch.setattr(high_dimensions, "forecast", lambda state, tolerance: (1e3, 1e9))
    monkeypatch.setattr(high_dimensions, "CLEAR_GAIN", share)
    monkeypatch.setattr(high_dimensions, "solve_levels", watched)
    monkeypatch.setattr(composition, "TRIAL_STEPS", 1)
    monkeypatch.setattr(composition, "LEVEL_STEPS", 1)
    monkeypatch.setattr(composition, "MOST_GROWTHS", 2)
    monkeypatch.setattr(composition, "MOST_HELDOUT_RATIO", float("inf"))
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


def sines(count):
    """A product of sines of so many coordinates."""
    exact = "*".join(f"sin(pi*x{i})" for i in range(1, count + 1))
    ranges = {f"x{i}": "[0, 1]" for i in range(1, count + 1)}
    return stated("-lap(u) = -lap(v)", exact, ranges, solver="tolerance: 1e-6")


def test_a_product_of_all_coordinates_is_chosen_after_one_level_of_blocks():
    result = solve(sines(4))
    assert result.verdict.converged
    assert result.verdict.evidence == Evidence.PRODUCTS
    assert [level.number for level in result.levels] == [0, 1]
    assert "1 product of functions of one coordinate each" in result.network
    assert result.levels[-1].parameters == 48
    assert result.levels[-1].true_error <= 1e-6


def test_blocks_that_are_asked_for_are_not_left():
    problem = sines(4)
    asked = replace(problem, solver=replace(problem.solver, network="product", max_levels=2))
    result = solve(asked)
    assert not result.verdict.converged
    assert result.verdict.evidence == Evidence.BLOCKS


@pytest.fixture
def behind(monkeypatch):
    """Sums of products never get ahead of blocks, and compositions diverge."""

    def lost(family, verify, monitor, state, leave=lambda _: False):
        if isinstance(family, BlocksLevels):
            return solve_levels(replace(family, most_levels=3), verify, monitor, state, leave)
        if isinstance(family, CompositionLevels):
            raise SolverError("it diverged")
        out, last = solve_levels(replace(family, most_levels=1), verify, monitor, state)
        return replace(out, reason=None), last

    monkeypatch.setattr(high_dimensions, "solve_levels", lost)


def test_a_sum_of_products_that_loses_gives_way_to_the_next_and_to_blocks(behind):
    problem = sines(4)
    whole, states = told(problem)
    assert "chosen because a deep network diverged where blocks" in whole.network
    assert whole.verdict.evidence == Evidence.BLOCKS
    inside = next(s for s in states if isinstance(s.family_state, SeparableState))
    again = solve(problem, monitor=Monitor(None, None, resumed=stored(inside)))
    assert same_bits(again, whole)
    assert again.network == whole.network


@pytest.mark.slow
def test_three_products_and_a_layer_are_chosen_and_solved():
    three = "sin(pi*x1)*sin(pi*x2)*sin(pi*x3)*sin(pi*x4)"
    three += " + sin(2*pi*x1)*sin(pi*x2)*sin(3*pi*x3)*sin(pi*x4) + sin(pi*x1)*sin(2*pi*x2)*sin(2*pi*x3)*sin(3*pi*x4)"
    layer = "tanh((x1 - 0.5)/0.02)*sin(pi*x2)*sin(pi*x3)*sin(pi*x4)"
    for exact, said in ((three, "3 products of functions"), (layer, "1 product of functions")):
        assert said in solved(stated("-lap(u) = -lap(v)", exact)).network


@pytest.mark.slow
@pytest.mark.parametrize("k2", ["(18*pi**2 - 1e-2)", "(18*pi**2 + 3e-2)"])
def test_a_resonant_product_that_blocks_do_not_see_is_found_by_the_sum_of_products(k2, monkeypatch):
    """By the processor's clock: what is tried how long depends on it, and another process may take half of the time."""
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=time.process_time))
    exact = "x1 + sin(2*pi*x1)*sin(3*pi*x2)*sin(pi*x3)*sin(2*pi*x4)"
    solved(stated(f"lap(u) + {k2}*u = lap(v) + {k2}*v", exact, solver="tolerance: 1e-4"))


@pytest.mark.slow
def test_the_command_line_writes_its_result_folder(tmp_path, capsys):
    assert main(["solve", "product10d", "--json", "--quiet", "--out", str(tmp_path / "run")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "converged"
    assert said["true_error"] <= said["error_estimate"] <= 1e-4
    assert {"solution.vtu", "report.md", "levels.csv"} <= {p.name for p in (tmp_path / "run").iterdir()}
    points = np.full((1, 10), 0.5)
    assert pinnkan.load_solution(tmp_path / "run")(points)["u"] == pytest.approx(1.0, abs=1e-6)
