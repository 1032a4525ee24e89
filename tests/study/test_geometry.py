from math import factorial

import numpy as np
import pytest
import torch
from in_splines import network_in_splines

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import random_network
from pinnkan.study import spectrum
from pinnkan.study.bases.change_of_basis import change_matrix
from pinnkan.study.bases.power_relu import network_in_powers
from pinnkan.study.descent import added_share, descend, layer_kernels, network_kernels, radius, remaining
from pinnkan.study.geometry import four_descents

ORDERS = [1, 2, 3, 4]


def symbol_eigenvalues(order, count, step):
    """``(2 sin(l pi / (2 (N + 1))))^(2r)``, scaled: exact for r = 1, the law l^(2r) for all."""
    angles = np.arange(1, count + 1) * np.pi / (2 * (count + 1))
    return (2.0 * np.sin(angles)) ** (2 * order) / (factorial(order - 1) * step ** (order - 1)) ** 2


@pytest.mark.parametrize("order", ORDERS)
def test_eigenvalues_are_those_of_the_matrix_and_near_the_difference_where_it_says_so(order):
    splines = spectrum.uniform_splines(order, 12)
    matrix = change_matrix(splines).numpy()
    ours = spectrum.gram_eigenvalues(splines)
    np.testing.assert_allclose(ours, np.linalg.eigvalsh(matrix.T @ matrix), rtol=0, atol=1e-12 * ours[-1])
    np.testing.assert_allclose(spectrum.condition(splines), ours[-1] / ours[0], rtol=1e-6)
    fine = spectrum.uniform_splines(order, 50)
    ratio = spectrum.gram_eigenvalues(fine) / spectrum.difference_eigenvalues(order, fine.count, 0.02)
    assert abs(ratio[-1] - 1) < 1e-3
    assert 0.75 < ratio[len(ratio) // 2] < 1
    assert ratio[0] < 0.3  # the corner matters at the low end
    step = spectrum.difference_eigenvalues(order, fine.count, 0.03) / spectrum.difference_eigenvalues(
        order, fine.count, 0.02
    )
    assert order == 1 or np.all(step < 0.5)


def test_the_difference_of_second_order_has_the_known_eigenvalues():
    np.testing.assert_allclose(spectrum.difference_eigenvalues(1, 20, 0.1), symbol_eigenvalues(1, 20, 0.1), rtol=1e-12)
    assert spectrum.difference_eigenvalues(2, 20, 0.1)[0] > 2 * symbol_eigenvalues(2, 20, 0.1)[0]


@pytest.mark.parametrize("order", ORDERS)
def test_the_condition_grows_with_the_power_that_the_paper_names(order):
    sizes = np.array([40, 80, 160])
    conditions = np.array([spectrum.condition(spectrum.uniform_splines(order, n)) for n in sizes])
    assert spectrum.slope(sizes, conditions) == pytest.approx(2 * order, abs=0.15 * order)
    assert spectrum.condition(spectrum.uniform_splines(order, 10)) > {1: 1e2, 2: 1e4, 3: 1e6, 4: 1e8}[order]


@pytest.mark.parametrize("order", ORDERS)
def test_the_lth_eigenvector_changes_sign_l_minus_one_times(order):
    vectors = spectrum.gram_eigenvectors(spectrum.uniform_splines(order, 60)).T
    assert [spectrum.sign_changes(v) for v in vectors] == list(range(len(vectors)))
    assert spectrum.sign_changes(vectors[3] + vectors[-1]) != 3


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_norm_of_the_change_is_below_the_papers_bound_and_its_square_above_four(order):
    norm = spectrum.rescaled_norm(order, 64)
    bound = 2.0**order / [1, 1, 2, 6, 24][order - 1]
    assert 0.98 * bound < norm < bound <= 4.0
    assert (norm**2 > 4.0) == (order in (2, 3, 4))  # what the argument gives is the square


def test_a_jacobian_without_structure_exceeds_the_factor_four_of_theorem_two():
    change = change_matrix(spectrum.uniform_splines(3, 64)).numpy() / 64**2  # spline Jacobian J A^T, J arbitrary
    worst = np.linalg.svd(change)[2][:1]  # one point
    ratio = np.linalg.norm(worst @ change.T, 2) ** 2 / np.linalg.norm(worst, 2) ** 2
    assert 15.9 < ratio < 16.0


def test_kernels_of_edges_and_networks_obey_the_bound():
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    for order in (1, 2, 3, 4):
        for intervals in (1, 4, 16):
            assert layer_kernels(spectrum.uniform_splines(order, intervals), x).ratio <= 1.0 + 1e-12
    points = 2 * torch.rand((60, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    network = random_network((2, 4, 3, 1), 3, 4, 0.3, seed=1)
    kernels = network_kernels(network, points)
    assert kernels.ratio < 1.0
    assert kernels.spline.shape == (60, 60)
    direct = torch.autograd.functional.jacobian(lambda w: value(network.with_flat(w), points), network.flat())
    torch.testing.assert_close(kernels.spline, direct @ direct.T, rtol=1e-10, atol=1e-10 * radius(kernels.spline))
    powers = network_in_powers(network)
    other = torch.autograd.functional.jacobian(lambda w: value(powers.with_flat(w), points), powers.flat())
    rescaled = other @ other.T / 0.5**6  # all layers have h = 1/2 and degree 3
    assert float((kernels.powers - rescaled).abs().max()) < 1e-10 * radius(rescaled)
    assert float((kernels.powers - other @ other.T).abs().max()) > 1e-2 * radius(rescaled)


def value(network, points):
    return network.forward(JetSet([(0, 0)]), points.unsqueeze(0))[0][0, :, 0]


def objective(points, target):
    jets = JetSet([(0, 0)])

    def evaluate(network):
        u, traces = network.forward(jets, points.unsqueeze(0))
        r = u[0, :, 0] - target
        return (r @ r) / len(r), network.gradient(traces, 2 * r.reshape(1, -1, 1) / len(r))

    return evaluate


def test_descent_in_one_basis_is_preconditioned_descent_in_the_other_layer_by_layer():
    points = 2 * torch.rand((80, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    fit = objective(points, torch.sin(3 * points[:, 0]) * points[:, 1])
    spline = random_network((2, 3, 1), 3, 3, 0.3, seed=1)
    powers = network_in_powers(spline)
    for first, second, rate in ((spline, powers, 1e-1), (powers, spline, 1e-6)):
        own = descend(fit, first, 25, rate, other=False)
        seen = descend(fit, second, 25, rate, other=True)
        torch.testing.assert_close(seen.losses, own.losses, rtol=1e-8, atol=0)
        torch.testing.assert_close(value(seen.network, points), value(own.network, points), rtol=0, atol=1e-8)
        assert float(own.losses[-1]) < 0.999 * float(own.losses[0])
    plain = descend(fit, spline, 25, 1e-6, other=False)
    other = descend(fit, spline, 25, 1e-6, other=True)
    assert float((plain.losses - other.losses).abs().max()) > 1e-3 * float(plain.losses[0])
    torch.testing.assert_close(network_in_splines(powers).flat(), spline.flat(), rtol=0, atol=1e-9)


def test_spline_descent_is_faster_than_power_descent_on_the_same_edge():
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    paths, gaps = four_descents(x, torch.sin(9 * x), 30)
    assert max(gaps) < 1e-7
    assert float(paths["spline descent"].losses[-1]) < 0.1 * float(paths["power-ReLU descent"].losses[-1])


def test_a_spline_step_is_new_on_a_new_level_and_a_power_step_is_not():
    x = torch.linspace(0, 1, 201, dtype=torch.float64)
    coarse, fine = spectrum.uniform_splines(4, 8), spectrum.uniform_splines(4, 16)
    values = torch.sin(20 * x)
    assert added_share(coarse, fine, x, values, other=False) > 0.5
    assert added_share(coarse, fine, x, values, other=True) < 0.05
    assert added_share(fine, fine, x, values, other=False) < 1e-3  # nothing was added


def test_what_descent_leaves_is_what_iterating_it_leaves():
    x = torch.linspace(0, 1, 51, dtype=torch.float64)
    kernel = layer_kernels(spectrum.uniform_splines(3, 4), x).spline
    values, left = torch.sin(5 * x), torch.sin(5 * x)
    for _ in range(7):
        left = left - kernel @ left / radius(kernel)
    assert remaining(kernel, values, 7) == pytest.approx(float(left.norm() / values.norm()), rel=1e-10)
    assert remaining(kernel, values, 8) < remaining(kernel, values, 7)
