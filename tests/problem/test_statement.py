import sympy

from pinnkan.problem.statement import Equation, Jet

U, U_X, X = sympy.symbols("u u_x x")
JETS = {U: Jet(0, (0,)), U_X: Jet(0, (1,))}


def test_slopes_are_by_symbol_and_an_equation_is_linear_where_they_hold_no_jet() -> None:
    linear, bent = Equation(X**2 * U_X - 3 * U + X, JETS, ""), Equation(U * U_X, JETS, "")
    assert dict(linear.slopes) == {U: -3, U_X: X**2}
    assert dict(bent.slopes) == {U: U_X, U_X: U}
    assert (linear.is_linear, bent.is_linear) == (True, False)
