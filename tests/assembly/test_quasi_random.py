"""Scattered points, and what an equation weighs there."""

import numpy as np
import pytest
from many_problems import VARIANTS

from pinnkan.assembly.quasi_random import draw_points, largest_term, uniform_generator
from pinnkan.problem.statement import Jet, Point

WIDE = VARIANTS["wide"]  # four coordinates of length 800
VALUE, SECOND, THIRD = (Jet(0, order) for order in ((0, 0, 0, 0), (0, 2, 0, 0), (1, 2, 0, 0)))


def test_the_largest_term_counts_in_lengths_of_the_box():
    assert largest_term(WIDE, (VALUE, SECOND, THIRD), np.array([1.0, 7 * 800.0**2, 2 * 800.0**3])) == pytest.approx(7)
    assert largest_term(WIDE, (VALUE, SECOND), np.array([1.0, 7.0])) == 1.0


def test_a_place_that_is_a_point_has_one():
    assert np.array_equal(
        draw_points(WIDE, Point((1.0, 2.0, 3.0, 4.0)), 9, uniform_generator(0)), [[1.0, 2.0, 3.0, 4.0]]
    )
    side = WIDE.conditions[0].place
    assert (draw_points(WIDE, side, 9, uniform_generator(0))[:, side.axis] == (-300, 500)[side.end]).all()
