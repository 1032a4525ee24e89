"""A function made of a deep network in every slab of time."""

import numpy as np
import pytest
from stored_state import stored

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import random_network


@pytest.fixture(scope="module")
def moving():
    """Two slabs, [0, 0.5] and [0.5, 1], over x in [-2, 2]."""
    pieces = []
    for seed, (a, b) in enumerate([(0.0, 0.5), (0.5, 1.0)]):
        cells = (np.linspace(-2, 2, 5), np.linspace(a, b, 3))
        inputs = Inputs(((-2.0, 2.0), (a, b)), (False, False))
        pieces.append(Piece(inputs, random_network((2, 3, 1), 5, 2, 0.3, seed), cells))
    return DeepField(tuple(pieces), 1)


def test_the_field_keeps_its_values_when_stored_and_restored(moving):
    again = stored(moving)
    axes = [np.linspace(-2, 2, 9), np.array([0.0, 0.3, 0.5, 0.9])]
    for order in [(0, 0), (2, 0), (0, 1)]:
        np.testing.assert_array_equal(moving.grid(axes, order), again.grid(axes, order))
    np.testing.assert_array_equal(moving.breaks(1), [0.0, 0.5, 1.0])
    assert moving.breaks(0, time=0.7)[[0, -1]].tolist() == [-2.0, 2.0]


def test_derivatives_of_the_field_are_those_of_its_values(moving):
    points = np.array([[-1.2, 0.2], [0.3, 0.7]])
    jets = moving(points, [(0, 0), (1, 0), (0, 1)])[:, 0]
    h = 1e-6
    for axis in range(2):
        shift = np.eye(2)[axis] * h
        ahead, behind = (moving(points + s * shift, [(0, 0)])[:, 0, 0] for s in (1, -1))
        np.testing.assert_allclose(jets[:, 1 + axis], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)
    assert np.abs(jets[:, 1] - jets[:, 2]).max() > 1e-2
