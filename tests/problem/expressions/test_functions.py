"""The functions of expressions: a number's value is that of the formula."""

import numpy as np
import pytest
import sympy

from pinnkan.problem.expressions.arithmetic import round_long_numbers
from pinnkan.problem.expressions.functions import FUNCTIONS, Larger, Magnitude, expression_text, switch_argument
from pinnkan.problem.expressions.tape import Tape

X, Y = sympy.symbols("x y")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_value_at_a_number_is_that_of_the_formula(name):
    make, value, count = FUNCTIONS[name]
    tape = Tape([make(X) if count == 1 else make(X, Y)], (X, Y))
    for x, y in ((0.4, 0.7), (0.7, 0.4), *(() if name in ("log", "sqrt") else ((-0.4, -0.7),))):
        (found,) = tape([np.array([x]), np.array([y])])
        assert float(np.squeeze(found)) == pytest.approx(value(*(x, y)[: count or 2]), rel=1e-15)


def test_a_root_of_what_is_cut_off_at_zero_is_printed_as_it_was_written():
    assert expression_text(round_long_numbers(sympy.sqrt(Larger(X, sympy.S.Zero)))) == "sqrt(max(x, 0))"


def test_the_larger_of_two_switches_where_they_are_equal_a_magnitude_where_its_argument_is_zero():
    x, y = sympy.symbols("x y")
    assert switch_argument(Larger(x, y)) == x - y
    assert switch_argument(Magnitude(x)) == x
