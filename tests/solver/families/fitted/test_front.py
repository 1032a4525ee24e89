"""Finding a front: its direction, its course, and the coordinates that make it straight."""

from dataclasses import replace

import numpy as np
import pytest

from pinnkan.domain.box import Box
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import rotated_coordinates
from pinnkan.kan.product import Space
from pinnkan.solver.families.fitted.front import (
    direction_of_gradients,
    front_of_spline,
    shift_axis,
    straighten_coordinates,
)

UNIT = ((0.0, 1.0), (0.0, 1.0))
SQUARE = Box(UNIT, (False, False))
WIDTH = 0.05


def fitted(coordinates, function):
    """A spline on the box of the coordinates through samples of a function of (x, y)."""
    space = Space(
        tuple(
            Axis(np.linspace(a, b, n + 1), 5)
            for (a, b), n in zip(coordinates.covering_ranges(UNIT), (40, 6), strict=True)
        )
    )
    s, r = (a.gauss(6)[0].ravel() for a in space.axes)
    grid = np.stack([g.ravel() for g in np.meshgrid(s, r, indexing="ij")], -1)
    values = function(*coordinates.inverse(grid).T).reshape(len(s), len(r))
    along_s = np.linalg.lstsq(space.axes[0].matrix(s), values, rcond=None)[0]
    return space, np.linalg.lstsq(space.axes[1].matrix(r), along_s.T, rcond=None)[0].T[..., None]


def front(x, y):
    return np.tanh((y - 0.2 - 0.5 * x) / WIDTH) + 0.3 * x * y


def test_the_structure_tensor_finds_the_direction_of_a_front():
    x, y = np.meshgrid(np.linspace(0, 1, 90), np.linspace(0, 1, 90))
    s = np.cos(2.0) * x + np.sin(2.0) * y
    slope = 1 / np.cosh((s - 0.2) / WIDTH) ** 2
    found = direction_of_gradients(np.stack([np.cos(2.0) * slope.ravel(), np.sin(2.0) * slope.ravel()]))
    assert found.angle == pytest.approx(2.0, abs=1e-12)
    assert found.eigenvalue_ratio < 1e-12
    assert direction_of_gradients(np.random.default_rng(0).standard_normal((2, 4000))).eigenvalue_ratio > 0.8


def test_a_wrong_angle_is_mended_by_the_ridge():
    """A front at atan(1/2), seen in coordinates three degrees off: one move leaves a tenth of that."""
    right = np.arctan2(1.0, -0.5)
    coordinates = rotated_coordinates(right + np.radians(3), UNIT, 0.2)
    found = front_of_spline(*fitted(coordinates, front), coordinates, SQUARE)
    moved = straighten_coordinates(coordinates, found, UNIT)
    assert abs(moved.angle - right) < np.radians(0.3)
    assert abs(coordinates.angle - right) > np.radians(2)
    again = front_of_spline(*fitted(moved, front), moved, SQUARE)
    assert straighten_coordinates(moved, again, UNIT) is None


def test_a_bent_front_gets_a_warp_and_a_straight_one_does_not():
    def bow(x, y):
        return np.tanh((y - 0.2 - 0.4 * x - 0.5 * x * (1 - x)) / (0.3 * WIDTH))

    coordinates = rotated_coordinates(np.arctan2(1.0, -0.4), UNIT, 0.3)
    found = front_of_spline(*fitted(coordinates, bow), coordinates, SQUARE)
    moved = straighten_coordinates(coordinates, found, UNIT)
    assert not moved.is_straight
    again = front_of_spline(*fitted(moved, bow), moved, SQUARE)
    assert np.ptp(again.position[again.weight > 0.1]) < 0.2 * np.ptp(found.position[found.weight > 0.1])
    line = rotated_coordinates(np.arctan2(1.0, -0.5) + 0.05, UNIT, 0.2)
    assert straighten_coordinates(line, front_of_spline(*fitted(line, front), line, SQUARE), UNIT).is_straight


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_only_the_ratios_of_the_weights_of_lines_count(factor):
    def bow(x, y):
        return np.tanh((y - 0.2 - 0.4 * x - 0.5 * x * (1 - x)) / (0.3 * WIDTH))

    coordinates = rotated_coordinates(np.arctan2(1.0, -0.4), UNIT, 0.3)
    found = front_of_spline(*fitted(coordinates, bow), coordinates, SQUARE)
    moved, again = (
        straighten_coordinates(coordinates, replace(found, weight=w * found.weight), UNIT).warp.axes[0]
        for w in (1.0, factor)
    )
    assert (again.degree, again.intervals) == (moved.degree, moved.intervals)
    assert moved.degree > 1


def test_an_axis_carried_to_a_new_box_keeps_its_knots_at_the_front():
    axis = Axis(np.array([0.0, 0.3, 0.4, 0.45, 0.5, 0.6, 1.0]), 4)
    moved = shift_axis(axis, (-0.5, 0.62), 0.45)
    assert moved.breaks[0] == -0.5
    assert moved.breaks[-1] == 0.62
    np.testing.assert_allclose(moved.breaks[1:-1], [-0.15, -0.05, 0.0, 0.05, 0.15], atol=1e-15)
    # the sliver from 0.15 to 0.16 goes with its knot, and so does one at the lower end
    upper, lower = shift_axis(axis, (-0.5, 0.16), 0.45).breaks, shift_axis(axis, (-0.16, 0.62), 0.45).breaks
    np.testing.assert_allclose(upper, [-0.5, -0.15, -0.05, 0.0, 0.05, 0.16], atol=1e-15)
    np.testing.assert_allclose(lower, [-0.16, -0.05, 0.0, 0.05, 0.15, 0.62], atol=1e-15)
    assert shift_axis(axis, (2.0, 3.0), 0.45).breaks.tolist() == [2.0, 2.5, 3.0]  # no knot is left: the middle
