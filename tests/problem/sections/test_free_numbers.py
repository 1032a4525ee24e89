"""Numbers under `estimate` without `data`: how they are normalised, and what is said where they cannot be found."""

from __future__ import annotations

import pytest
from edited import edited, faults, problem

STRING = """\
name: string
domain: {x: [0, 1]}
unknowns: [u]
estimate: {lam: 10}
equations:
  - u_xx + lam*u = 0
conditions:
  - {where: boundary, equation: u = 0}
"""
SQUARE = edited("{x: [0, 1]}", "{x: [0, 1], y: [0, 1]}", edited("u_xx", "lap(u)", STRING))


def test_an_eigenfunction_has_the_norm_one_where_the_file_gives_it_none() -> None:
    assert problem(STRING).free_numbers == ("lam",)
    assert [c.equation.text for c in problem(STRING).conditions] == ["u = 0", "u = 0", "integral(u**2) = 1"]


@pytest.mark.parametrize(
    "normalised",
    [
        STRING + "  - {where: left, equation: u_x = 1}\n",
        STRING + "  - {where: domain, equation: integral(u) = 1}\n",
        edited("lam*u = 0", "lam*u = 1", STRING) + "  - {where: left, equation: u_x = 0}\n",
    ],
)
def test_no_norm_is_added_where_conditions_give_one(normalised: str) -> None:
    assert [c.equation.text for c in problem(normalised).conditions][-1] in ("u_x = 1", "u_x = 0", "integral(u) = 1")
    assert problem(normalised).warnings == ()


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (edited("[0, 1]", "[0, lam]", STRING), 4, "'lam' cannot stand in the domain", "scale the coordinate"),
        (edited("lam*u = 0", "lam*u = 1", STRING), 4, "'lam': 3 conditions are needed, here are 2", "add"),
        (edited("lam*u = 0", "lam*u = 1", SQUARE), 4, "determines 'lam': conditions on sides", "integral(u**2) = 1"),
        (edited("lam: 10", "lam: {start: 10, range: [1, 20]}", STRING), 4, "'range' is for numbers", "a start"),
        (STRING + "solver: {network: ridge}\n", 4, "numbers without `data` need a product network", "leave"),
        (edited("u_xx + lam*u = 0", "lam = 3", STRING), 6, "does not contain an unknown", "determine u"),
        (STRING + "  - {where: left, equation: lam = 3}\n", 9, "does not contain the unknown", "write u"),
        (STRING + "exact: {u: sin(pi*x)}\n", 9, "`exact` lacks the unknown 'lam'", ""),
        (STRING + "exact: {u: sin(pi*x), lam: pi**2}\n", 9, "does not satisfy integral(u**2) = 1", "slip"),
        (STRING + "exact: {u: sqrt(2)*sin(pi*x), lam: 9}\n", 9, "does not satisfy the equation of line 6", "slip"),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_said_at_its_place(text: str, line: int, message: str, hint: str) -> None:
    found = [f for f in faults(text) if message.replace("`", "'") in f.message.replace("`", "'")]
    assert [f.line for f in found][:1] == [line], faults(text)
    assert hint in (found[0].hint or "")


def test_time_is_refused_and_marching_in_space_is_not() -> None:
    text = edited("{x: [0, 1]}", "{x: [0, 1], t: [0, 1]}", edited("u_xx", "u_t - u_xx", STRING))
    refused = faults(text + "  - {where: initial, equation: u = 1}\n")
    assert any("found for steady problems, not in time" in f.message for f in refused)
    assert problem(STRING + "exact: {lam: pi**2, u: sqrt(2)*sin(pi*x)}\n").warnings == ()
