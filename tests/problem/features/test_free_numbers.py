"""Numbers that equations determine: their starts in place of them, and what is homogeneous and linear."""

from __future__ import annotations

import pytest
from edited import problem

from pinnkan.problem.features.free_numbers import at_start_values, field_count, has_zero, is_homogeneous, is_linear_in
from pinnkan.problem.statement import Equation
from pinnkan.solver.reductions.free_numbers import add_number_unknowns

STRING = """
name: string
domain: {x: [0, 1]}
unknowns: [u]
estimate: {lam: 10}
equations: [EQUATION]
conditions:
  - {where: boundary, equation: u = 0}
  - {where: domain, equation: integral(u**2) = lam}
"""


def equation(text: str) -> Equation:
    return problem(STRING.replace("EQUATION", text)).equations[0]


def test_starts_stand_in_place_of_numbers_in_equations_and_conditions() -> None:
    stated = problem(STRING.replace("EQUATION", "u_xx + lam*u = 0"))
    begun = at_start_values(stated)
    assert str(begun.equations[0].residual) == "10.0*u + u_xx"
    assert [jet.unknown for jet in begun.equations[0].jets.values()] == [0, 0]
    assert str(begun.conditions[-1].equation.residual) == "u**2 - 10.0"


def test_without_their_equations_numbers_are_no_unknowns() -> None:
    reduction = add_number_unknowns(problem(STRING.replace("EQUATION", "u_xx + lam*u = 0")))
    assert reduction is not None
    assert reduction.problem.unknowns == ("u", "lam")
    assert field_count(reduction.problem) == 1
    begun = at_start_values(reduction.problem)
    assert (begun.unknowns, len(begun.equations)) == (("u",), 1)


@pytest.mark.parametrize(
    ("text", "zero", "linear"),
    [
        ("u_xx + lam*u = 0", True, True),
        ("u_xx + lam*u = x", False, True),
        ("u_xx + lam*u**3 = 0", True, False),
        ("(1 + lam)**2*u_xx - u = 0", True, True),
    ],
)
def test_zero_solves_and_multiples_of_a_solution_solve(text: str, zero: bool, linear: bool) -> None:
    found = equation(text)
    assert (has_zero(found, 1), is_linear_in(found, 1), is_homogeneous(found, 1)) == (zero, linear, zero and linear)
