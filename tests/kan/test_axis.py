"""One coordinate: values, prolongation, projection, elevation."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from small_axes import axis, random, refined, scaled_difference

from pinnkan.kan.axis import DENSE_PROJECTION_RATIO, Axis, restrict_axis
from pinnkan.kan.product import Space
from pinnkan.kan.spline import prolongation
from pinnkan.kan.table import gauss_table


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_values_and_derivatives_of_an_axis_are_those_of_scipy(periodic, order):
    line = axis(periodic, 6)
    c, x = random(line.count), np.linspace(0.0, 1.0, 41)[:-1]
    knots, index = line.basis.knots.numpy(), line.coefficient_index(np.arange(line.basis.count))
    theirs = BSpline(knots, c[index], 6).derivative(order)
    assert scaled_difference(line.matrix(x, order) @ c, theirs(x)) < 1e-12
    assert scaled_difference(line.matrix(x + 1e-9, order) @ c, theirs(x)) > 1e-12


def test_equal_axes_are_one_for_whoever_remembers_them():
    """The unit square has the same tables and modes in both coordinates."""
    one, other = (Axis(np.linspace(0.0, 1.0, 5), 4, joints=(0.5,)) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1
    cpu = torch.device("cpu")
    assert gauss_table(one, 3, 1, cpu) is gauss_table(other, 3, 1, cpu)
    breaks = np.array([0.0, 0.25, 0.5, 0.75, 1.0 + 1e-15])
    for unequal in (Axis(one.breaks, 5), Axis(one.breaks, 4, True), Axis(breaks, 4, joints=(0.5,)), "axis"):
        assert one != unequal


def test_a_periodic_axis_with_fewer_intervals_than_functions_per_interval_is_folded():
    """Three intervals, degree 5: six local functions share three coefficients."""
    line = axis(True, 5, np.array([0.0, 0.3, 0.7, 1.0]))
    c, x = random(3), np.linspace(0.0, 0.99, 30)
    theirs = BSpline(line.basis.knots.numpy(), c[np.arange(line.basis.count) % 3], 5)
    assert scaled_difference(line.matrix(x) @ c, theirs(x)) < 1e-12
    space = Space((line,))
    assert scaled_difference(space.evaluate(c[:, None], x[:, None], [(0,)])[:, 0, 0], theirs(x)) < 1e-12
    assert scaled_difference(line.matrix(x + 1.0) @ c, theirs(x)) < 1e-12


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("degree", [3, 8])
def test_prolongation_leaves_values_and_derivatives_unchanged(periodic, degree):
    coarse = axis(periodic, degree)
    fine = refined(coarse)
    matrix, c = coarse.prolongation_to(fine), random(coarse.count)
    x = np.linspace(0.0, 1.0, 200)
    for order in range(3):
        table = coarse.matrix(x, order)
        # A derivative is a difference of coefficients: rounding is relative to the sum of the absolute terms.
        scale = (np.abs(fine.matrix(x, order)) @ np.abs(matrix @ c)).max()
        assert np.abs(fine.matrix(x, order) @ (matrix @ c) - table @ c).max() < 1e-12 * scale
        assert np.abs(fine.matrix(x, order) @ (matrix @ c * (1 + 1e-9)) - table @ c).max() > 1e-12 * scale


@pytest.mark.parametrize(("joints", "smooth"), [((0.4,), (1,)), ((0.0,), (1,)), ((0.0, 0.4, 0.8), (0, 2, 1))])
def test_derivatives_of_a_periodic_axis_jump_at_its_joints_and_nowhere_else(joints, smooth):
    """At the seam too, where functions may live on one side of it only."""
    breaks = np.array([0.0, 0.13, 0.4, 0.55, 0.8, 1.0])
    line = Axis(breaks, 5, True, joints, smooth)
    assert line.count == 5 + sum(4 - s for s in smooth)
    c, below = random(line.count), 1e-13
    for place in breaks[:-1]:
        sides = [line.matrix(np.array([place + d]), k) @ c for d in (-below, below) for k in range(5)]
        jumps = np.abs(np.array(sides[:5]) - np.array(sides[5:])).ravel() > 1e-3 * np.abs(sides[:5]).ravel()
        first = dict(zip(joints, smooth, strict=True)).get(place, 4) + 1
        assert jumps.tolist() == [k >= first for k in range(5)]
    fine, x = line.halved(), np.linspace(-0.3, 1.2, 400)
    moved = line.prolongation_to(fine) @ c
    assert scaled_difference(fine.matrix(x, 2) @ moved, line.matrix(x, 2) @ c) < 1e-11
    assert scaled_difference(line.project(line.matrix(line.projection_points()) @ c, 0), c) < 1e-10


def test_prolongation_raises_the_degree_too():
    coarse, fine = axis(degree=3, breaks=np.array([0.0, 1.0])), axis(degree=5, breaks=np.array([0.0, 1.0]))
    c, x = random(4), np.linspace(0, 1, 50)
    assert scaled_difference(fine.matrix(x) @ (coarse.prolongation_to(fine) @ c), coarse.matrix(x) @ c) < 1e-12


@pytest.mark.parametrize("degree", [3, 8])
def test_the_projection_reproduces_polynomials_and_interpolates_the_ends(degree):
    line = axis(degree=degree)
    x, fine = line.projection_points(), np.linspace(0, 1, 300)
    p = np.polynomial.Polynomial(random(degree + 1, 3))
    assert scaled_difference(line.matrix(fine) @ line.project(p(x), 0), p(fine)) < 1e-11
    higher = np.polynomial.Polynomial([0.0] * (degree + 1) + [1.0])
    assert scaled_difference(line.matrix(fine) @ line.project(higher(x), 0), higher(fine)) > 1e-10
    values = random(len(x))
    projected = line.project(values, 0)
    assert projected[0] == values[0]
    assert projected[-1] == values[-1]


def test_the_projection_of_a_periodic_axis_reproduces_its_splines():
    line = axis(True)
    c = random(line.count)
    assert scaled_difference(line.project(line.matrix(line.projection_points()) @ c, 0), c) < 1e-11


def test_end_derivatives_need_the_first_layers_only():
    line = axis(degree=6)
    c = random(line.count)
    for end, x, layers in ((0, 0.0, c), (1, 1.0, c[::-1])):
        table = line.end_derivatives(end, 2)
        for k in range(3):
            full = line.matrix(np.array([x]), k)[0] @ c
            assert abs(table[k, : k + 1] @ layers[: k + 1] - full) <= 1e-12 * np.abs(table[k] @ np.abs(layers[:3]))
            assert np.all(table[k, k + 1 :] == 0.0)


def test_elevation_is_that_of_the_blossoms():
    for low, high in ((3, 4), (2, 5), (8, 9), (4, 8)):
        axis = Axis(np.array([0.3, 0.7]), low)
        raised = axis.elevated(high - low)
        theirs = prolongation(axis.basis, raised.basis).numpy()
        np.testing.assert_allclose(axis.prolongation_to(raised), theirs, atol=1e-14)


@pytest.mark.parametrize("periodic", [False, True])
def test_the_way_between_many_knots_takes_memory_in_proportion(periodic):
    coarse = Axis(np.linspace(0.0, 1.0, 20_001), 3, periodic)  # as a full matrix 6 GB
    fine = coarse.halved()
    c = np.cos(np.arange(coarse.count))[:, None]
    assert coarse.prolongation_to(fine).nnz <= 4 * fine.count
    assert np.abs(restrict_axis(coarse, fine, coarse.prolongation_to(fine) @ c, 0) - c).max() < 1e-11
    x = coarse.projection_points()
    assert (
        scaled_difference(
            coarse.sampling_matrix(x) @ coarse.project(coarse.sampling_matrix(x) @ c, 0), coarse.sampling_matrix(x) @ c
        )
        < 1e-11
    )


def test_what_a_cache_hands_out_cannot_be_written_to():
    line = Axis(np.array([0.0, 1.0]), 3)
    for table in (line.end_derivatives(0, 2), line.prolongation_to(line.elevated(1))):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 7.0


@pytest.mark.parametrize("line", [axis(), axis(True, breaks=np.array([0.0, 1.0]))])
def test_a_degree_is_raised_where_the_functions_stay_nested(line):
    with pytest.raises(ValueError, match="nested"):
        line.elevated(1)
    assert Axis(line.breaks[[0, -1]], 5).elevated(1).degree == 6


def test_a_joint_is_as_smooth_as_it_is_said_to_be():
    axis = Axis(np.array([0.0, 0.3, 0.7, 1.0]), 5, joints=(0.3, 0.7), smooth=(1, 0))
    assert axis.count == axis.basis.count
    coefficients = np.random.default_rng(0).standard_normal(axis.count)
    for place, order in ((0.3, 1), (0.7, 0)):
        above, below = (axis.basis.one_sided(place, 2, way) for way in (False, True))
        sides = [values.numpy() @ coefficients[int(first) : int(first) + 6] for values, first in (above, below)]
        jumps = np.abs(sides[0] - sides[1])
        assert jumps[: order + 1].max() < 1e-12 * np.abs(sides[0]).max()
        assert jumps[order + 1] > 1e-2


@pytest.mark.parametrize("periodic", [False, True])
def test_many_sides_are_projected_like_one(periodic):
    axis = Axis(np.array([0.0, 0.1, 0.4, 1.0]), 8, periodic)
    sides = np.random.default_rng(1).standard_normal(
        (len(axis.projection_points()), DENSE_PROJECTION_RATIO * len(axis.projection_points()) + 1)
    )
    together, alone = axis.project(sides, 0), np.stack([axis.project(s, 0) for s in sides[:, :3].T], 1)
    np.testing.assert_allclose(together[:, :3], alone, atol=1e-12 * np.abs(alone).max())
    assert not np.allclose(together[:, 1:4], alone, rtol=1e-2)


@pytest.mark.parametrize("more", [0, 1])
def test_a_mean_rule_is_exact_for_products_of_two_functions(more):
    axis = Axis(np.array([0.0, 0.5, 2.0]), 2)
    x, w = axis.mean_rule(more)
    assert len(x) == 2 * (3 + more)
    np.testing.assert_allclose([w.sum(), w @ x**5], [1.0, 2.0**5 / 6.0])
