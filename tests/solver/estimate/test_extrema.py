"""Extrema of expressions of a solution, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from closed_quantities import LINE, Given, X, Y, on_line, stated
from edited import problem

from pinnkan.problem.expressions.tape import Tape
from pinnkan.solver.estimate.quantities import evaluate_quantities


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("{max: u*(1 + exp(-((x - 0.37193)/1e-4)**2))}", 0.37193 * 0.62807),
        ("{min: u*sin(2*pi*512*x)}", -0.125),
        ("{max: exp(-((u - 0.1)/1e-6)**2)}", 1.0),
    ],
)
def test_an_extremum_between_the_knots_of_the_solution_is_found(quantity: str, expected: float) -> None:
    found = on_line(quantity, X * (1 - X) / 2)
    assert found.errors is not None
    assert abs(found.values[0] - expected) < 1e-3 * abs(expected)
    assert found.errors[0] < 1e-6
    samples = np.linspace(0.0, 1.0, 2001)
    tape = Tape([problem(LINE.format(quantity)).quantities["q"].parts[0][1].residual], [X, sympy.Symbol("u")])
    seen = np.abs(tape([samples, samples * (1 - samples) / 2])[0]).max()
    assert seen < abs(found.values[0]) - 100 * found.errors[0], "points alone would have done"


def test_a_spike_in_the_plane_is_in_the_largest_value() -> None:
    q = stated("{max: u*(1 + exp(-((x - 0.37193)**2 + (y - 0.6131)**2)/1e-6))}")
    field, nothing = (Given((e, e), (X, Y), ((0.0, 1.0), (0.0, 2.0))) for e in (1 - (Y - 1) ** 2, sympy.S.Zero))
    found = evaluate_quantities(q, field, nothing, np.zeros(1))["q"]  # type: ignore[arg-type]
    assert found.values[0] == pytest.approx(2 * (1 - 0.3869**2), rel=1e-5)


def test_what_the_search_leaves_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinnkan.solver.estimate.extrema._MOST_BOXES", 9000)
    found = on_line("{max: u*sin(2*pi*5e6*x)*cos(3e7*x)}", X)
    assert found.errors is not None
    assert found.values[0] + found.errors[0] >= 1.0 - 1e-5
    assert found.values[0] < 1.0 - 1e-5
