"""Ranges over cells hold the function, and are not much wider, however small it is beside its terms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from smooth_fields import projected

from pinnkan.certificate import quadrature
from pinnkan.certificate.cell_ranges import grid_cells, ranges_of, refined_ranges
from pinnkan.certificate.splines import Cells, differentiate_spline, spline_of
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.tape import Tape

X, Y, U, V = sympy.symbols("x y u v")


def spline(field):
    return spline_of(*field.pieces[0])


@pytest.mark.parametrize("shift", [0.0, 1e-9])
def test_a_residual_that_nearly_vanishes_is_bounded_tightly(shift):
    field = projected(lambda x, y: np.sin(3 * x) * np.exp(y) + shift * x**2, [(0, 1), (0, 2)], [4, 5])
    u = spline(field)
    tape = Tape([U + V + 8 * sympy.sin(3 * X) * sympy.exp(Y)], [X, Y, U, V])
    jets = [differentiate_spline(u, order) for order in ((2, 0), (0, 2))]
    _, found = refined_ranges(tape, grid_cells(u.breaks), jets)
    points = np.random.default_rng(0).uniform([0, 0], [1, 2], (4000, 2))
    values = field(points, [(2, 0), (0, 2)])[:, 0]
    seen = np.abs(tape([*points.T, *values.T])[0]).max()
    bound = found.value.magnitude().max()
    assert seen - 1e-12 <= bound < 2.0 * seen + 1e-10
    assert seen > 0.5 * shift


FORMULAS = [
    1 / (1 + 25 * X**2) * sympy.cos(Y),
    sympy.exp(sympy.sin(5 * X * Y)),
    sympy.sqrt(1.1 + X + Y) * FUNCTIONS["tanh"][0](8 * X),
    sympy.log(2 + X * Y) - sympy.atan(3 * X),
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_samples_of_a_cell_lie_in_its_range(formula):
    tape = Tape([formula], [X, Y])
    breaks = [np.linspace(-1, 1, 5), np.linspace(0, 1, 4)]
    cells, found = refined_ranges(tape, grid_cells(breaks), [], 1e-6)
    points = np.random.default_rng(0).uniform(size=(2, cells.count, 300))
    x = cells.lo[:, :, None] + (cells.hi - cells.lo)[:, :, None] * points
    values = tape(list(x))[0]
    lo, hi = found.value.lo[0][:, None], found.value.hi[0][:, None]
    assert ((values >= lo - 1e-14) & (values <= hi + 1e-14)).all()
    width, seen = (hi - lo)[:, 0], np.ptp(values, axis=1)
    assert np.median(width / seen) < 1.7
    assert not ((values + 0.5 * width[:, None] >= lo) & (values + 0.5 * width[:, None] <= hi)).all()


def test_where_a_formula_bends_inside_nothing_is_known_and_at_an_end_all():
    tape = Tape([FUNCTIONS["abs"][0](X)], [X])
    assert np.isinf(ranges_of(tape, grid_cells([np.array([-1.0, 0.5, 1.0])]), []).value.hi[0, 0])
    at_knots = ranges_of(tape, grid_cells([np.array([-1.0, 0.0, 1.0])]), []).value
    assert at_knots.hi.max() < 1.5


def test_a_fixed_coordinate_has_one_point():
    tape = Tape([X * Y], [X, Y])
    cells = Cells(np.array([[2.0], [0.0]]), np.array([[2.0], [1.0]]))
    found = ranges_of(tape, cells, []).value
    assert found.lo[0, 0] <= 0.0 <= 2.0 <= found.hi[0, 0] < 2.2


def test_gauss_rules_err_by_rounding_and_bad_ones_are_seen(monkeypatch):
    assert quadrature.verified_gauss_rule(12).defect < 1e-13
    nodes, weights = np.polynomial.legendre.leggauss(13)
    monkeypatch.setattr(quadrature, "gauss_legendre", lambda n: (nodes + 1e-6, weights))
    assert quadrature.verified_gauss_rule(13).defect > 1e-6


def test_a_norm_lies_between_its_bounds():
    field = projected(lambda x, y: 3 * np.sin(np.pi * x) * np.sin(np.pi * y), [(0, 1), (0, 1)], [4, 3])
    u = spline(field)
    cells = grid_cells(u.breaks)
    low, high = quadrature.norm_bounds(Tape([U], [X, Y, U]), cells, [u], np.full(cells.count, 4.0))
    assert 1.5 - 1e-7 < low < high < 1.5 + 1e-7
