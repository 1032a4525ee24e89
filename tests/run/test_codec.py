"""A field of every kind of network can be part of a stored state."""

import json
from dataclasses import fields

import numpy as np
import pytest
import torch

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, frozen_ridge, perceptron, random_network, spread_directions
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.run.codec import _CLASSES, decode, encode
from pinnkan.run.earlier_names import CLASSES, FIELDS
from pinnkan.solver.solver_state import NewtonState

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


def test_a_state_of_an_earlier_version_is_read_by_its_present_names():
    old = ["Newton", {"coefficients": ["array", "0"], "steps": ["tuple"], "previous": 0.25}]
    state = decode(old, {"0": np.arange(3.0)}.__getitem__)
    assert type(state) is NewtonState
    assert state.previous_size == 0.25


def test_every_present_name_is_a_field_that_is_stored():
    for name, fields_of in FIELDS.items():
        known = {f.name for f in fields(_CLASSES[name])}
        assert set(fields_of.values()) <= known
        assert not set(fields_of) & known
    assert set(CLASSES.values()) <= set(_CLASSES)
