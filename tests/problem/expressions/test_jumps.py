"""No derivative of a jump is dropped: what is refused, where, and what has a derivative and must be accepted."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from edited import TEXT, edited, faults, only_fault, problem, without_exact
from scipy.integrate import quad

from pinnkan.errors import Fault, ProblemError
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.sign import SymbolRanges, proven_sign
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.report import render

X, T, U = sympy.symbols("x t u")
UNIT = SymbolRanges((X, T), ((0.0, 1.0), (0.0, 1.0)))


def with_source(source: str, start: str = "0") -> str:
    """The heat equation on the unit interval with another term, over 0 <= x <= 1 or from ``start``."""
    text = edited("x: [0, 1]", f"x: [{start}, 1]", without_exact())
    return edited("u_t = k*u_xx", f"u_t = k*u_xx + {source}", text)


def refused(source: str) -> Fault:
    return only_fault(with_source(source))


@pytest.mark.parametrize(
    ("source", "what", "hint"),
    [
        ("dx(heaviside(x - 0.5))", "heaviside(x - 0.5) jumps at x = 0.5", "delta function"),
        ("dx(sign(x - k))", "sign(x - 0.1) jumps at x = 0.1", "delta function"),
        ("dx(dx(abs(x - 0.5)))", "sign(x - 0.5) jumps at x = 0.5", "delta function"),
        ("dx(dx(max(0, x - 0.5)))", "heaviside(x - 0.5) jumps at x = 0.5", "delta function"),
        ("dx(dx(min(x, 1 - x)))", "jumps at x = 0.5", "delta function"),
        ("dx(dx(dx(max(0, x - 0.5)**2)))", "heaviside(x - 0.5) jumps at x = 0.5", "delta function"),
        ("lap(sign(x - 0.5)*u)", "sign(x - 0.5) jumps at x = 0.5", "needs an interface"),
        ("div(heaviside(x - t)*grad(u))", "where t - x = 0", "(1 + tanh((-t + x)/0.01))/2"),
        ("dt(heaviside(t - 0.5)*u)", "heaviside(t - 0.5) jumps at t = 0.5", "needs an interface"),
        ("dx(sin(exp(heaviside(x - 0.5))))", "heaviside(x - 0.5) jumps at x = 0.5", "delta function"),
        ("dx(log(1 + heaviside(x - t)))", "where t - x = 0", "delta function"),
        ("dx(heaviside(0.25 - x**2 - t**2))", "where 4*t**2 + 4*x**2 - 1 = 0", "delta function"),
        ("dx(heaviside(sin(9*x)))", "where sin(9*x) = 0", "delta function"),
        ("dx(1e-20*heaviside(x - 0.5))", "jumps at x = 0.5", "delta function"),
        ("dx(exp(-((t - 0.3)/1e-4)**2)*heaviside(x - 0.5))", "jumps at x = 0.5", "delta function"),
        ("dx(heaviside(u))", "heaviside(u) jumps at u = 0", "delta function"),
        ("dx(dx(abs(u)))", "sign(u) jumps at u = 0", "delta function"),
        ("dx(heaviside(u_x - 1)*u)", "heaviside(u_x - 1) jumps at u_x = 1", "delta function"),
        ("dx(abs(x - 0.5)/(x - 0.5))", "what abs(x - 0.5) is part of", "delta function"),
        ("dx(abs(sin(9*x))/x)", "what abs(sin(9*x)) is part of may jump", "could not be shown"),
        ("dx(dx(sqrt((x - 0.5)**2)))", "jump at x = 0.5", "smooth it"),
        ("dx(dx(sqrt(x**2 - x + 0.25)))", "jump at x = 0.5", "smooth it"),
        ("dx(heaviside(abs(x - 0.5) - 0.25))", "jumps at x = 0.75", "delta function"),
        ("dx(sign(heaviside(x - 0.3)))", "may jump at x = 0.3", "could not be shown"),
        ("dx(heaviside(min(x**2 - 0.25, 0)))", "may jump", ""),
        ("dx(max(heaviside(x - max(t, 0.3)), 0))", "jump", ""),
        ("dx(sign(max(0, x - 0.5)))", "may jump at x = 0.5", "could not be shown"),
    ],
)
def test_the_derivative_of_a_jump_is_refused_at_its_place(source: str, what: str, hint: str) -> None:
    fault = refused(source)
    assert "this differentiates a jump: " in fault.message
    assert what in fault.message
    assert hint in fault.hint
    assert (fault.line, fault.column) == (9, len("  - u_t = k*u_xx + ") + 1)
    assert fault.length == len(source)


def test_a_jump_that_a_function_brings_in_is_refused_where_it_is_differentiated() -> None:
    text = edited("unknowns: [u]", "functions:\n  c: 1 + heaviside(x - 0.5)\nunknowns: [u]", without_exact())
    with pytest.raises(ProblemError) as found:
        parse_problem(edited("k*u_xx", "dx(c*u)", text), "rod.yaml")
    lines = render(found.value).splitlines()
    assert lines[0] == "rod.yaml:11:11: error: this differentiates a jump: heaviside(x - 0.5) jumps at x = 0.5"
    assert lines[2].startswith("      |           ^^^^^^^ a flux that jumps needs an interface (one unknown")


def test_a_function_that_differentiates_a_jump_is_refused_too() -> None:
    text = edited("unknowns: [u]", "functions:\n  c: dx(sign(x - 0.5))\nunknowns: [u]", without_exact())
    fault = faults(text)[0]
    assert (fault.line, fault.column, fault.length) == (8, 6, len("dx(sign(x - 0.5))"))


@pytest.mark.parametrize(
    ("source", "meaning"),
    [
        ("dx(heaviside(x + 1))", 0),
        ("dx(heaviside(x))", 0),
        ("dx(heaviside(1 - x)*x)", 1),
        ("dx((1 + 9*heaviside(x + 1))*u_x)", 10 * sympy.Symbol("u_xx")),
        ("dx(dx(abs(x)))", 0),
        ("dx(abs(sin(pi*x)))", sympy.pi * sympy.cos(sympy.pi * X)),
        ("dx(sign(2 + sin(9*x) - x**2)*u)", sympy.Symbol("u_x")),
        ("dx(heaviside(1 + u**2)*u)", sympy.Symbol("u_x")),
        ("dx(max(x, -1, u**2 - u**2 - 2))", 1),
    ],
)
def test_what_does_not_switch_in_the_domain_is_its_branch(source: str, meaning: sympy.Expr) -> None:
    residual = -problem(with_source(source)).equations[0].residual
    known = sympy.Symbol("u_t") - sympy.Float(0.1) * sympy.Symbol("u_xx")
    assert sympy.expand(residual + known - meaning) == 0


def test_the_same_function_switches_in_a_larger_domain() -> None:
    problem(with_source("dx(heaviside(x))", "0"))
    assert "jumps at x = 0" in only_fault(with_source("dx(heaviside(x))", "-1")).message


@pytest.mark.parametrize(
    "source",
    [
        "dt(heaviside(x - 0.5)*u)",
        "heaviside(x - 0.5)*u_xx",
        "dx(heaviside(t - 0.5)*u_x)",
        "dx(abs(u))",
        "dx(max(0, u)*u_x)",
        "dx(u*heaviside(u))",
        "dx(abs(u_x)*u_x)",
        "dx(abs(u*u_x - sin(x)*u_x**2))",
        "dx((x**2 + t**2 - 0.25)**2*heaviside(0.25 - x**2 - t**2)*u)",
        "dx(sin(9*x)*heaviside(sin(9*x))*u)",
        "dx(max(max(x, t), 0.2))",
    ],
)
def test_a_derivative_along_a_jump_or_of_what_only_bends_is_accepted(source: str) -> None:
    problem(with_source(source))


CONTINUOUS = [
    "(x - 0.5)*heaviside(x - 0.5)",
    "(3*x - 0.9)*sign(x - 0.3)",
    "abs(x - 0.3)**3",
    "max(0, x - 0.5)**2",
    "dx(max(0, x - 0.5)**2)",
    "(x**2 - 0.5)*sign(x**2 - 0.5)",
    "(x**3 - 0.3)*heaviside(x**3 - 0.3)",
    "heaviside(x - 0.5) + heaviside(0.5 - x) + x",
    "heaviside(x - 0.5)*heaviside(0.3 - x)",
    "sign(x - 0.5)**2*x",
    "(abs(x - 0.5) - 0.25)*heaviside(abs(x - 0.5) - 0.25)",
    "x*heaviside(x)",
    "(x - 0.5)*abs(heaviside(-1) - 1)*heaviside(x - 0.5)",
    "(1.3 - x)*max((x - 0.5)*sin(0.5), abs((x - 0.5)*heaviside(x - 0.5)))",
]
JUMPS = ["heaviside(x - 0.5)", "x*sign(x - 0.3)", "dx(abs(x - 0.3))", "exp(heaviside(x - 0.75))"]


def _meaning(source: str) -> sympy.Expr:
    residual = problem(with_source(source)).equations[0].residual
    return -residual.subs({"u_t": 0, "u_xx": 0})


def _integral(e: sympy.Expr) -> float:
    tape = Tape([e], [X])
    breaks = [0.25, 0.3, 0.5, 0.3 ** (1 / 3), 0.5**0.5, 0.75]
    return float(quad(lambda x: float(tape([np.float64(x)])[0]), 0, 1, points=breaks, epsabs=1e-12)[0])


def _difference(e: sympy.Expr) -> float:
    below, above = Tape([e], [X])([np.array([1e-300, 1.0])])[0]
    return float(above - below)


@pytest.mark.parametrize("source", CONTINUOUS)
def test_an_accepted_derivative_integrates_to_what_it_came_from(source: str) -> None:
    derivative = _meaning(f"dx({source})")
    assert _integral(derivative) == pytest.approx(_difference(_meaning(source)), abs=1e-9)


@pytest.mark.parametrize("source", JUMPS)
def test_a_derivative_almost_everywhere_of_a_jump_would_not(source: str) -> None:
    assert refused(f"dx({source})")
    e = _meaning(source)
    almost = JetSpace(("x",), ("u",), [(0.0, 1.0)]).regular_derivative(e, 0)
    assert abs(_integral(almost) - _difference(e)) > 0.1


def with_condition(left: str) -> str:
    """The heat equation with another condition on the left."""
    text = edited("where: [left, right]\n    equation: u = 0", f"where: left\n    equation: {left}", without_exact())
    return text + "  - where: right\n    equation: u = 0\n"


@pytest.mark.parametrize(
    ("condition", "residual"),
    [
        ("u + dn(abs(x)) = 0", U - 1),
        ("u + dn(max(x, 0.5*x)) = 0", U - 1),
        ("u + dn(u*sign(x)) = 0", U - sympy.Symbol("u_x")),
        ("u + dn((1 + 9*heaviside(0.5 - x))*u) = 0", U - 10 * sympy.Symbol("u_x")),
    ],
)
def test_a_derivative_on_a_side_is_that_of_the_branch_there(condition: str, residual: sympy.Expr) -> None:
    equation = problem(with_condition(condition)).conditions[1].equation
    assert equation is not None
    assert sympy.expand(equation.residual - residual) == 0


def test_a_jump_that_meets_a_side_is_refused_in_its_condition() -> None:
    fault = only_fault(with_condition("u + dt(heaviside(t - 0.5)) = 0"))
    assert "heaviside(t - 0.5) jumps at t = 0.5" in fault.message
    assert (fault.line, fault.column) == (14, 19)


def stationary(equation: str, exact: str) -> str:
    return (
        "name: s\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations:\n"
        f"  - {equation}\nconditions:\n  - {{where: [left, right], equation: 'u = {exact}'}}\nexact:\n  u: {exact}\n"
    )


def test_an_exact_with_a_kink_does_not_satisfy_an_equation_of_second_order() -> None:
    fault = only_fault(stationary("u_xx = 0", "abs(x - 0.5)"))
    assert (fault.line, fault.column) == (9, 6)
    assert "does not satisfy the equation of line 5: u_xx holds a delta function" in fault.message
    assert "sign(x - 0.5) jumps at x = 0.5" in fault.message


def test_an_exact_whose_second_derivative_jumps_is_one() -> None:
    p = problem(stationary("u_xx = heaviside(x - 0.5)", "max(0, x - 0.5)**2/2"))
    assert p.warnings == ()
    assert "does not satisfy" in only_fault(stationary("u_xx = 2*heaviside(x - 0.5)", "max(0, x - 0.5)**2/2")).message


def test_delta_functions_of_an_exact_that_may_cancel_are_a_warning() -> None:
    text = TEXT.replace("u_t = k*u_xx", "u_t + u_x = 0").replace("sin(pi*x)\n  -", "heaviside(0.3 - x)\n  -")
    text = text.replace("where: [left, right]\n    equation: u = 0", "where: left\n    equation: u = 1")
    text = text.replace("exact:", "  - where: right\n    equation: none\nexact:")
    text = text[: text.index("  u: exp")] + "  u: heaviside(0.3 + t - x)\n"
    warnings = problem(text.replace("parameters:\n  k: 0.1\n", "")).warnings
    assert any("only where it is smooth" in w for w in warnings)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (X, 1),
        (-X, -1),
        (X - sympy.Rational(1, 2), 0),
        (1 - X * T, 1),
        (sympy.sin(sympy.pi * X), 1),
        (sympy.cos(sympy.pi * X), 0),
        (X**2 - X * T + T**2 + sympy.Rational(1, 1000), 1),
        (sympy.sin(50 * X) + sympy.Rational(101, 100), 1),
        (sympy.sin(50 * X) + sympy.Rational(99, 100), 0),
        (X - sympy.Rational(1, 10**6), 0),
        (1 / (X + 1), 1),
        (1 + U**2, 1),
        (U, 0),
        (sympy.exp(U) + X, 1),
        (sympy.tan(X), 1),
        (sympy.tan(2 * X), 0),
        (1 + sympy.exp(-1000 - U**2) * U**2 * sympy.Symbol("u_x") ** 2, 1),
        (sympy.asin(X) - sympy.acos(X) - 2, -1),
    ],
)
def test_the_sign_over_a_box_is_proven_or_none(expression: sympy.Expr, expected: int) -> None:
    assert proven_sign(expression, UNIT) == expected


def test_a_boundary_condition_in_a_domain_without_space_says_why() -> None:
    text = edited("  x: [0, 1]\n", "", without_exact())
    assert not any("periodic" in f.message for f in faults(text.replace("[left, right]", "boundary")))
