"""Splines and their derivatives are enclosed: the exact values, in fractions, lie inside."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pinnkan.certificate.cell_ranges import grid_cells
from pinnkan.certificate.splines import Ball, differentiate_spline, series_along, spline_of
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space

BREAKS = np.array([-0.3, 0.1, 0.25, 0.9])


def exact(axis, c, x, order):
    """De Boor's recurrence in fractions: the derivative of a spline at x."""
    knots = list(map(Fraction, map(float, axis.breaks)))
    p = axis.degree
    if axis.periodic:
        m, period = len(knots) - 1, knots[-1] - knots[0]
        turned = [(i % m, i // m) for i in range(-p, m + p + 1)]
        knots = [knots[m] if i == 0 and k == 1 else knots[i] + k * period for i, k in turned]
        c = [c[i % m] for i in range(m + p)]
    else:
        knots = [knots[0]] * p + knots + [knots[-1]] * p
    c, x = [Fraction(float(v)) for v in c], Fraction(float(x))
    for _ in range(order):
        c = [p * (c[i] - c[i - 1]) / (knots[i + p] - knots[i]) for i in range(1, len(c))]
        knots, p = knots[1:-1], p - 1
    j = max(i for i in range(p, len(knots) - p - 1) if knots[i] <= x)
    d = [c[i] for i in range(j - p, j + 1)]
    for r in range(1, p + 1):
        for i in range(p, r - 1, -1):
            low, high = knots[j - p + i], knots[j + 1 + i - r]
            d[i] = ((x - low) * d[i] + (high - x) * d[i - 1]) / (high - low)
    return d[p]


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_values_lie_in_their_enclosure(order, periodic):
    axis = Axis(BREAKS, 5, periodic)
    c = np.random.default_rng(order).normal(size=axis.count)
    cells = grid_cells([BREAKS])
    points = np.linspace(cells.lo[0], cells.hi[0], 5).T
    found = differentiate_spline(spline_of(Space((axis,)), c[:, None]), (order,)).grid_values(cells, [points])
    scale = np.abs(found.hi).max()
    for cell in range(cells.count):
        for k in range(5 - (cell < 2)):  # an inner knot belongs to the next interval
            value = exact(axis, c, points[cell, k], order)
            lo, hi = Fraction(float(found.lo[cell, k])), Fraction(float(found.hi[cell, k]))
            assert lo <= value <= hi
            assert float(hi - lo) < 1e-13 * scale
            assert not lo <= value + Fraction(1, 10**12) * Fraction(float(scale)) <= hi


def test_a_derivative_is_as_far_off_as_coefficients_are():
    """By turns from the middle: at the left end, where it is its first coefficient, it is as far off as it may be."""
    axis, off = Axis(BREAKS, 3), 1e-3
    c = np.random.default_rng(0).normal(size=(axis.count, 1))
    turns = off * (-1.0) ** np.arange(axis.count)[:, None]
    spline = replace(spline_of(Space((axis,)), c), coefficients=Ball(c[:, 0], np.full(axis.count, off)))
    cells = grid_cells([BREAKS])
    found = differentiate_spline(spline, (1,)).grid_values(cells, [cells.lo[0][:, None]])
    for size, held in ((1.0, True), (-1.0, True), (1.01, False)):
        exactly = differentiate_spline(spline_of(Space((axis,)), c + size * turns), (1,)).grid_values(
            cells, [cells.lo[0][:, None]]
        )
        assert np.all((found.lo <= exactly.hi) & (exactly.lo <= found.hi)) == held


def test_a_product_is_enclosed_as_its_factors_are():
    x, y = Axis(BREAKS, 4), Axis(np.array([0.0, 0.5, 2.0]), 3)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=x.count), rng.normal(size=y.count)
    spline = spline_of(Space((x, y)), np.multiply.outer(a, b)[..., None])
    cells = grid_cells([x.breaks, y.breaks])
    found = differentiate_spline(spline, (2, 1)).grid_values(
        cells, [cells.middle[0][:, None], cells.middle[1][:, None]]
    )
    for cell in range(cells.count):
        value = float(exact(x, a, cells.middle[0, cell], 2) * exact(y, b, cells.middle[1, cell], 1))
        # the coefficients are rounded products
        assert found.lo[cell, 0, 0] - 1e-12 <= value <= found.hi[cell, 0, 0] + 1e-12
        assert found.hi[cell, 0, 0] - found.lo[cell, 0, 0] < 1e-11


def test_taylor_coefficients_sum_to_the_function_and_its_series_holds_it():
    axis = Axis(BREAKS, 5)
    c = np.random.default_rng(1).normal(size=axis.count)
    cells = grid_cells([BREAKS])
    taylor = spline_of(Space((axis,)), c[:, None]).taylor_coefficients(cells)
    series = series_along(taylor, 0, 7)
    for cell in range(cells.count):
        middle, reach = cells.middle[0, cell], cells.half_width[0, cell]
        for s in (-0.9, 0.3, 0.8):
            value = float(exact(axis, c, middle + s * reach, 0))
            assert abs((taylor.mid[cell] * s ** np.arange(6)).sum() - value) < 1e-12
            assert series.lo[0, cell] <= value <= series.hi[0, cell]
            slope = float(exact(axis, c, middle + s * reach, 1)) * reach
            assert series.lo[1, cell] <= slope <= series.hi[1, cell]
    assert (series.lo[6] == 0.0).all()
    assert (series.hi[6] == 0.0).all()


def test_a_ball_holds_its_interval():
    ball = Ball(np.array([0.1]), np.array([1e-3]))
    again = Ball.from_interval(ball.interval)
    assert again.mid - again.rad <= ball.interval.lo
    assert again.mid + again.rad >= ball.interval.hi
