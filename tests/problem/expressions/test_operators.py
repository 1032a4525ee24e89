"""Total derivatives on jets against sympy's derivatives of real functions, and the operators made of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from edited import edited, problem, without_exact

from pinnkan.problem.expressions.functions import FUNCTIONS, Larger, Magnitude, Signum, Smaller, UnitStep
from pinnkan.problem.expressions.operators import JetSpace, JumpError, OperatorError
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.expressions.vector_operators import divergence, gradient, laplacian, normal_derivative
from pinnkan.problem.statement import Jet

X, Y, T = sympy.symbols("x y t")
SPACE = JetSpace(("x", "y", "t"), ("u",))
U = SPACE.unknown_symbol("u")


def as_function(expression: sympy.Expr, space: JetSpace) -> sympy.Expr:
    """The expression with every jet replaced by sympy's derivative of an undefined function."""
    u = sympy.Function("u")(*space.coordinate_symbols)
    pairs = {}
    for symbol, jet in space.jets_of(expression).items():
        derivative = u
        for coordinate, order in zip(space.coordinate_symbols, jet.order, strict=True):
            derivative = derivative.diff(coordinate, order) if order else derivative
        pairs[symbol] = derivative
    return expression.xreplace(pairs)


@pytest.mark.parametrize(
    "expression",
    [
        U,
        X * U**2,
        sympy.sin(U) * sympy.exp(X * T),
        U ** sympy.Rational(3, 2) / (1 + X**2),
        sympy.erf(U * X) + sympy.log(1 + U**2),
        U**X,
        2**U,
        sympy.tanh(U) * SPACE.unknown_symbol("u", "x") * SPACE.unknown_symbol("u", "ty"),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_total_derivative_is_that_of_a_function(expression: sympy.Expr, axis: int) -> None:
    found = as_function(SPACE.derivative(expression, axis), SPACE)
    expected = as_function(expression, SPACE).diff(SPACE.coordinate_symbols[axis])
    assert sympy.simplify(found - expected) == 0


def test_a_wrong_derivative_would_be_noticed() -> None:
    wrong = as_function(SPACE.derivative(X * U**2, 0) + U, SPACE)
    assert sympy.simplify(wrong - as_function(X * U**2, SPACE).diff(X)) != 0


def test_subscripts_in_any_order_are_one_symbol() -> None:
    assert SPACE.unknown_symbol("u", "tyx") == SPACE.unknown_symbol("u", "xyt") == sympy.Symbol("u_xyt")
    assert SPACE.jets_of(SPACE.unknown_symbol("u", "tx")) == {sympy.Symbol("u_xt"): Jet(0, (1, 0, 1))}


def test_the_laplacian_leaves_time_out() -> None:
    assert laplacian(SPACE, U) == sympy.Symbol("u_xx") + sympy.Symbol("u_yy")


def test_the_divergence_of_a_flux_obeys_the_product_rule() -> None:
    flux = gradient(SPACE, U)
    scaled = type(flux)(tuple(X**2 * c for c in flux.components))
    expected = 2 * X * sympy.Symbol("u_x") + X**2 * (sympy.Symbol("u_xx") + sympy.Symbol("u_yy"))
    assert sympy.expand(divergence(SPACE, scaled) - expected) == 0


def test_the_normal_derivative_points_outward() -> None:
    assert normal_derivative(SPACE, U, (-1, 0)) == -sympy.Symbol("u_x")
    assert normal_derivative(SPACE, U, (0, 1)) == sympy.Symbol("u_y")


@pytest.mark.parametrize(
    ("expression", "derivative"),
    [
        (Magnitude(U), Signum(U) * sympy.Symbol("u_x")),
        (U * Signum(U), Signum(U) * sympy.Symbol("u_x")),
        ((U - X) ** 2 * UnitStep(U - X), 2 * (U - X) * (sympy.Symbol("u_x") - 1) * UnitStep(U - X)),
        (Larger(U, X), UnitStep(U - X) * sympy.Symbol("u_x") + UnitStep(X - U)),
        (Smaller(U, X), UnitStep(X - U) * sympy.Symbol("u_x") + UnitStep(U - X)),
    ],
)
def test_kinks_are_differentiated_almost_everywhere(expression: sympy.Expr, derivative: sympy.Expr) -> None:
    assert sympy.expand(SPACE.derivative(expression, 0) - derivative) == 0


@pytest.mark.parametrize("expression", [Signum(U), UnitStep(U - X), Signum(U) * sympy.Symbol("u_x"), X / Magnitude(X)])
def test_a_jump_is_not_differentiated(expression: sympy.Expr) -> None:
    with pytest.raises(JumpError, match="differentiates a jump"):
        SPACE.derivative(expression, 0)


def test_the_linearisation_of_a_nonsmooth_function_stays_that_almost_everywhere() -> None:
    assert sympy.diff(Signum(U) + UnitStep(U) + Magnitude(U), U) == Signum(U)


def test_an_order_above_four_is_refused() -> None:
    with pytest.raises(OperatorError, match="order 5"):
        SPACE.unknown_symbol("u", "xxxyy")


def test_a_derivative_that_would_explode_is_refused_before_it_does() -> None:
    space = JetSpace(("x",), ("u",))
    u = space.unknown_symbol("u")
    product = sympy.Mul(*(sympy.sin(u * i + X) for i in range(1, 120)))
    with pytest.raises(OperatorError, match="more than 20,000"):
        space.derivative(product, 0)


def test_derivatives_of_one_file_share_a_limit() -> None:
    space = JetSpace(("x",), ("u",))
    product = sympy.Mul(*(sympy.sin(space.unknown_symbol("u") * i + X) for i in range(1, 30)))
    with pytest.raises(OperatorError, match="too much to differentiate"):
        [space.derivative(product, 0) for _ in range(100)]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_agrees_with_its_value_at_a_number_and_its_difference_quotient(name: str) -> None:
    build, at_number, count = FUNCTIONS[name]
    expression = build(X) if count else build(X, Y)
    here = [np.array([0.37]), np.array([0.11])]
    value, slope = Tape([expression, sympy.diff(expression, X)], [X, Y])(here)
    arguments = (0.37,) if count else (0.37, 0.11)
    np.testing.assert_allclose(value, at_number(*arguments), rtol=1e-14)
    (above,), (below,) = (Tape([expression], [X, Y])([here[0] + h, here[1]]) for h in (1e-6, -1e-6))
    # a central difference with step 1e-6 of a function of size one is good to about 1e-10
    np.testing.assert_allclose(np.broadcast_to(slope, (1,)), (above - below) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("place", ["left", "right", "bottom", "top"])
def test_dn_in_a_file_is_the_signed_derivative_of_its_side(place: str) -> None:
    text = edited("  t: [0, 1]\n", "  y: [0, 1]\n", without_exact()).replace("u_t = k*u_xx", "k*lap(u) = 0")
    rest = [p for p in ("left", "right", "bottom", "top") if p != place]
    text = text.replace("initial", place).replace("u = sin(pi*x)", "dn(u) = 1").replace("[left, right]", str(rest))
    equation = problem(text).conditions[0].equation
    assert equation is not None
    sign, letter = {"left": (-1, "x"), "right": (1, "x"), "bottom": (-1, "y"), "top": (1, "y")}[place]
    assert equation.residual == sign * sympy.Symbol(f"u_{letter}") - 1
