"""What an equation sees of a function."""

import numpy as np
import pytest

from pinnkan.kan.field import jets_at
from pinnkan.problem.statement import Jet


def test_each_jet_is_the_derivative_of_its_unknown():
    def function(points, orders):
        return np.stack([np.outer(points[:, 1], [1.0, 10.0]) * (1 + sum(order)) for order in orders], -1)

    points = np.random.default_rng(0).random((5, 2))
    jets = (Jet(0, (0, 2)), Jet(1, (0, 0)), Jet(0, (0, 0)))
    assert jets_at(function, points, jets) == pytest.approx(np.outer(points[:, 1], [3.0, 10.0, 1.0]))
    assert not jets_at(None, points, jets).any()
