"""Functions at scattered points, and what an equation weighs there."""

import numpy as np
import pytest
from many_problems import VARIANTS

from pinnkan.assembly.quasi_random import jets_at, largest_term, points_of, pseudo_random
from pinnkan.problem.statement import Jet, Point

WIDE = VARIANTS["wide"]  # four coordinates of length 800
VALUE, SECOND, THIRD = (Jet(0, order) for order in ((0, 0, 0, 0), (0, 2, 0, 0), (1, 2, 0, 0)))


def test_the_largest_term_counts_in_lengths_of_the_box():
    assert largest_term(WIDE, (VALUE, SECOND, THIRD), np.array([1.0, 7 * 800.0**2, 2 * 800.0**3])) == pytest.approx(7)
    assert largest_term(WIDE, (VALUE, SECOND), np.array([1.0, 7.0])) == 1.0


def test_each_jet_is_the_derivative_of_its_unknown():
    def function(points, orders):
        return np.stack([np.outer(points[:, 1], [1.0, 10.0]) * (1 + sum(order)) for order in orders], -1)

    points = points_of(WIDE, None, 5, pseudo_random(0))
    jets = (SECOND, Jet(1, VALUE.order), VALUE)
    assert jets_at(function, points, jets) == pytest.approx(np.outer(points[:, 1], [3.0, 10.0, 1.0]))
    assert not jets_at(None, points, jets).any()


def test_a_place_that_is_a_point_has_one():
    assert np.array_equal(points_of(WIDE, Point((1.0, 2.0, 3.0, 4.0)), 9, pseudo_random(0)), [[1.0, 2.0, 3.0, 4.0]])
    side = WIDE.conditions[0].place
    assert (points_of(WIDE, side, 9, pseudo_random(0))[:, side.axis] == (-300, 500)[side.end]).all()
