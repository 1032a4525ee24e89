"""Where the training of a slab begins."""

import torch

from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import random_network
from pinnkan.solver.families.deep.sweeps import continuations


def test_continuations_meet_the_end_of_the_slab_before():
    network = random_network((2, 3, 1), 5, 3, 0.3, seed=4)
    x = torch.linspace(-1, 1, 11, dtype=torch.float64)
    jets = JetSet([(0, 1)])
    inputs = Inputs(((-1.0, 1.0), (-1.0, 1.0)), (False, False))

    def values(n, t):
        return n.forward(jets, inputs.jets(jets, torch.stack([x, torch.full_like(x, t)], 1)))[0][..., 0]

    end = values(network, 1.0)
    same, still, tangent = (values(n, -1.0) for n in continuations(network))
    torch.testing.assert_close(still[0], end[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(still[1], torch.zeros_like(x), rtol=0, atol=1e-11)
    torch.testing.assert_close(tangent, end, rtol=0, atol=1e-11)
    assert float((same[0] - end[0]).abs().max()) > 1e-3
