import numpy as np
import pytest
import torch
from free_knots import FreeSpline, with_free_knots
from stored_state import stored
from two_inputs import JETS, input_jets, points

from pinnkan.kan.layers import spline_layer
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import (
    Network,
    frozen_ridge,
    perceptron,
    random_network,
    spread_directions,
    stack_networks,
)
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.kan.spline import Basis, local_tables
from pinnkan.study.bases.power_relu import network_in_powers

VALUE = JetSet([(0, 0)])


def ridge(seed=5):
    """The paper's network: a linear layer, then splines."""
    splines = random_network((4, 3, 2), 4, 3, 0.3, seed)
    return Network((Affine(spread_directions(2, 4)), Activation("tanh"), *splines.layers))


def shifted(network):
    """The knots of free splines moved off their uniform places."""
    noise = torch.randn(network.parameters, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return network.with_flat(network.flat() + 0.2 * noise)


NETWORKS = {
    "tanh": perceptron((2, 5, 4, 2), "tanh", 3),
    "relu": perceptron((2, 5, 4, 2), "relu", 3),
    "deep": random_network((2, 3, 4, 2), 4, 3, 0.3, 5),
    "ridge": ridge(),
    "free": shifted(with_free_knots(ridge())),
    "powers": network_in_powers(random_network((2, 3, 2), 3, 3, 0.3, 5)),
    "frozen": shifted(frozen_ridge(spread_directions(2, 5), 2, 4, 3)),
}


def adjoint(n=9):
    shape = (len(JETS), n, 2)
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


@pytest.mark.parametrize("name", NETWORKS)
def test_jets_agree_with_autograd(name):
    network, x = NETWORKS[name], points().requires_grad_()
    u, _ = network.forward(JETS, input_jets(x.detach()))
    for o in range(2):
        value = network.forward(VALUE, x.unsqueeze(0))[0][0, :, o]
        first = torch.autograd.grad(value.sum(), x, create_graph=True)[0]
        expected = {(1, 0): first[:, 0], (0, 1): first[:, 1]}
        if name != "relu":  # autograd would need a graph of zeros
            second = torch.autograd.grad(first[:, 0].sum(), x)[0]
            expected |= {(2, 0): second[:, 0], (1, 1): second[:, 1]}
        else:
            expected |= {(2, 0): torch.zeros(9, dtype=torch.float64)}
        for index, theirs in expected.items():
            torch.testing.assert_close(u[JETS.position[index], :, o], theirs.detach(), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(u[JETS.position[(1, 0)]], u[JETS.position[(0, 1)]])


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_and_gradient_are_derivatives_by_the_coefficients(name):
    network, z, lam = NETWORKS[name], input_jets(points()), adjoint()

    def sums(vector):
        return (network.with_flat(vector).forward(JETS, z)[0] * lam).sum((0, 2))

    x = network.flat()
    rows = network.jacobian(network.forward(JETS, z)[1], lam)
    assert rows.shape == (9, network.parameters)
    h = 1e-5
    directions = torch.randn((3, len(x)), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for direction in directions:
        central = (8 * (sums(x + h * direction) - sums(x - h * direction))) / (12 * h)
        central = central - (sums(x + 2 * h * direction) - sums(x - 2 * h * direction)) / (12 * h)
        scale = float(central.abs().max())
        torch.testing.assert_close(rows @ direction, central, rtol=0, atol=1e-7 * scale)
    gradient = network.gradient(network.forward(JETS, z)[1], lam)
    torch.testing.assert_close(gradient, rows.sum(0), rtol=1e-11, atol=1e-11 * float(rows.abs().max()))
    other = network.jacobian(network.forward(JETS, z)[1], 1.01 * lam)
    assert float((other @ directions[0] - rows @ directions[0]).abs().max()) > 1e-7 * scale


@pytest.mark.parametrize("name", ["tanh", "ridge", "free"])
def test_runs_stacked_are_the_runs_alone(name):
    many = [NETWORKS[name], shifted(NETWORKS[name])]
    z, lam = input_jets(points()), adjoint()
    u, traces = stack_networks(many).forward(JETS, z)
    gradients = stack_networks(many).gradient(traces, lam.unsqueeze(1).expand(-1, 2, -1, -1))
    for n, network in enumerate(many):
        alone, own = network.forward(JETS, z)
        scale = float(alone.abs().max())
        torch.testing.assert_close(u[:, n], alone, rtol=0, atol=1e-12 * scale)
        expected = network.gradient(own, lam)
        torch.testing.assert_close(gradients[n], expected, rtol=0, atol=1e-10 * float(expected.abs().max()))
    assert float((u[:, 0] - u[:, 1]).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["ridge", "powers", "frozen"])
def test_blocks_of_points_change_nothing(name, monkeypatch):
    network, z, lam = NETWORKS[name], input_jets(points()), adjoint()
    u, traces = network.forward(JETS, z)
    gradient, rows = network.gradient(traces, lam), network.jacobian(traces, lam)
    monkeypatch.setattr(spline_layer, "BLOCK_VALUES", 25)  # one to four points
    v, parts = network.forward(JETS, z)
    assert max(len(list(t.blocks())) for t in parts if isinstance(t, spline_layer.SplineTrace)) > 2
    torch.testing.assert_close(v, u, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(network.gradient(parts, lam), gradient, rtol=0, atol=1e-12 * float(gradient.abs().max()))
    torch.testing.assert_close(network.jacobian(parts, lam), rows, rtol=0, atol=1e-12 * float(rows.abs().max()))
    assert float((network.gradient(parts, 1.01 * lam) - gradient).abs().max()) > 1e-4


@pytest.mark.parametrize("name", ["deep", "ridge", "free", "frozen"])
def test_halving_leaves_the_function_unchanged(name):
    network, z = NETWORKS[name], input_jets(points())
    fine = network.halved().halved()
    before, after = network.forward(JETS, z)[0], fine.forward(JETS, z)[0]
    scale = before.abs().amax(dim=(1, 2), keepdim=True)
    assert fine.intervals == 12
    assert float(((after - before) / scale).abs().max()) < 1e-11
    moved = shifted(fine).forward(JETS, z)[0]
    assert float(((moved - before) / scale).abs().max()) > 1e-3


def test_halving_by_the_stencil_as_the_paper_prints_it_would_change_the_function():
    network, z = NETWORKS["deep"], input_jets(points())
    once = network.halved()
    printed = once.with_flat(0.5 * once.flat())
    assert float((printed.forward(VALUE, z[:1])[0] - network.forward(VALUE, z[:1])[0]).abs().max()) > 0.1


def test_free_knots_start_where_fixed_ones_are_and_stay_in_order():
    fixed, z = ridge(), input_jets(points())
    free = with_free_knots(fixed)
    torch.testing.assert_close(free.forward(JETS, z)[0], fixed.forward(JETS, z)[0], rtol=1e-11, atol=1e-11)
    layer = next(s for s in free.layers if isinstance(s, FreeSpline))
    wild = 3.0 * torch.randn(layer.size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    knots = layer.with_flat(wild).knots()
    assert bool((knots.diff(dim=-1) > 0).all())
    inner = knots[:, layer.degree : layer.degree + layer.intervals + 1]
    torch.testing.assert_close(inner[:, [0, -1]], torch.tensor([[-1.0, 1.0]] * 4, dtype=torch.float64))
    assert float(knots.diff(dim=-1).std()) > 0.05


def test_tables_of_uniform_knots_are_those_of_any_knots():
    x = torch.linspace(-1.3, 1.3, 101, dtype=torch.float64)
    for degree in (1, 3, 9):
        basis = Basis.extended(np.linspace(-1, 1, 8), degree)
        ours, first = basis.local(x, 3)
        j = basis.span(x)
        theirs = local_tables(x, torch.stack([basis.knots[j + 1 - degree + m] for m in range(2 * degree)]), degree, 3)
        assert basis.is_uniform
        torch.testing.assert_close(first, j - degree)
        scale = theirs.abs().amax(dim=(1, 2), keepdim=True).clamp_min(1e-300)
        assert float(((ours - theirs) / scale).abs().max()) < 1e-12
    assert not Basis.clamped(np.linspace(-1, 1, 8), 3).is_uniform
    assert not Basis.extended([0.0, 0.4, 1.0], 3).is_uniform


@pytest.mark.parametrize("name", ["tanh", "relu", "deep", "ridge", "frozen"])
def test_a_stored_network_comes_back_as_it_was(name):
    network, z = NETWORKS[name], input_jets(points())
    torch.testing.assert_close(stored(network).forward(JETS, z)[0], network.forward(JETS, z)[0], rtol=0, atol=0)


def test_networks_have_the_counts_of_the_paper():
    assert perceptron((2, 20, 20, 1), "tanh", 0).parameters == 500
    assert perceptron((2, 56, 56, 1), "tanh", 0).parameters == 3416
    assert perceptron((3, 16, 16, 1), "relu", 0).parameters == 352
    assert perceptron((2, 5, 1), "relu", 0).parameters == 20
    for intervals, count in ((5, 3400), (20, 9700)):
        splines = random_network((20, 20, 1), 3, intervals, 0.1, 0)
        assert splines.parameters + spread_directions(2, 20).numel() == count


def test_a_network_of_straight_lines_has_units_of_moderate_size():
    network = random_network((2, 5, 5, 1), 5, 4, 0.0, seed=0)
    u, _ = network.forward(VALUE, points(100).unsqueeze(0))
    assert 0.05 < float(u.std()) < 1.0


def test_directions_are_spread_and_map_the_box_to_one_interval():
    for inputs in (1, 2, 3, 5):
        found = spread_directions(inputs, 12)
        torch.testing.assert_close(found.abs().sum(1), torch.ones(12, dtype=torch.float64))
        assert bool((found[:1].abs().amax(1) == 1.0).all())
    plane = spread_directions(2, 12)
    unit = plane / plane.norm(dim=1, keepdim=True)
    apart = torch.acos((unit @ unit.T).abs().fill_diagonal_(0.0)).amin()
    assert float(apart) == pytest.approx(np.pi / 12, rel=1e-6)
    space = spread_directions(3, 12)
    unit = space / space.norm(dim=1, keepdim=True)
    assert float(torch.acos((unit @ unit.T).abs().fill_diagonal_(0.0)).amin()) > 0.3
