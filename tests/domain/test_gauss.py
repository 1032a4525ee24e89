"""Gauss' rules."""

import numpy as np
import pytest

from pinnkan.domain.gauss import composite_gauss_rule


def test_a_rule_of_n_points_in_every_interval_is_exact_to_degree_2n_less_1():
    x, w = composite_gauss_rule(np.array([0.0, 0.1, 1.0]), 3)
    assert w @ x**5 == pytest.approx(1 / 6)
    assert abs(w @ x**6 - 1 / 7) > 1e-6
