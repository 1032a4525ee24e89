import sympy

from pinnkan.domain.box import Box
from pinnkan.problem.statement import Equation, Jet, Problem, highest_orders

U, U_X, X = sympy.symbols("u u_x x")
JETS = {U: Jet(0, (0,)), U_X: Jet(0, (1,))}


def test_slopes_are_by_symbol_and_an_equation_is_linear_where_they_hold_no_jet() -> None:
    linear, bent = Equation(X**2 * U_X - 3 * U + X, JETS, ""), Equation(U * U_X, JETS, "")
    assert dict(linear.slopes) == {U: -3, U_X: X**2}
    assert dict(bent.slopes) == {U: U_X, U_X: U}
    assert (linear.is_linear, bent.is_linear) == (True, False)


def test_highest_orders_are_by_unknown_and_by_coordinate() -> None:
    jets = [Jet(0, (2, 0)), Jet(2, (1, 1)), Jet(2, (0, 1)), Jet(0, (0, 1))]
    assert highest_orders(jets, lambda jet: jet.total_order) == {0: 2, 2: 2}
    equation = Equation(sympy.S.Zero, dict(zip(sympy.symbols("a b c d"), jets, strict=True)), "")
    problem = Problem(
        "", "", sympy.symbols("x t"), Box(((0.0, 1.0), (0.0, 1.0)), (False, False)), 1, ("u", "v", "w"), (equation,), ()
    )
    assert problem.total_orders == (2, 0, 2)
    assert problem.orders == (2, 1)
    assert (problem.orders_along(0), problem.orders_in_time) == ((2, 0, 1), (1, 0, 1))
