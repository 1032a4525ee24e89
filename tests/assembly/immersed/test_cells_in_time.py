"""Rows at points of the plane through time agree with rows written out at all of these points."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.immersed.cells_in_time import CellsInTime
from pinnkan.assembly.immersed_points import CellGroups, QuadraturePoints
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table

CPU = torch.device("cpu")
ORDERS = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 2, 1)]


def _both(varies_in_time):
    axes = (Axis(np.linspace(-1.0, 1.0, 4), 3), Axis(np.linspace(0.0, 2.0, 3), 4), Axis(np.array([1.0, 1.7, 2.1]), 3))
    space, random = Space(axes, 2), np.random.default_rng(1)
    plane = random.uniform((-1.0, 0.0), (1.0, 2.0), (23, 2))
    share, table = random.uniform(0.1, 1.0, 23), gauss_table(axes[2], 4, 1, CPU)
    through = CellsInTime(space, QuadraturePoints(plane, plane, share), [2, 2, 1], table)
    times, part = table.nodes.reshape(-1).numpy(), table.weights.reshape(-1).numpy()
    whole = np.column_stack([np.repeat(plane, len(times), 0), np.tile(times, len(plane))])
    written = CellGroups(space, QuadraturePoints(whole, whole, np.outer(share, part).ravel()), [2, 2, 1])

    def rows(points):
        x, y, t = np.moveaxis(points.outer, -1, 0)
        factor = np.cos(t) if varies_in_time else np.ones_like(t)
        root = np.sqrt(points.weights)
        weights = [torch.from_numpy(np.stack([root * factor, root, root * x, root * y * factor], -1)) for _ in range(2)]
        weights[1][..., 1:3] = 0.0
        return points.rows(ORDERS, weights, torch.from_numpy((root * np.sin(x + 2.0 * y + t))[..., None]))

    return space, through, (rows(through), rows(written))


def _matrix(rows, ordering):
    out = torch.zeros(1 + ordering.size**2, dtype=torch.float64)
    for place, value in rows.gram(ordering):
        out.scatter_add_(0, place, value)
    return out[1:].numpy()


@pytest.mark.parametrize("varies_in_time", [False, True])
def test_normal_matrix_and_gradient_are_those_of_rows_written_out(varies_in_time):
    space, _, (mine, written) = _both(varies_in_time)
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    expected = _matrix(written, ordering)
    assert np.abs(_matrix(mine, ordering) - expected).max() < 1e-12 * np.abs(expected).max()
    assert np.abs(_matrix(mine, ordering) - 1.001 * expected).max() > 1e-4 * np.abs(expected).max()
    assert mine.bandwidth(ordering) >= written.bandwidth(ordering)
    gradients = [r.transpose(ordering, r.residual) for r in (mine, written)]
    assert torch.allclose(*gradients, rtol=0.0, atol=1e-12 * float(gradients[1].abs().max()))
    step = torch.from_numpy(np.random.default_rng(2).standard_normal((space.size, 2)))
    norms = [r.apply(ordering, step).flatten(0, -2).square().sum(0) for r in (mine, written)]
    assert torch.allclose(*norms, rtol=1e-12)
    assert torch.allclose(*(r.apply(ordering, step).flatten(0, -2).sum(0) for r in (mine, written)), rtol=1e-9)


def test_derivatives_are_those_of_the_splines():
    space, through, _ = _both(False)
    c = np.random.default_rng(3).standard_normal(space.shape)
    expected = space.evaluate(c, through.outer.reshape(-1, 3), ORDERS)
    found = through.derivatives(c, ORDERS).flatten(0, 2).numpy()
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()
    assert np.abs(found - space.evaluate(c, through.outer.reshape(-1, 3), ORDERS[::-1])).max() > 0.1
