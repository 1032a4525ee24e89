"""Taylor coefficients of formulas over boxes hold those at every point."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from pinnkan.certificate.series import Series, constant_series, series_of
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape

X, Y = sympy.symbols("x y")
ORDERS = 9
F = {name: entry[0] for name, entry in FUNCTIONS.items()}
#: Formulas with their numbers in mpmath.
FORMULAS = {
    "product": (X**3 * Y - 2 * X * Y**2 + Y, lambda x, y: x**3 * y - 2 * x * y**2 + y),
    "exp": (sympy.exp(-X * Y), lambda x, y: mpmath.exp(-x * y)),
    "waves": (sympy.sin(3 * X + Y) * sympy.cos(X), lambda x, y: mpmath.sin(3 * x + y) * mpmath.cos(x)),
    "tan": (sympy.tan(X * Y / 2), lambda x, y: mpmath.tan(x * y / 2)),
    "hyperbolic": (F["sinh"](X) + F["cosh"](X * Y), lambda x, y: mpmath.sinh(x) + mpmath.cosh(x * y)),
    "tanh": (F["tanh"](2 * X - Y), lambda x, y: mpmath.tanh(2 * x - y)),
    "log": (sympy.log(X + Y), lambda x, y: mpmath.log(x + y)),
    "powers": ((X + Y) ** -2 + (X * Y) ** 1.3, lambda x, y: (x + y) ** -2 + (x * y) ** mpmath.mpf(1.3)),
    "sqrt": (sympy.sqrt(X + 1) / (1 + Y**2), lambda x, y: mpmath.sqrt(x + 1) / (1 + y**2)),
    "general power": ((X + 1) ** Y, lambda x, y: (x + 1) ** y),
    "arcs": (sympy.asin(X / 3) + sympy.acos(X / 2) + sympy.atan(X * Y),
             lambda x, y: mpmath.asin(x / 3) + mpmath.acos(x / 2) + mpmath.atan(x * y)),
    "erf": (sympy.erf(X - Y), lambda x, y: mpmath.erf(x - y)),
    "signs": (F["abs"](X) * F["sign"](Y) + F["max"](X, Y + 3) + F["min"](X, Y + 3) * F["heaviside"](X),
              lambda x, y: x + (y + 3) + x),
}  # fmt: skip


def along_x(low: float, high: float, y: tuple[float, float]) -> list[Series]:
    """The inputs x and y over one box, with x = c + h s."""
    lo, hi = np.zeros((2, ORDERS, 1))
    lo[0], hi[0], lo[1], hi[1] = low, high, 0.5 * (high - low), 0.5 * (high - low)
    return [Series(lo, hi), constant_series(Interval(np.array([y[0]]), np.array([y[1]])), 1)]


def misfit(name: str, shift: float) -> float:
    """By how much coefficients at points, moved by a share of their size, leave what holds them; none is 0."""
    formula, reference = FORMULAS[name]
    found = series_of(Tape([formula], [X, Y]), along_x(0.5, 0.75, (0.25, 0.375)))[0]
    worst = 0.0
    with mpmath.workdps(60):
        for x, y in ((0.5, 0.25), (0.625, 0.3125), (0.75, 0.375), (0.5625, 0.375)):
            exact = mpmath.taylor(lambda s, y=y: reference(s, mpmath.mpf(y)), mpmath.mpf(x), ORDERS - 1)
            for k in range(found.coefficient_count):
                value = exact[k] * mpmath.mpf(0.125) ** k
                value += shift * (1 + abs(value))
                worst = max(worst, float(found.lo[k, 0] - value), float(value - found.hi[k, 0]))
    return worst


@pytest.mark.parametrize("name", FORMULAS)
def test_coefficients_at_points_lie_in_those_of_the_box(name):
    assert misfit(name, 0.0) <= 1e-40  # what mpmath's differences leave
    assert misfit(name, 3.0) > 0.0


def test_they_shrink_to_the_coefficients_at_a_point():
    found = series_of(Tape([sympy.exp(X) * sympy.sin(X)], [X, Y]), along_x(0.5, 0.5 + 2.0**-30, (0.0, 0.0)))[0]
    assert (found.hi - found.lo < 1e-8 * 2.0 ** -(31.0 * np.arange(ORDERS))[:, None]).all()


@pytest.mark.parametrize("formula", [F["abs"](X), F["max"](X, 0.1), F["heaviside"](X), 1 / X, sympy.sqrt(X)])
def test_nothing_is_claimed_where_a_formula_bends(formula):
    found = series_of(Tape([formula], [X, Y]), along_x(-0.25, 0.5, (0.0, 0.0)))[0]
    assert not np.isfinite(found.hi[1:]).any()
