"""J^T J in the plane by products of banded matrices, against sum factorisation at the points."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.normal_matrix import banded_products, matrix_free
from pinnkan.assembly.normal_matrix.banded_products import BandedProducts
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Jet

JETS = (Jet(0, (2, 0)), Jet(0, (0, 2)), Jet(0, (1, 0)), Jet(1, (0, 1)))


def rows_of(*weights, intervals=(14, 17), periodic=(False, False), scale=1.0):
    """Rows on uneven knots with weights k(x, y) by jet, those of the quadrature and a ``scale`` beside them."""
    axes = tuple(
        Axis(np.linspace(0.0, 1.0, n + 1) ** (1.0 if p else 1.5), 5, p)
        for n, p in zip(intervals, periodic, strict=True)
    )
    tables = tuple(gauss_table(a, 4, 2, torch.device("cpu")) for a in axes)
    x, y = (t.nodes for t in tables)
    roots = tables[0].weights.sqrt()[:, :, None, None] * tables[1].weights.sqrt()
    grid = [(w(x[:, :, None, None], y) * torch.ones_like(roots)) * roots * scale for w in weights]
    own = torch.stack(grid, -1)
    return TensorRows(Space(axes, 2), tables, JETS[: len(weights)], own, own[..., :1], scale=scale)


def one(x, y):
    return 1.0 + 0.0 * x * y


def waves(x, y):
    return 1.0 + 0.9 * torch.sin(4 * torch.pi * x) * torch.cos(4 * torch.pi * y)


def oblique(x, y):
    return 1.0 + 0.9 * torch.sin(9 * x * y)


def products(rows, monkeypatch, sides=2):
    """J^T J of something by whatever is chosen, by sum factorisation, and what was chosen: with the same diagonal."""
    monkeypatch.setattr(banded_products, "FEWEST", 1)
    some = torch.from_numpy(np.random.default_rng(1).standard_normal((*rows[0].space.shape, sides)))
    ours = MatrixFree(rows)
    found = ours(some)
    by_points = matrix_free.diagonal_by_points(rows)
    assert not bool(torch.isfinite(by_points).all()) or difference(ours.diagonal(), by_points) < 1e-13
    with monkeypatch.context() as m:
        m.setattr(matrix_free, "boxes", lambda rows: ([], [list(rows)]))
        return found, MatrixFree(rows)(some), [type(g) for g in ours._groups]


def difference(a, b):
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("at_once", [1, 2**18])
@pytest.mark.parametrize("periodic", [(False, False), (False, True), (True, False), (True, True)])
def test_sums_of_few_products_need_no_points(periodic, at_once, monkeypatch):
    """Two blocks of rows of two unknowns, on lines and around circles."""
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda rows, bases: True)
    monkeypatch.setattr(banded_products, "AT_ONCE", at_once)
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


def test_what_weighs_otherwise_near_corners_is_cut_out(monkeypatch):
    """Rows weigh less in squares at two corners: strips between them need no points, the squares do."""
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda rows, bases: True)
    plain = rows_of(waves, one, intervals=(16, 16))
    x, y = (t.nodes for t in plain.tables)
    radius = (x[:, :, None, None] ** 2 + y**2).sqrt() / 0.2
    scale = radius.clamp(max=1.0) ** 1.5 * ((1 - x)[:, :, None, None] ** 2 + y**2).sqrt().div(0.2).clamp(max=1.0)
    rows = rows_of(waves, one, intervals=(16, 16), scale=scale)
    ours, theirs, chosen = products([rows], monkeypatch)
    assert chosen.count(BandedProducts) == 3
    assert len(chosen) == 5
    assert difference(ours, theirs) < 1e-13
    assert difference(ours, products([plain], monkeypatch)[1]) > 1e-3


def test_a_derivative_that_weighs_nothing_anywhere_has_a_place(monkeypatch):
    """As u_yy of u_xx*u_yy has where u is zero: it had ended in a traceback."""
    monkeypatch.setattr(banded_products, "FEWEST", 1)
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda *_: True)
    rows = [rows_of(one, lambda x, y: 0.0 * x * y)]
    found, left = banded_products.boxes(rows)
    assert len(found) == 1
    assert not left
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((*rows[0].space.shape, 1)))
    np.testing.assert_allclose(MatrixFree(rows)(values), MatrixFree([rows_of(one)])(values), rtol=1e-10, atol=1e-8)
