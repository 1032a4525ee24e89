from dataclasses import replace

import numpy as np
import pytest
from systems import kovasznay

from pinnkan.solver.estimate.norms import RELATIVE_SIZE_FLOOR, largest_norm_ratio, norm_ratios, reference_squares

FLOW = kovasznay()
ALONE = replace(FLOW, vectors={})


def test_a_component_that_vanishes_counts_with_its_vector():
    error, size = np.array([1e-8, 4e-8, 0.0]), np.array([4.0, 0.0, 1.0])
    assert largest_norm_ratio(FLOW, error, size) == pytest.approx((5e-8 / 4.0) ** 0.5)


def test_alone_it_has_a_ten_thousandth_of_the_largest():
    error, size = np.array([0.0, 4e-16, 0.0]), np.array([4.0, 0.0, 1.0])
    assert largest_norm_ratio(ALONE, error, size) == pytest.approx(2e-8 / (RELATIVE_SIZE_FLOOR * 2.0))


def test_the_worst_unknown_counts():
    assert largest_norm_ratio(ALONE, np.array([1.0, 1.0, 9.0]), np.full(3, 4.0)) == pytest.approx(1.5)


def test_sizes_of_components_are_those_of_their_vector():
    np.testing.assert_allclose(reference_squares(FLOW, np.array([3.0, 1.0, 2.0])), [4.0, 4.0, 2.0])
    np.testing.assert_allclose(reference_squares(FLOW, np.zeros(3)), np.ones(3))


def test_one_that_is_known_counts_by_its_own_size_however_small():
    error, size = np.array([0.0, 4e-26, 0.0]), np.array([4.0, 4e-16, 1.0])
    assert largest_norm_ratio(ALONE, error, size) == pytest.approx(1e-5)


def test_each_group_has_its_own_ratio_in_the_order_of_the_unknowns():
    turned = replace(FLOW, vectors={"w": ["v", "p"]})
    assert norm_ratios(turned, np.array([1.0, 2.0, 2.0]), np.full(3, 200.0)) == pytest.approx((0.005**0.5, 0.01**0.5))
    assert len(norm_ratios(FLOW, np.ones(3), np.ones(3))) == 2


def test_squares_near_the_smallest_number_are_zero():
    tiny = np.array([1e-300, 1e-310, 0.0])
    assert norm_ratios(ALONE, np.zeros(3), tiny) == (0.0, 0.0, 0.0)
    np.testing.assert_array_equal(reference_squares(FLOW, tiny), np.ones(3))
