"""Knots that an integrand asks for beside those of the solution."""

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.solver.estimate.integrand_knots import INTERVAL_WIDTHS, NARROWEST_INTERVAL, refine_towards_place


@pytest.mark.parametrize("low", [0.0, -7.0, 1e3])
@pytest.mark.parametrize("width", [0.5, 1e-3, 0.0])
def test_intervals_at_a_narrow_place_are_as_wide_as_it_or_as_rounding_allows(low, width):
    ends = np.array([low, low + 8.0])
    axis, place = Axis(ends, 3), low + 3.3
    (found,) = refine_towards_place([axis], np.array([place]), np.array([width]))
    reach = INTERVAL_WIDTHS * max(width, 8e-9, NARROWEST_INTERVAL * np.abs(ends).max())
    at = np.searchsorted(found.breaks, place)
    assert 0.5 * reach < found.breaks[at] - found.breaks[at - 1] <= reach
    assert np.diff(found.breaks).max() > 1.0  # elsewhere they stay
    assert (found.breaks[[0, -1]] == ends).all()


def test_knots_far_out_are_no_closer_than_their_rounding():
    ends = np.array([1e6, 1e6 + 1e-3])
    (found,) = refine_towards_place([Axis(ends, 3)], np.array([1e6 + 3e-4]), np.zeros(1))
    assert np.diff(found.breaks).min() > 0.5 * INTERVAL_WIDTHS * NARROWEST_INTERVAL * 1e6
