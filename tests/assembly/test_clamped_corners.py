"""Corners between clamped sides: where equations have derivatives that neither side gives, and where not."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.assembly.clamped_corners import MAX_EXPONENT, clamped_corners, least_exponent
from pinnkan.problem.checks.linearised_system import PrincipalWeights
from pinnkan.problem.statement import Jet

SQUARE = """
name: square
domain: {{x: [0, 1], y: [0, 2]}}
unknowns: [{unknowns}]
equations: {equations}
conditions:
{conditions}
"""
LAPLACE, STOKES = ("lap(u) = 0",), ("lap(u) = p_x", "lap(v) = p_y", "u_x + v_y = 0")
WALLS = ("boundary", "u = x"), ("boundary", "v = 0"), ("{point: [0.5, 0.5]}", "p = 0")

ALL = {(0, 0), (0, 2), (1, 0), (1, 2)}
PLATE, FIXED = ("lap(lap(u)) = 1",), (("boundary", "u = 0"), ("boundary", "dn(u) = 0"))
ELASTIC = ("3*u_xx + u_yy + 2*v_xy = 1", "3*v_yy + v_xx + 2*u_xy = 0")
HELD = ("boundary", "u = 0"), ("boundary", "v = 0")
SUPPORTED = ("boundary", "u = 0"), ("[left, right]", "u_xx = 0"), ("[top, bottom]", "u_yy = 0")
PARTLY = ("boundary", "u = 0"), ("[left, right]", "dn(u) = 0"), ("top", "dn(u) = 0"), ("bottom", "u_yy = 0")
FREE = ("[left, right, bottom]", "u = 0"), ("[left, right, bottom]", "v = 0"), ("top", "v_y = 0"), ("top", "u_y = 0")


@pytest.mark.parametrize(
    ("equations", "conditions", "unknowns", "found"),
    [
        (PLATE, FIXED, "u", ALL),
        (ELASTIC, HELD, "u, v", ALL),
        (STOKES, WALLS, "u, v, p", set()),  # r^2.74 of second order
        (PLATE, PARTLY, "u", {(0, 2), (1, 2)}),
        (ELASTIC, FREE, "u, v", {(0, 0), (1, 0)}),
        (PLATE, SUPPORTED, "u", set()),  # reflected, what is smooth stays so
        (LAPLACE, (("boundary", "u = x"),), "u", set()),  # all derivatives along the sides are known
        (("u_xxxx + u_yy = 0",), FIXED, "u", set()),  # not elliptic
        (("u_xxxx - u_xxyy = 0",), FIXED, "u", set()),
    ],
)
def test_corners_of_clamped_sides_at_which_derivatives_are_open(equations, conditions, unknowns, found):
    held = "\n".join(f"  - {{where: {place}, equation: '{e}'}}" for place, e in conditions)
    problem = model_of(SQUARE.format(unknowns=unknowns, equations=list(equations), conditions=held)).problem
    assert {c.position for c in clamped_corners(problem)} == found


def terms(*found):
    return [(Jet(unknown, order), factor) for unknown, order, factor in found]


def zero(*unknowns):
    return [terms((j, (0, 0), 1.0)) for j in unknowns]


def of_a_plate():
    inside = [terms((0, (4, 0), 1.0), (0, (2, 2), 2.0), (0, (0, 4), 1.0))]
    held = [[terms((0, (0, 0), 1.0)), terms((0, slope, 1.0))] for slope in ((1, 0), (0, 1))]
    return least_exponent(inside, held, PrincipalWeights(4, (4,), (0,)))


def of_a_flow():
    inside = [terms((j, (2, 0), 1.0), (j, (0, 2), 1.0), (2, (1 - j, j), -1.0)) for j in range(2)]
    inside.append(terms((0, (1, 0), 1.0), (1, (0, 1), 1.0)))
    return least_exponent(inside, [zero(0, 1), zero(0, 1)], PrincipalWeights(4, (2, 2, 1), (0, 0, 1)))


def of_a_sheet(first):
    """Lame's constants first and 1."""
    inside = [
        terms((0, (2, 0), first + 2.0), (0, (0, 2), 1.0), (1, (1, 1), first + 1.0)),
        terms((1, (0, 2), first + 2.0), (1, (2, 0), 1.0), (0, (1, 1), first + 1.0)),
    ]
    return least_exponent(inside, [zero(0, 1), zero(0, 1)], PrincipalWeights(4, (2, 2), (0, 0)))


def test_exponents_are_those_of_closed_forms():
    """sin(s pi/2) = -s/1.8 or s/1.8 (Williams 1952); s - 1 = 2.7396 + 1.1190i solves sin(s pi/2) = s (Moffatt 1964)."""
    sheet = of_a_sheet(1.5)
    assert abs(np.sin(0.5 * np.pi * sheet)) == pytest.approx(sheet / 1.8, rel=1e-6)
    assert 1.3 < sheet < 1.5
    assert of_a_plate() == pytest.approx(3.73959, abs=1e-4)
    assert of_a_flow() == pytest.approx(2.73959, abs=1e-4)


def test_polynomials_are_no_singularities():
    """Of the Laplacian next to two sides with u = 0 they are xy and its like; next to an insulated one x."""
    inside, weights = [terms((0, (2, 0), 1.0), (0, (0, 2), 1.0))], PrincipalWeights(2, (2,), (0,))
    assert least_exponent(inside, [zero(0), zero(0)], weights) == MAX_EXPONENT
    assert least_exponent(inside, [zero(0), [terms((0, (0, 1), 1.0))]], weights) == MAX_EXPONENT
    askew = [terms((0, (2, 0), 1.0), (0, (0, 2), 1.0), (0, (1, 1), 1.0))]  # an angle of 120 degrees
    assert least_exponent(askew, [zero(0), zero(0)], weights) == pytest.approx(1.5, abs=1e-6)
