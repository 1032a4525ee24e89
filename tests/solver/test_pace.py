"""The length of slabs: pure functions of what the last attempts have shown."""

import numpy as np
import pytest

from pinnkan.solver.front import Front
from pinnkan.solver.pace import Aim, change, slab_length

FRONT = Front(0.0, (), (np.zeros(1),), (np.zeros(1),))


def test_the_order_that_two_attempts_have_shown_shortens_a_slab_at_a_kink():
    """The share in time fell like the square root of the length: order 1/2 instead of 8 1/2."""
    blind = change(0.5, 1e-5, 1e-6, None, 8)
    seen = change(0.5, 1e-5, 1e-6, (1.0, 2**0.5 * 1e-5), 8)
    assert blind > 0.5
    assert seen < 0.1


@pytest.mark.parametrize(("length", "expected"), [(0.3, 0.3), (0.7, 0.5), (1.5, 1.0)])
def test_no_sliver_of_time_is_left_over(length, expected):
    assert slab_length(Aim(FRONT, length), 0.0, 1.0, None) == expected


def test_a_given_number_of_slabs_is_kept():
    assert slab_length(Aim(FRONT, 0.9), 0.0, 1.0, 4) == 0.25
