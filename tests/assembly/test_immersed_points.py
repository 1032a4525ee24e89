"""Points and rows of a domain that lies askew in the box of its inner coordinates."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.immersed_points import CellGroups, GridPoints, group_size, side_points
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.domain.box import Box, Side
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, rotated_coordinates
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table, point_table

UNIT = Box(((0.0, 1.0), (0.0, 1.0)), (False, False))


def turned(degrees=120.0, intervals=(9, 4)):
    coordinates = rotated_coordinates(np.radians(degrees), UNIT.ranges, 0.2)
    box = coordinates.covering_ranges(UNIT.ranges)
    axes = tuple(Axis(np.linspace(a, b, n + 1), 5) for (a, b), n in zip(box, intervals, strict=False))
    return Space(axes), coordinates


def grid(space, coordinates, domain=UNIT, points=4, parts=2):
    cpu = torch.device("cpu")
    return GridPoints(space, [gauss_table(a, points, 2, cpu, parts) for a in space.axes], coordinates, domain.contains)


@pytest.mark.parametrize("degrees", [120.0, 95.0, 30.0])
def test_points_lie_inside_and_integrate_over_the_domain(degrees):
    space, coordinates = turned(degrees)
    found = grid(space, coordinates)
    assert UNIT.contains(found.outer).all()
    inner = np.stack(np.meshgrid(*found.axes, indexing="ij"), -1).reshape(-1, 2)[found.inside_index]
    assert np.abs(coordinates.forward(found.outer) - inner).max() < 1e-13
    np.testing.assert_array_equal(found.line_points[found.line_index], inner[:, 1:])
    for i, axis in enumerate(space.axes):
        assert np.all(
            (axis.breaks[found.cells[:, i]] < inner[:, i]) & (inner[:, i] < axis.breaks[found.cells[:, i] + 1])
        )
    x, y = found.outer.T
    integral = found.integral(np.exp(x + y)[:, None])[0]  # cut cells are summed to the accuracy of their parts
    assert abs(integral / (np.e - 1) ** 2 - 1) < 0.01
    everywhere = grid(space, coordinates, Box(((-9, 9), (-9, 9)), (False, False)))
    assert abs(everywhere.weights.sum() - 1) > 0.1


def test_the_largest_value_in_the_support_of_a_function_is_found():
    space, coordinates = turned()
    found = grid(space, coordinates)
    values = np.random.default_rng(0).uniform(1, 2, len(found.weights))
    theirs = np.zeros(space.shape[:2])
    for value, (i, j) in zip(values, found.cells, strict=True):
        part = theirs[i : i + 6, j : j + 6]  # degree 5
        np.maximum(part, value, out=part)
    np.testing.assert_array_equal(found.support_maxima(values), theirs.ravel())
    assert (theirs == 0.0).any()


@pytest.mark.parametrize(("axis", "end"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_side_has_points_between_all_its_crossings_with_knots(axis, end):
    space, coordinates = turned()
    found = side_points(space, coordinates, UNIT.boundary_pieces[Side(axis, end)], (6, 6))
    assert np.all(found.outer[:, axis] == end)
    along = found.outer[:, 1 - axis]
    assert abs((found.weights * np.exp(along)).sum() - (np.e - 1)) < 1e-12
    knots = np.concatenate([a.breaks for a in space.axes])
    crossed = 0
    for i, a in enumerate(space.axes):
        ends = coordinates.forward(
            np.array([[end, 0.0], [end, 1.0]]) if axis == 0 else np.array([[0.0, end], [1.0, end]])
        )
        crossed += int(((a.breaks > ends[:, i].min() + 1e-9) & (a.breaks < ends[:, i].max() - 1e-9)).sum())
    assert len(found.weights) == 6 * (crossed + 1)
    assert crossed < len(knots)


def test_moving_coordinates_have_points_at_the_start_and_on_sides_in_time():
    domain = Box((*UNIT.ranges, (1.0, 1.5)), (False,) * 3)
    course = Space((Axis(np.array([-2.0, 2.0]), 1), Axis(np.array([1.0, 1.5]), 1)))
    bend = np.array([[0.0, 0.3], [0.0, 0.3]])[..., None]
    coordinates = Coordinates(0.4, course, bend)
    space = Space(tuple(Axis(np.linspace(a, b, 4), 4) for a, b in coordinates.covering_ranges(domain.ranges)))
    cpu = torch.device("cpu")
    start = point_table(space.axes[2], float(space.axes[2].breaks[0]), 1, cpu)
    tables = [*(gauss_table(a, 3, 1, cpu, 2) for a in space.axes[:2]), start]
    start = GridPoints(space, tables, coordinates, domain.contains)
    assert np.all(start.outer[:, 2] == 1.0)
    assert abs(start.weights.sum() - 1) < 0.02
    side = side_points(space, coordinates, domain.boundary_pieces[Side(1, 1)], (5, 5, 5))
    assert np.all(side.outer[:, 1] == 1.0)
    assert abs((side.weights * np.exp(side.outer[:, 2])).sum() - (np.exp(1.5) - np.exp(1.0))) < 1e-12


def test_points_of_either_kind_evaluate_and_make_rows_like_the_space():
    """Values, and rows times coefficients, are those of the spline itself; J^T J of a batch that of its rows."""
    space, coordinates = turned()
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), torch.device("cpu"))
    c = np.random.default_rng(0).standard_normal(space.shape)
    orders = [(0, 0), (1, 0), (1, 2)]
    on_side = side_points(space, coordinates, UNIT.boundary_pieces[Side(0, 1)], (4, 4))
    for places in (grid(space, coordinates), CellGroups(space, on_side, (2, 2))):
        shape = places.weights.shape
        inner = coordinates.forward(places.outer.reshape(-1, 2))
        theirs = space.evaluate(c, inner, orders).reshape(*shape, 1, 3)
        np.testing.assert_allclose(places.derivatives(c, orders).numpy(), theirs, rtol=1e-9, atol=1e-9)
        weights = torch.zeros((*shape, 3), dtype=torch.float64)
        weights[..., 1], weights[..., 2] = 2.0, -torch.from_numpy(places.weights)
        rows = places.rows(orders, [weights], torch.zeros((*shape, 1), dtype=torch.float64))
        product = rows.apply(ordering, torch.from_numpy(c.reshape(-1, 1))[ordering.free])
        expected = 2 * theirs[..., 0, 1] - places.weights * theirs[..., 0, 2]
        if isinstance(places, GridPoints):
            assert abs(product).sum() == pytest.approx(abs(expected).sum())  # zero outside
            product = product.reshape(-1, 1)[places.inside_index]
        np.testing.assert_allclose(product[..., 0], expected, rtol=1e-8, atol=1e-8)


def test_a_batch_fills_up_with_weight_zero_and_cuts_cells_of_many_points():
    space, coordinates = turned()
    points = side_points(space, coordinates, UNIT.boundary_pieces[Side(1, 0)], (7, 4))
    batch = CellGroups(space, points, (0, 0))
    assert abs(batch.weights.sum() - points.weights.sum()) < 1e-12
    kept = batch.outer[batch.weights > 0]
    np.testing.assert_allclose(np.sort(kept[:, 0]), np.sort(points.outer[:, 0]))
    assert group_size(np.array([5, 5, 5, 5])) == 5
    assert group_size(np.array([50] * 90 + [200] * 20)) == 50
    assert group_size(np.array([1, 2, 16])) == 16
