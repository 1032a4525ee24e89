"""Conditions by derivatives that an equation tells by lower ones, and those that none tells."""

import numpy as np
import pytest
import sympy

from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.reductions.condition_orders import reduce_condition_orders

CHAIN = """
name: chain
domain: {{{domain}}}
unknowns: [{unknowns}]
equations: [{equations}]
conditions:
  - {{where: boundary, equation: u = 0}}
  - {{where: boundary, equation: u_x = 0}}
  - {{where: boundary, equation: {last}}}{more}
"""

INITIAL = "\n  - {where: initial, equation: u = 0}"


def chain(equations, last="u_xx = 0", unknowns="u, v", domain="x: [0, 1]", more=""):
    words = {"equations": equations, "last": last, "unknowns": unknowns, "domain": domain, "more": more}
    return parse_problem(CHAIN.format(**words), "t.yaml")


@pytest.mark.parametrize(
    ("equations", "last", "lower"),
    [
        ("u_xx = v, v_xxxx = 1", "u_xx = 0", "v"),
        ("u_xx = v + x, v_xxxx = 1", "2*u_xx = u_x", "2*v + 2*x - u_x"),
        ("u_xx = v*u, v_xxxx = 1", "u_xx = 1", "u*v - 1"),
        ("2*u_xx = v, v_xx = v_x", "v_xx = u_xx", "v_x - v/2"),
        ("u_xx = v, v_xx = 24", "u_xxx = 1", "v_x - 1"),
        ("u_xx = x*v, v_xxxx = 1", "u_xxx = 0", "x*v_x + v"),
        ("u_xx = v, v_xxxx = 1", "u_xxx = v_x + u_x", "-u_x"),
        ("u*u_xx = v, v_xxxx = 1", "u_xx = 0", "u_xx"),  # says nothing of it where u is zero
        ("u_xx = u_xxx + v, v_xxxx = 1", "u_xx = 0", "u_xx"),
        ("v_xxxx = 1, u_xxxx = v", "u_xx = 0", "u_xx"),
    ],
)
def test_what_an_equation_tells_by_lower_derivatives_is_replaced(equations, last, lower):
    problem = chain(equations, last)
    found = reduce_condition_orders(problem)
    assert [c.equation.text for c in found.conditions] == [c.equation.text for c in problem.conditions]
    equation = found.conditions[-1].equation
    names = {str(s): s for s in (*equation.jets, *problem.coordinates)}
    assert sympy.expand(equation.residual - sympy.sympify(lower, names)) == 0
    assert set(equation.jets) == equation.residual.free_symbols - set(problem.coordinates)


def test_a_chain_of_second_order_that_is_clamped_by_its_second_derivative_is_solved():
    """u = x^3 (1 - x)^3; it was rank_deficient, on ever finer knots a layer of u_xx left v free."""
    found, x = solve(chain("u_xx = v, v_xx = w, w_xx = -720", unknowns="u, v, w")), np.linspace(0.0, 1.0, 101)
    assert found.verdict.converged
    assert np.abs(found(x[:, None])["u"] - (x * (1.0 - x)) ** 3).max() < 1e-12


def test_a_rate_takes_no_place_of_a_derivative_in_space():
    problem = chain("u_t = u_xx + v, v_xxxx = u", domain="x: [0, 1], t: [0, 1]", more=INITIAL)
    assert reduce_condition_orders(problem).conditions == problem.conditions


def test_the_free_end_of_a_cantilever_of_two_equations_of_second_order_is_solved():
    """u_xxx = 0 is v_x = 0; as it stands it was rank_deficient."""
    text = """
name: cantilever
domain: {x: [0, 1]}
unknowns: [u, v]
equations: [u_xx = v, v_xx = 24]
conditions:
  - {where: left, equation: u = 0}
  - {where: left, equation: u_x = 0}
  - {where: right, equation: u_xx = 0}
  - {where: right, equation: u_xxx = 0}
"""
    found, x = solve(parse_problem(text, "t.yaml")), np.linspace(0.0, 1.0, 101)
    assert found.verdict.converged
    assert np.abs(found(x[:, None])["u"] - (x**4 - 4 * x**3 + 6 * x**2)).max() < 1e-12
