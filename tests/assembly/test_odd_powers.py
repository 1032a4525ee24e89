"""Powers that are real of numbers that are not negative only, continued to others while a solution is sought."""

from __future__ import annotations

import numpy as np
import pytest
from edited import problem

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.odd_powers import fractional_powers, odd_continuation
from pinnkan.problem.statement import Equation

TEXT = """
name: a
domain: {{x: [1, 2]}}
unknowns: [u]
equations: [{}]
conditions: [{{where: boundary, equation: u = 1}}]
"""


def _equation(text: str) -> tuple[Equation, CompiledEquation]:
    found = problem(TEXT.format(text))
    return found.equations[0], CompiledEquation(odd_continuation(found.equations[0]), found.coordinates)


@pytest.mark.parametrize("text", ["u_xx = u**3", "u_xx = u + sqrt(x)", "u_xx = u/x**1.5", "u_xx = 1/u"])
def test_an_equation_without_roots_of_its_unknown_is_left_alone(text: str) -> None:
    equation = _equation(text)[0]
    assert fractional_powers(equation) == ()
    assert odd_continuation(equation) is equation


@pytest.mark.parametrize("power", [0.5, 1.5, 7 / 3])
def test_a_root_is_as_it_was_where_it_is_real_and_odd_with_the_slope_of_that_elsewhere(power: float) -> None:
    compiled = _equation(f"u_xx = u**{power!r}")[1]
    at = [j.order for j in compiled.jets].index((0,))
    jets, other = np.zeros((4, 2)), 1 - at
    jets[:, at], jets[:, other] = (2.0, -2.0, 0.5, -0.5), 0.0
    values, slopes = compiled.linearise_numpy(np.full((4, 1), 1.5), jets)
    np.testing.assert_allclose(values, -np.sign(jets[:, at]) * np.abs(jets[:, at]) ** power, rtol=1e-14)
    np.testing.assert_allclose(slopes[:, at], -power * np.abs(jets[:, at]) ** (power - 1), rtol=1e-14)
