from dataclasses import replace

import numpy as np
import pytest
from systems import kovasznay

from pinnkan.solver.estimate.norms import LEAST, relative_root, squared_sizes

FLOW = kovasznay()
ALONE = replace(FLOW, vectors={})


def test_a_component_that_vanishes_counts_with_its_vector():
    error, size = np.array([1e-8, 4e-8, 0.0]), np.array([4.0, 0.0, 1.0])
    assert relative_root(FLOW, error, size) == pytest.approx((5e-8 / 4.0) ** 0.5)


def test_alone_it_has_a_ten_thousandth_of_the_largest():
    error, size = np.array([0.0, 4e-16, 0.0]), np.array([4.0, 0.0, 1.0])
    assert relative_root(ALONE, error, size) == pytest.approx(2e-8 / (LEAST * 2.0))


def test_the_worst_unknown_counts():
    assert relative_root(ALONE, np.array([1.0, 1.0, 9.0]), np.full(3, 4.0)) == pytest.approx(1.5)


def test_sizes_of_components_are_those_of_their_vector():
    np.testing.assert_allclose(squared_sizes(FLOW, np.array([3.0, 1.0, 2.0])), [4.0, 4.0, 2.0])
    np.testing.assert_allclose(squared_sizes(FLOW, np.zeros(3)), np.ones(3))
