"""Conditions are counted against the order only where the count proves something."""

import numpy as np
import pytest

from pinnkan.problem.checks.condition_count import MissingCondition, _is_elliptic, missing_condition
from pinnkan.problem.features.free_numbers import at_start_values
from pinnkan.problem.registry import load_problem, parse_problem, shipped_folder, shipped_problems
from pinnkan.problem.statement import Side

X, XY, XT = "x: [0, 1]", "x: [0, 1]\n  y: [0, 1]", "x: [0, 1]\n  t: [0, 1]"
OPEN = {"right": "none"}
CLAMPED = {side: ("u = 0", "dn(u) = 0") for side in ("left", "right", "bottom", "top")}
SIDES = ("left", "right", "bottom", "top", "front", "back")


def stated(domain, equation, given, initial=("u = 0",)):
    """A problem with u = 0 on every side that is not ``given`` otherwise: an equation, several, or ``none``."""
    count = 2 * sum(f"{c}:" in domain for c in "xyz")
    sides = {side: "u = 0" for side in SIDES[:count]} | given
    lines = ["name: counted", "domain:", f"  {domain}", "unknowns: [u]", "equations:", f"  - {equation}", "conditions:"]
    if "t:" in domain:
        lines += [line for text in initial for line in ("  - where: initial", f"    equation: {text}")]
    for side, texts in sides.items():
        for text in (texts,) if isinstance(texts, str) else texts:
            lines += [f"  - where: {side}", f"    equation: {text}"]
    return parse_problem("\n".join(lines) + "\n", "counted.yaml")


@pytest.mark.parametrize(
    ("problem", "order", "given"),
    [
        (stated(X, "-0.01*u_xx + u_x = 1", OPEN), 2, 1),
        (stated(X, "-1e-9*u_xx + u_x = 1", OPEN), 2, 1),
        (stated(X, "u_xxx + u*u_x = 1", OPEN), 3, 1),
        (stated(X, "u_x + u = 1", {"left": "none", "right": "none"}), 1, 0),
        (stated(XT, "u_t + u_x = 0.01*u_xx", OPEN), 2, 1),
        (stated(XT, "u_t + u_xxx = 0", OPEN), 3, 1),
        (stated(XT, "u_tt = u_xx", OPEN, ("u = 0", "u_t = 1")), 2, 1),
        (stated(XT, "u_tt = -u_xxxx", {"left": ("u = 0", "u_x = 0")}, ("u = 0", "u_t = 1")), 4, 3),
        (stated(XY, "-0.01*lap(u) + u_x = 1", OPEN), 2, 1),
        (stated(XY, "u_xx + u_xy + u_yy = 1", OPEN), 2, 1),
        (stated(XY, "dx(dx(lap(u))) + dy(dy(lap(u))) = 1", CLAMPED | OPEN), 4, 2),
        (stated(XY, "dx(dx(lap(u))) + dy(dy(lap(u))) = 1", CLAMPED | {"right": "u = 0"}), 4, 3),
        (stated(XY, "u_y = u_xx", OPEN | {"top": "none"}), 2, 1),  # evolution along y
        (stated(XY, "-u_y = u_xx", OPEN | {"bottom": "none"}), 2, 1),
        (stated(XY + "\n  z: [0, 1]", "lap(u) = 1", OPEN), 2, 1),
    ],
)
def test_a_coordinate_with_too_few_conditions_is_found(problem, order, given):
    found = missing_condition(problem)
    assert (found.axis, found.order, found.given) == (0, order, given)
    assert found.side == Side(0, 1)


@pytest.mark.parametrize(
    ("problem", "side"),
    [
        (stated(XT, "u_t + (1 + x)*u_x = 0", {"left": "none", "right": "none"}), Side(0, 0)),
        (stated(XT, "u_t + u_x = 0", {"left": "none"}), Side(0, 0)),
        (stated(XT, "u_t = u_x", OPEN), Side(0, 1)),
        (stated(XT, "-2*u_t + u_x = 1", OPEN), Side(0, 1)),
        (stated(XY, "u_x + u_y = 1", {"left": "none", "top": "none"}), Side(0, 0)),
        (stated(XY, "u_x - u_y = 1", {"right": "none", "top": "none"}), Side(0, 1)),
    ],
)
def test_waves_that_enter_where_nothing_is_given_are_found(problem, side):
    found = missing_condition(problem)
    assert (found.side, found.inflow) == (side, True)
    assert "where no condition is given" in found.words(problem)


@pytest.mark.parametrize(
    "problem",
    [
        stated(X, "u_x + u = 1", OPEN),  # an outflow
        stated(X, "u_x + u = 1", {"left": "none"}),  # backwards, on a line
        stated(XT, "u_t + u_x = 0", OPEN),
        stated(XT, "u_t + u_x = 0", {}),  # more than it can meet, but nothing is missing
        stated(XT, "u_t - u_x = 0", {"left": "none"}),
        stated(XY, "u_x + u_y = 1", OPEN | {"top": "none"}),
        stated(XY, "u_x - u_y = 1", {"left": "none", "top": "none"}),
        stated(XT, "u_t + u*u_x = 0", {"left": "none"}),  # not known before a solution is
        stated(X, "x*u_xx + u_x + x*u = 1", {"left": "none"}),  # regular at x = 0
        stated(X, "(x - 0.3)**2*u_xx + x*u_x - u = 1", OPEN),
        stated(X, "u*u_xx + u_x = 1", OPEN),  # not known before a solution is
        stated(XT, "u_t + (x - 0.5)*u_x = 0", {"left": "none", "right": "none"}),  # outflow at both sides
        stated(XT, "u_t - dt(u_xx) + u*u_x = u*u_xxx", {}),  # Camassa-Holm: order three, two conditions
        stated(XT, "u_tt = -u_xx", OPEN, ("u = 0", "u_t = 1")),  # elliptic, from Cauchy data
        stated(XT, "u_t = x*u_xx", {"left": "none"}),
        stated(XT, "u_tt + u_x = 0", OPEN | {"left": "none"}, ("u = 0", "u_t = 0")),  # no waves go one way
        stated(XT, "u*u_t + u_xxx = 0", OPEN),  # whether it goes on in time is not known
        stated(XY, "lap(u) = 0", {"bottom": ("u = 0", "u_y = sin(x)"), "top": "none"} | OPEN),
        stated(XY, "-u_y = u_xx", OPEN | {"top": "none"}),  # backwards
        stated(XY, "u_xx + 3*u_xy + u_yy = 1", OPEN),  # hyperbolic
        stated(XY, "dx(dx(lap(u))) + dy(dy(lap(u))) = 1", CLAMPED),
        stated(XY, "u_xxxx - u_yyyy = 1", CLAMPED | OPEN),
    ],
)
def test_where_the_count_proves_nothing_nothing_is_said(problem):
    assert missing_condition(problem) is None


def test_a_nonlinear_coefficient_is_known_along_a_solution():
    problem = stated(X, "(0.01 + u**2)*u_xx - u_x = 1", OPEN)
    assert missing_condition(problem) is None
    assert missing_condition(problem, lambda nodes, jet: nodes[0] ** 2) == MissingCondition(0, 2, 1, Side(0, 1))
    vanishing = stated(X, "u*u_xx - u_x = 1", OPEN)
    assert missing_condition(vanishing, lambda nodes, jet: nodes[0]) is None


def test_what_is_missing_is_said_in_words_and_warned_of_before_a_solve():
    problem = stated(X, "-0.01*u_xx + u_x = 1", OPEN)
    text = "order 2 in x asks for 2 conditions along it, here is 1: one more is needed, at x = 1 for instance"
    assert missing_condition(problem).words(problem) == text
    assert any(text in warning for warning in problem.warnings)
    twice = stated(X, "u_xxx = u", OPEN)
    assert "here is 1: 2 more are needed" in missing_condition(twice).words(twice)


def test_no_shipped_problem_lacks_a_condition_except_the_trap_that_does():
    traps = [p for p in sorted((shipped_folder() / "traps").glob("*.yaml")) if p.stem != "wrong_exact"]
    problems = map(at_start_values, map(load_problem, [*shipped_problems(), *traps]))
    short = {p.name for p in problems if missing_condition(p) is not None}
    assert short == {"outflow_layer"}


ONE, SMALL = np.ones(5), np.array([1.0, 1e-12])


@pytest.mark.parametrize(
    ("order", "terms", "expected"),
    [
        (2, {(2, 0): ONE, (0, 2): 9 * ONE}, True),
        (2, {(2, 0): -ONE, (0, 2): -ONE, (1, 1): 1.9 * ONE, (1, 0): None}, True),
        (2, {(2, 0): ONE, (0, 2): ONE, (1, 1): 2.1 * ONE}, False),
        (2, {(2, 0): ONE, (0, 2): -ONE}, False),  # waves
        (2, {(2, 0): ONE, (0, 2): ONE, (2, 2): ONE}, False),  # there are higher ones
        (2, {(2, 0): ONE, (0, 2): ONE, (4, 0): ONE}, False),
        (2, {(2, 0): ONE, (1, 0): ONE, (0, 1): ONE}, False),  # heat
        (2, {(2, 0): ONE, (0, 2): None}, False),  # not known
        (2, {(2, 0): ONE, (0, 2): ONE, (1, 1): None}, False),
        (2, {(2, 0): np.ones(2), (0, 2): SMALL}, False),  # nearly zero somewhere
        (3, {(3, 0): ONE, (0, 3): ONE}, False),
        (4, {(4, 0): ONE, (2, 2): 2 * ONE, (0, 4): ONE}, True),
        (4, {(4, 0): ONE, (2, 2): -2.1 * ONE, (0, 4): ONE}, False),
    ],
)
def test_an_elliptic_symbol_has_one_sign_in_all_directions(order, terms, expected):
    assert _is_elliptic(order, terms) == expected


@pytest.mark.parametrize(
    ("equation", "initial", "counts"),
    [
        ("u_t = u_xx", ("u = x",), False),  # the heat equation sideways
        ("u_t = -u_xxxx + u_xx", ("u = x",), False),
        ("u_tt = u_xx", ("u = x", "u_t = 0"), True),  # waves, sideways
        ("u_xx = 0", (), True),
    ],
)
def test_a_value_inside_stands_for_one_on_a_side_where_waves_travel(equation, initial, counts):
    domain = "x: [0, 1], t: [0, 1]" if initial else "x: [0, 1]"
    held = ["left, equation: u = 0", "{point: [0.5]}, equation: u = 0.5", "right, equation: none"]
    held += ["left, equation: u_xx = 0", "{point: [0.6]}, equation: u = 0.6"] if "xxxx" in equation else []
    lines = "".join(f"  - {{where: {text}}}\n" for text in [*held, *(f"initial, equation: {i}" for i in initial)])
    text = f"name: n\ndomain: {{{domain}}}\nunknowns: [u]\nequations: [{equation}]\nconditions:\n{lines}"
    assert (missing_condition(parse_problem(text, "t.yaml")) is None) == counts
