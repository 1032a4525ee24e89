"""Rows of a plane with any weights, and their J^T J by whatever is chosen for it and by points alone."""

import numpy as np
import torch

from pinnkan.assembly.normal_matrix import banded_products, matrix_free
from pinnkan.assembly.normal_matrix.diagonal import diagonal_by_points
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Jet

JETS = (Jet(0, (2, 0)), Jet(0, (0, 2)), Jet(0, (1, 0)), Jet(1, (0, 1)))


def rows_of(*weights, intervals=(14, 17), periodic=(False, False), power=1.5, scale=1.0):
    """Rows on knots uneven by a ``power`` with weights k(x, y) by jet, those of the quadrature and a ``scale``."""
    axes = tuple(
        Axis(np.linspace(0.0, 1.0, n + 1) ** (1.0 if p else power), 5, p)
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
    monkeypatch.setattr(banded_products, "MIN_POINTS", 1)
    some = torch.from_numpy(np.random.default_rng(1).standard_normal((*rows[0].space.shape, sides)))
    ours = MatrixFree(rows)
    found = ours(some)
    by_points = diagonal_by_points(rows)
    assert not bool(torch.isfinite(by_points).all()) or difference(ours.diagonal(), by_points) < 1e-13
    with monkeypatch.context() as m:
        m.setattr(matrix_free, "split_separable_boxes", lambda rows: ([], [list(rows)]))
        return found, MatrixFree(rows)(some), [type(g) for g in ours._groups]


def difference(a, b):
    return float((a - b).abs().max() / b.abs().max())
