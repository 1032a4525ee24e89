"""What a message is made of."""

import json

import pytest
import torch

from pinnkan.processes.wire import pack_message, unpack_message


def through(message):
    text, tensors = pack_message(message)
    return unpack_message(json.loads(text)["message"], tensors)


def test_numbers_texts_and_sequences_arrive_to_the_bit():
    message = ["make", 3, 0.1 + 0.2, 5e-324, float("inf"), None, True, [[], ["x"]]]
    assert through(message) == message
    assert through((1, (2.5,))) == [1, [2.5]]


def test_tensors_arrive_where_they_stood_whatever_their_layout():
    a, b = torch.arange(6.0, dtype=torch.float64).reshape(2, 3), torch.tensor([7, 8])
    first, (second, third) = through((a.T, (b, a[:, 1])))
    assert torch.equal(first, a.T)
    assert torch.equal(second, b)
    assert torch.equal(third, a[:, 1])
    assert all(t.is_contiguous() for t in pack_message((a.T, a[:, 1]))[1])


def test_nothing_else_travels():
    with pytest.raises(TypeError):
        pack_message([lambda: 1])
