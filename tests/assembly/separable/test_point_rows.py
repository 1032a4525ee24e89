"""Points of a mean over a box, denser where the knots are."""

import numpy as np
import pytest

from pinnkan.assembly.separable.point_rows import graded_points
from pinnkan.kan.axis import Axis


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 5.0), (-3.0, -1.0)])
def test_weights_give_means_wherever_the_box_is(ends):
    axis = Axis(np.interp(np.linspace(0.0, 1.0, 9) ** 2, (0.0, 1.0), ends), 3)
    points, weights = graded_points((axis, axis), 4096, 1)
    x = (points - ends[0]) / (ends[1] - ends[0])
    assert weights.sum() == pytest.approx(1.0, abs=2e-3)
    np.testing.assert_allclose(weights @ x**2, 1 / 3, atol=2e-3)
    assert np.median(x) < 0.45  # knots are denser at the lower end, and so are points
