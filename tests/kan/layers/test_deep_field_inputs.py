"""What the first layer sees: scaled coordinates, and a pair of waves for each periodic one."""

import numpy as np
import pytest
import torch

from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet


def test_periodic_inputs_have_exact_jets_and_wrap():
    inputs = Inputs(((-1.0, 2.0), (0.0, 4.0)), (True, False))
    jets = JetSet([(3, 0), (0, 2)])
    x = torch.tensor([[0.3, 1.0], [3.3, 1.0]], dtype=torch.float64)
    z = inputs.jets(jets, x)
    torch.testing.assert_close(z[:, 0], z[:, 1], rtol=0, atol=1e-12)
    rate = 2 * np.pi / 3
    theta = rate * 1.3
    for n, value in enumerate(
        [np.cos(theta), -rate * np.sin(theta), -(rate**2) * np.cos(theta), rate**3 * np.sin(theta)]
    ):
        assert float(z[jets.position[(n, 0)], 0, 0]) == pytest.approx(value, rel=1e-12)
    assert float(z[0, 0, 1]) == pytest.approx(np.sin(theta), rel=1e-12)
    assert float(z[jets.position[(0, 1)], 0, 2]) == 0.5
