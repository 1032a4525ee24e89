"""Jumps that no formula shows, of which a derivative lacks a delta function, and steep slopes that are none."""

import pytest

from pinnkan.errors import ProblemError
from pinnkan.problem.registry import parse_problem

LINE = """
name: line
domain: {x: [0, 1]%s}
unknowns: [u]
equations: ["%s"]
conditions: %s
"""
HELD = "[{where: boundary, equation: u = 0}]"


def on_a_line(equation):
    return parse_problem((LINE % ("", equation, HELD)).encode(), "t.yaml")


def around(equation):
    return parse_problem((LINE % (", periodic: [x]", equation, "[]")).encode(), "t.yaml")


@pytest.mark.parametrize(
    "equation",
    [
        "-u_xx = 1 + dx(dx(acos(cos(x - 0.3))))",  # |x - 0.3|
        "-u_xx = 1 + dx(dx(sqrt(2 - 2*cos(x - 0.3))))",
        "-dx((1 + 4*atan(1e300*(x - 0.3)))*dx(u)) = 1",
        "-u_xx = dx(erf((x - 0.3)/1e-20))",
        "-u_xx = dx(atan(3*tan(pi*x)))",
        "-u_xx = dx(tanh(1/(x - 0.3)))",
        "-dx(dx(u + 0.5*acos(cos(u)))) = 1",  # u + |u|/2
    ],
)
def test_a_jump_that_no_formula_shows_is_refused(equation):
    with pytest.raises(ProblemError, match=r"differentiates a jump: .* jumps, as near"):
        on_a_line(equation)


@pytest.mark.parametrize(
    "equation",
    [
        "-u_xx = 1 + dx(acos(cos(x - 0.3)))",  # it bends, once
        "dx(exp(-x)*u_x) = 1",  # the sum of it and its derivative has no u_x
        "dx(u/exp(x)) = u_xx",
        "-u_xx = dx(erf((x - 0.3)/1e-8)) + dx(tanh(1e6*(x - 0.7)))",
        "-dx((1 + 9/(1 + exp(-1e6*(x - 0.3))))*dx(u)) = 1",
        "-u_xx = dx((x - 0.3)/sqrt((x - 0.3)**2 + 1e-14))",
        "-u_xx = dx(sin(300*pi*x)) + dx(x*sqrt(x)) + dx(sin(x)/x)",
        "-u_xx = dx(1 - tanh(1e3*(x + 1)))",  # nothing but rounding
        "-dx(sqrt(1 + u_x**2)*u_x) + dx(exp(u)) = 1",
        "-dx(sqrt(u**2 + 1e-6)*u_x) = 1",
    ],
)
def test_what_is_steep_does_not_jump(equation):
    on_a_line(equation)


def test_what_is_rounding_beside_a_front_does_not_jump():
    """Along lines on which a front in the plane is far away it is 1e-12, known to 1e-14."""
    front = "tanh((y - 0.5 - 0.2*sin(3*x))/0.002)"
    text = LINE.replace("x: [0, 1]%s", "x: [0, 1], y: [0, 1]%s") % ("", f"-lap(u) = -lap({front})", HELD)
    parse_problem(text.encode(), "t.yaml")


@pytest.mark.parametrize(
    "equation", ["-dx((1 + x)*dx(u)) + u = 1", "-u_xx + u = dx(x)", "-dx(dx(x*u)) + u = 1", "u - dx(sin(3*x)) = 0"]
)
def test_what_does_not_close_around_a_circle_is_not_differentiated(equation):
    with pytest.raises(ProblemError, match="is another at x = 0 than at 1"):
        around(equation)


@pytest.mark.parametrize(
    "equation", ["-dx((2 + sin(2*pi*x))*dx(u)) + u = x", "-(1 + x)*u_xx + u = 1", "u = dx(cos(6*pi*x))"]
)
def test_what_closes_is(equation):
    around(equation)


def test_what_jumps_is_said_in_the_words_of_the_file():
    with pytest.raises(ProblemError, match=r"differentiates a jump: tanh\(1/\(x - 0\.3\)\) jumps, as near x = 0\.3"):
        on_a_line("-u_xx = dx(tanh(1/(x - 0.3)))")
