"""Points and jets of two inputs, for the tests of networks."""

import torch

from pinnkan.kan.layers.jet import JetSet

JETS = JetSet([(2, 0), (0, 1), (1, 1)])


def points(n=9, seed=0):
    """Points (point, input), some of them outside the knots."""
    x = torch.rand((n, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 2.2 * x - 1.1


def input_jets(x):
    """The inputs as functions of themselves: (derivative, point, input)."""
    z = torch.zeros((len(JETS), *x.shape), dtype=x.dtype)
    z[0] = x
    z[JETS.position[(1, 0)], :, 0] = 1.0
    z[JETS.position[(0, 1)], :, 1] = 1.0
    return z
