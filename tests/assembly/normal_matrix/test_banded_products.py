"""J^T J in the plane by products of banded matrices, against sum factorisation at the points."""

import numpy as np
import pytest
import torch
from plane_rows import difference, oblique, one, products, rows_of, waves

from pinnkan.assembly.normal_matrix import banded_products
from pinnkan.assembly.normal_matrix.banded_products import BandedProducts
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.normal_matrix.separable_boxes import split_separable_boxes
from pinnkan.assembly.tensor_rows import TensorRows


@pytest.mark.parametrize("at_once", [1, 2**18])
@pytest.mark.parametrize("periodic", [(False, False), (False, True), (True, False), (True, True)])
def test_sums_of_few_products_need_no_points(periodic, at_once, monkeypatch):
    """Two blocks of rows of two unknowns, on lines and around circles."""
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda rows, bases: True)
    monkeypatch.setattr(banded_products, "BATCH_NUMBERS", at_once)
    rows = [rows_of(waves, one, waves, waves, periodic=periodic), rows_of(one, periodic=periodic)]
    rows[1] = TensorRows(rows[0].space, rows[0].tables, rows[1].jets, rows[1].weights, rows[1].residual)
    ours, theirs, chosen = products(rows, monkeypatch)
    assert chosen == [BandedProducts]
    assert difference(ours, theirs) < 1e-13
    assert difference(ours, products([rows[0]], monkeypatch)[1]) > 1e-5


@pytest.mark.parametrize(
    "weight",
    [
        oblique,  # some twenty products
        lambda x, y: (x > 0.6) * 1.0 + 1e-5 * y,  # of a part of the plane nothing would be known
        lambda x, y: 1.0 / (x * y * 0.0),
    ],
)
def test_other_weights_are_taken_at_the_points(weight, monkeypatch):
    assert BandedProducts not in products([rows_of(weight, weight)], monkeypatch)[2]


def test_a_derivative_that_weighs_nothing_anywhere_has_a_place(monkeypatch):
    """As u_yy of u_xx*u_yy has where u is zero: it had ended in a traceback."""
    monkeypatch.setattr(banded_products, "MIN_POINTS", 1)
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda *_: True)
    rows = [rows_of(one, lambda x, y: 0.0 * x * y)]
    found, left = split_separable_boxes(rows)
    assert len(found) == 1
    assert not left
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((*rows[0].space.shape, 1)))
    np.testing.assert_allclose(MatrixFree(rows)(values), MatrixFree([rows_of(one)])(values), rtol=1e-10, atol=1e-8)
