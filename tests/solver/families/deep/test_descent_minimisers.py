"""Ridge networks, Adam and L-BFGS as a problem file asks for them."""

import pytest
from deep_problems import LINE, SQUARE, stated

import pinnkan
from pinnkan.solver.families.deep import sweeps


def test_fixed_directions_solve_a_linear_equation_in_one_step():
    solution = pinnkan.solve(stated(SQUARE, "network: ridge, hidden: [12], tolerance: 1e-5"))
    assert solution.verdict.converged
    assert solution.true_error < 1e-5
    assert "fixed directions" in solution.network
    assert len(solution.history) <= 2
    assert solution.history[-1].loss > 0.5 * solution.history[0].loss  # nothing is left for a second one


def test_fixed_directions_solve_a_nonlinear_equation_by_gauss_newton():
    solution = pinnkan.solve(stated(LINE, "network: ridge, hidden: [2], tolerance: 1e-6"))
    assert solution.verdict.converged
    assert solution.true_error < 1e-6
    losses = [step.loss for step in solution.history]
    assert len(losses) > 2
    assert losses[-1] < 1e-9 * losses[0]


def test_all_layers_of_a_ridge_network_are_trained_by_levenberg_marquardt():
    solution = pinnkan.solve(stated(LINE, "network: ridge, hidden: [3, 3], tolerance: 1e-4, max_levels: 2"))
    assert solution.verdict.converged
    assert solution.true_error < 1e-4
    assert "all layers trained by Levenberg-Marquardt" in solution.network


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_first_order_training_goes_down_and_is_judged_as_any_other(method, monkeypatch):
    monkeypatch.setitem(sweeps.MOST_STEPS, method, {"adam": 150, "lbfgs": 3}[method])
    monkeypatch.setitem(sweeps.TRIAL_STEPS, method, {"adam": 10, "lbfgs": 1}[method])
    settings = f"method: {method}, hidden: [3], tolerance: 1e-9, max_levels: 2, knots: 2, seed: 3"
    solution = pinnkan.solve(stated(LINE, settings))
    assert not solution.verdict.converged
    assert solution.verdict.reason == "max_levels"
    assert "leave `method` out" in solution.verdict.remedy
    estimate = solution.verdict.estimate
    assert 0.8 < estimate / solution.true_error < 20
    assert [level.intervals for level in solution.levels] == [(2,), (4,)]
    assert all(step.rate > 0 for step in solution.history)
    first = [s.loss for s in solution.history if s.level == 0]
    second = [s.loss for s in solution.history if s.level == 1]
    assert first[-1] < {"adam": 0.7, "lbfgs": 0.1}[method] * first[0]
    assert second[-1] < first[-1]
    assert solution.true_error < 0.5


def test_a_time_limit_ends_first_order_training_with_its_name():
    solution = pinnkan.solve(stated(LINE, "method: adam, network: ridge, hidden: [2, 2], knots: 2, max_time: 0.2"))
    assert solution.verdict.reason == "max_time"
