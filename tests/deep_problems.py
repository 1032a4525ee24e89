"""Problems with known solutions for deep networks, as texts and stated without one, and their models."""

import sympy
import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.domain.box import Box
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.settings import SolverSettings
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side

X, T = sympy.symbols("x t")
U, UX, UXX, UT = sympy.symbols("u u_x u_xx u_t")

SQUARE = """
name: square
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["u_xx + u_yy = -2*pi**2*sin(pi*x)*sin(pi*y)"]
conditions: [{where: boundary, equation: u = 0}]
exact: {u: sin(pi*x)*sin(pi*y)}
solver: {SOLVER}
"""
LINE = """
name: line
domain: {x: [0, 2]}
unknowns: [u]
equations: ["u_xx - u**3 = 2 - 4*sin(2*x) - (sin(2*x) + x**2)**3"]
conditions: [{where: boundary, equation: u = sin(2*x) + x**2}]
exact: {u: sin(2*x) + x**2}
solver: {SOLVER}
"""


def stated(text, solver):
    return parse_problem(text.replace("SOLVER", solver), "case.yaml")


def equation(residual, **jets):
    symbols = {s.name: s for s in residual.free_symbols}
    return Equation(residual, {symbols[name]: Jet(0, order) for name, order in jets.items()}, str(residual))


def poisson(**settings):
    exact = sympy.sin(2 * X) + X**2
    value = equation(U - exact, u=(0,))
    return Problem(
        name="poisson",
        about="",
        coordinates=(X,),
        domain=Box(((0.0, 2.0),), (False,)),
        time_axis=None,
        unknowns=("u",),
        equations=(equation(UXX - sympy.diff(exact, X, 2), u_xx=(2,)),),
        conditions=tuple(Condition(Side(0, end), value, "auto", "side") for end in (0, 1)),
        exact={"u": exact},
        solver=SolverSettings(hidden=(3,), **settings),
    )


def burgers(**settings):
    """Burgers' equation with a travelling exact solution: Dirichlet data that move, and slabs."""
    exact = 1 - sympy.tanh((X - T) / 2)  # c - a tanh(a (x - c t) / (2 nu)) with a = c = nu = 1
    value = equation(U - exact, u=(0, 0))
    start = equation(U - exact.subs(T, 0), u=(0, 0))
    return Problem(
        name="burgers",
        about="",
        coordinates=(X, T),
        domain=Box(((-2.0, 2.0), (0.0, 1.0)), (False, False)),
        time_axis=1,
        unknowns=("u",),
        equations=(equation(UT + U * UX - UXX, u=(0, 0), u_t=(0, 1), u_x=(1, 0), u_xx=(2, 0)),),
        conditions=(
            Condition(Side(1, 0), start, "auto", "initial"),
            Condition(Side(0, 0), value, "auto", "left"),
            Condition(Side(0, 1), value, "auto", "right"),
        ),
        exact={"u": exact},
        solver=SolverSettings(hidden=(3,), time_slabs=2, knots=2, **settings),
    )


def model_of(problem):
    return compile_model(problem, sort_conditions(problem), torch.device("cpu"))
