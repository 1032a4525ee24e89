"""A box as a domain: what it holds, its sides, samples of both."""

import numpy as np
import pytest

from pinnkan.domain.box import INSIDE_TOLERANCE, Box, Side

BOX = Box(((-1.0, 1.0), (2.0, 5.0), (0.0, 0.5)), (False, True, False))


def unit(count, dimension):
    return np.random.default_rng(0).random((count, dimension))


def test_it_holds_its_closure_and_any_value_of_a_coordinate_that_wraps():
    points = np.array([[-1.0, 2.0, 0.5], [0.0, 77.0, 0.0], [1.0 + 1e-13, 3.0, 0.1], [0.0, np.inf, 0.1], [0, 3, np.nan]])
    assert BOX.contains(points).tolist() == [True, True, False, False, False]
    assert BOX.contains(points, INSIDE_TOLERANCE).tolist() == [True, True, True, False, False]
    assert BOX.contains(points.reshape(5, 1, 3)).shape == (5, 1)
    np.testing.assert_array_equal(BOX.nearest(points[:3])[1:], [[0.0, 77.0, 0.0], [1.0, 3.0, 0.1]])


def test_a_point_outside_is_told_by_its_first_coordinate_that_is():
    assert BOX.outside_reason(np.array([0.0, 9.0, 2.0]), ["x", "y", "t"]) == "t = 2 is not in [0, 0.5]"


def test_its_sides_have_normals_points_and_measures_and_a_wrapped_coordinate_has_none():
    assert list(BOX.boundary_pieces) == [Side(0, 0), Side(0, 1), Side(2, 0), Side(2, 1)]
    side = BOX.boundary_pieces[Side(0, 0)]
    assert side.normal("xyt") == (-1, 0, 0)
    assert BOX.boundary_pieces[Side(2, 1)].normal("xyt") == (0, 0, 1)
    assert side.measure == pytest.approx(1.5)
    points = side.sample(100, unit)
    assert (points[:, 0] == -1.0).all()
    assert BOX.contains(points).all()
    assert np.ptp(points[:, 1]) > 2.8


def test_integrals_over_the_sides_and_the_inside_are_bound_by_the_divergence_theorem():
    """Of F = (x^3, 0, t^2) with Gauss points: the flux over all sides is the integral of 3 x^2 + 2 t."""
    x, w = np.polynomial.legendre.leggauss(4)
    flux = 0.0
    for piece in BOX.boundary_pieces.values():
        (a, b), (c, d) = piece.parameter_ranges
        grid = np.stack(np.meshgrid((a + b) / 2 + (b - a) / 2 * x, (c + d) / 2 + (d - c) / 2 * x), -1).reshape(-1, 2)
        points, weights = (
            piece.map_parameters(grid),
            np.outer(w, w).ravel() * (b - a) * (d - c) / 4 * piece.measure_density(grid),
        )
        normal = piece.normal(points.T)
        flux += float((weights * (normal[0] * points[:, 0] ** 3 + normal[2] * points[:, 2] ** 2)).sum())
    assert flux == pytest.approx(BOX.measure * (1.0 + 0.5))


def test_between_two_times_and_projected_it_is_a_box_again():
    assert BOX.time_part(0.1, 0.2).ranges == (*BOX.ranges[:2], (0.1, 0.2))
    assert BOX.projected(2) == Box(BOX.ranges[:2], BOX.periodic[:2])
    assert BOX.sample(50, unit)[:, 1] == pytest.approx(2.0 + 3.0 * unit(50, 3)[:, 1])
