"""Points and rows of a domain that lies askew in the box of its inner coordinates."""

import numpy as np
import pytest
import torch

from pinnkan.immersed import batches
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates import Coordinates, rotated
from pinnkan.kan.immersion import inside, interior_points, side_points, start_points
from pinnkan.kan.product import Space

UNIT = ((0.0, 1.0), (0.0, 1.0))


def turned(degrees=120.0, intervals=(9, 4), ranges=UNIT):
    coordinates = rotated(np.radians(degrees), ranges, 0.2)
    box = coordinates.box(ranges)
    axes = tuple(Axis(np.linspace(a, b, n + 1), 5) for (a, b), n in zip(box, intervals, strict=False))
    return Space(axes), coordinates


@pytest.mark.parametrize("degrees", [120.0, 95.0, 30.0])
def test_points_lie_inside_and_integrate_over_the_domain(degrees):
    space, coordinates = turned(degrees)
    found = interior_points(space, coordinates, UNIT, (6, 6))
    assert inside(found.outer, UNIT).all()
    assert np.abs(coordinates.forward(found.outer) - found.inner).max() < 1e-13
    x, y = found.outer.T
    integral = (found.weights * np.exp(x + y)).sum()  # cut cells are summed to the accuracy of their parts
    assert abs(integral / (np.e - 1) ** 2 - 1) < 0.01
    everywhere = interior_points(space, coordinates, ((-9, 9), (-9, 9)), (6, 6))
    assert abs(everywhere.weights.sum() - 1) > 0.1


@pytest.mark.parametrize(("axis", "end"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_side_has_points_between_all_its_crossings_with_knots(axis, end):
    space, coordinates = turned()
    found = side_points(space, coordinates, UNIT, axis, end, (6, 6))
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
    ranges = (*UNIT, (1.0, 1.5))
    course = Space((Axis(np.array([-2.0, 2.0]), 1), Axis(np.array([1.0, 1.5]), 1)))
    bend = np.array([[0.0, 0.3], [0.0, 0.3]])[..., None]
    coordinates = Coordinates(0.4, course, bend)
    space = Space(tuple(Axis(np.linspace(a, b, 4), 4) for a, b in coordinates.box(ranges)))
    start = start_points(space, coordinates, ranges, (5, 5, 5))
    assert np.all(start.outer[:, 2] == 1.0)
    assert abs(start.weights.sum() - 1) < 0.02
    side = side_points(space, coordinates, ranges, 1, 1, (5, 5, 5))
    assert np.all(side.outer[:, 1] == 1.0)
    assert abs((side.weights * np.exp(side.outer[:, 2])).sum() - (np.exp(1.5) - np.exp(1.0))) < 1e-12


def test_a_batch_evaluates_and_spreads_like_the_space():
    """Values at its points, and the sum of features times coefficients, are those of the spline itself."""
    space, coordinates = turned()
    found = interior_points(space, coordinates, UNIT, (4, 4))
    c = np.random.default_rng(0).standard_normal(space.shape)
    orders = [(0, 0), (1, 0), (1, 2)]
    total = 0.0
    for batch in batches(space, found, (2, 2)):
        theirs = space.evaluate(c, batch.inner.reshape(-1, 2), orders).reshape(*batch.shape, 1, 3)
        ours = batch.derivatives(c, orders).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
        ones = torch.ones(batch.shape, dtype=torch.float64)
        features = batch.features({(1, 0): 2 * ones, (1, 2): -ones})
        product = torch.einsum("cqk,ck->cq", features, torch.from_numpy(c.reshape(-1))[batch.index])
        np.testing.assert_allclose(product, 2 * theirs[..., 0, 1] - theirs[..., 0, 2], rtol=1e-9, atol=1e-9)
        total += batch.weights.sum()
    assert abs(total - found.weights.sum()) < 1e-12
