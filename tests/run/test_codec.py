"""A field of every kind of network can be part of a stored state."""

import json

import numpy as np
import pytest
import torch

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, frozen_ridge, perceptron, random_network, spread_directions
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.run.codec import decode, encode

SPLINES = random_network((3, 2, 1), 3, 4, 0.3, 0)
NETWORKS = {
    "deep": random_network((2, 3, 1), 3, 4, 0.3, 0),
    "ridge": Network((Affine(spread_directions(2, 3)), Activation("tanh"), *SPLINES.layers)),
    "frozen": frozen_ridge(spread_directions(2, 3), 1, 3, 4),
    "perceptron": perceptron((2, 4, 1), "tanh", 0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_from_json_and_arrays(name):
    arrays = {}

    def store(array):
        arrays[str(len(arrays))] = array
        return str(len(arrays) - 1)

    inputs = Inputs(((0.0, 1.0), (0.0, 1.0)), (False, False))
    cells = (np.linspace(0.0, 1.0, 3),) * 2
    field = DeepField((Piece(inputs, NETWORKS[name], cells),), None)
    text = json.dumps(encode(field, store))
    again = decode(json.loads(text), arrays.__getitem__).pieces[0].network
    inputs = torch.rand((1, 5, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value = JetSet([(0, 0)])
    ours, theirs = again.forward(value, inputs)[0], NETWORKS[name].forward(value, inputs)[0]
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert again.parameters == NETWORKS[name].parameters


def test_what_is_no_state_is_refused():
    with pytest.raises(TypeError, match="cannot be part"):
        encode(object(), lambda array: "")
