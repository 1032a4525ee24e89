"""Conditions of systems are counted where the symbol proves something, and nothing is said elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from edited import faults, problem

from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.checks.system_count import MissingSideCondition, has_characteristics, system_order
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem, Side

X, XY, XT, XYT = "{x: [0, 1]}", "{x: [0, 1], y: [0, 2]}", "{x: [0, 1], t: [0, 1]}", "{x: [0, 1], y: [0, 1], t: [0, 1]}"
LEFT, RIGHT = Side(0, 0), Side(0, 1)
STOKES = ("p_x = lap(u)", "p_y = lap(v)", "u_x + v_y = 0")
NAVIER_STOKES = ("u*u_x + v*u_y + p_x = lap(u)/40", "u*v_x + v*v_y + p_y = lap(v)/40", "u_x + v_y = 0")
UNSTEADY = ("u_t + p_x = lap(u)", "v_t + p_y = lap(v)", "u_x + v_y = 0")
ELASTIC = ("3*u_xx + u_yy + 2*v_xy = 0", "v_xx + 3*v_yy + 2*u_xy = 0")
TRACTIONS = ("3*u_x + v_y = 0", "u_y + v_x = 1")
ACOUSTICS = ("p_t + u_x = 0", "u_t + 4*p_x = 0")
CHAIN = ("u_xx = v", "v_x = u")
MAXWELL = ("a_t = c_x - b_y", "b_t = -a_y", "c_t = a_x")
EULER = ("r_t + u*r_x + r*u_x = 0", "r*(u_t + u*u_x) + p_x = 0", "p_t + u*p_x + 1.4*p*u_x = 0")
FILLED = ("u = 0", "v = 0")
EVERYWHERE = {"boundary": FILLED}


def stated(domain: str, unknowns: str, equations: tuple[str, ...], given: dict[str, tuple[str, ...]]) -> Problem:
    """A problem with the equations and, place by place, conditions; none of them means ``none``."""
    lines = ["name: counted", f"domain: {domain}", f"unknowns: [{', '.join(unknowns)}]", "equations:"]
    lines += [f"  - {e}" for e in equations] + ["conditions:"]
    for places, texts in given.items():
        for text in texts or ("none",):
            lines += [f"  - where: [{places}]", f"    equation: {text}"]
    return problem("\n".join(lines) + "\n")


def at_start(names: str) -> dict[str, tuple[str, ...]]:
    return {"initial": tuple(f"{name} = 1" for name in names)}


@pytest.mark.parametrize(
    ("domain", "unknowns", "equations", "given", "expected"),
    [
        (XY, "uvp", STOKES, {"left, bottom, top": FILLED, "right": ("u = 0",)}, MissingSideCondition(RIGHT, 2, 1)),
        (XY, "uvp", NAVIER_STOKES, {"left, bottom, top": FILLED, "right": ()}, MissingSideCondition(RIGHT, 2, 0)),
        (XY, "uv", ELASTIC, {"left": (), "right, bottom, top": TRACTIONS}, MissingSideCondition(LEFT, 2, 0)),
        (XY, "uv", ("u_x = v_y", "u_y = -v_x"), {"left, bottom, top": ("u = 0",), "right": ()},
         MissingSideCondition(RIGHT, 1, 0)),
        (XT, "pu", ACOUSTICS, {"left": ("p = 0",), "right": ()} | at_start("pu"), MissingSideCondition(RIGHT, 1, 0)),
        (XT, "uv", ("u_t = u_xx + v", "v_t = v_xx - u"), {"left": FILLED, "right": ("u = 0",)} | at_start("uv"),
         MissingSideCondition(RIGHT, 2, 1)),
        (XT, "uv", ("u_t = u_xx + u*v", "v_t = v_xx - u*v"),
         {"left": FILLED, "right": ("u = 0",)} | at_start("uv"), MissingSideCondition(RIGHT, 2, 1)),
        (XT, "uv", ("u_t = -v_xx", "v_t = u_xx"), {"left": FILLED, "right": ()} | at_start("uv"),
         MissingSideCondition(RIGHT, 2, 0)),
        (XYT, "abc", MAXWELL, {"left, bottom, top": ("a = 0",), "right": ()} | at_start("abc"),
         MissingSideCondition(RIGHT, 1, 0)),
        (XYT, "uvp", UNSTEADY, {"left, bottom, top": FILLED, "right": ("u = 0",)} | at_start("uv"),
         MissingSideCondition(RIGHT, 2, 1)),
        (X, "uv", CHAIN, {"left": ("u = 0",), "right": ("v = 0",)}, MissingSideCondition(RIGHT, 3, 2, is_line=True)),
    ],
)  # fmt: skip
def test_a_side_with_too_few_conditions_is_found(
    domain: str,
    unknowns: str,
    equations: tuple[str, ...],
    given: dict[str, tuple[str, ...]],
    expected: MissingSideCondition,
) -> None:
    found = stated(domain, unknowns, equations, given)
    assert missing_condition(found) == expected
    assert any(expected.words(found) in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("domain", "unknowns", "equations", "given"),
    [
        (XY, "uvp", STOKES, EVERYWHERE | {"domain": ("integral(p) = 0",)}),
        (XY, "uvp", NAVIER_STOKES, EVERYWHERE | {"right": ("p = 0",)}),
        (XY, "uvp", NAVIER_STOKES, {"left, bottom, top": FILLED, "right": ("u_x = 40*p", "v_x = 0")}),
        (XY, "uv", ELASTIC, {"left": FILLED, "right, bottom, top": TRACTIONS}),
        (XY, "uv", ("u_x = v_y", "u_y = -v_x"), {"left, right, bottom": ("u = 0",), "top": ("v = 0",)}),
        (XY, "uv", ("u_x = v_y", "u_y = v_x"), {"left": ("u = 0", "v = 1"), "right, bottom, top": ()}),  # hyperbolic
        (XT, "pu", ACOUSTICS, {"left, right": ("p = 0",)} | at_start("pu")),
        (XT, "pu", ("p_t + 3*p_x + u_x = 0", "u_t + 3*u_x + 4*p_x = 0"),
         {"left": ("p = 0", "u = 1"), "right": ()} | at_start("pu")),  # supersonic
        (XYT, "abc", MAXWELL, {"boundary": ("a = 0",)} | at_start("abc")),
        (XT, "rup", EULER, {"left": ("r = 1", "u = 1", "p = 1"), "right": ()} | at_start("rup")),
        (XT, "uv", ("u_t = u_xx + u*v", "v_t = v_xx - u*v"), {"left, right": ("u = 0", "v_x = 0")} | at_start("uv")),
        (XT, "uv", ("u_t = u_xx + v", "v_t = u - v"), {"left, right": ("u = 0",)} | at_start("uv")),  # FitzHugh-Nagumo
        (XYT, "uvp", UNSTEADY, EVERYWHERE | {"domain": ("integral(p) = 0",)} | at_start("uv")),
        (X, "uv", CHAIN, {"left": FILLED, "right": ("u = 0",)}),
        (X, "uv", CHAIN, {"left": ("u = 0",), "right": ("u = 0",), "domain": ("integral(v) = 0",)}),
        (X, "uv", ("x*u_x = v", "v_x = u"), {"left": ("v = 0",), "right": ()}),  # regular at x = 0
        (XT, "uv", ("u_t + (x - 0.5)*u_x = 0", "v_t + v_x = u"), {"left": ("v = 0",), "right": ()} | at_start("uv")),
        (XY, "uv", ("x*u_x + u = v_y", "u_y = v - v_x"), {"left, right, bottom, top": ()}),  # degenerates at x = 0
        (X, "uv", ("u*u_x = v", "v_x = u"), {"left": ("v = 0",), "right": ()}),  # not known before a solution is
    ],
)  # fmt: skip
def test_where_nothing_is_proven_nothing_is_said(
    domain: str, unknowns: str, equations: tuple[str, ...], given: dict[str, tuple[str, ...]]
) -> None:
    found = stated(domain, unknowns, equations, given)
    assert missing_condition(found) is None
    assert [w for w in found.warnings if "conditions disagree" not in w] == []


def test_a_coefficient_is_known_along_a_solution_of_a_steady_problem_alone() -> None:
    """There it may be the error of the solution: a wave that does not enter would."""
    steady = stated(X, "uv", ("u*u_x = v", "v_x = u"), {"left": ("v = 0",), "right": ()})
    assert missing_condition(steady, lambda nodes, jet: 1.0 + nodes[0]) == MissingSideCondition(
        RIGHT, 2, 1, is_line=True
    )
    assert missing_condition(steady, lambda nodes, jet: nodes[0]) is None  # it vanishes at x = 0
    moving = stated(XT, "uv", ("u_t + u*u_x = v", "v_t + v_x = u"), {"left": ("v = 0",), "right": ()} | at_start("uv"))
    assert missing_condition(moving, lambda nodes, jet: np.full((7, 7), 1e-9)) is None


def test_more_conditions_than_the_orders_add_up_to_are_a_warning() -> None:
    found = stated(XT, "pu", ACOUSTICS, {"left, right": ("p = 0", "u = 1")} | at_start("pu"))
    assert any("4 conditions along x, where the system has order 2" in warning for warning in found.warnings)


def test_the_order_in_time_is_that_of_the_determinant() -> None:
    unsteady = stated(XYT, "uvp", UNSTEADY, EVERYWHERE | {"domain": ("integral(p) = 0",)} | at_start("uv"))
    assert system_order(unsteady, 2) == 1  # v follows from u, where their divergence vanishes
    wave = stated(XT, "pu", ACOUSTICS, {"left, right": ("p = 0",)} | at_start("pu"))
    assert system_order(wave, 1) == 2
    only_u = stated(XYT, "uvp", UNSTEADY, EVERYWHERE | {"domain": ("integral(p) = 0",)} | at_start("u"))
    assert len(only_u.conditions) == 10


def text_of(equations: str, unknowns: str = "u, v", conditions: str = "{where: boundary, equation: u = 0}") -> str:
    head = f"name: rod\ndomain: {{x: [0, 1], t: [0, 1]}}\nunknowns: [{unknowns}]\nequations:\n"
    lines = "".join(f"  - {e}\n" for e in equations.split("; "))
    given = "".join(f"  - {c}\n" for c in conditions.split("; "))
    return f"{head}{lines}conditions:\n{given}"


WAVES = "u_t = v_x; v_t = u_x"
INTEGRALS = "{where: domain, equation: integral(u) = 0}; {where: domain, equation: integral(u) = 1}"
AT_A_POINT = "{where: {point: [0.5]}, equation: u = v}; {where: {point: [0.5]}, equation: v = u + 1}"
TWICE = "{where: boundary, equation: u = v}; {where: left, equation: 2*u = 2*v}"


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        (text_of("u_t = u_xx; u_t = u"), "the unknown 'v' stands in no equation", 3, 15),
        (text_of("u_t = v_x; 2*u_t = 2*v_x + 1"), "says the same as that of line 5", 6, 5),
        (text_of("u_t = v_x; v_t = u_x"), "no initial condition for u", 7, 1),
        (text_of("u_t = v_x; u = v; w_t = v", "u, v, w", "{where: initial, equation: u = 0}"), "condition for w", 8, 1),
        (text_of("u_t = u_xx; u_tt = u; v_t = w", "u, v, w"), "fewer unknowns than they are", 5, 5),
        (text_of(WAVES, conditions=TWICE), "two conditions for the same quantity on 'left'", 9, 29),
        (text_of(WAVES, conditions=AT_A_POINT), "two conditions for the same quantity on 'x = 0.5'", 9, 39),
        (text_of(WAVES, conditions=INTEGRALS), "two conditions for the same quantity on 'domain'", 9, 31),
        (text_of(WAVES, conditions="{where: left, equation: u_xxx = 0}"), "a condition of order 3 in x", 8, 29),
    ],
)
def test_a_system_that_cannot_be_is_refused_at_its_place(text: str, reason: str, line: int, column: int) -> None:
    found = [f for f in faults(text) if reason in f.message]
    assert [(f.line, f.column) for f in found][:1] == [(line, column)]


@pytest.mark.parametrize(
    ("unknowns", "equations", "waves"),
    [
        ("u", ("u_xx - 0.4*u_yy = x",), True),
        ("u", ("u_xx + 3*u_xy + u_yy = x",), True),
        ("u", ("u_xx + (x - 0.5)*u_yy = 1",), True),  # Tricomi: on one half
        ("u", ("u_xx + u_xy + u_yy = x",), False),
        ("u", ("-lap(u) - 400*u = 1",), False),
        ("u", ("u_xx - u_y = 1",), False),  # parabolic
        ("uvp", STOKES, False),
        ("uv", ELASTIC, False),
        ("uv", ("u_x - v_y = 0", "v_x - u_y = 0"), True),
        ("u", ("u_xx + u*u_yy = 1",), False),  # not known
    ],
)
def test_waves_have_a_symbol_of_both_signs(unknowns, equations, waves):
    given = {"boundary": tuple(f"{u} = 0" for u in unknowns)}
    assert has_characteristics(stated(XY, unknowns, equations, given)) == waves


@pytest.mark.parametrize(
    ("equations", "sides", "is_enough"),
    [
        ("u_t = v_x; v_t = u_x", "{where: left, equation: u = 0}; {where: {point: [0.5]}, equation: v = 1}", True),
        (
            "u_t = -v_xx; v_t = u_xx",  # Schroedinger's, sideways
            "{where: left, equation: u = 0}; {where: left, equation: v = 0}; "
            "{where: {point: [0.5]}, equation: u = 0}; {where: {point: [0.5]}, equation: v = 1}",
            False,
        ),
    ],
)
def test_a_value_inside_stands_for_one_on_a_side_where_waves_of_a_system_travel(equations, sides, is_enough):
    start = "{where: initial, equation: u = 0}; {where: initial, equation: v = 1}; {where: right, equation: none}"
    stated_so = parse_problem(text_of(equations, conditions=f"{start}; {sides}"), "t.yaml")
    assert (missing_condition(stated_so) is None) == is_enough
