"""What the formulas alone leave undetermined is named."""

from __future__ import annotations

from edited import edited, problem
from flow import TEXT

from pinnkan.solver.verify.failure_reasons import index_three_constraint, undetermined_reason

GAUGE = "  - where: domain\n    equation: integral(p) = 0\n"


def test_a_pressure_without_a_gauge_is_named() -> None:
    assert undetermined_reason(problem(edited(GAUGE, "", TEXT))) == (
        "nothing fixes the level of p: any constant may be added"
    )
    assert undetermined_reason(problem(TEXT)) == ""


def test_a_side_with_too_few_conditions_of_a_system_is_named() -> None:
    text = edited("[left, right, bottom]", "[left, bottom]", TEXT)
    assert undetermined_reason(problem(text)) == "the system asks for 2 conditions at x = 1, here is 1"


PENDULUM = """
name: pendulum
domain: {t: [0, 1]}
unknowns: [x, y, l]
equations: [x_tt = -l*x, y_tt = -l*y - 9.81, "x**2 + y**2 = 1"]
conditions:
  - {where: initial, equation: x = 1}
  - {where: initial, equation: x_t = 0}
  - {where: initial, equation: y = 0}
  - {where: initial, equation: y_t = 0}
"""


def test_a_constraint_of_index_three_is_named_and_what_to_write_is_none() -> None:
    assert index_three_constraint(problem(PENDULUM)).startswith(
        "'x**2 + y**2 = 1' tells l by its second derivative in time only"
    )
    for written in ("x*x_tt + y*y_tt + x_t**2 + y_t**2 = 0", "x*x_t + y*y_t = 0", "l + x**2 + y**2 = 1"):
        assert index_three_constraint(problem(edited("x**2 + y**2 = 1", written, PENDULUM))) == ""
    assert index_three_constraint(problem(TEXT)) == ""
