"""Ranges of values that conditions give, and what they keep from being looked at."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkan.problem.features.value_ranges import _range, range_middles, value_ranges, values_with_sign
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Jet

TEXT = """
name: ranges
domain: {x: [0, 1], t: [0, 1]}
unknowns: [a, b, c, d]
equations: ["a_t = a_xx", "b_t = b_xx", "c_t = c_xx", "d_t = d_xx + exp(-1/d)"]
conditions:
  - {where: initial, equation: "a = 300 + 20*x"}
  - {where: initial, equation: "b = cos(pi*x)"}
  - {where: initial, equation: "c = 0"}
  - {where: initial, equation: "d = -2"}
  - {where: left, equation: "a_x = 5*(a - 400)"}
  - {where: left, equation: "b = 1"}
  - {where: left, equation: "c_x = 0"}
  - {where: left, equation: "d_x = d**2 - 4"}
  - {where: right, equation: "a_x = 0"}
  - {where: right, equation: "b_x + c = 7"}
  - {where: right, equation: "c_x = 0"}
  - {where: right, equation: "x*d = -3"}
"""


def test_a_range_is_known_where_all_that_conditions_give_has_one_sign():
    a, b, c, d = value_ranges(parse_problem(TEXT.encode(), "a.yaml"))
    assert a[0] == pytest.approx(300.0, abs=2.0)
    assert a[1] == pytest.approx(400.0)
    assert b is None
    assert c is None
    assert d == pytest.approx((-3.0, -2.0))


def test_values_are_moved_into_the_range_with_its_sign():
    values = np.array([-5.0, 0.1, 2.5])
    value, slope = Jet(0, (0, 0)), Jet(0, (1, 0))
    assert np.allclose(values_with_sign(value, values, 1.0, (-3.0, -2.0)), [-3.0, -2.0, -2.5])
    assert np.allclose(values_with_sign(value, values, -1.0, (0.0, 1.0)), [1.0, 0.1, 1.0])
    assert np.allclose(values_with_sign(value, values, -1.0, None), [-5.0, -0.1, -2.5])
    assert np.array_equal(values_with_sign(slope, values, 1.0, (0.0, 1.0)), values)
    assert np.allclose(range_middles([(1.0, 3.0), None]), [2.0, 0.0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0], (1.0, 2.0)),
        ([-2.0, -1.0], (-2.0, -1.0)),
        ([0.0, 3.0], (0.0, 3.0)),
        ([-3.0, 0.0], (-3.0, 0.0)),
        ([0.0, 0.0], None),
        ([-1.0, 2.0], None),
    ],
)
def test_values_that_are_zero_or_of_both_signs_have_no_range(values, expected):
    assert _range(np.array(values)) == expected


def test_a_condition_without_a_value_of_its_own_gives_no_range():
    """u*u_x = 1 ended in a ZeroDivisionError."""
    text = "name: n\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations: [u_xx = 0]\n"
    text += "conditions: [{where: left, equation: u*u_x = 1}, {where: right, equation: u = 2}]\n"
    assert value_ranges(parse_problem(text.encode(), "t.yaml")) == ((2.0, 2.0),)
