"""Factors of expressions: their product is the expression, and none has a common minus sign."""

import pytest
import sympy

from pinnkan.problem.expressions.factors import as_decimals, factors

X, Y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize(
    "expression",
    [
        (1 - X) ** 2,
        (-sympy.sin(X) - X) ** 2,
        (1 - X) ** 3 / (Y - X) ** 2,
        -2 * X * (X**2 - 1) ** 2 * sympy.exp(-X),
        3 * (Y - 2 * X),
    ],
)
def test_the_product_of_the_factors_is_the_expression(expression):
    number, found = factors(expression)
    product = number * sympy.Mul(*(f**n for f, n in found.items()))
    assert sympy.simplify(product - expression) == 0
    assert not any(f.could_extract_minus_sign() for f in found)


def test_fractions_become_decimals_and_whole_numbers_stay():
    assert as_decimals(X**2 / 4 + 3) == 0.25 * X**2 + 3
