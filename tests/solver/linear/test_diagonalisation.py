"""Fast diagonalisation against the full matrix: eigenvalues of the one with the inverse of the other."""

import numpy as np
import pytest
import torch
from operators import NAMES, jacobian_of, operator, spread_of

from pinnkan.assembly.ordering import Ordering
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation, are_products, folded

#: Largest ratio of eigenvalues (measured: 1.04, 32, 1.2, 2.6, 26); of the matrix with its diagonal alone 3e2 to 2e5.
SPREAD = {"constant": 1.2, "varying": 50.0, "rows on a side": 1.5, "advection": 4.0, "two unknowns": 50.0}


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_is_near(name):
    rows, ordering = operator(name)
    jacobian = jacobian_of(rows, ordering)
    gram = jacobian.T @ jacobian
    assert spread_of(FastDiagonalisation(rows, ordering), gram) < SPREAD[name]
    diagonal = gram.diagonal().reshape(-1, 1)
    assert spread_of(lambda right: right / diagonal, gram) > 5.0 * SPREAD[name]


def test_damping_is_part_of_it():
    rows, ordering = operator("constant")
    jacobian = jacobian_of(rows, ordering)
    gram = jacobian.T @ jacobian
    damped = gram + 0.5 * torch.diag(gram.diagonal())
    assert spread_of(FastDiagonalisation(rows, ordering, 0.5), damped) < 20.0
    assert spread_of(FastDiagonalisation(rows, ordering), damped) > 80.0


def test_rows_that_are_not_finite_are_refused():
    rows, ordering = operator("constant")
    rows[0].weights[0] = torch.nan
    with pytest.raises(np.linalg.LinAlgError):
        FastDiagonalisation(rows, ordering)


def test_a_hole_in_the_free_coefficients_is_seen():
    rows, ordering = operator("constant")
    assert are_products(ordering, rows[0].space.shape)
    position = ordering.position.clone()
    position[ordering.free[len(ordering.free) // 2]] = -1
    assert not are_products(Ordering(position, ordering.free), rows[0].space.shape)


@pytest.mark.parametrize("count", [6, 7])
def test_neighbours_around_a_circle_are_at_most_two_places_apart(count):
    places = np.argsort(folded(count))
    assert np.abs(places - np.roll(places, 1)).max() == 2
