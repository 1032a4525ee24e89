"""The smallest singular value of compressed rows."""

import numpy as np
import pytest
import scipy.linalg

from pinnkan.solver.verify.products.factor_rows import (
    FactorRows,
    IntegralFactorRows,
    _node_ratios,
    compressed_rows,
    smallest_singular_vector,
    squared_terms,
)


def test_the_smallest_value_is_found_below_the_root_of_the_rounding_unit():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((n, 20)))[0] for n in (60, 20))
    matrix = left @ np.diag(np.geomspace(1.0, 1e-11, 20)) @ right.T
    root = np.triu(rng.standard_normal((20, 20))) + 5 * np.eye(20)
    exact = scipy.linalg.svdvals(scipy.linalg.solve_triangular(root, matrix.T, trans="T").T)[-1]
    vector, sigma = smallest_singular_vector(matrix, root)
    assert sigma == pytest.approx(exact, rel=1e-2)
    assert np.linalg.norm(root @ vector) == pytest.approx(1.0)
    squared = np.linalg.eigvalsh(matrix.T @ matrix)[0]
    assert abs(squared) > 1e3 * exact**2


@pytest.mark.parametrize("kind", [FactorRows, IntegralFactorRows])
def test_weights_that_differ_by_a_factor_along_a_coordinate_are_compressed_at_its_first_node(kind):
    rng = np.random.default_rng(0)
    grid = rng.random((7, 1, 1)) * rng.random((1, 6, 2))
    assert _node_ratios(grid, 0) == pytest.approx(grid[:, 0, 0] / grid[0, 0, 0])
    assert _node_ratios(grid, 1) is None
    assert _node_ratios(grid * (1.0 + 1e-12 * rng.random(grid.shape)), 0) is None
    tables = tuple(tuple(rng.random((n, 3)) for _ in range(2)) for n in (7, 6))
    products, vector = [[np.zeros((3, 1)), rng.random((3, 1))]], rng.random((1, 3))

    def seen(alike):
        block = kind(grid, (alike, None), ((1, 0), (0, 1)), (0, 0), tables, 0.5, np.zeros((7, 6)))
        rows, squares = compressed_rows(block, products, 0, 1)
        return rows.T @ rows, squared_terms(block, squares, 0, vector)

    (square, size), (slow, total) = seen(_node_ratios(grid, 0)), seen(None)
    assert square == pytest.approx(slow, rel=1e-12)
    assert size == pytest.approx(total, rel=1e-12)
    assert seen(1.01 * _node_ratios(grid, 0))[1] != pytest.approx(total, rel=1e-3)
