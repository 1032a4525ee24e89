"""The measure of error and the grids it is taken on."""

from __future__ import annotations

import numpy as np
import pytest

from .error import allen_cahn_grid, burgers_grid, gauss, graded_edges, instants, relative_l2, tensor


def test_a_relative_error_is_the_ratio_of_the_norms() -> None:
    v = np.array([3.0, 4.0])
    assert relative_l2(v + np.array([0.0, 0.05]), v) == pytest.approx(0.01, rel=1e-12)
    assert relative_l2([3.0, 5.0], v, weights=[1.0, 0.0]) == 0.0
    assert np.isnan(relative_l2([np.nan, 4.0], v))


def test_shapes_that_would_broadcast_and_a_zero_reference_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        relative_l2(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="zero"):
        relative_l2(np.ones(3), np.zeros(3))


def test_a_graded_gauss_grid_integrates_a_sharp_front_that_a_uniform_one_misses() -> None:
    width, exact = 1e-3, 2e-3 * np.tanh(1e3)  # the integral of 1/cosh^2(x / width) over [-1, 1]
    graded = gauss(graded_edges(-1, 1, 0, 2e-3, 0.2), nodes=8)
    uniform = gauss(np.linspace(-1, 1, graded.weights.size // 8 + 2), nodes=8)
    graded_error, uniform_error = (
        abs(np.sum(grid.weights / np.cosh(np.clip(grid.points[:, 0] / width, -300, 300)) ** 2) / exact - 1)
        for grid in (graded, uniform)
    )
    assert graded_error < 1e-5
    assert uniform_error > 1e-2


@pytest.mark.parametrize("centre", [-1.0, 0.3, 1.0])
def test_graded_edges_increase_from_end_to_end_and_contain_the_centre(centre: float) -> None:
    edges = graded_edges(-1, 1, centre, 1e-3, 0.1)
    assert (edges[0], edges[-1]) == (-1, 1)
    assert centre in edges
    assert np.diff(edges).min() > 5e-4
    assert np.diff(edges).max() < 0.2


def test_a_product_grid_integrates_a_product() -> None:
    grid = tensor(gauss([0.0, 0.5, 2.0]), instants([0.0, 0.25, 1.0]))
    x, t = grid.points.T
    np.testing.assert_allclose(np.sum(grid.weights * x**3 * t), 4.0 * 0.5, rtol=1e-14)


def test_the_grids_of_the_hard_problems_cover_space_and_time() -> None:
    for grid in (burgers_grid([0.5, 1.0]), allen_cahn_grid([0.5, 1.0])):
        np.testing.assert_allclose(grid.weights.sum(), 2 * 0.5, rtol=1e-13)
        assert np.abs(grid.points[:, 0]).max() < 1
        assert grid.weights.size < 2000
