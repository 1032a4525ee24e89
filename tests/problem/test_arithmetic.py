"""Numbers stay small: whole ones of up to four digits exact, all others float64."""

from __future__ import annotations

import pytest
import sympy

from pinnkan.problem.expressions.arithmetic import MAX_EXACT, sympy_number


@pytest.mark.parametrize("value", [0, 7, -MAX_EXACT, MAX_EXACT, 3.0])
def test_a_whole_number_of_up_to_four_digits_is_exact(value: float) -> None:
    assert sympy_number(value) == sympy.Integer(int(value))
    assert isinstance(sympy_number(value), sympy.Integer)


@pytest.mark.parametrize("value", [MAX_EXACT + 1, -MAX_EXACT - 1, 10**39, 0.5, 1e20, sympy.Rational(1, 3)])
def test_any_other_number_is_a_float(value: float) -> None:
    assert isinstance(sympy_number(value), sympy.Float)
    assert float(sympy_number(value)) == float(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400])
def test_a_number_that_float64_does_not_hold_is_refused(value: float) -> None:
    with pytest.raises(OverflowError):
        sympy_number(value)
