"""The length of slabs: pure functions of what the last attempts have shown."""

import numpy as np
import pytest

from pinnkan.solver.families.product.pace import (
    LEAST,
    LEAST_HELD,
    MOST,
    SHARPLY,
    SHRINK,
    Aim,
    change,
    failed,
    next_degree,
    slab_length,
)
from pinnkan.solver.families.product.slab_start import SlabStart

START = SlabStart(0.0, (), (np.zeros(1),), (np.zeros(1),))


def test_the_order_that_two_attempts_have_shown_shortens_a_slab_at_a_kink():
    """The share in time fell like the square root of the length: order 1/2 instead of 8 1/2."""
    blind = change(0.5, 1e-5, 1e-6, None, 8)
    seen = change(0.5, 1e-5, 1e-6, (1.0, 2**0.5 * 1e-5), 8)
    assert blind > 0.5
    assert seen < 0.1


def test_at_a_jump_a_slab_is_shortened_by_many_times_at_once():
    """The share in time fell like the fourth root of the length, as it does there: less than is believed."""
    assert change(0.5, 1e-1, 1e-6, (1.0, 2**0.25 * 1e-1), 8) == SHARPLY
    assert change(0.5, 1e-1, 1e-6, (1.0, 2 * 1e-1), 8) == SHRINK**2


def test_slabs_that_are_not_solved_are_shortened_by_more_and_more():
    aim, lengths = Aim(START, 1.0, 8), []
    for _ in range(6):
        aim = failed(aim, 0.3 * aim.length)
        lengths.append(aim.length)
    assert lengths == pytest.approx(0.3 ** np.array([1, 2, 4, 7, 11, 16]))


@pytest.mark.parametrize(("length", "expected"), [(0.3, 0.3), (0.7, 0.5), (1.5, 1.0)])
def test_no_sliver_of_time_is_left_over(length, expected):
    assert slab_length(Aim(START, length, 8), 0.0, 1.0, 1.0, None) == expected


def test_a_given_number_of_slabs_is_kept():
    assert slab_length(Aim(START, 0.9, 8), 0.0, 1.0, 1.0, 4) == 0.25


@pytest.mark.parametrize(
    ("degree", "in_time", "expected"),
    [(8, 0.2, 9), (8, 0.01, 8), (8, 1e-6, 7), (MOST, 0.2, MOST), (LEAST, 0.0, LEAST), (5, 0.0, 5), (5, 0.2, 6)],
)
def test_the_degree_in_time_rises_where_time_limits_the_slabs_and_falls_where_it_is_idle(degree, in_time, expected):
    assert next_degree(degree, in_time * 1e-6, 1e-6) == expected


@pytest.mark.parametrize(
    ("degree", "in_time", "expected"), [(6, 0.01, 5), (6, 0.2, 6), (6, 0.6, 7), (LEAST_HELD, 0.0, 4)]
)
def test_where_something_else_limits_the_slabs_the_degree_in_time_follows_what_it_is_needed_for(
    degree, in_time, expected
):
    assert next_degree(degree, in_time * 1e-6, 1e-6, True) == expected
