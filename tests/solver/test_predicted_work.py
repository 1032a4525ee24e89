"""What a factor costs against what conjugate gradients cost, and where they change places."""

from dataclasses import replace

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver import memory
from pinnkan.solver.predicted_work import (
    CHEAP_WORK,
    SYSTEM_FACTOR,
    bandwidth,
    factor_work,
    free_factor_work,
    is_factor_cheaper,
    iteration_work,
)


def plane(intervals, degree=10):
    return Space((Axis(np.linspace(0, 1, intervals + 1), degree),) * 2)


def test_a_factor_costs_its_coefficients_times_the_square_of_the_band():
    space = plane(20, 3)
    assert bandwidth(space) == 3 * 23 + 3
    assert factor_work(space) == 23**2 * 73**2


def test_what_conditions_fix_is_not_factored_and_a_full_matrix_takes_a_third_of_its_cube():
    """A slab of a flow in space, degree 8 and 5 in time: 9,519 of 17,496 coefficients are free."""
    space = Space((*[Axis(np.array([-1.0, 1.0]), 8)] * 3, Axis(np.array([0.0, 0.5]), 5)), 4)
    free = 3 * 7**3 * 5 + 9**3 * 6
    work = free_factor_work(space, free)
    assert work == pytest.approx(free**3 / 3)
    assert work < factor_work(space) / 15
    assert 8.0 * free**2 < memory.bytes_of_factor(space, free) < 1.2 * 8.0 * free**2 + 1.1 * memory.BASE_BYTES
    assert memory.bytes_of_factor(space, space.size) == memory.bytes_of_factor(space) > 3 * 8.0 * free**2
    band = plane(20, 3)
    assert free_factor_work(band, 400) == 400 * 73**2


def test_small_planes_and_long_lines_are_factored_and_large_planes_are_not():
    line = Space((Axis(np.linspace(0, 1, 5001), 10), Axis(np.array([0.0, 1.0]), 7)))
    assert is_factor_cheaper(plane(24), (24 * 6) ** 2, 3)
    assert is_factor_cheaper(line, 5000 * 6 * 7, 3)
    assert not is_factor_cheaper(plane(96), (96 * 6) ** 2, 3)
    assert iteration_work(replace(plane(24), unknowns=2), 100.0, 3) == SYSTEM_FACTOR * iteration_work(
        plane(24), 100.0, 3
    )


def test_a_factor_of_milliseconds_is_taken_whatever_steps_are_predicted_to_cost():
    """It leaves nothing out: with steps an error at the end of a slab was 1e-5 by the estimate and 7 in truth."""
    circle = Axis(np.linspace(0.0, 2.0 * np.pi, 41), 12, periodic=True)
    slab = Space((circle, Axis(np.array([0.0, 1.0]), 9)))
    points = 40.0 * 7.0 * 5.0
    assert iteration_work(slab, points, 3) < factor_work(slab) < CHEAP_WORK
    assert is_factor_cheaper(slab, points, 3)
