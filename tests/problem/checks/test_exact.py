"""An exact solution is checked against conditions at points and integrals too."""

from __future__ import annotations

import pytest
from edited import edited, faults, problem
from flow import TEXT

EXACT = "exact: {u: x, v: -y, p: %s}\n"
#: Stokes flow towards a corner, whose pressure is constant.
CORNER = (
    TEXT[: TEXT.index("quantities")]
    .replace("equation: u = 0", "equation: u = x")
    .replace("u = x*(1 - x)", "u = x")
    .replace("equation: v = 0", "equation: v = -y")
)
GAUGE = "where: domain\n    equation: integral(p) = 0"


def test_an_exact_solution_with_the_right_integral_is_accepted() -> None:
    assert problem(CORNER + EXACT % "0").exact is not None
    assert problem(edited("integral(p) = 0", "integral(p) = 3", CORNER) + EXACT % "1.5").exact is not None


def test_an_exact_solution_whose_integral_is_off_is_refused() -> None:
    fault = faults(CORNER + EXACT % "1")[0]
    assert "does not satisfy the condition on 'domain' of line 20: its integral is off by 2" in fault.message


@pytest.mark.parametrize(("value", "accepted"), [("1", True), ("2", False)])
def test_an_exact_solution_is_checked_at_points(value: str, accepted: bool) -> None:
    text = edited(GAUGE, f"where: {{point: [0.5, 1]}}\n    equation: p = {value}", CORNER) + EXACT % "1"
    if accepted:
        assert problem(text).exact is not None
    else:
        assert "the condition on 'x = 0.5, y = 1' of line 20" in faults(text)[0].message


def test_a_point_that_contradicts_the_side_it_lies_on_is_a_warning() -> None:
    text = edited(GAUGE, "where: {point: [0, 1]}\n    equation: u = 2", CORNER) + "  - {where: top, equation: p = 0}\n"
    assert any("u = 0 on 'left', u = 2 on 'x = 0, y = 1'" in warning for warning in problem(text).warnings)
    inside = edited("[0, 1]}\n", "[0.5, 1]}\n", text)
    assert not any("disagree" in warning for warning in problem(inside).warnings)


def test_names_of_other_arrays_of_a_result_are_refused() -> None:
    assert "'error' is the name of another array" in faults(TEXT.replace("velocity", "error"))[0].message
