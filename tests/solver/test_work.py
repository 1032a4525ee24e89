"""What a factor costs against what conjugate gradients cost, and where they change places."""

from dataclasses import replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.work import OF_SYSTEMS, bandwidth, factor_work, is_factored, steps_work


def plane(intervals, degree=10):
    return Space((Axis(np.linspace(0, 1, intervals + 1), degree),) * 2)


def test_a_factor_costs_its_coefficients_times_the_square_of_the_band():
    space = plane(20, 3)
    assert bandwidth(space) == 3 * 23 + 3
    assert factor_work(space) == 23**2 * 73**2


def test_small_planes_and_long_lines_are_factored_and_large_planes_are_not():
    line = Space((Axis(np.linspace(0, 1, 5001), 10), Axis(np.array([0.0, 1.0]), 7)))
    assert is_factored(plane(24), (24 * 6) ** 2, 3)
    assert is_factored(line, 5000 * 6 * 7, 3)
    assert not is_factored(plane(96), (96 * 6) ** 2, 3)
    assert steps_work(replace(plane(24), unknowns=2), 100.0, 3) == OF_SYSTEMS * steps_work(plane(24), 100.0, 3)
