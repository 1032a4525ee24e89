"""Points spread evenly: in the unit box, further apart than drawn ones, and one where there is no coordinate."""

import numpy as np
import pytest

from pinnkan.problem.features.kronecker_sequence import kronecker_points


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_are_in_the_unit_box_and_leave_no_half_of_it_out(dimension):
    points = kronecker_points(64, dimension)
    assert points.shape == (64, dimension)
    assert points.min() >= 0.0
    assert points.max() < 1.0
    assert np.abs((points < 0.5).mean(0) - 0.5).max() < 0.05


def test_without_coordinates_there_is_one_point():
    assert kronecker_points(64, 0).shape == (1, 0)
