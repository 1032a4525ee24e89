"""Unknowns whose level nothing fixes are named, and only those."""

from __future__ import annotations

import pytest
from edited import edited, problem
from flow import TEXT

from pinnkan.problem.checks.free_constants import free_constant_message

GAUGE = "  - where: domain\n    equation: integral(p) = 0\n"
BIDOMAIN = """\
name: two_potentials
domain: {x: [0, 1]}
unknowns: [u, v, w]
equations:
  - u_xx = u - v
  - v_xx = v - u
  - w_xx = w
conditions:
  - {where: boundary, equation: u_x = 0}
  - {where: boundary, equation: v_x = 0}
  - {where: boundary, equation: w_x = 0}
"""


def test_a_pressure_without_a_gauge_is_named_with_what_to_add() -> None:
    stated = problem(edited(GAUGE, "", TEXT))
    assert free_constant_message(stated) == "nothing fixes the level of p: any constant may be added"
    assert any("integral(p) = 0" in warning for warning in stated.warnings)
    assert problem(TEXT).warnings == ()


@pytest.mark.parametrize(
    "gauge",
    ["{where: left, equation: p = 0}", "{where: {point: [0, 1]}, equation: p = 0}", "{where: left, equation: u_x = p}"],
)
def test_any_value_of_it_fixes_a_level(gauge: str) -> None:
    assert free_constant_message(problem(edited(GAUGE, f"  - {gauge}\n", TEXT))) == ""


@pytest.mark.parametrize("weak", ["1e-9", "1e-15", "1e9"])
def test_a_weak_term_fixes_a_level_as_a_strong_one_does(weak: str) -> None:
    text = edited("u_xx = u - v", f"u_xx = {weak}*u - v", edited("v_xx = v - u", "v_xx = v", BIDOMAIN))
    assert free_constant_message(problem(text)) == ""


def test_a_slope_fixes_no_level() -> None:
    assert "level of p" in free_constant_message(problem(edited(GAUGE, "  - {where: left, equation: p_y = 0}\n", TEXT)))


def test_unknowns_that_only_differ_are_free_together() -> None:
    assert (
        free_constant_message(problem(BIDOMAIN))
        == "nothing fixes the level of u and v together: any constant may be added"
    )
    fixed = edited("{where: boundary, equation: v_x = 0}", "{where: boundary, equation: v = 0}", BIDOMAIN)
    assert free_constant_message(problem(fixed)) == ""


def test_a_pressure_in_time_is_free_up_to_a_function_of_it() -> None:
    text = edited(GAUGE, "", TEXT).replace("= lap(u)", "+ u_t = lap(u)").replace("= lap(v)", "+ v_t = lap(v)")
    text = edited("  y: [0, 2]", "  y: [0, 2]\n  t: [0, 1]", text)
    text = edited(
        "quantities", "  - {where: initial, equation: u = 0}\n  - {where: initial, equation: v = 0}\nquantities", text
    )
    assert free_constant_message(problem(text)) == "nothing fixes the level of p: any function of t may be added"


def test_what_is_flat_at_some_values_fixes_a_level_at_others() -> None:
    """Where an unknown is large tanh feels no constant."""
    text = edited("u_xx = u - v", "u_xx = tanh(1e3*(u - v))", edited("v_xx = v - u", "v_xx = tanh(1e3*u)", BIDOMAIN))
    assert free_constant_message(problem(text)) == ""
    free = edited("u_xx = u - v", "u_xx = tanh(1e3*(u - v))", edited("v_xx = v - u", "v_xx = tanh(v - u)", BIDOMAIN))
    assert "u and v together" in free_constant_message(problem(free))
