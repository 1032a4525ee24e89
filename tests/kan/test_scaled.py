import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.scaled import scaled
from pinnkan.kan.separable import Separable

SPACE = Space((Axis(np.linspace(0.0, 1.0, 3), 3),), 2)
FIELD = ProductField(((SPACE, np.random.default_rng(0).random(SPACE.shape)),))


def test_each_unknown_has_its_own_factor():
    points = np.linspace(0.0, 1.0, 5)[:, None]
    before, after = (f(points, [(0,), (1,)]) for f in (FIELD, scaled(FIELD, (2.0, -3.0))))
    np.testing.assert_allclose(after, before * np.array([2.0, -3.0])[:, None], rtol=1e-14)


def test_ones_leave_the_field_itself():
    assert scaled(FIELD, (1.0, 1.0)) is FIELD


def test_a_field_of_one_unknown_only_is_refused():
    with pytest.raises(TypeError, match="one unknown"):
        scaled(Separable.zero(SPACE.axes), (2.0,))
