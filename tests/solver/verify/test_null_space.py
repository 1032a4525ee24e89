"""What the formulas alone leave undetermined is named."""

from __future__ import annotations

from edited import edited, problem
from flow import TEXT

from pinnkan.solver.verify.unsettled import undetermined

GAUGE = "  - where: domain\n    equation: integral(p) = 0\n"


def test_a_pressure_without_a_gauge_is_named() -> None:
    assert undetermined(problem(edited(GAUGE, "", TEXT))) == ("nothing fixes the level of p: any constant may be added")
    assert undetermined(problem(TEXT)) == ""


def test_a_side_with_too_few_conditions_of_a_system_is_named() -> None:
    text = edited("[left, right, bottom]", "[left, bottom]", TEXT)
    assert undetermined(problem(text)) == "the system asks for 2 conditions at x = 1, here is 1"
