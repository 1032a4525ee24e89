"""What a correction of a sum of products carries, per interval of a coordinate."""

import numpy as np
import pytest

from pinnkan.kan.axis import Axis, restrict_axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.families.separable.estimate import _surplus, root_mean_square


def sums(seed=0):
    """Axes, the same halved, and random edges of two terms on these."""
    axes = [Axis(np.array([0.0, 0.3, 1.0]), 3), Axis(np.array([-1.0, 0.5, 2.0]), 4)]
    fine = [a.halved() for a in axes]
    rng = np.random.default_rng(seed)
    return axes, fine, [rng.standard_normal((2, a.count)) for a in fine]


@pytest.mark.parametrize("order", [0, 1])
def test_the_surplus_is_the_mean_square_of_what_halved_knots_add_interval_by_interval(order):
    axes, fine, edges = sums()
    found = _surplus(0, axes, fine, edges, order)
    gain = edges[0] - restrict_axis(axes[0], fine[0], edges[0], 1) @ axes[0].prolongation_to(fine[0]).T
    y, w = fine[1].gauss(12)
    others = (w.ravel() / 3.0) @ (fine[1].matrix(y.ravel()) @ edges[1].T) ** 2
    expected = []
    for a, b in ((0.0, 0.3), (0.3, 1.0)):
        x, w = Axis(np.array([a, 0.5 * (a + b), b]), 3).gauss(12)
        expected.append(w.ravel() @ (fine[0].matrix(x.ravel(), order) @ gain.T) ** 2 @ others)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_size_of_terms_that_cancel_is_measured_at_points():
    axes, _, _ = sums()
    x = np.stack([axes[0].project(axes[0].projection_points(), 0)] * 2)
    y = np.stack([np.ones(axes[1].count), -np.ones(axes[1].count)])
    y[1] *= 1.0 + 1e-9
    points = np.random.default_rng(0).uniform((0, -1), (1, 2), (4000, 2))
    weights = np.full(4000, 1 / 4000)
    assert root_mean_square(Separable(tuple(axes), (x, y)), points, weights) == pytest.approx(
        1e-9 / np.sqrt(3), rel=0.05
    )
    one = Separable(tuple(axes), (x[:1], y[:1]))
    assert root_mean_square(one, points, weights) == pytest.approx(1 / np.sqrt(3), rel=1e-12)
    assert root_mean_square(Separable.zero(axes), points, weights) == 0.0
