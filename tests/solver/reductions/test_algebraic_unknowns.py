"""Unknowns that an equation without derivatives ties to others."""

import numpy as np
import pytest
import sympy
from scipy.special import erfc

from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.reductions.algebraic_unknowns import eliminate_algebraic_unknowns

TIED = """
name: tied
domain: {{{domain}}}
unknowns: [u, p]
equations: [{equations}]
conditions:
  - {{where: left, equation: {left}}}
  - {{where: right, equation: {right}}}{more}
"""
START = "\n  - {{where: initial, equation: {}}}"


def tied(equations, left, right, domain="x: [0, 1]", more=""):
    words = {"equations": equations, "left": left, "right": right, "domain": domain, "more": more}
    return parse_problem(TIED.format(**words), "t.yaml")


def same(equation, text, problem):
    names = {str(s): s for s in (*equation.jets, *problem.coordinates)}
    return sympy.simplify(equation.residual / sympy.sympify(text, names)).is_number


@pytest.mark.parametrize(
    ("equations", "left", "right", "found"),
    [
        ("-p_xx + u = 1, p = 2*u", "u = 0", "u_x + 3*u = 1", ("-p_xx + p/2 - 1", "p/2", "p_x/2 + 3*p/2 - 1")),
        ("-p_xx + u = 1, p = 2*u + x", "p = 0", "u_x = 0", ("-p_xx + p/2 - x/2 - 1", "p", "p_x/2 - 1/2")),
        ("-dx(u*p_x) = 1, p = u**2", "u = 1", "p = 0", ("-2*u**2*u_xx - 4*u*u_x**2 - 1", "u - 1", "u**2")),
        ("-p_xx + u = 1, p = u**2", "u_x = 0", "u = 1", ("-2*u*u_xx - 2*u_x**2 + u - 1", "u_x", "u - 1")),
        ("u_xx = u, p = exp(u)", "p = 2", "p_x = p", ("u_xx - u", "u - log(2)", "u_x - 1")),
        ("u_xx = u, p = (1 + x)*u", "p = 2", "u = 0", ("u_xx - u", "u*x + u - 2", "u")),
        ("u_xx = u, x*u = p", "u = 2", "p = 1", ("u_xx - u", "u - 2", "u*x - 1")),
        ("p_xx = u, (x - 0.5)*p = u**3 + u", "u = 2", "u = 1", None),  # p may be anything at x = 0.5
        ("p_x = 1, p = u**3 + u", "u = 2", "u = 1", ("3*u**2*u_x + u_x - 1", "u - 2", "u - 1")),
        ("p_x = u_xx, x*u + p**2 + p = 1", "u = 2", "u = 1", None),  # which u divided by x is not at x = 0
        ("-p_xx + u = 1, u = abs(p)", "p = 0", "p = 1", None),  # which bends
        ("-u_xx = p, p = 2*u", "u = 0", "u_x = 1", None),  # no derivative of it anywhere
        ("-p_xx = 1, u**2 = p**2", "u = 0", "p = 1", None),  # which may be either
    ],
)
def test_equations_and_conditions_hold_what_it_is_tied_to(equations, left, right, found):
    problem = tied(equations, left, right)
    other = eliminate_algebraic_unknowns(problem)
    if found is None:
        assert other == problem
        return
    equation, *conditions = found
    assert same(other.equations[0], equation, problem)
    assert other.equations[1] == problem.equations[1]
    for condition, text in zip(other.conditions, conditions, strict=True):
        assert same(condition.equation, text, problem)
    assert [c.equation.text for c in other.conditions] == [c.equation.text for c in problem.conditions]


def test_what_is_said_twice_is_said_once_and_ordinary_equations_stay():
    more = START.format("u = 1") + START.format("p = 2")
    problem = tied("u_t = p_xx, p = 2*u", "u = 0", "p = 0", "x: [0, 1], t: [0, 1]", more)
    assert len(eliminate_algebraic_unknowns(problem).conditions) == 3
    text = "name: a\ndomain: {t: [0, 1]}\nunknowns: [u, p]\nequations: [u_t = -p, p = 2*u]\n"
    alone = parse_problem(text + "conditions: [{where: initial, equation: u = 1}]\n", "a.yaml")
    assert eliminate_algebraic_unknowns(alone) is alone


@pytest.mark.parametrize("right", ["u_x = 0", "p_x = 0"])
def test_a_slope_of_either_will_do(right):
    """u_t = p_xx, p = 2 u with u_x = 0 on both sides was rank deficient: a layer of u left p_x free."""
    more = START.format("u = 1 + 0.5*cos(pi*x)")
    found = solve(tied("u_t = p_xx, p = 2*u", "u_x = 0", right, "x: [0, 1], t: [0, 0.1]", more))
    x, t = np.meshgrid(np.linspace(0.0, 1.0, 21), np.linspace(0.0, 0.1, 11))
    true = 1.0 + 0.5 * np.exp(-2.0 * np.pi**2 * t) * np.cos(np.pi * x)
    assert found.verdict.converged
    assert np.abs(found(np.column_stack([x.ravel(), t.ravel()]))["p"] - 2.0 * true.ravel()).max() < 1e-3


@pytest.mark.parametrize("start", ["u = 0", "p = 0"])
def test_a_step_of_heat_in_its_enthalpy(start):
    """It had not left its first 1e-13; the other end is too far away to be felt."""
    more = START.format(start) + "\nsolver: {tolerance: 1e-3}"
    found = solve(tied("u_t = p_xx, u = p", "p = 1", "p_x = 0", "x: [0, 1], t: [0, 0.01]", more))
    assert found.verdict.converged
    x = np.linspace(0.0, 0.8, 41)
    values = found(np.column_stack([x, np.full_like(x, 0.01)]))
    for name in "up":
        assert np.abs(values[name] - erfc(x / (2.0 * np.sqrt(0.01)))).max() < 1e-3


@pytest.mark.parametrize("load", ["10*t**2", "sin(3*t)"])
def test_a_layer_of_soil_under_a_load_that_grows(load):
    """Biot's equations in one dimension: slabs were held short by what returns at no rate, to 1e-13."""
    text = f"""
name: soil
domain: {{x: [0, 1], t: [0, 1]}}
unknowns: [w, p]
equations: [dx(w_x - p) = 0, w_xt = p_xx]
conditions:
  - {{where: initial, equation: w = 0}}
  - {{where: left, equation: p = 0}}
  - {{where: left, equation: "w_x - p = -({load})"}}
  - {{where: right, equation: w = 0}}
  - {{where: right, equation: p_x = 0}}
solver: {{tolerance: 1e-3}}
"""
    found = solve(parse_problem(text, "soil.yaml"))
    assert found.verdict.converged
    # p_t = p_xx + load', a series of sines
    x, number = np.linspace(0.0, 1.0, 21), np.pi * (np.arange(200) + 0.5)
    rate = {"10*t**2": lambda s: 20.0 * s, "sin(3*t)": lambda s: 3.0 * np.cos(3.0 * s)}[load]
    nodes, weights = np.polynomial.legendre.leggauss(400)
    s = 0.5 + 0.5 * nodes
    modes = 2.0 / number * ((np.exp(-np.outer(number**2, 1.0 - s)) * rate(s)) @ (0.5 * weights))
    true = np.sin(np.outer(x, number)) @ modes
    values = found(np.column_stack([x, np.ones_like(x)]))["p"]
    assert np.abs(values - true).max() < 1e-3 * np.abs(true).max() + 1e-5
