"""What begins in more than one way is said; what begins in one is solved, stationary starts too."""

import numpy as np
import pytest

from pinnkan import solve
from pinnkan.problem.checks.initial_values import is_linear_in, several_starts, undetermined_start
from pinnkan.problem.registry import parse_problem

DECAY = """
name: decay
domain: {{t: [0, 1]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: initial, equation: "{start}"}}]
solver: {{tolerance: 1e-6}}
"""
HEAT = """
name: heat
domain: {{x: [0, 1], t: [0, 0.1]}}
unknowns: [u]
equations: ["u_t = u_xx"]
conditions:
  - {{where: initial, equation: "{start}"}}
  - {{where: boundary, equation: {side} = 0}}
solver: {{tolerance: 1e-3}}
"""


def decay(start, equation="u_t = -u"):
    return parse_problem(DECAY.format(start=start, equation=equation), "t.yaml")


def algebraic(equation, *values):
    """Of u_t = -v from u = 1 on, v told by an equation, and by a condition where there is one."""
    given = "".join(f', {{where: initial, equation: "{value}"}}' for value in values)
    text = (
        DECAY.replace("[u]", "[u, v]")
        .replace('["', '["u_t = -v", "')
        .replace("}}]", "}}" + given.replace("{", "{{").replace("}", "}}") + "]")
    )
    return parse_problem(text.format(start="u = 1", equation=equation), "t.yaml")


def heat(start, side="u"):
    return parse_problem(HEAT.format(start=start, side=side), "t.yaml")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (decay("(u - 1)*(u - 2) = 0"), "u = 1 and u = 2"),
        (decay("u**2 = 4"), "u = -2 and u = 2"),
        (heat("u**2 = sin(pi*x)**2"), "fulfil `u**2 = sin(pi*x)**2`"),
        (decay("u = -1", "u = t*u_t - u_t**2"), "u_t = -1 and u_t = 1"),
        (decay("u = 0.6", "u_t**2 = 1 - u**2"), "u_t = -0.8 and u_t = 0.8"),
        (algebraic("v*(v - u) = 0"), "at t = 0 both v = 0 and v = 1"),
        (algebraic("sin(v) = 0.5*u"), "both v = 0.523599 and v = 2.61799"),  # not those of -1e12
    ],
)
def test_two_roots_are_two_solutions(problem, words):
    assert words in several_starts(problem)
    assert not undetermined_start(problem)


@pytest.mark.parametrize(
    "problem",
    [
        decay("u**3 = 8"),
        decay("exp(u) = 5"),
        decay("u**3 + u = 1e-9"),
        decay("1/u = 3"),
        decay("u = 0.6", "u_t = 1 - u**2"),
        decay("u = 0.6", "u_t + u_t**3 = -u"),
        decay("u = 0", "min(u_t + 1, u) = 0"),
        algebraic("v + v**3 = u"),
        algebraic("v*(v - u) = 0", "v = 1"),
        heat("u = max(x - 0.5, 0)"),
        heat("u_x = -pi*sin(pi*x)", "u_x"),
    ],
)
def test_one_root_is_one_solution(problem):
    assert several_starts(problem) == ""
    assert undetermined_start(problem) == ""


@pytest.mark.parametrize(
    ("rate", "expected"),
    [("u_t = u_xx", True), ("(u_t - u*u_x)*sin(x)/2 = 1", True), ("u_t*u_t = u", False), ("u_t + abs(u_t) = u", False)]
    + [(f"{f} = u", False) for f in ("1/u_t", "heaviside(u_t)", "u_t*(1 + u_t)", "sin(x)*exp(u_t)")],
)
def test_a_rate_on_a_straight_line_has_one_root(rate, expected):
    problem = parse_problem(HEAT.format(start="u = 0", side="u").replace("u_t = u_xx", rate), "t.yaml")
    (equation,) = problem.equations
    (symbol,) = (s for s, jet in equation.jets.items() if jet.order == (0, 1))
    assert is_linear_in(equation.residual, symbol) == expected


@pytest.mark.parametrize("start", ["max(u, 0) = 0", "heaviside(x - 0.5)*(u - 1) = 0", "max(x - 0.3, 0)*u = 0"])
def test_what_holds_for_many_values_is_free(start):
    assert f"`{start}` holds for any" in undetermined_start(heat(start))


def test_a_start_without_slope_is_moved_to_its_root():
    """u**3 has none at u = 0, where the first slab began and stayed."""
    solution = solve(decay("u**3 = 8"))
    assert solution.verdict.converged
    assert solution.verdict.beside == ""
    t = np.linspace(0.0, 1.0, 11)
    assert solution(t[:, None])["u"] == pytest.approx(2.0 * np.exp(-t), rel=1e-6)
    assert solution(t[:, None])["u"] != pytest.approx(2.001 * np.exp(-t), rel=1e-6)


def test_a_verdict_says_that_there_are_others():
    assert (
        "one of several solutions: at t = 0 both u = 1 and u = 2"
        in solve(decay("(u - 1)*(u - 2) = 0")).verdict.sentence
    )
    free = solve(heat("max(u, 0) = 0")).verdict
    assert free.reason == "rank_deficient"
    assert "holds for any" in free.sentence


def test_conditions_that_are_no_values_begin_on_a_line_as_well():
    """Without a value there is nothing of the data that knots could miss: the first slab ended in a ValueError."""
    assert solve(heat("u_x = -pi*sin(pi*x)", "u_x")).verdict.reason == "rank_deficient"


SIDE = """
name: side
domain: {{x: [0, 1]}}
unknowns: [u]
equations: [u_xx = u]
conditions: [{{where: left, equation: "{condition}"}}, {{where: right, equation: u = 0.3}}]
"""


@pytest.mark.parametrize(
    ("condition", "both"),
    [
        ("u**2 = 1", "u = -1 and u = 1"),
        ("u**3 - u = 0.1", "u = -0.945649 and u = -0.101031"),
        ("u_x**2 = 4", "u_x = -2 and u_x = 2"),
        ("exp(u) = 2", ""),
        ("u**3 + u = 1", ""),
        ("u_x + u**4 = 1", ""),  # of two numbers nothing is asked
        ("2*u = 1", ""),
    ],
)
def test_a_side_with_several_values_is_told(condition, both):
    told = several_starts(parse_problem(SIDE.format(condition=condition), "t.yaml"))
    assert told == (f"one of several solutions: at x = 0 both {both} fulfil `{condition}`" if both else "")
