import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.solver.estimate.marking import MARKING_SHARE, mark_bulk, mark_by_maximum, refine_marked, refine_while


def listed(marks):
    return [m.tolist() for m in marks]


def test_intervals_far_below_the_largest_or_below_what_is_allowed_are_not_marked():
    masses = [np.array([1.0, 2 * MARKING_SHARE, 0.5 * MARKING_SHARE, 0.0]), np.array([0.0, 0.6])]
    assert listed(mark_by_maximum(masses)) == [[True, True, False, False], [False, True]]
    assert listed(mark_by_maximum(masses, 0.7)) == [[True, False, False, False], [False, False]]
    assert listed(mark_by_maximum(masses, 2.0)) == [[False] * 4, [False] * 2]
    assert listed(mark_by_maximum(masses, share=0.5)) == [[True, False, False, False], [False, True]]
    assert mark_by_maximum([]) == []


def test_the_fewest_intervals_of_all_coordinates_with_a_share_of_the_whole_are_marked():
    masses = [np.array([1.0, 5.0]), np.array([3.0, 0.0, 1.0])]
    assert listed(mark_bulk(masses, 0.5)) == [[False, True], [False, False, False]]
    assert listed(mark_bulk(masses, 0.51)) == [[False, True], [True, False, False]]
    assert listed(mark_bulk(masses, 0.0)) == [[False, True], [False, False, False]]
    assert listed(mark_bulk(masses, 1.01)) == [[True, True], [True, True, True]]


def test_around_circles_of_several_unknowns_all_intervals_are_halved_or_some():
    circle, line = Axis(np.linspace(0, 1, 7), 4, True), Axis(np.linspace(0, 1, 7), 4)
    most, few = np.array([True] * 4 + [False] * 2), np.array([True] + [False] * 5)
    counts = [a.intervals for a in refine_marked((circle, line), (most, most), 3)]
    assert counts == [12, 10]
    assert [a.intervals for a in refine_marked((circle, line), (few, few), 3)] == [7, 7]
    assert [a.intervals for a in refine_marked((circle, line), (most, most), 1)] == [10, 10]
    assert [a.intervals for a in refine_marked((circle,), (most,), 3)] == [10]


def test_intervals_are_halved_while_any_is_wide_and_no_others():
    axis = Axis(np.array([0.0, 0.1, 1.0]), 3)
    fine = refine_while(axis, lambda breaks: np.diff(breaks) > 0.3)
    np.testing.assert_allclose(fine.breaks, [0.0, 0.1, 0.325, 0.55, 0.775, 1.0])
    assert refine_while(axis, lambda breaks: np.diff(breaks) > 0.95) is axis
