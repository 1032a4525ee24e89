import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.derived_fields import field_of_slabs, scale_unknowns, to_single_precision
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.separable import Separable

SPACE = Space((Axis(np.linspace(0.0, 1.0, 3), 3),), 2)
FIELD = ProductField(((SPACE, np.random.default_rng(0).random(SPACE.shape)),))


def test_each_unknown_has_its_own_factor():
    points = np.linspace(0.0, 1.0, 5)[:, None]
    before, after = (f(points, [(0,), (1,)]) for f in (FIELD, scale_unknowns(FIELD, (2.0, -3.0))))
    np.testing.assert_allclose(after, before * np.array([2.0, -3.0])[:, None], rtol=1e-14)


def test_ones_leave_the_field_itself():
    assert scale_unknowns(FIELD, (1.0, 1.0)) is FIELD


def test_a_field_of_one_unknown_only_is_refused():
    with pytest.raises(TypeError, match="one unknown"):
        scale_unknowns(Separable.zero(SPACE.axes), (2.0,))


def test_a_large_error_takes_half_of_the_memory_and_has_seven_digits():
    space = Space((Axis(np.linspace(0.0, 1.0, 201), 3), Axis(np.linspace(0.0, 1.0, 201), 3)), 1)
    rng = np.random.default_rng(0)
    large = space, 1e-9 * rng.standard_normal(space.shape)
    whole, half = (field_of_slabs([p], (0.0, 1.0), ((0.0, 1.0),) * 2) for p in (large, to_single_precision(large)))
    assert 2 * half.pieces[0][1].nbytes == whole.pieces[0][1].nbytes
    points = rng.random((50, 2))
    np.testing.assert_allclose(half(points, [(0, 0)]), whole(points, [(0, 0)]), rtol=1e-5, atol=1e-15)
    assert scale_unknowns(half, (2.0,)).pieces[0][1].dtype == np.float32
    small = SPACE, FIELD.pieces[0][1]
    assert to_single_precision(small) is small
    huge = space, np.full(space.shape, 1e39)
    assert to_single_precision(huge) is huge
