"""Ridge networks, Adam and L-BFGS as a problem file asks for them, and Levenberg-Marquardt for any layered network."""

import numpy as np
import pytest
import torch
from edited import only_fault

import pinnkan
from pinnkan.kan.layers.architectures import layered, perceptron
from pinnkan.kan.layers.deep_field import DeepField, Piece
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.deep import sweeps as deep
from pinnkan.solver.families.deep.settings import choose_settings
from pinnkan.solver.families.deep.starts import start
from pinnkan.solver.families.deep.system import Slab, cells_for, make_system
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.minimise import outer_layer as outer
from pinnkan.solver.monitor import Monitor
from pinnkan.study.bases.free_knots import with_free_knots

TEXT = """
name: square
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["u_xx + u_yy = -2*pi**2*sin(pi*x)*sin(pi*y)"]
conditions: [{where: boundary, equation: u = 0}]
exact: {u: sin(pi*x)*sin(pi*y)}
solver: {SOLVER}
"""
LINE = """
name: line
domain: {x: [0, 2]}
unknowns: [u]
equations: ["u_xx - u**3 = 2 - 4*sin(2*x) - (sin(2*x) + x**2)**3"]
conditions: [{where: boundary, equation: u = sin(2*x) + x**2}]
exact: {u: sin(2*x) + x**2}
solver: {SOLVER}
"""


def stated(text, solver):
    return parse_problem(text.replace("SOLVER", solver), "case.yaml")


def test_fixed_directions_solve_a_linear_equation_in_one_step():
    solution = pinnkan.solve(stated(TEXT, "network: ridge, hidden: [12], tolerance: 1e-5"))
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


def test_one_hidden_layer_is_frozen_and_two_are_trained():
    one = choose_settings(stated(TEXT, "network: ridge, hidden: [6]"))
    two = choose_settings(stated(TEXT, "network: ridge, hidden: [6, 4]"))
    first = choose_settings(stated(TEXT, "network: ridge, hidden: [6], method: adam"))
    assert (one.is_frozen, two.is_frozen, first.is_frozen) == (True, False, False)
    frozen, trained = (start(s, 2, 1, 0, "cpu") for s in (one, two))
    assert frozen.parameters == 6 * (4 + one.degree)
    assert isinstance(trained, Network)
    assert trained.parameters == 2 * 6 + (4 + two.degree) * (6 * 4 + 4)


def test_all_layers_of_a_ridge_network_are_trained_by_levenberg_marquardt():
    solution = pinnkan.solve(stated(LINE, "network: ridge, hidden: [3, 3], tolerance: 1e-4, max_levels: 2"))
    assert solution.verdict.converged
    assert solution.true_error < 1e-4
    assert "all layers trained by Levenberg-Marquardt" in solution.network


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_first_order_training_goes_down_and_is_judged_as_any_other(method, monkeypatch):
    monkeypatch.setitem(deep.MOST_STEPS, method, {"adam": 150, "lbfgs": 3}[method])
    monkeypatch.setitem(deep.RACE_STEPS, method, {"adam": 10, "lbfgs": 1}[method])
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


@pytest.mark.parametrize("method", ["adam", pytest.param("lbfgs", marks=pytest.mark.slow)])
def test_going_on_from_a_state_gives_the_bits_of_the_whole_training(method, monkeypatch):
    monkeypatch.setitem(deep.MOST_STEPS, method, 3)
    monkeypatch.setitem(deep.RACE_STEPS, method, 2)
    problem, states = stated(LINE, f"method: {method}, network: ridge, hidden: [2, 2], max_levels: 2"), []
    whole = solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert len(states) >= 5
    for state in (states[0], states[3], states[-1]):
        again = solve(problem, monitor=Monitor(None, None, None, state))
        for ours, theirs in zip(again.field.tensors()[0].values(), whole.field.tensors()[0].values(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert [s.loss for s in again.history] == [s.loss for s in whole.history]


def test_a_time_limit_ends_first_order_training_with_its_name():
    solution = pinnkan.solve(stated(LINE, "method: adam, network: ridge, hidden: [2, 2], knots: 2, max_time: 0.2"))
    assert solution.verdict.reason == "max_time"
    assert np.isfinite(solution.verdict.estimate)


def test_adam_for_a_product_network_is_refused_where_it_stands():
    fault = only_fault(TEXT.replace("SOLVER", "network: product, method: adam"))
    assert "for deep and ridge networks" in fault.message
    assert (fault.line, fault.column) == (8, 36)
    assert choose_settings(stated(TEXT, "method: adam")).network == "deep"
    assert stated(TEXT, "method: adam, hidden: [3]").warnings == ()
    assert any("no effect" in str(w) for w in stated(TEXT, "hidden: [3]").warnings)


def test_gauss_newton_finds_the_least_solution_of_dependent_columns():
    matrix = torch.randn((30, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix[:, 5] = matrix[:, 0] + matrix[:, 1]
    aim = torch.linspace(0, 1, 30, dtype=torch.float64)
    zero = torch.zeros(6, dtype=torch.float64)
    found = outer.minimise(lambda x: (matrix @ x - aim, lambda: matrix), zero, 10, lambda loss, size: False)
    theirs = np.linalg.lstsq(matrix.numpy(), aim.numpy(), rcond=1e-10)[0]
    assert found.steps <= 2
    assert found.loss == pytest.approx(float(np.sum((matrix.numpy() @ theirs - aim.numpy()) ** 2)), rel=1e-12)
    assert float(found.x.norm()) < 1.5 * np.linalg.norm(theirs)
    stopped = outer.minimise(lambda x: (x**3 - 1, lambda: 3 * torch.diag(x**2)), zero + 2, 50, lambda *_: True)
    assert stopped.steps == 1
    whole = outer.minimise(lambda x: (x**3 - 1, lambda: 3 * torch.diag(x**2)), zero + 2, 50, lambda *_: False)
    torch.testing.assert_close(whole.x, zero + 1, rtol=1e-8, atol=0)


LAYERED = {
    "tanh": perceptron((1, 8, 8, 1), "tanh", 0),
    "free": with_free_knots(layered(random_network((1, 3, 1), 5, 3, 0.1, seed=0))),
}


@pytest.mark.parametrize("name", LAYERED)
def test_levenberg_marquardt_trains_perceptrons_and_free_knots(name):
    problem = stated(LINE, "tolerance: 1e-4")
    slab, inputs = Slab(problem.ranges, None, True), Inputs(problem.ranges, problem.periodic)
    network = LAYERED[name]
    piece = Piece(inputs, network, ())
    piece = Piece(inputs, network, cells_for(slab, piece))
    system = make_system(problem, slab, piece, None, "cpu")
    state = lm.minimise(lambda x: system.evaluate(network.with_flat(x)), network.flat(), 60)
    field = DeepField((Piece(inputs, network.with_flat(state.x), piece.cells),), None)
    x = np.linspace(0, 2, 50)[:, None]
    exact = np.sin(2 * x[:, 0]) + x[:, 0] ** 2

    def error(field):
        return np.linalg.norm(field(x, [(0,)])[:, 0, 0] - exact) / np.linalg.norm(exact)

    assert error(field) < 1e-3
    assert error(DeepField((piece,), None)) > 0.1
    again = DeepField.restore(*field.tensors())
    np.testing.assert_array_equal(again(x, [(1,)]), field(x, [(1,)]))
