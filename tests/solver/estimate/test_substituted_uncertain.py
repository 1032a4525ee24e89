"""What an expression may be within the error of the solution."""

from __future__ import annotations

import numpy as np
import sympy
from closed_quantities import Given, X, Y, stated

from pinnkan.solver.estimate.quantities import evaluate_quantities
from pinnkan.solver.outcome import SAFETY


def test_where_the_error_passes_through_zero_it_is_what_it_is_around() -> None:
    box = ((0.0, 1.0), (0.0, 1.0))
    wave, flat = (Given((e, sympy.S.Zero), (X, Y), box) for e in (1e-6 * sympy.sin(30 * (X - 0.5)), 1e-6 + 0 * X))
    peak = Given((1e-6 * sympy.exp(-1000 * ((X - 0.5) ** 2 + (Y - 0.5) ** 2)), sympy.S.Zero), (X, Y), box, 40)
    field = Given((X, sympy.S.Zero), (X, Y), box, 40)
    for quantity, error, least, most in (
        ("{value: u, at: [0.5, 0.5]}", wave, 2e-8, 7e-7),
        ("{value: u, at: [0.5, 0.5]}", flat, SAFETY * 1e-6, SAFETY * 1.001e-6),
        ("{integral: u}", flat, SAFETY * 1e-6, SAFETY * 1.001e-6),
        ("{integral: u}", wave, 0.0, 1e-8),
        ("{integral: u}", peak, 1.2e-8, 3e-8),
    ):
        found = evaluate_quantities(stated(quantity, "{x: [0, 1], y: [0, 1]}"), field, error, np.zeros(1))["q"]  # type: ignore[arg-type]
        assert found.errors is not None
        assert least * 0.999 <= found.errors[0] <= most


def test_a_ratio_of_what_is_no_larger_than_its_error_has_no_bound() -> None:
    box = ((0.0, 1.0), (0.0, 1.0))
    q = stated("{value: v/u, at: [0.5, 0.5]}", "{x: [0, 1], y: [0, 1]}")
    for size, bounded in ((1e-14, False), (1e-9, True)):
        field = Given((size * (1 + X), size * Y), (X, Y), box)
        error = Given((-1.5e-14 * (1 + X), 1e-16 * Y), (X, Y), box)
        found = evaluate_quantities(q, field, error, np.zeros(1))["q"]  # type: ignore[arg-type]
        assert found.errors is not None
        assert np.isfinite(found.errors[0]) == bounded
        assert ("no bound" in found.note) == (not bounded)
