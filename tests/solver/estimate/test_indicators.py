"""A correction is attributed to the coordinate that needs knots, and to the intervals where it is large."""

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import (
    CoordinateShares,
    coordinate_shares,
)

COARSE = Space((Axis(np.linspace(0, 1, 5), 4), Axis(np.linspace(0, 1, 4), 4)))
FINE = COARSE.halved()


def projected(space, function):
    x, y = (a.projection_points() for a in space.axes)
    values = function(x[:, None], y[None, :])
    for i, a in enumerate(space.axes):
        values = a.project(values, i)
    return values[..., None]


def correction_of(function):
    return projected(FINE, function) - COARSE.prolong(projected(COARSE, function), FINE)


def test_a_feature_of_one_coordinate_is_attributed_to_it():
    for i, function in enumerate([lambda x, y: np.sin(15 * x) + 0 * y, lambda x, y: np.sin(15 * y) + 0 * x]):
        share = coordinate_shares(COARSE, FINE, correction_of(function), np.ones(1))
        assert share.size[i] > 1e-4
        assert share.size[1 - i] < 1e-12
    both = coordinate_shares(COARSE, FINE, correction_of(lambda x, y: np.sin(15 * x) + np.sin(15 * y)), np.ones(1))
    assert min(both.size) > 1e-4


def test_the_mass_lies_in_the_interval_of_the_feature():
    share = coordinate_shares(
        COARSE, FINE, correction_of(lambda x, y: np.maximum(x - 0.6, 0.0) ** 2 + 0 * y), np.ones(1)
    )
    assert [len(m) for m in share.mass] == [4, 3]
    assert np.argmax(share.mass[0]) == 2
    assert share.mass[0][0] < 0.1 * share.mass[0][2]
    assert share.size[0] == pytest.approx(np.sqrt(share.mass[0].sum()), rel=1e-13)


def test_a_correction_inside_the_coarse_space_has_no_share():
    inside = COARSE.prolong(np.random.default_rng(0).standard_normal(COARSE.shape), FINE)
    assert max(coordinate_shares(COARSE, FINE, inside, np.ones(1)).size) < 1e-12
    outside = inside + 1e-6 * np.random.default_rng(1).standard_normal(inside.shape)
    assert max(coordinate_shares(COARSE, FINE, outside, np.ones(1)).size) > 1e-12


def test_the_share_is_relative_to_the_scale_of_each_unknown():
    e = correction_of(lambda x, y: np.sin(15 * x * y))
    one, ten = (coordinate_shares(COARSE, FINE, e, np.full(1, s)).size for s in (1.0, 10.0))
    np.testing.assert_allclose(one, 10 * np.array(ten), rtol=1e-13)


def test_shares_that_fall_leave_what_is_left_of_each():
    """3 and 4 make 5; a half of the one and a tenth of the other make the root of 1.5^2 + 0.4^2."""
    decay = np.array([0.5, 0.1])
    assert CoordinateShares((3.0, 4.0), ()).combined_decay(decay) == pytest.approx(np.hypot(1.5, 0.4) / 5.0)
    assert CoordinateShares((0.0, 0.0), ()).combined_decay(decay) == 0.5
