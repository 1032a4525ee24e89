"""The rows of one slab: their Jacobian, their weights, and points never trained on."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from deep_problems import LINE, UXX, burgers, equation, poisson, stated
from free_knots import with_free_knots
from stored_state import stored

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import perceptron, random_network
from pinnkan.solver.families.deep.sweeps import time_slabs
from pinnkan.solver.families.deep.system import SlabDomain, heldout_loss, make_system, mean_square, training_cells
from pinnkan.solver.minimise import levenberg_marquardt as lm


def test_the_jacobian_of_all_rows_agrees_with_autograd():
    problem = burgers()
    slab = time_slabs(problem, 2)[1]
    inputs = Inputs(slab.ranges, problem.box.periodic)
    piece = Piece(inputs, random_network((2, 3, 1), 4, 2, 0.3, seed=1), ())
    piece = replace(piece, cells=training_cells(slab, piece))
    system = make_system(problem, slab, piece, piece, "cpu")
    network = piece.network
    rows, tangent = system.rows_and_jacobian(network)
    theirs = torch.autograd.functional.jacobian(
        lambda w: system.rows_and_jacobian(network.with_flat(w))[0], network.flat()
    )
    scale = float(theirs.abs().max())
    assert rows.shape == (system.row_count,)
    torch.testing.assert_close(tangent(), theirs, rtol=0, atol=1e-10 * scale)
    loss, gradient = system.loss_and_gradient(network)
    torch.testing.assert_close(loss, rows @ rows, rtol=1e-13, atol=0)
    torch.testing.assert_close(gradient, 2 * theirs.T @ rows, rtol=1e-10, atol=1e-10 * float(gradient.abs().max()))
    moved = system.rows_and_jacobian(network.with_flat(network.flat() * (1 + 1e-6)))[1]()
    assert float((moved - theirs).abs().max()) > 1e-10 * scale


def test_conditions_weigh_as_the_operator_scales():
    problem = poisson()
    inputs = Inputs(problem.box.ranges, problem.box.periodic)
    slab = SlabDomain(problem.domain, None)
    weights = []
    for knots in (4, 8):
        piece = Piece(inputs, random_network((1, 3, 1), 5, knots, 0.1, seed=0), (np.array([0.0, 1.0, 2.0]),))
        weights.append(float(make_system(problem, slab, piece, None, "cpu").groups[1].weights[0]))
    assert weights[1] / weights[0] == pytest.approx(2**1.5, rel=1e-12)
    assert weights[0] == pytest.approx(0.5**-1.5, rel=1e-12)


def test_heldout_points_are_not_training_points():
    problem = poisson()
    inputs = Inputs(problem.box.ranges, problem.box.periodic)
    slab = SlabDomain(problem.domain, None)
    piece = Piece(inputs, random_network((1, 3, 1), 5, 4, 0.1, seed=0), (np.linspace(0, 2, 40),))
    system = make_system(problem, slab, piece, None, "cpu")
    assert heldout_loss(problem, slab, piece, None, "cpu") == pytest.approx(mean_square(system, slab, piece), rel=1e-6)
    coarse = replace(piece, cells=(np.array([0.0, 2.0]),))
    seen = mean_square(make_system(problem, slab, coarse, None, "cpu"), slab, coarse)
    assert heldout_loss(problem, slab, coarse, None, "cpu") != pytest.approx(seen, rel=1e-6)


LAYERED = {
    "tanh": perceptron((1, 8, 8, 1), "tanh", 0),
    "free": with_free_knots(random_network((1, 3, 1), 5, 3, 0.1, seed=0)),
}


@pytest.mark.parametrize("name", LAYERED)
def test_levenberg_marquardt_trains_perceptrons_and_free_knots(name):
    problem = stated(LINE, "tolerance: 1e-4")
    slab, inputs = SlabDomain(problem.domain, None), Inputs(problem.box.ranges, problem.box.periodic)
    network = LAYERED[name]
    piece = Piece(inputs, network, ())
    piece = Piece(inputs, network, training_cells(slab, piece))
    system = make_system(problem, slab, piece, None, "cpu")

    def evaluate(x):
        return system.rows_and_jacobian(network.with_flat(x))

    found = lm.levenberg_marquardt(lm.normal_equations(evaluate), network.flat(), lambda *_: False, 60)
    field = DeepField((Piece(inputs, network.with_flat(found.point.x), piece.cells),), None)
    x = np.linspace(0, 2, 50)[:, None]
    exact = np.sin(2 * x[:, 0]) + x[:, 0] ** 2

    def error(field):
        return np.linalg.norm(field(x, [(0,)])[:, 0, 0] - exact) / np.linalg.norm(exact)

    assert error(field) < 1e-3
    assert error(DeepField((piece,), None)) > 0.1
    if name == "tanh":  # networks with free knots belong to the studies and are not stored
        again = stored(field)
        np.testing.assert_array_equal(again(x, [(1,)]), field(x, [(1,)]))


def test_a_later_slab_of_a_wave_goes_on_with_value_and_velocity():
    """An equation of second order in time needs u and u_t at the start; of first order u alone."""
    utt = sympy.Symbol("u_tt")
    wave = replace(burgers(), equations=(equation(utt - UXX, u_tt=(0, 2), u_xx=(2, 0)),))
    for problem, orders in ((wave, [(0, 0), (0, 1)]), (burgers(), [(0, 0)])):
        slab = time_slabs(problem, 2)[1]
        piece = Piece(Inputs(slab.ranges, problem.box.periodic), random_network((2, 3, 1), 4, 2, 0.3, seed=1), ())
        piece = replace(piece, cells=training_cells(slab, piece))
        groups = make_system(problem, slab, piece, piece, "cpu").groups
        start = [g for g in groups if bool((g.points[:, 1] == slab.ranges[1][0]).all())]
        assert [g.equations[0].jets[0].order for g in start] == orders
        for group, order in zip(start, orders, strict=True):
            aim = piece.jets(group.points.numpy(), [order])[:, 0, 0]
            np.testing.assert_allclose(group.targets[0], aim, rtol=0, atol=1e-12)
