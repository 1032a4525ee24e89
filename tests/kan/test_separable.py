"""A sum of few products of all coordinates: values, derivatives, knots, storage."""

import numpy as np
import pytest
from stored_state import stored

from pinnkan.kan.axis import Axis
from pinnkan.kan.separable import Separable
from pinnkan.kan.waves import Waves


def sum_of_two(seed=0):
    """Two products on different knots, one coordinate periodic."""
    rng = np.random.default_rng(seed)
    axes = (Axis(np.array([0.0, 0.3, 1.0]), 4), Axis(np.linspace(-1, 1, 7), 3, True), Axis(np.array([0.0, 2.0]), 5))
    return Separable(axes, tuple(rng.standard_normal((2, a.count)) for a in axes))


def test_a_derivative_is_the_sum_of_the_products_of_derivatives():
    f = sum_of_two()
    points = np.random.default_rng(1).random((20, 3))
    order = (1, 0, 2)
    tables = [a.matrix(points[:, i], n) @ e.T for i, (a, n, e) in enumerate(zip(f.axes, order, f.edges, strict=True))]
    wanted = (tables[0] * tables[1] * tables[2]).sum(1)
    found = f(points, [(0, 0, 0), order])
    assert found.shape == (20, 1, 2)
    np.testing.assert_allclose(found[:, 0, 1], wanted, rtol=1e-13)
    assert np.abs(found[:, 0, 0] - wanted).max() > 0.1


def test_a_grid_holds_the_values_at_its_points():
    f = sum_of_two()
    axes = [np.linspace(0, 1, 4), np.linspace(-1, 1, 3), np.linspace(0, 2, 5)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], -1)
    for order, grid in zip([(0, 0, 0), (0, 1, 1)], f.grids(axes, [(0, 0, 0), (0, 1, 1)]), strict=True):
        assert grid.shape == (4, 3, 5, 1)
        np.testing.assert_allclose(grid.ravel(), f(points, [order])[:, 0, 0], rtol=1e-12, atol=1e-12)


def test_knots_inserted_and_terms_of_another_sum_leave_the_values_exact():
    f, g = sum_of_two(0), sum_of_two(1)
    points = np.random.default_rng(2).random((20, 3))
    finer = tuple(a.halved() for a in f.axes)
    both = f.prolonged(finer).plus(g.prolonged(finer), -2.0)
    wanted = f(points, [(0, 0, 0)]) - 2.0 * g(points, [(0, 0, 0)])
    np.testing.assert_allclose(both(points, [(0, 0, 0)]), wanted, rtol=1e-11, atol=1e-12)
    assert both.terms == 4


def test_the_norm_is_that_of_the_values_on_a_gauss_grid():
    f = sum_of_two()
    rules = [a.gauss(8) for a in f.axes]
    values = f.grid([x.ravel() for x, _ in rules], (0, 0, 0))[..., 0]
    weights = [w.ravel() / w.sum() for _, w in rules]
    square = np.einsum("abc,a,b,c->", values**2, *weights)
    assert f.norm() == pytest.approx(np.sqrt(square), rel=1e-12)


def test_a_stored_sum_comes_back():
    f = sum_of_two()
    back = stored(f)
    points = np.random.default_rng(3).random((5, 3))
    np.testing.assert_array_equal(back(points, [(1, 1, 1)]), f(points, [(1, 1, 1)]))


@pytest.mark.parametrize("held", [(True, True), (False, True), (False, False)])
def test_waves_are_orthonormal_and_span_the_splines_that_are_zero_where_held(held):
    axis = Axis(np.array([0.0, 0.2, 0.5, 1.0]), 5)
    waves = Waves.from_axis(axis, held)
    nodes, weights = axis.gauss(6)
    table = waves.matrix(nodes.ravel())
    np.testing.assert_allclose((table * weights.ravel()[:, None]).T @ table, np.eye(waves.count), atol=1e-10)
    assert waves.count == axis.count - sum(held)
    ends = np.abs(waves.matrix(np.array([0.0, 1.0]))).max(1)
    assert [e < 1e-12 for e in ends] == list(held)
    np.testing.assert_allclose(waves.dual @ waves.transform, np.eye(waves.count), atol=1e-10)
