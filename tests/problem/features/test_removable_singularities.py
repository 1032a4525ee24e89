"""Limits of 0/0: to rounding at the place and beside it, derivatives too; poles and jumps stay what they are."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from pinnkan import solve
from pinnkan.errors import ProblemError
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.functions import (
    ARGUMENT,
    LimitFunction,
    LocalPolynomial,
    expression_text,
    limit_function,
)
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem

TEXT = """
name: limits
domain: {{x: [{ends}], y: [-1, 1]}}
unknowns: [u]
equations: ["lap(u) + u = {source}"]
conditions: [{{where: boundary, equation: u = 0}}]
"""
LINE = """
name: line
domain: {{x: [{ends}]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: boundary, equation: u = 0}}]
solver: {{tolerance: 1e-6}}
"""
STEPS = np.concatenate([[0.0], *(sign * 10.0 ** np.arange(-17.0, 0.0, 0.37) for sign in (-1.0, 1.0))])


def source(text: str, ends: str = "-2, 2") -> tuple[sympy.Expr, Problem]:
    """The right side as it is understood."""
    problem = parse_problem(TEXT.format(source=text, ends=ends), "t.yaml")
    jets = dict.fromkeys(problem.equations[0].jets, sympy.S.Zero)
    return -problem.equations[0].residual.xreplace(jets), problem


def exactly(text: str, x: float, y: float) -> float:
    """The formula in sixty digits, of which so many cancel; the limit at a place is that a little beside it."""
    with mpmath.workdps(120):
        names = {n: getattr(mpmath, n) for n in ("sin", "cos", "tan", "exp", "log", "sqrt", "cosh", "tanh", "pi")}
        at = sympy.sympify(text, locals={n: sympy.Symbol(n) if n == "pi" else sympy.Function(n) for n in names})
        value = sympy.lambdify(sympy.symbols("x y"), at, modules=[names, "mpmath"])
        return float(value(mpmath.mpf(x) + mpmath.mpf("1e-30"), mpmath.mpf(y)))


@pytest.mark.parametrize(
    ("text", "ends", "place"),
    [
        ("sin(5*x)/x", "-2, 2", 0.0),
        ("(1 - cos(x))/x**2", "0, 1", 0.0),
        ("x/tan(x)", "-1, 1", 0.0),
        ("x/(exp(x) - 1)", "-30, 30", 0.0),
        ("log(1 + x)/x", "0, 1", 0.0),
        ("(x**2 - 1)/(x - 1)", "0, 2", 1.0),
        ("1/tanh(x) - 1/x", "-3, 3", 0.0),
        ("y*(x*cos(x) - sin(x))/x**2 + y**2*sin(x)/x", "-3, 3", 0.0),
        ("exp(y*sin(x)/x)", "-3, 3", 0.0),
        ("sin(x - y)/(x - y)", "-3, 3", 0.25),
        ("sin(sqrt(x))/sqrt(x)", "0, 2", 0.0),
    ],
)
def test_zero_by_zero_is_its_limit_to_rounding(text: str, ends: str, place: float) -> None:
    limits, problem = source(text, ends)
    (low, high), _ = problem.box.ranges
    x = place + STEPS
    x = x[(x >= low) & (x <= high)]
    y = np.full_like(x, 0.25)
    truth = np.array([exactly(text, a, 0.25) for a in x])
    value = Tape([limits], problem.coordinates)([x, y])[0]
    assert np.abs(value - truth).max() <= 2e-14 * np.abs(truth).max()
    nothing: dict[sympy.Expr, sympy.Expr] = {f: f.original_formula() for f in limits.atoms(LimitFunction)}
    plain = Tape([limits.xreplace(nothing)], problem.coordinates)([x, y])[0]
    with np.errstate(invalid="ignore"):
        assert not np.abs(plain - truth).max() <= 2e-14 * np.abs(truth).max()


def test_derivatives_of_limits_are_limits() -> None:
    limits, problem = source("(1 - cos(x))/x**2", "-1, 1")
    x = STEPS
    slope = Tape([sympy.diff(limits, problem.coordinates[0])], problem.coordinates)([x, 0.0 * x])[0]
    terms = [(-1.0) ** k * (2 * k - 2) * x ** (2 * k - 3) / float(sympy.factorial(2 * k)) for k in range(2, 12)]
    truth = -np.sum(terms, axis=0)
    assert np.abs(slope - truth).max() < 1e-13
    assert np.abs(1.01 * slope - truth).max() > 1e-4


@pytest.mark.parametrize(
    "text",
    [
        "cos(x)/x",
        "sin(x)/x**2",
        "(sin(x) + 1e-9)/x",
        "sin(x)/abs(x)",
        "exp(-1/x**2)",
        "x*y/(x**2 + y**2 + 1)",
        "1/(2 + sin(x))",
    ],
)
def test_what_has_no_limit_or_needs_none_stays_as_it_is(text: str) -> None:
    if text[0] in "exy1":
        assert not source(text)[0].has(LimitFunction)
        return
    with pytest.raises(ProblemError, match="not finite at x = 0"):
        source(text)


@pytest.mark.parametrize("text", ["x/heaviside(x + 1)", "y/heaviside(x - y)", "1/(acos(x - y) - x)"])
def test_denominators_that_are_zero_or_nothing_on_a_part_are_refused_in_words(text: str) -> None:
    with pytest.raises(ProblemError, match="not finite"):
        source(text, "-3, 3")


def test_boxes_near_the_place_enclose_the_limit() -> None:
    limits, problem = source("(1 - cos(x))/x**2")
    low = np.array([[-1e-9, -0.3, 0.2], [0.0, 0.0, 0.0]])
    high = np.array([[1e-9, 0.3, 1.9], [0.1, 0.1, 0.1]])
    found = enclose(Tape([limits], problem.coordinates), low, high, np.ones(2))
    for k in range(3):
        x = np.linspace(low[0, k], high[0, k], 50)
        x = x[x != 0.0]
        inside = 2.0 * (np.sin(0.5 * x) / x) ** 2
        assert found.value.lo[0, k] <= inside.min()
        assert found.value.hi[0, k] >= inside.max()
    assert found.value.hi[0, 0] - found.value.lo[0, 0] < 1e-12


def test_a_limit_is_written_as_the_formula() -> None:
    assert expression_text(source("sin(5*x)/x")[0]) == "(sin(5*x)/x)"


@pytest.mark.parametrize("text", ["-u_xx = (sin(x) - x*cos(x))/x**3", "-u_xx = (1 + 1e-3)*(sin(x) - x*cos(x))/x**3"])
def test_a_line_with_a_limit_is_solved(text: str) -> None:
    """x u is integrated: with f = (sin x - x cos x)/x^3 the solution is a series with terms x^(2k + 2)."""
    solution = solve(parse_problem(LINE.format(ends="-1, 1", equation=text), "t.yaml"))
    assert solution.verdict.converged
    x = np.linspace(-1.0, 1.0, 41)
    terms = [
        (-1.0) ** k * (2 * k + 2) / float(sympy.factorial(2 * k + 3)) * (1.0 - x ** (2 * k + 2))
        / ((2 * k + 1) * (2 * k + 2)) for k in range(12)
    ]  # fmt: skip
    truth = np.sum(terms, axis=0)
    error = np.abs(solution(x[:, None])["u"] - truth).max() / np.abs(truth).max()
    assert (error < 1e-6) == ("1e-3" not in text)


NEURON = """
name: gate
domain: {t: [0, 20]}
unknowns: [V, n]
equations:
  - V_t = 3 - 0.2*(V + 55) - 4*n
  - n_t = 0.01*(V + 55)/(1 - exp(-(V + 55)/10))*(1 - n) - 0.125*exp(-(V + 65)/80)*n
conditions:
  - {where: initial, equation: V = -65}
  - {where: initial, equation: n = 0.3}
solver: {tolerance: 1e-4}
"""


def test_rates_that_an_unknown_makes_zero_by_zero_are_their_limits() -> None:
    """A gate of Hodgkin and Huxley 1952, through V = -55: slabs of 1e-13 had been asked for to know on which side."""
    problem = parse_problem(NEURON, "t.yaml")
    (rate,) = problem.equations[1].residual.atoms(LimitFunction)
    assert rate.args == (
        next(s for s, jet in problem.equations[1].jets.items() if (jet.unknown, jet.total_order) == (0, 0)),
    )
    assert [near.centre for near in rate.polynomials] == [-55.0]
    solution = solve(problem)
    assert solution.verdict.converged
    assert solution.verdict.estimate > 1e-8
    assert len(solution.levels) < 20

    def rates(t: float, y: np.ndarray) -> list[float]:
        z = 0.1 * (y[0] + 55.0)
        opening = 0.1 * (z / -np.expm1(-z) if z else 1.0)
        return [3.0 - 0.2 * (y[0] + 55.0) - 4.0 * y[1], opening * (1 - y[1]) - 0.125 * np.exp(-(y[0] + 65) / 80) * y[1]]

    t = np.linspace(0.0, 20.0, 101)
    true = solve_ivp(rates, (0.0, 20.0), [-65.0, 0.3], method="DOP853", rtol=1e-11, atol=1e-11, t_eval=t).y
    assert true[0].min() < -55.0 < true[0].max()
    found = solution(t)
    for name, values in zip("Vn", true, strict=True):
        assert np.linalg.norm(found[name] - values) < 2e-4 * np.linalg.norm(values)


@pytest.mark.parametrize(
    "rate",
    [  # nothing beside what is large far off
        "u/(0.5 + u)",
        "1/(u + 1)",
        "cos(u)/u",
        "u/abs(u)",
        "sqrt(u)/u",
        "u*(1/u**4 + 1)",
        "u*(1e-30/u**2 + 1)",
        "u*exp(-1/u**4)",
        "u*sqrt(1/u**3 + 1)",
        "u/(exp(1/u) - 1)",
        "0.1*(1 - u)*(1/(1 - u)**3 + 1)",
        "u*tanh(1/u)",
    ],
)
def test_poles_and_roots_of_unknowns_stay_what_they_are(rate: str) -> None:
    text = f"name: a\ndomain: {{t: [0, 1]}}\nunknowns: [u]\nequations: ['u_t = {rate}']\n"
    problem = parse_problem(text + "conditions: [{where: initial, equation: u = 1}]\n", "t.yaml")
    assert not problem.equations[0].residual.has(LimitFunction)


@pytest.mark.parametrize("beside", ["1/(u - 3)**4", "1/((u - 1000)**2 + 9)**2"])
def test_a_limit_holds_no_further_than_what_else_a_formula_has(beside: str) -> None:
    text = f"name: a\ndomain: {{t: [0, 1]}}\nunknowns: [u]\nequations: ['u_t = (u**2 - 1)/(u - 1) + {beside}']\n"
    problem = parse_problem(text + "conditions: [{where: initial, equation: u = 0.5}]\n", "t.yaml")
    (rate,) = problem.equations[0].residual.atoms(LimitFunction)
    assert [near.centre for near in rate.polynomials] == [1.0]
    assert rate.polynomials[0].radius < 0.1


def test_the_derivative_of_a_limit_that_is_a_number_is_zero() -> None:
    slope = limit_function(ARGUMENT / ARGUMENT**2 * ARGUMENT, (LocalPolynomial(0.0, 0.1, (1.0,)),))
    found = sympy.diff(slope(sympy.Symbol("x", real=True)), "x")
    assert np.max(Tape([found], [sympy.Symbol("x", real=True)])([np.array([0.0, 0.05])])[0]) == 0.0


def test_the_expansion_of_a_universe_keeps_its_radiation() -> None:
    """Taken for a_t = 0.84 a it was off by all of itself, the estimate 5e-9."""
    text = "name: a\ndomain: {t: [0, 0.5]}\nunknowns: [a]\nequations: ['a_t = a*sqrt(1e-4/a**4 + 0.3/a**3 + 0.7)']\n"
    solution = solve(parse_problem(text + "conditions: [{where: initial, equation: a = 0.01}]\n", "t.yaml"))
    t = np.linspace(0.0, 0.5, 51)
    rate = lambda t, a: a * np.sqrt(1e-4 / a**4 + 0.3 / a**3 + 0.7)  # noqa: E731
    true = solve_ivp(rate, (0.0, 0.5), [0.01], rtol=1e-11, atol=1e-13, t_eval=t).y[0]
    assert solution.verdict.converged
    assert np.linalg.norm(solution(t)["a"] - true) < 2e-4 * np.linalg.norm(true)
