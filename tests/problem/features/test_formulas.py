"""What formulas are made of."""

import pytest
import sympy

from pinnkan.problem.features.formulas import is_compound

X, Y = sympy.symbols("x y")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (X * sympy.sin(Y), True),
        ((X + Y) ** 3, True),
        ((X + Y) ** -2, False),
        (sympy.sqrt(X), False),
        (sympy.exp(X), False),
    ],
)
def test_products_and_whole_powers_are_no_narrower_than_their_parts_but_poles_are(part, expected):
    assert is_compound(part) == expected
