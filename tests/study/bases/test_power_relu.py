from math import factorial

import numpy as np
import pytest
import torch
from in_splines import network_in_splines
from stored_state import stored

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.kan.layers.pointwise import Affine
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, uniform_breaks
from pinnkan.study.bases.change_of_basis import bands, change_matrix, inverse_matrix, to_powers, to_splines
from pinnkan.study.bases.power_relu import PowerRelu, network_in_powers

BREAKS = {
    "uniform": [-1.0, -0.5, 0.0, 0.5, 1.0],
    "uneven": [-1.0, -0.4, -0.1, 0.05, 0.5, 0.8, 1.0],
}
DEGREES = [1, 2, 3, 4, 5]
KNOTS = sorted(BREAKS)
JETS = JetSet([(2, 0), (0, 2), (1, 1)])


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


def recursion(t, r):
    """A by the recursion of Lemma 2 of arXiv:2603.04827, order by order."""
    n = len(t) - r
    table = np.eye(len(t) - 1, len(t))
    table[:, 1:] -= np.eye(len(t) - 1)  # order 1: indicator functions as differences of steps
    for s in range(2, r + 1):
        rows = len(t) - s
        new = np.zeros((rows, len(t)))
        for i in range(rows):
            new[i] = table[i] / (t[i + s - 1] - t[i]) - table[i + 1] / (t[i + s] - t[i + 1])
        table = new
    return table[:, :n]


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("knots", KNOTS)
def test_both_bases_give_the_same_function_and_derivatives(knots, degree):
    splines = Basis.extended(BREAKS[knots], degree)
    powers = PowerRelu.of(splines)
    u = draw(splines.count)
    x = torch.linspace(-1, 1, 401, dtype=torch.float64)[:-1]
    ours, reference = powers.dense(x, degree) @ to_powers(splines, u), splines.dense(x, degree) @ u
    for k in range(degree + 1):
        assert relative(ours[k], reference[k]) < 1e-10
    assert relative(powers.dense(x) @ to_powers(splines, u * (1 + 1e-9)), reference[:1]) > 1e-10


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("knots", KNOTS)
def test_the_way_back_recovers_the_coefficients(knots, degree):
    splines = Basis.extended(BREAKS[knots], degree)
    u = draw(3, splines.count)
    assert relative(to_splines(splines, to_powers(splines, u)), u) < 1e-10
    torch.testing.assert_close(to_powers(splines, u), u @ change_matrix(splines), rtol=1e-13, atol=1e-9)
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)[:-1]
    powers = PowerRelu.of(splines).dense(x)[0]  # each power of ReLU is a spline with no negative coefficient
    assert relative(splines.dense(x)[0] @ inverse_matrix(splines).T, powers) < 1e-12
    assert float(inverse_matrix(splines).min()) >= 0.0
    assert relative(splines.dense(x)[0] @ inverse_matrix(splines), powers) > 1e-3  # not the transpose


@pytest.mark.parametrize("degree", DEGREES)
def test_the_closed_form_is_the_papers_recursion_and_on_uniform_knots_its_corollary(degree):
    splines, r = Basis.extended(BREAKS["uneven"], degree), degree + 1
    expected = torch.from_numpy(recursion(splines.knots.numpy(), r))
    assert relative(change_matrix(splines), expected) < 1e-12
    h = 0.25
    uniform = bands(Basis.extended(uniform_breaks(-1, 1, 8), degree))
    for s in range(r + 1):
        entry = (-1) ** s * r / (factorial(s) * factorial(r - s) * h ** (r - 1))
        torch.testing.assert_close(uniform[:, s], torch.full_like(uniform[:, s], entry), rtol=1e-12, atol=0)


def test_repeated_knots_are_refused():
    with pytest.raises(ValueError, match="strictly increasing"):
        bands(Basis.clamped(BREAKS["uneven"], 3))
    with pytest.raises(ValueError, match="strictly increasing"):
        PowerRelu.of(Basis.clamped(BREAKS["uneven"], 3))


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("knots", KNOTS)
def test_inserting_knots_leaves_powers_of_relu_unchanged_everywhere(knots, degree):
    coarse = PowerRelu.extended(BREAKS[knots], degree)
    fine = PowerRelu.extended(sorted([*BREAKS[knots], -0.7, -0.25, 0.27, 0.4, 0.9]), degree)
    u = draw(coarse.count)
    w = to_powers(coarse.splines, u)
    x = torch.linspace(-1.2, 1.2, 301, dtype=torch.float64)
    before = coarse.dense(x)[0] @ w
    for finer in (fine, coarse.halved()):
        table, prolonged = finer.dense(x)[0], coarse.prolong(w, finer)
        difference = float((table @ prolonged - before).abs().max())
        assert difference < 1e-14 * float((table.abs() @ prolonged.abs()).max())  # rounding of the terms that cancel
        assert difference < (1e-12 if degree < 4 else 1e-10) * float(before.abs().max())
    injected = fine.knots.new_zeros(fine.count)  # without the change of the outer functions
    injected[-coarse.count :] = w
    assert relative(fine.dense(x)[0] @ injected, before) > 1e-6


def test_knots_that_are_not_nested_are_refused():
    coarse = PowerRelu.extended(BREAKS["uneven"], 3)
    w = draw(coarse.count)
    with pytest.raises(ValueError, match="do not contain"):
        coarse.prolong(w, PowerRelu.extended([-1.0, -0.4, -0.1, 0.06, 0.5, 0.8, 1.0], 3))
    with pytest.raises(ValueError, match="degree"):
        coarse.prolong(w, PowerRelu.extended(BREAKS["uneven"], 4))


@pytest.mark.parametrize("basis", [Basis, PowerRelu])
def test_the_identity_is_x_itself(basis):
    functions = basis.extended(BREAKS["uneven"], 4)
    x = torch.linspace(-1.1, 1.1, 51, dtype=torch.float64)
    torch.testing.assert_close(functions.dense(x)[0] @ functions.identity_coefficients(), x, rtol=0, atol=1e-11)


def inputs(count=40):
    x = 2 * torch.rand((count, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    return Inputs(((-1.0, 1.0), (-1.0, 1.0)), (False, False)).jets(JETS, x)


def ridge(basis, degree=4):
    """A linear layer, then edges of one kind, as in the paper's regression."""
    edges = basis.extended(uniform_breaks(-1, 1, 5), degree)
    return Network((Affine(0.4 * draw(5, 2)), Spline(edges, draw(1, 5, edges.count, seed=1))))


def test_a_deep_network_and_a_ridge_network_are_the_same_function_in_both_bases():
    z = inputs()
    for network in (random_network((2, 4, 3, 1), 4, 5, 0.3, seed=2), ridge(Basis)):
        powers = network_in_powers(network)
        u, v = network.forward(JETS, z)[0], powers.forward(JETS, z)[0]
        back = network_in_splines(powers)
        assert isinstance(powers.layers[-1].basis, PowerRelu)
        assert isinstance(back.layers[-1].basis, Basis)
        assert powers.parameters == network.parameters
        for alpha in range(len(JETS)):
            assert relative(v[alpha], u[alpha]) < 1e-10
        assert relative(back.flat(), network.flat()) < 1e-10


@pytest.mark.parametrize("basis", [Basis, PowerRelu])
def test_jacobian_and_gradient_of_either_basis_agree_with_autograd(basis):
    network, z = ridge(basis), inputs()
    adjoint = draw(len(JETS), z.shape[1], 1, seed=3)

    def rows(flat):
        return (adjoint * network.with_flat(flat).forward(JETS, z)[0]).sum((0, 2))

    _, traces = network.forward(JETS, z)
    expected = torch.autograd.functional.jacobian(rows, network.flat())
    assert relative(network.jacobian(traces, adjoint), expected) < 1e-12
    assert relative(network.gradient(traces, adjoint), expected.sum(0)) < 1e-12
    assert relative(network.gradient(traces, adjoint * (1 + 1e-9)), expected.sum(0)) > 1e-12


@pytest.mark.parametrize("basis", [Basis, PowerRelu])
def test_halving_a_ridge_network_leaves_it_unchanged(basis):
    network, z = ridge(basis, degree=3), inputs()
    fine = network.halved()
    assert (network.parameters, fine.parameters) == (10 + 5 * 8, 10 + 5 * 13)
    assert relative(fine.forward(JETS, z)[0], network.forward(JETS, z)[0]) < 1e-12


def test_a_stored_field_of_any_layers_comes_back():
    piece = Piece(Inputs(((-1.0, 1.0), (-1.0, 1.0)), (False, False)), ridge(Basis), (np.linspace(-1, 1, 3),) * 2)
    field = DeepField((piece,), None)
    again = stored(field)
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    np.testing.assert_array_equal(again(points, [(2, 0)]), field(points, [(2, 0)]))
