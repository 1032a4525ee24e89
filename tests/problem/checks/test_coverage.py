"""Whether sides and the first time have the conditions that the equations ask for."""

from __future__ import annotations

import pytest
from edited import PERIODIC, edited, only_fault, problem, warnings, without_exact


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
