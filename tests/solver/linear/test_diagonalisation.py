"""Fast diagonalisation against the full matrix: eigenvalues of the one with the inverse of the other."""

import numpy as np
import pytest
import torch
from operators import NAMES, jacobian_of, operator, spread_of

from pinnkan.assembly.coordinate_modes import _gram
from pinnkan.assembly.ordering import Ordering
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import gauss_table
from pinnkan.solver.linear import diagonalisation
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation, are_free_products, interleaved_order

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
    assert are_free_products(ordering, rows[0].space.shape)
    position = ordering.position.clone()
    position[ordering.free[len(ordering.free) // 2]] = -1
    assert not are_free_products(Ordering(position, ordering.free), rows[0].space.shape)


@pytest.mark.parametrize("count", [6, 7])
def test_neighbours_around_a_circle_are_at_most_two_places_apart(count):
    places = np.argsort(interleaved_order(count))
    assert np.abs(places - np.roll(places, 1)).max() == 2


@pytest.mark.parametrize("at_once", [1, 2**20])
@pytest.mark.parametrize(("intervals", "periodic"), [(7, False), (7, True), (3, True), (2, True)])
def test_a_band_holds_each_pair_once_and_both_where_a_function_meets_itself(intervals, periodic, at_once, monkeypatch):
    """Around a circle of fewer intervals than a function has."""
    monkeypatch.setattr(diagonalisation, "BATCH_NUMBERS", at_once)
    table = gauss_table(Axis(np.linspace(0.0, 1.0, intervals + 1), 4, periodic), 5, 1, torch.device("cpu"))
    count = table.count
    band = torch.zeros((count * count + 1, 2), dtype=torch.float64)
    weights = table.weights.reshape(-1, 1) * torch.tensor([1.0, 3.0])
    diagonalisation._assemble(band, table, {(0, 0): weights, (1, 0): weights}, torch.arange(count), count)
    form = _gram(table, 0, 0) + 0.5 * (_gram(table, 1, 0) + _gram(table, 1, 0).T)
    found = band[1:].reshape(count, count, 2)  # (diagonal, column, mode)
    for k in range(count):
        own = found[k, : count - k]
        expected = form.diagonal(-k).unsqueeze(1) * torch.tensor([1.0, 3.0])
        assert float((own - expected).abs().max()) < 1e-12
