"""Expressions taken apart into products of functions of one coordinate each."""

import numpy as np
import pytest
import sympy

from pinnkan.problem.expressions.separation import Separation, values_at
from pinnkan.problem.expressions.tape import Tape

X = sympy.symbols("x1:5")
x1, x2, x3, x4 = X
SEPARATION = Separation(X, [(0.0, 1.0)] * 4)


@pytest.mark.parametrize(
    ("expression", "products"),
    [
        (x1 * sympy.sin(x2) + (x1 + x2) ** 2, 4),
        (sympy.exp(-sum(x**2 for x in X) / 2), 1),
        (sympy.exp(-1000 * ((x1 - 0.3) ** 2 + (x2 - 0.6) ** 2)), 1),
        (sympy.sin(x1 + x2 + x3 + x4), 8),
        (sympy.sqrt((1 + x1) * (2 + x2)), 1),
        (sympy.exp(x1 * x2), 8),
        (1 / (1 + x1**2 + x2**2 + x3**2), 64),
    ],
)
def test_few_products_give_the_expression_everywhere(expression, products):
    found = SEPARATION(expression)
    assert found is not None
    assert len(found) <= products
    points = np.random.default_rng(5).random((200, 4))
    wanted = Tape([expression], X)(list(points.T))[0]
    assert np.abs(values_at(found, X, points) - wanted).max() <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize("expression", [sympy.tanh(40 * (x1 + x2 - 1)), 1 / (0.1 + x1 + x2 + x3 + x4)])
def test_what_needs_too_many_products_is_left_alone(expression):
    assert SEPARATION(expression) is None


def test_equal_products_are_added_and_those_that_cancel_vanish():
    assert len(SEPARATION(x1 * x2 + 3 * x1 * x2)) == 1
    assert SEPARATION((x1 + x2) * (x1 - x2) - x1**2 + x2**2) == ()
