"""How many Gauss points a space is given."""

import pytest

from pinnkan.solver.linear.gauss_points import points_per_interval


@pytest.mark.parametrize("degree", range(3, 9))
@pytest.mark.parametrize("intervals", [1, 2, 3, 8])
def test_there_are_at_least_as_many_rows_as_coefficients(degree, intervals):
    """Two end values are fixed for an equation of order two; every further order needs no more."""
    for order in (1, 2):
        assert intervals * points_per_interval(degree, intervals, order) >= intervals + degree - order


def test_half_of_the_points_are_spared_unless_all_are_needed():
    assert [points_per_interval(10, 50, 2, every) for every in (False, True)] == [6, 8]
    assert [points_per_interval(8, 50, 3, every) for every in (False, True)] == [5, 5]
    assert [points_per_interval(4, 50, 2, every) for every in (False, True)] == [3, 3]
    assert [points_per_interval(5, 50, 2, every) for every in (False, True)] == [3, 3]  # never more than all
