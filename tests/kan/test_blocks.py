"""Blocks on few coordinates: orthonormal products, exact derivatives, nested refinement, storage without loss."""

import numpy as np
import pytest
from stored_state import stored

from pinnkan.kan.blocks import BlockField, BlockSum, Edge

GROUPS = ((0, 0, 0), (1, 0, 0), (0, 2, 0), (6, 0, 0), (1, 1, 0), (2, 0, 1), (1, 1, 1))


def edge(periodic=False, low=0.5, high=2.0, degree=10):
    return Edge.coarsest(low, high, degree, periodic)


def space(unknowns=1):
    return BlockSum((edge().with_level(6), edge(low=-1.0), edge(periodic=True, degree=6)), GROUPS, unknowns)


def cloud(count=300):
    return np.random.default_rng(0).random((count, 3)) * [1.5, 3.0, 1.5] + [0.5, -1.0, 0.5]


def gram(e):
    x, w = (a.ravel() for a in e.axis.gauss(e.axis.degree + 1))
    table = np.column_stack([np.ones_like(x), e.table(x)])
    return table.T @ (w[:, None] * table) / w.sum()


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("levels", [1, 6, 7])
def test_the_functions_of_an_edge_are_orthonormal_and_have_no_mean(periodic, levels):
    e = edge(periodic).with_level(levels)
    np.testing.assert_allclose(gram(e), np.eye(e.level_ends[-1] + 1), atol=1e-11)  # rounding times condition
    scaled = Edge(e.axis, e.transform * 1.001, e.level_ends)
    assert np.abs(gram(scaled) - np.eye(e.level_ends[-1] + 1)).max() > 1e-3  # a wrong scale would be seen


def test_refinement_keeps_the_functions_and_fills_the_splines():
    coarse, fine = edge(), edge().refined()
    x = np.linspace(0.5, 2.0, 77)
    np.testing.assert_allclose(fine.table(x)[:, :10], coarse.table(x), atol=1e-11)
    assert fine.axis.intervals == 4
    assert fine.level_ends[-1] == fine.axis.count - 1
    assert fine.level_ends == (*coarse.level_ends, 13)


def test_a_periodic_edge_has_a_cosine_and_a_sine_per_level():
    e = edge(periodic=True)
    x = np.linspace(0.5, 2.0, 50)
    wave = np.sqrt(2.0) * np.cos(2 * np.pi * (x - 0.5) / 1.5)
    first = e.table(x)[:, 0]
    assert min(np.abs(first - wave).max(), np.abs(first + wave).max()) < 1e-6  # a spline of degree ten
    assert e.level_ends[:3] == (0, 2, 4)


def test_features_are_derivatives():
    s, points, step = space(), cloud(), 1e-5
    moved = np.array([0.0, step, 0.0])
    difference = (
        (s.operator_matrix(points + moved, {(0, 0, 0): 1.0}) - s.operator_matrix(points - moved, {(0, 0, 0): 1.0}))
        / step
        / 2
    )
    derivative = s.operator_matrix(points, {(0, 1, 0): 1.0})
    np.testing.assert_allclose(derivative, difference, atol=1e-6)
    assert np.abs(s.operator_matrix(points, {(1, 0, 0): 1.0}) - difference).max() > 0.1


def test_an_operator_is_the_sum_of_its_terms():
    s, points = space(), cloud(50)
    weight = np.linspace(1, 2, 50)
    whole = s.operator_matrix(points, {(2, 0, 0): weight, (0, 2, 0): -1.0, (1, 0, 1): 3.0})
    parts = weight[:, None] * s.operator_matrix(points, {(2, 0, 0): 1.0}) - s.operator_matrix(points, {(0, 2, 0): 1.0})
    np.testing.assert_allclose(whole, parts + 3.0 * s.operator_matrix(points, {(1, 0, 1): 1.0}), atol=1e-9)


def test_a_grid_gives_what_scattered_points_give():
    s = space(unknowns=2)
    c = np.random.default_rng(1).standard_normal((s.products, 2))
    axes = [np.linspace(0.5, 2, 3), np.array([0.1]), np.linspace(0.5, 2, 4)]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], -1)
    for order in [(0, 0, 0), (1, 0, 1), (0, 0, 2), (1, 1, 1)]:
        grid = s.evaluate_grid(c, axes, order).reshape(-1, 2)
        np.testing.assert_allclose(grid, s.evaluate(c, points, [order])[..., 0], atol=1e-9)


def test_a_function_carried_to_a_richer_sum_is_the_same():
    s = space()
    c = np.random.default_rng(2).standard_normal((s.products, 1))
    rich = BlockSum((s.edges[0].refined(), *s.edges[1:]), (*GROUPS, (7, 0, 0), (0, 1, 1)))
    there = s.map_coefficients(c, rich)
    np.testing.assert_allclose(
        rich.evaluate(there, cloud(), [(0, 0, 0)]), s.evaluate(c, cloud(), [(0, 0, 0)]), atol=1e-9
    )
    assert rich.norm(there) == pytest.approx(s.norm(c))


def test_the_norm_of_the_coefficients_is_that_of_the_function():
    s = space()
    c = np.random.default_rng(3).standard_normal((s.products, 1))
    rules = [[a.ravel() for a in e.axis.gauss(11)] for e in s.edges]
    values = s.evaluate_grid(c, [x for x, _ in rules], (0, 0, 0))[..., 0]
    weights = np.einsum("i,j,k->ijk", *(w / w.sum() for _, w in rules))
    assert np.sqrt((weights * values**2).sum()) == pytest.approx(s.norm(c)[0], rel=1e-9)


def test_a_stored_field_evaluates_to_the_same_bits():
    s = space()
    field = BlockField(s, np.random.default_rng(4).standard_normal((s.products, 1)))
    again = stored(field)
    np.testing.assert_array_equal(field(cloud(), [(1, 0, 0)]), again(cloud(), [(1, 0, 0)]))
    np.testing.assert_array_equal(field.breaks(0), again.breaks(0))
