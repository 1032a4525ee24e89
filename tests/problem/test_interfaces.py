"""What an equation says across a plane on which its coefficients jump, and where that cannot be said."""

import pytest
import sympy

from pinnkan.errors import ProblemError
from pinnkan.problem.registry import parse_problem

TEXT = """
name: layers
domain: {{x: [0, 1], y: [0, 1]}}
functions:
  k: 1 + 9*heaviside(x - 0.5)
  v: max(0, x - 0.5)*y
  b: abs(x - 0.3)
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: boundary, equation: u = 0}}]
"""


def stated(equation):
    return parse_problem(TEXT.format(equation=equation), "t.yaml")


def interface(equation):
    (found,) = stated(equation).interfaces
    assert (found.axis, found.place) == (0, 0.5)
    return found.residual


def symbols(text):
    return sympy.sympify(text.replace("below(u_x)", "B1").replace("below(u)", "B0"))


@pytest.mark.parametrize(
    ("equation", "jump"),
    [
        ("-dx(k*dx(u)) = 1", "-10*u_x + B1"),
        ("-div(k*grad(u)) = 1", "-10*u_x + B1"),
        ("-div(k*grad(u)) - lap(u) = 1", "-11*u_x + 2*B1"),
        ("-dx(k*dx(u)) = -dx(k*dx(v))", "-10*u_x + B1 + 10*y"),
        ("u_xx + dx(sign(x - 0.5)*u) = 1", "u + u_x - B1 + B0"),
        ("dx(k*(1 + u**2)*dx(u)) = 1", "10*u_x*(u**2 + 1) - B1*(B0**2 + 1)"),
        ("dx((1 + heaviside(0.25 - x**2))*dx(u)) = 1", "u_x - 2*B1"),
    ],
)
def test_all_that_is_multiplied_by_a_delta_function_vanishes_together(equation, jump):
    below = {sympy.Symbol("u|below"): sympy.Symbol("B0"), sympy.Symbol("u_x|below"): sympy.Symbol("B1")}
    found = sympy.nsimplify(interface(equation).xreplace(below))
    assert sympy.expand(found - sympy.sympify(jump)) == 0


def test_the_equation_itself_holds_on_either_side():
    problem = stated("-dx(k*dx(u)) = 1")
    assert not problem.equations[0].residual.free_symbols - {*problem.coordinates, *problem.equations[0].jets}
    assert not stated("-dx(dx(u)) = 1").interfaces


@pytest.mark.parametrize(
    "equation",
    [
        "k*dx(k*dx(u)) = 1",  # a jump times a delta function
        "k*u_xx + dx(k*dx(u)) = 1",
        "-u_xx + u = dx(dx(b))",  # no flux of the unknown
        "-dx(k*dx(u)) = dx(dx(b))",  # elsewhere
        "lap(sign(x - 0.5)*u) = 1",  # the derivative of a delta function
        "u_x + dx(k*u) = 1",  # a first order equation: u itself jumps
        "dx(dx(k*u_xx)) = 1",
        "-div((1 + heaviside(x - y))*grad(u)) = 1",
        "-div((1 + heaviside(0.1 - (x - 0.5)**2 - (y - 0.5)**2))*grad(u)) = 1",
        "dx(heaviside(u)*dx(u)) = 1",
        "-div((1 + heaviside(x - 0.3)*heaviside(y - 0.6))*grad(u)) = 1",  # corners of materials
        "-div((1 + heaviside((x - 0.5)*(y - 0.5)))*grad(u)) = 1",
        "-div((1 + heaviside(0.2 - abs(x - 0.5))*heaviside(0.2 - abs(y - 0.5)))*grad(u)) = 1",
    ],
)
def test_what_cannot_be_said_is_refused_where_it_is_differentiated(equation):
    with pytest.raises(ProblemError, match="this differentiates a jump"):
        stated(equation)


def test_materials_that_keep_their_ratio_along_a_plane_have_no_corner():
    found = stated("-div(k*(2 - heaviside(y - 0.7))*grad(u)) = 1").interfaces
    assert [(i.axis, i.place) for i in found] == [(0, 0.5), (1, 0.7)]


def test_conditions_and_functions_differentiate_no_jump():
    for old, new in (("u = 0", "dx(k*u) = 0"), ("  b: abs(x - 0.3)", "  b: dx(k)")):
        text = TEXT.format(equation="-dx(k*dx(u)) = 1")
        assert old in text
        if new.startswith("dx"):
            new = new.replace("dx", "dy").replace("k*u", "heaviside(y - 0.5)*u")
        with pytest.raises(ProblemError, match="this differentiates a jump"):
            parse_problem(text.replace(old, new), "t.yaml")
