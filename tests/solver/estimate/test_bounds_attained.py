"""Errors for which a bound is an equality: the function that an equation damps least is its residual over the rate."""

import numpy as np
import pytest
import sympy
from closed_form import COORDINATES, ClosedForm
from small_models import compiled

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate.bounds import error_bound

TEXT = """
name: attained
domain: {{{domain}}}
unknowns: [u]
functions: {{v: {v}}}
equations: ["{equation}"]
conditions:
  - {{where: boundary, equation: u = 0}}{more}
"""
START = "\n  - {where: initial, equation: u = v}"
#: The slowest wave between -1 and 1, its rate, and a solution, all zero at the ends.
WAVE, RATE, V = "sin(pi*(x + 1)/2)", np.pi**2 / 4, "3*sin(pi*(x + 1))"


def bound_with(kind, operator, error, v):
    """The bound of v and that much more, and the solution and the error as functions."""
    domain = ", ".join(f"{c}: [{0 if c.name == 't' else -1}, 1]" for c in COORDINATES[kind])
    equation = operator.format(u="u") + " = " + operator.format(u="v")
    text = TEXT.format(domain=domain, v=v, equation=equation, more=START * (kind == "front"))
    exact, off = sympy.sympify(v), sympy.sympify(error)
    field = ClosedForm((exact + off,), COORDINATES[kind])
    return error_bound(compiled(parse_problem(text, "attained.yaml")), field), exact, off


def norm_of(kind, expression):
    """Root mean square, by Gauss points."""
    x, w = np.polynomial.legendre.leggauss(40)
    axes = [0.5 * (x + 1) if c.name == "t" else x for c in COORDINATES[kind]]
    values = ClosedForm((expression,), COORDINATES[kind]).grid(axes, (0,) * len(axes))[..., 0] ** 2
    for _ in axes:
        values = np.tensordot(w / 2, values, 1)
    return float(np.sqrt(values))


@pytest.mark.parametrize(
    ("kind", "operator", "error", "v"),
    [
        ("line", "-dx(dx({u}))", WAVE, V),
        ("line", "2*{u} - 3*dx(dx({u}))", WAVE, V),
        ("line", "dx(dx({u})) + 30*{u}", "sin(3*pi*(x + 1)/2)", V),
        ("line", "-dx(dx({u}))", "1", V),  # all of it on the sides
        ("plane", "-lap({u})", "1", V + "*sin(pi*(y + 1))"),
        ("line", "dx(dx({u}))/4 + 9.5*{u}", "sin(4*pi*(x + 1)/2)", V + "*(1 - x**2)"),
        ("plane", "-dx(dx({u})) - 2*dy(dy({u}))", f"{WAVE}*{WAVE.replace('x', 'y')}", V + "*sin(pi*(y + 1))"),
        ("plane", "lap({u}) + 30*{u}", "sin(pi*(x + 1))*sin(3*pi*(y + 1)/2)", V + "*sin(pi*(y + 1))"),
        ("front", "dt({u}) - dx(dx({u}))", f"exp(-{RATE!r}*t)*{WAVE}", V + "*(1 + t)"),
        ("front", "2*dt({u}) - 2*dx(dx({u})) - 18*{u}", f"exp({9 - RATE!r}*t)*{WAVE}", V + "*(1 + t)"),
    ],
)
def test_a_bound_is_the_error_where_that_is_a_wave_of_the_equation(kind, operator, error, v):
    bound, exact, off = bound_with(kind, operator, f"1e-6*{error}", v)
    assert bound.value == pytest.approx(norm_of(kind, off) / norm_of(kind, exact), rel=1e-4)


@pytest.mark.parametrize("rate", [RATE, RATE - 9.0])
def test_what_a_residual_adds_in_time_dies_out_or_grows_as_the_equation_has_it(rate):
    """A residual that is the same all the time: in the end of a slab all is exact, within one at most all it adds."""
    operator = f"dt({{u}}) - dx(dx({{u}})) + {rate - RATE!r}*{{u}}"
    bound, exact, off = bound_with("front", operator, f"1e-6*(1 - exp(-{rate!r}*t))/{rate!r}*{WAVE}", V)
    assert 1.0 < bound.value / (norm_of("front", off) / norm_of("front", exact)) < 1.6


@pytest.mark.parametrize(
    ("operator", "error", "is_bounded"),
    [
        ("dx(dx({u})) + 30*{u}", WAVE, True),
        ("dx(dx({u})) + 30*{u} + dx({u})", WAVE, False),  # waves of no self-adjoint operator
        ("dx(dx({u})) + (30 + x)*{u}", WAVE, False),
        ("dx(dx({u})) + 30*{u}", "1", False),  # a mismatch on a side may resound
        ("3*{u} - dx(dx({u})) - dx({u})", "1", True),
    ],
)
def test_where_nothing_is_proven_there_is_no_bound(operator, error, is_bounded):
    bound, exact, off = bound_with("line", operator, f"1e-6*({error})", V)
    assert (bound is not None) == is_bounded
    assert bound is None or bound.value >= (1.0 - 1e-9) * norm_of("line", off) / norm_of("line", exact)
