"""Factors of small symmetric matrices: damped, of functions that are not there, of what rounding has made singular."""

import numpy as np
import pytest
import torch

from pinnkan.solver.linear import diagonalisation, joint_modes
from pinnkan.solver.linear.scaled_system import DIAGONAL_SHIFTS, factorise_shifted, scaled_factor, solve_scaled

#: A matrix of diagonal (4, 9) and one function that is not there; and one that is singular.
MATRIX = np.array([[4.0, 1.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
SINGULAR = np.array([[4.0, 6.0, 0.0], [6.0, 9.0, 0.0], [0.0, 0.0, 0.0]])


def damped(matrix, damping):
    """With its diagonal so much larger, and one where it has none."""
    there = matrix.diagonal() > 0.0
    return matrix + np.diag(np.where(there, damping * matrix.diagonal(), 1.0))


def by_bands(matrix, damping):
    lower = np.array([np.append(matrix.diagonal(-k), np.zeros(k)) for k in range(3)])
    factor = diagonalisation._factor(torch.from_numpy(lower)[None], damping)
    return sum(np.diag(factor[k, : 3 - k], -k) for k in range(3))


def by_moments(matrix, damping):
    lower, scale = scaled_factor(np.asfortranarray(matrix.copy()), damping)
    return np.tril(lower) / scale[:, None]


def by_waves(matrix, damping):
    """Of a matrix with a unit diagonal, as they are there."""
    scale = np.where(matrix.diagonal() > 0.0, matrix.diagonal(), 1.0) ** -0.5
    unit = matrix * scale[:, None] * scale
    return joint_modes._factor(torch.from_numpy(unit)[None], damping)[0].numpy() / scale[:, None]


@pytest.mark.parametrize("factor", [by_bands, by_moments, by_waves])
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_a_factor_is_that_of_the_damped_matrix_with_ones_where_no_function_is(factor, damping):
    triangle = factor(MATRIX, damping)
    np.testing.assert_allclose(triangle @ triangle.T, damped(MATRIX, damping), atol=1e-14)


@pytest.mark.parametrize("factor", [by_bands, by_moments, by_waves])
def test_what_rounding_has_made_singular_is_moved_by_little(factor):
    triangle = factor(SINGULAR, 0.0)
    np.testing.assert_allclose(triangle @ triangle.T, damped(SINGULAR, 0.0), rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="do not determine"):
        factor(SINGULAR - np.diag([1.0, 0.0, 0.0]), 0.0)


def test_the_least_shift_with_a_factor_is_taken():
    least = DIAGONAL_SHIFTS[3]
    assert factorise_shifted(lambda shift: 2.0 * shift if shift >= least else None) == (2.0 * least, least)


def test_a_system_is_solved_in_columns_of_unit_length():
    vector = np.array([1.0, 2.0, 0.0])
    wanted = np.linalg.solve(MATRIX[:2, :2], vector[:2])
    small = np.diag([1.0, 1e-8, 1.0])  # a unit in which the second coefficient is large
    found = solve_scaled(small @ MATRIX @ small + np.diag([0.0, 0.0, 1.0]), small @ vector)
    np.testing.assert_allclose((small @ found)[:2], wanted, rtol=1e-12)
    vector = SINGULAR[:2, :2] @ np.ones(2)
    np.testing.assert_allclose(SINGULAR[:2, :2] @ solve_scaled(SINGULAR[:2, :2], vector), vector, rtol=1e-6)
