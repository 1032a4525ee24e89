"""Products of axes: values, restriction, norms, and the field of several slabs."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import NdBSpline
from small_axes import UNEVEN, axis, random, refined, scaled_difference
from stored_state import stored

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space, sum_terms, unify_equal_axes


@pytest.mark.parametrize("order", [(0, 0), (1, 2), (3, 0)])
def test_a_product_is_the_tensor_product_spline_of_scipy(order):
    space = Space((axis(degree=4), axis(degree=3, breaks=np.array([-1.0, 0.2, 2.0]))), 2)
    c = random(space.shape)
    points = np.random.default_rng(1).uniform([0, -1], [1, 2], (50, 2))
    theirs = NdBSpline(tuple(a.basis.knots.numpy() for a in space.axes), c, (4, 3))(points, nu=order)
    ours = space.evaluate(c, points, [(0, 1), order])
    assert scaled_difference(ours[..., 1], theirs) < 1e-12
    assert scaled_difference(ours[..., 0], theirs) > 0.1
    grid = space.evaluate_grid(c, [points[:, 0], points[:, 1]], order)
    assert scaled_difference(grid[np.arange(50), np.arange(50)], theirs) < 1e-12


@pytest.mark.parametrize("shared", [[1.7], [1.7, 0.3, 0.31]])
def test_points_that_share_their_last_coordinate_are_as_others(shared):
    space = Space((axis(degree=4), axis(True, degree=3)), 2)
    c = random(space.shape)
    points = np.random.default_rng(2).uniform(0, 1, (30, 2))
    points[:, 1] = np.resize(shared, 30)  # one is outside of the period
    orders = [(0, 1), (2, 0), (0, 0), (2, 1)]
    each = np.concatenate([space.evaluate(c, point[None], orders) for point in points])
    assert scaled_difference(space.evaluate(c, points, orders), each) < 1e-12
    points[0, 1] = 1.6
    assert scaled_difference(space.evaluate(c, points, orders), each) > 0.01


def test_functions_on_nested_axes_are_one_on_the_richest():
    x, t = axis(degree=4), Axis(np.array([0.0, 1.0]), 3)
    terms = [(space, random(space.shape)) for space in (Space((refined(x), t), 2), Space((x, t.elevated(2)), 2))]
    space, c = sum_terms(terms)
    assert space.shape == (refined(x).count, 6, 2)
    points = np.random.default_rng(3).uniform(0, 1, (20, 2))
    one, other = (each.evaluate(values, points, [(1, 1)]) for each, values in terms)
    assert scaled_difference(space.evaluate(c, points, [(1, 1)]), one + other) < 1e-11
    assert scaled_difference(one, one + other) > 0.1


@pytest.mark.parametrize("periodic", [False, True])
def test_restriction_is_a_left_inverse_of_prolongation(periodic):
    coarse = Space((axis(periodic), axis(False, 4)), 2)
    fine = Space(tuple(refined(a) for a in coarse.axes), 2)
    c = random(coarse.shape)
    assert scaled_difference(coarse.restrict(coarse.prolong(c, fine), fine), c) < 1e-11
    other = fine.prolong(random(fine.shape), fine)  # not in the coarse space: something is lost
    assert scaled_difference(coarse.prolong(coarse.restrict(other, fine), fine), other) > 0.1


def test_restriction_along_one_axis_leaves_the_other_one():
    coarse = Space((axis(), axis(False, 4)))
    fine = Space(tuple(refined(a) for a in coarse.axes))
    assert coarse.restrict(random(fine.shape), fine, [1]).shape == (fine.shape[0], coarse.shape[1], 1)


def test_norm_and_mass_are_integrals():
    space = Space((axis(), axis(False, 4)))
    c = random(space.shape)
    x, w = np.polynomial.legendre.leggauss(40)
    points = [np.concatenate([0.5 * (b - a) * x + 0.5 * (a + b) for a, b in pairwise(UNEVEN)])] * 2
    weight = np.concatenate([0.5 * h * w for h in np.diff(UNEVEN)])
    square = space.evaluate_grid(c, points, (0, 0))[..., 0] ** 2 * np.multiply.outer(weight, weight)
    assert abs(space.norm(c)[0] ** 2 / square.sum() - 1) < 1e-12
    mass = space.squared_norm_per_interval(c, 0)[:, 0]
    assert scaled_difference(mass, square.reshape(4, 40, -1).sum((1, 2))) < 1e-12
    assert not np.allclose(mass, space.squared_norm_per_interval(c, 1)[:, 0])


def two_slabs():
    x = axis()
    pieces = []
    for k, (a, b) in enumerate([(0.0, 0.4), (0.4, 1.0)]):
        space = Space((x if k == 0 else refined(x), Axis(np.array([a, b]), 3)))
        pieces.append((space, random(space.shape, k)))
    return ProductField(tuple(pieces), np.array([0.0, 0.4, 1.0]))


def test_a_field_of_slabs_takes_each_point_from_the_slab_that_ends_at_or_after_it():
    field = two_slabs()
    points = np.array([[0.3, 0.0], [0.3, 0.2], [0.3, 0.4], [0.3, 0.7], [0.3, 1.0]])
    values = field(points, [(0, 0)])[:, 0, 0]
    for i, owner in enumerate([0, 0, 0, 1, 1]):
        space, c = field.pieces[owner]
        assert values[i] == space.evaluate(c, points[i : i + 1], [(0, 0)])[0, 0, 0]
    grid = field.grid([points[:1, 0], points[:, 1]], (0, 0))[0, :, 0]
    np.testing.assert_allclose(grid, values, rtol=1e-13, atol=1e-13)


def test_a_field_restored_from_its_tensors_is_the_same():
    field = two_slabs()
    again = stored(field)
    points = np.random.default_rng(0).uniform(size=(30, 2))
    assert np.array_equal(again(points, [(0, 0), (2, 1)]), field(points, [(0, 0), (2, 1)]))
    assert np.array_equal(again.breaks(0, 0.9), field.breaks(0, 0.9))
    assert len(field.breaks(0, 0.9)) > len(field.breaks(0, 0.1))
    assert np.array_equal(field.breaks(1), [0.0, 0.4, 1.0])


def test_a_norm_is_summed_a_few_values_at_a_time(monkeypatch):
    """The same in parts; a part that was left out would be seen."""
    space = Space(tuple(Axis(np.linspace(0.0, 1.0, n + 1), 3) for n in (5, 4)), 2)
    some = np.random.default_rng(0).standard_normal(space.shape)
    whole = space.norm(some)
    monkeypatch.setattr("pinnkan.kan.product.BATCH_VALUES", 100)
    np.testing.assert_allclose(space.norm(some), whole, rtol=1e-14)
    assert (np.abs(space.norm(1.001 * some) - whole) > 1e-4 * whole).all()


def test_equal_axes_are_one_and_others_are_left_alone():
    breaks = np.linspace(0.0, 1.0, 4)
    first, second, other = Axis(breaks, 3), Axis(breaks.copy(), 3), Axis(breaks, 4)
    axes = unify_equal_axes([first, second, other, Axis(breaks, 3, periodic=True)])
    assert axes[0] is axes[1] is first
    assert axes[2] is other
    assert axes[3].periodic
