"""A field in other coordinates has the values and derivatives of the one it is made of."""

from itertools import pairwise

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.permuted_field import PermutedField
from pinnkan.kan.product import ProductField, Space

#: u(y, s) = y^2 s^3 on [0, 1] x [1, 3], in two slabs; as u(x, y) with s = x or s = 4 - x.
ENDS = np.array([1.0, 1.6, 3.0])
ORDERS = [(0, 0), (1, 0), (2, 1), (3, 2)]


def made(total):
    pieces = []
    for a, b in pairwise(ENDS):
        space = Space((Axis(np.array([0.0, 0.3, 1.0]), 3), Axis(np.array([a, b]), 3)))
        y, s = (axis.projection_points() for axis in space.axes)
        values = np.multiply.outer(y**2, s**3)
        for i, axis in enumerate(space.axes):
            values = axis.project(values, i)
        pieces.append((space, values[..., None]))
    return PermutedField(ProductField(tuple(pieces), ENDS), (1, 0), total)


def exact(x, y, order, total):
    s, sign = (x, 1) if total is None else (total - x, (-1) ** order[0])
    of_s = {0: s**3, 1: 3 * s**2, 2: 6 * s, 3: 6 + 0 * s}[order[0]]
    return sign * of_s * {0: y**2, 1: 2 * y, 2: 2 + 0 * y}[order[1]]


@pytest.mark.parametrize("total", [None, 4.0])
def test_values_and_derivatives_at_points_and_on_grids(total):
    field, (x, y) = made(total), (np.linspace(1.0, 3.0, 9), np.linspace(0.0, 1.0, 4))
    grids, points = np.meshgrid(x, y, indexing="ij"), np.random.default_rng(1).uniform((1.0, 0.0), (3.0, 1.0), (40, 2))
    scattered, on_grid = field(points, ORDERS), field.grids([x, y], ORDERS)
    for k, order in enumerate(ORDERS):
        assert np.allclose(scattered[:, 0, k], exact(*points.T, order, total), atol=1e-9)
        assert np.allclose(on_grid[k][..., 0], exact(*grids, order, total), atol=1e-9)
        assert np.allclose(field.grid([x, y], order), on_grid[k])
    wrong = None if total else 4.0
    assert not np.allclose(scattered[:, 0, 1], exact(*points.T, ORDERS[1], wrong), atol=1e-9)


def test_its_knots_are_those_of_the_coordinate():
    assert np.allclose(made(None).breaks(0), ENDS)
    assert np.allclose(made(4.0).breaks(0), [1.0, 2.4, 3.0])
    assert np.allclose(made(4.0).breaks(1), [0.0, 0.3, 1.0])
