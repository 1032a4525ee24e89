import numpy as np
import pytest

from pinnkan.domain.bisection import bisect, cut_boxes, grid_boxes


def test_a_change_of_sign_is_found_to_rounding_in_all_intervals_at_once():
    low, high = bisect(lambda x: np.array([2.0, 3.0]) - x**2, np.zeros(2), np.full(2, 2.0))
    assert np.sqrt([2.0, 3.0]) == pytest.approx(low, rel=1e-15)
    assert (np.nextafter(low, 2.0) == high).all()


def test_a_zero_that_is_met_is_both_ends_and_what_is_no_number_counts_as_negative():
    assert bisect(lambda x: 1.0 - x, 0.0, 4.0) == (1.0, 1.0)
    assert bisect(lambda x: np.nan if x > 0.25 else 1.0, 0.0, 1.0)[0] == 0.25
    assert bisect(lambda x: -x, -1.0, 2.0) == (0.0, 0.0)


def test_after_so_many_steps_an_interval_is_left():
    assert bisect(lambda x: 0.3 - x, 0.0, 1.0, steps=2) == (0.25, 0.5)


def test_boxes_are_cut_along_a_coordinate_each_and_parts_are_neighbours():
    low, high = cut_boxes(np.zeros((2, 2)), np.array([[1.0, 1.0], [4.0, 4.0]]), np.array([0, 1]), (0.25, 0.5))
    assert low.tolist() == [[0.0, 0.25, 0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]]
    assert high.tolist() == [[0.25, 0.5, 1.0, 1.0, 1.0, 1.0], [4.0, 4.0, 4.0, 1.0, 2.0, 4.0]]


def test_a_coordinate_of_one_breakpoint_is_fixed_in_the_boxes_of_a_grid():
    low, high = grid_boxes([np.array([0.0, 1.0, 3.0]), np.array([5.0]), np.array([0.0, 1.0])])
    assert low.tolist() == [[0.0, 1.0], [5.0, 5.0], [0.0, 0.0]]
    assert high.tolist() == [[1.0, 3.0], [5.0, 5.0], [1.0, 1.0]]
