"""Corners between clamped sides: where equations have derivatives that neither side gives, and where not."""

import pytest
from small_models import model_of

from pinnkan.assembly.clamped_corners import clamped_corners

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
        (STOKES, WALLS, "u, v, p", ALL),
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
