"""Whether sides and the first time have the conditions that the equations ask for."""

from __future__ import annotations

import numpy as np
import pytest
from edited import PERIODIC, edited, only_fault, problem, warnings, without_exact

from pinnkan.solver.driver import solve


def test_a_side_may_say_that_it_has_no_condition() -> None:
    text = edited("[left, right]", "left", without_exact()) + "  - {where: right, equation: none}\n"
    assert [c.equation is None for c in problem(text).conditions] == [False, False, True]


@pytest.mark.parametrize("coordinates", ["{t: [1, 2]}", "{x: [0, 1], t: [1, 2]}"])
def test_a_time_in_which_nothing_evolves_is_refused(coordinates: str) -> None:
    sides = "  - {where: boundary, equation: none}\n" if "x" in coordinates else "  []\n"
    text = f"name: still\ndomain: {coordinates}\nunknowns: [u]\nequations: [u**2 = t]\nconditions:\n{sides}"
    assert only_fault(text).message == "t is a coordinate, but no equation has a derivative by t"
    start = "  - {where: initial, equation: u = 1}\n"
    evolving = text.replace("u**2 = t", "u*u_t = 1/2").replace("  []\n", "") + start
    assert problem(evolving).time_axis is not None


def test_an_equation_of_second_order_in_time_needs_two_initial_conditions() -> None:
    fault = only_fault(edited("u_t = k*u_xx", "u_tt = k*u_xx", without_exact()))
    assert "no initial condition for u_t" in fault.message
    both = edited("u = sin(pi*x)", "u = sin(pi*x)\n  - where: initial\n    equation: u_t = 0", without_exact())
    assert problem(edited("u_t = k*u_xx", "u_tt = k*u_xx", both)).equations[0].orders == (2, 2)


@pytest.mark.parametrize("start", ["u - u_t = 1", "u_t = -1"])
def test_a_rate_at_the_start_of_an_equation_that_gives_it_is_one_fault(start: str) -> None:
    """That there is no initial condition was said as well."""
    fault = only_fault(edited("u = sin(pi*x)", start, without_exact()))
    assert fault.message == "a condition of order 1 in t, where the equation has order 1"
    assert "put in what the equation says" in fault.hint


def test_a_third_order_equation_takes_u_and_u_x_on_one_side() -> None:
    text = edited("u_t = k*u_xx", "u_t = k*u_xxx", without_exact()) + "  - where: left\n    equation: u_x = 0\n"
    assert len(problem(text).conditions) == 4
    assert problem(text).warnings == ()


def test_a_periodic_coordinate_needs_and_takes_no_conditions() -> None:
    assert len(problem(PERIODIC).conditions) == 1
    fault = only_fault(PERIODIC + "  - where: left\n    equation: u = 0\n")
    assert "is no side: x is periodic" in fault.message


def test_a_coordinate_without_derivatives_needs_no_condition() -> None:
    transport = (
        "name: s\ndomain: {x: [0, 1], y: [0, 1]}\nunknowns: [u]\nequations:\n  - u_x = y\nconditions:\n"
        "  - {where: left, equation: u = 0}\n  - {where: [right, bottom, top], equation: none}\n"
    )
    assert warnings(transport) == ""


PRICES = """
name: prices
domain: {x: [-0.2, 0.3], t: [0, 0.5]}
unknowns: [P]
equations: ["P_t = 0.02*P_xx + 0.5*(0.04 - x)*P_x - x*P"]
conditions:
  - {where: initial, equation: P = 1}
  - {where: boundary, equation: P_xx = 0}
"""


def test_a_condition_of_the_order_of_the_equation_is_said_by_lower_ones() -> None:
    """And what is said may be put in its place."""
    hint = only_fault(PRICES).hint
    assert hint.startswith("a condition needs a lower order than the equation; put in what the equation says")
    lower = hint.rpartition(": ")[2]
    assert lower == "P*x + P_t + 0.5*P_x*x - 0.02*P_x = 0"
    assert len(problem(PRICES.replace("P_xx = 0", lower)).conditions) == 3


def test_a_divisor_that_varies_is_multiplied_out_and_what_is_told_by_data_alone_is_no_condition() -> None:
    hint = only_fault(PRICES.replace("0.02*P_xx", "(1 + x**2)*P_xx")).hint
    assert hint.endswith(": P*x + P_t + 0.5*P_x*x - 0.02*P_x = 0")
    text = edited("u_t = k*u_xx", "u_xx = sin(x)", without_exact()).replace("  t: [0, 1]\n", "")
    text = edited("  - where: initial\n    equation: u = sin(pi*x)\n", "", text)
    assert only_fault(edited("u = 0", "u_xx = 0", text)).hint == "a condition needs a lower order than the equation"


def test_what_to_write_for_what_is_given_at_the_last_time_is_said() -> None:
    text = edited("unknowns: [u]", "unknowns: [u, p]", without_exact())
    text = edited("  - u_t = k*u_xx", "  - u_t = k*u_xx - p\n  - -p_t = k*p_xx + u", text)
    text = edited("equation: u = 0", "equation: u = 0\n  - where: boundary\n    equation: p = 0", text)
    assert only_fault(text).hint.endswith("; if p is given at the end of t, write y for t: its ends are bottom and top")
    alone = edited("  - where: initial\n    equation: u = sin(pi*x)\n", "", without_exact())
    assert only_fault(alone).hint.endswith("write 1 - t for t, which turns the sign of u_t")


MOMENTS = """
name: moments
domain: {x: [0, 1]}
unknowns: [u]
equations: [-u_xx + u = 0]
conditions:
  - {where: [left, right], equation: none}
  - {where: domain, equation: integral(u) = exp(1) - 1}
  - {where: domain, equation: "SECOND"}
solver: {tolerance: 1.0e-6}
"""


def test_two_moments_are_two_quantities_and_twice_the_same_is_one() -> None:
    """integral(x*u) beside integral(u) was refused as the same quantity."""
    found = solve(problem(MOMENTS.replace("SECOND", "integral(x*u) = 1")))
    x = np.linspace(0.0, 1.0, 101)
    assert found.verdict.converged
    np.testing.assert_allclose(found.field(x[:, None], [(0,)])[:, 0, 0], np.exp(x), rtol=1e-6)
    again = only_fault(MOMENTS.replace("SECOND", "2*integral(u) = 2*exp(1)"))
    assert "two conditions for the same quantity on 'domain'" in again.message
