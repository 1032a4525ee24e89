"""How many terms the data of an equation show."""

import numpy as np
import pytest
import sympy
from many_problems import model_of, stated

from pinnkan.assembly.separable.separated_equation import SeparatedEquation
from pinnkan.problem.expressions.separation import SeparatedProduct
from pinnkan.solver.families.separable.knots import largest_rank, predicted_size

X, Y, Z = sympy.symbols("x y z")
ONE = sympy.S.One
NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
RULE = [(0.5 * (NODES + 1.0), 0.5 * WEIGHTS)] * 3


def of(*products):
    sources = tuple(SeparatedProduct(1.0, tuple(sympy.sympify(f) for f in factors)) for factors in products)
    return SeparatedEquation((X, Y, Z), (), sources)


@pytest.mark.parametrize(
    ("products", "terms"),
    [
        ([(X, ONE, ONE), (X, Y, ONE)], 1),  # x (1 + y)
        ([(X, ONE, ONE), (ONE, Y, ONE)], 2),  # x + y
        ([(ONE, ONE, Z), (X, Y, Z), (1 + X, Y**2, Z)], 2),  # (1 + y^2) + x (y + y^2), times z
        ([], 0),
    ],
)
def test_the_rank_between_a_coordinate_and_all_others_is_found(products, terms):
    assert largest_rank(of(*products), RULE) == terms


def test_a_product_of_four_coordinates_is_predicted_to_need_one_term_of_the_first_knots():
    def of_source(source):
        return predicted_size(model_of(stated("-lap(u) = -lap(v)", source)))

    one, two = (of_source(f"sin(pi*x1)*sin(pi*x2)*sin(pi*x3)*{last}") for last in ("sin(pi*x4)", "x4*(1 - x4)"))
    assert one == two  # the second has more terms in its source, none in its rank beside one coordinate
    both = of_source("sin(pi*x1)*sin(pi*x2)*sin(pi*x3)*sin(pi*x4) + sin(2*pi*x1)*sin(2*pi*x2)*sin(pi*x3)*sin(pi*x4)")
    assert both == 2 * one
