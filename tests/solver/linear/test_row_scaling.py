"""Sizes of operators: one where weights are constant, that of the coefficient where one varies."""

import numpy as np
import pytest
import torch
from operators import jacobian_of, operator, spread_of

from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation
from pinnkan.solver.linear.row_scaling import (
    OperatorSizes,
    ScaledInverse,
    coarse_mean_square,
    coefficient_scale,
    divide_by_size,
    extend_scale_to_side,
)


def test_a_constant_operator_has_size_one_everywhere():
    rows, _ = operator("constant")
    assert float((OperatorSizes(rows[0]).grid_sizes - 1.0).abs().max()) < 1e-12


def test_the_size_follows_the_coefficient():
    """1 + 0.8 sin(4x) cos(5y): its lower derivatives count a little on these knots."""
    rows, _ = operator("varying")
    x, y = (t.nodes.numpy() for t in rows[0].tables)
    k = 1 + 0.8 * np.sin(4 * x)[:, :, None, None] * np.cos(5 * y)
    ratio = OperatorSizes(rows[0]).grid_sizes.numpy() / k
    assert ratio.max() / ratio.min() < 1.4
    assert k.max() / k.min() > 8.0


def test_scaled_rows_are_nearer_to_what_separates():
    rows, ordering = operator("varying")
    jacobian = jacobian_of(rows, ordering)
    simpler = [divide_by_size(OperatorSizes(r)) for r in rows]
    scale = coefficient_scale(rows, simpler, MatrixFree(rows).diagonal(), ordering)
    plain = FastDiagonalisation(rows, ordering)
    scaled = ScaledInverse(FastDiagonalisation(simpler, ordering), scale)
    gram = jacobian.T @ jacobian
    assert spread_of(scaled, gram) < 0.3 * spread_of(plain, gram)


def test_layers_at_a_side_with_rows_are_scaled_alike():
    for at_end in (False, True):
        scale = torch.arange(12.0, dtype=torch.float64).reshape(6, 2)
        extend_scale_to_side(scale, 0, at_end)
        assert scale[:, 0].tolist() == ([0, 2, 4, 4, 4, 4] if at_end else [6, 6, 6, 6, 8, 10])


def test_what_rows_make_of_waves_on_coarse_knots():
    """Of u_yy + u_xx: 7^4 + 3^4, the latter only where x is no coarser; sides do not count."""
    rows, _ = operator("rows on a side")
    x, y = (Axis(a.breaks[::n], a.degree) for a, n in zip(rows[0].space.axes, (2, 3), strict=True))
    fine = rows[0].space.axes[0]
    both, one = (coarse_mean_square(rows[0], Space((first, y)), 0) for first in (x, fine))
    assert (both, one) == (pytest.approx(7.0**4 + 3.0**4), pytest.approx(3.0**4))
    assert coarse_mean_square(rows[0], Space((x, y)), 1) == coarse_mean_square(rows[1], Space((x, y)), 0) == 0.0
