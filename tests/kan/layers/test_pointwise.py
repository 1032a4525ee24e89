"""Activations and their derivatives."""

import torch

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.pointwise import Activation


def test_tanh_has_its_derivatives():
    jets = JetSet([(4,)])
    x = torch.tensor([[0.3], [-1.2]], dtype=torch.float64, requires_grad=True)  # (unit, point)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    ours, _ = Activation("tanh").forward(jets, [x.detach(), one, zero, zero, zero])
    value = torch.tanh(x)
    for k in range(5):
        torch.testing.assert_close(ours[k], value.detach(), rtol=1e-12, atol=1e-12)
        if k < 4:
            value = torch.autograd.grad(value.sum(), x, create_graph=True)[0]
    assert not torch.allclose(ours[3], ours[1])
