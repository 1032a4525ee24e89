"""Integrals of expressions of a solution, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from closed_quantities import Given, X, Y, on_line, over_square, read, stated
from edited import problem

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation
from pinnkan.solver.estimate.integrand_knots import refine_line
from pinnkan.solver.estimate.quantities import evaluate_quantities


def test_a_kink_between_the_points_has_breaks() -> None:
    found = read(stated("{integral: abs(u - 0.4123)}"), X, Y, sympy.S.Zero)
    assert found.errors is not None
    assert abs(found.values[0] - (0.4123**2 + 0.5877**2)) <= found.errors[0] < 1e-9


def test_in_many_coordinates_a_mean_over_points_knows_how_far_it_is_off() -> None:
    box = ", ".join(f"x{i}: [0, 1]" for i in range(1, 6))
    symbols = sympy.symbols("x1:6")
    u = sympy.Mul(*(sympy.sin(s) for s in symbols))
    found = read(stated("{integral: u}", f"{{{box}}}"), u, symbols[0], sympy.S.Zero)
    assert found.errors is not None
    assert abs(found.values[0] - (1 - np.cos(1.0)) ** 5) < 4 * found.errors[0] < 1e-4
    peak = read(stated("{max: u}", f"{{{box}}}"), sympy.Add(*(s - s**2 for s in symbols)), symbols[0])
    assert peak.values == pytest.approx([1.25], abs=1e-8)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("{integral: u*exp(-((x - 0.3)/1e-4)**2)}", 0.3e-4 * np.sqrt(np.pi)),
        ("{integral: heaviside(u - 1/3)}", 2.0 / 3.0),
        ("{integral: abs(sin(100*u))}", (62.0 + 1.0 - np.cos(100.0 - 31.0 * np.pi)) / 100.0),
        ("{integral: 1/(u + 1e-6)}", np.log1p(1e6)),
        ("{min: sqrt(abs(u - 0.3))}", 0.0),
    ],
)
def test_integrands_and_extrema_that_are_sharper_than_the_knots_have_errors_that_say_so(quantity, expected):
    text = f"""\
name: read
domain: {{x: [0, 1]}}
unknowns: [u]
equations: [u_xx = 0]
conditions: [{{where: left, equation: u = 0}}, {{where: right, equation: u = 1}}]
quantities: {{q: "{quantity}"}}
"""
    text = text.replace('"{', "{").replace('}"', "}")
    field = Given((X,), (X,), ((0.0, 1.0),))
    nothing = Given((sympy.Integer(0),), (X,), ((0.0, 1.0),))
    (value,), (error,) = (lambda r: (r.values, r.errors))(
        evaluate_quantities(problem(text), field, nothing, np.zeros(1))["q"]
    )
    assert abs(value - expected) <= error + 1e-12
    assert error < 1e-3


def test_an_integral_over_two_coordinates_sees_a_spike_of_its_formula():
    q = stated("{integral: u*exp(-((x - 0.3)/1e-3)**2)}")
    field = Given((X, Y), (X, Y), ((0.0, 1.0), (0.0, 2.0)))
    nothing = Given((sympy.Integer(0), sympy.Integer(0)), (X, Y), ((0.0, 1.0), (0.0, 2.0)))
    reading = evaluate_quantities(q, field, nothing, np.zeros(1))["q"]
    assert reading.values[0] == pytest.approx(2.0 * 0.3e-3 * np.sqrt(np.pi), rel=1e-6)


@pytest.mark.parametrize(
    ("quantity", "u", "expected"),
    [
        ("{integral: heaviside(u - 0.25)}", X * Y, 0.75 - 0.25 * np.log(4.0)),
        ("{integral: abs(u - 0.25)}", X * Y, 0.09375 + 0.0625 * np.log(4.0)),
        ("{integral: heaviside(u - 0.999)}", X * Y, 0.001 + 0.999 * np.log(0.999)),
        ("{integral: 1/(u + 1e-6)}", X, np.log1p(1e6)),
        ("{integral: 1/sqrt(u)}", X, 2.0),
    ],
)
def test_integrals_in_the_plane_over_jumps_bends_and_poles_of_the_solution(
    quantity: str, u: sympy.Expr, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = over_square(quantity, u)
    assert found.errors is not None
    assert abs(found.values[0] - expected) <= found.errors[0] <= 1e-5 * expected + 1e-8
    monkeypatch.setattr("pinnkan.solver.estimate.integrals._surface_arguments", lambda equation: [])
    monkeypatch.setattr("pinnkan.solver.estimate.integrals._MOST_POINTS", 0)
    assert abs(over_square(quantity, u).values[0] - expected) > 3 * found.errors[0], "a rule in every cell would do"


@pytest.mark.parametrize("quantity", ["{integral: 1/u}", "{integral: u/(x - 0.37)**2}", "{integral: 1/(u - 0.3)}"])
def test_an_integral_that_may_be_infinite_has_no_value(quantity: str) -> None:
    for found in (on_line(quantity, X), over_square(quantity, X)):
        assert np.isnan(found.values[0])
        assert found.errors == (np.inf,)
        assert "infinite or not known" in found.note


def test_what_gauss_misses_at_a_pole_is_in_the_error() -> None:
    for power, expected in ((0.5, 2.0), (0.75, 4.0)):
        found = on_line(f"{{integral: u**(-{power})}}", X)
        assert found.errors is not None
        off = abs(found.values[0] - expected)
        assert 1e-7 < off <= found.errors[0] < 10 * off


def test_rounding_of_an_integrand_asks_for_no_intervals() -> None:
    """abs(u - v) of a solution and of what it should be had 62,000 intervals after 14 s; a pole needs its halvings."""
    line, nothing = Axis(np.linspace(0, 1, 4), 1), Equation(sympy.S.Zero, {}, "")
    for differs, fewest, most in ((_nearly_nothing, 50, 400), (lambda x: 1.0 / np.sqrt(x), 24, 60)):
        axis, _ = refine_line(line, nothing, lambda _, x, of=differs: of(x), (12, 8))
        assert fewest < axis.intervals < most


def _nearly_nothing(x: Array) -> Array:
    """1e-9 abs(cos(40 x)), and what rounding makes of a sine worked out in two ways."""
    sine = np.sin(10.0 * x)
    return np.abs(3.0 * sine - 4.0 * sine**3 + 1e-9 * np.cos(40.0 * x) - np.sin(30.0 * x))
