"""Where conditions change along the boundary: what is held there, what jumps, and what has no norm for that."""

import pytest
from small_models import model_of

from pinnkan.problem.corners import corners, curvature_corners, unknowns_without_norm

SQUARE = """
name: square
domain:
  x: [0, 1]
  y: [0, 2]
unknowns: [{unknowns}]
equations:
{equations}
conditions:
{conditions}
"""
LAPLACE = ("lap(u) = 0",)
STOKES = ("lap(u) = p_x", "lap(v) = p_y", "u_x + v_y = 0")
WALLS = ("[left, right, bottom]", "u = 0"), ("boundary", "v = 0"), ("{point: [0.5, 0.5]}", "p = 0")


def square(equations, *conditions, unknowns="u"):
    lines = "\n".join(f"  - {e}" for e in equations)
    held = "\n".join(f"  - where: {place}\n    equation: {e}" for place, e in conditions)
    return model_of(SQUARE.format(unknowns=unknowns, equations=lines, conditions=held)).problem


def found(problem):
    return {c.position: (c.has_jump, set(c.prescribed_unknowns), c.is_inside_side) for c in corners(problem)}


def test_values_that_agree_all_around_have_no_corner():
    assert found(square(LAPLACE, ("boundary", "u = x"))) == {}


def test_values_that_disagree_jump():
    problem = square(LAPLACE, ("[left, right, bottom]", "u = 0"), ("top", "u = 100"))
    assert found(problem) == {(0, 2): (True, {0}, False), (1, 2): (True, {0}, False)}
    assert unknowns_without_norm(problem) == set()


def test_slopes_meet_values_where_these_hold_and_each_other_where_nothing_does():
    one = ("left", "u = 0"), ("[right, bottom, top]", "dn(u) + u = 0")
    other = ("left", "v = 0"), ("[right, bottom, top]", "dn(v) + u = 0")
    problem = square((*LAPLACE, "lap(v) = u"), *one, *other, unknowns="u, v")
    free, held = (False, set(), False), (False, {0, 1}, False)
    assert found(problem) == {(0, 0): held, (0, 2): held, (1, 0): free, (1, 2): free}
    assert found(square(LAPLACE, *one)) == {}  # reflected, it is smooth there
    apart = ("left", "v = 0"), ("[right, bottom, top]", "dn(v) = 0")
    assert found(square((*LAPLACE, "lap(v) = u"), *one, *apart, unknowns="u, v")) == {}


@pytest.mark.parametrize(
    ("bottom", "jumps", "held"),
    [
        ("heaviside(0.3 - x)*u + heaviside(x - 0.3)*dn(u) = 0", False, {0}),
        ("u = heaviside(x - 0.3)", True, {0}),
        ("u = abs(x - 0.3)", False, {0}),
        ("dn(u) = heaviside(x - 0.3)", False, set()),
    ],
)
def test_a_formula_that_jumps_or_bends_along_a_side_is_seen_inside_of_it(bottom, jumps, held):
    inside = found(square(LAPLACE, ("[left, right, top]", "u = x"), ("bottom", bottom)))
    assert inside[0.3, 0] == (jumps, held, True)


@pytest.mark.parametrize(("power", "number"), [(1, 1), (2, 0), (3, 0)])
def test_a_formula_whose_slope_goes_on_is_smooth_enough(power, number):
    """As a corner max(0, x - 0.3)^3 got knots until two of them were one but for rounding."""
    assert len(corners(square(LAPLACE, ("boundary", f"u = 1 + max(0, x - 0.3)**{power}")))) == 2 * number


@pytest.mark.parametrize(
    ("lid", "wall", "number"),
    [("x*(1 - x)", "0", 2), ("x**2*(1 - x)**2", "0", 0), ("x*(1 - x)", "y*(2 - y)/4", 1), ("1e-9*x*(1 - x)", "0", 2)],
)
def test_slopes_of_values_that_agree_may_contradict_an_equation(lid, wall, number):
    """div u = 0 at the ends of a lid: a cavity took 25 s to 1e-4 without weights there, 14 s with."""
    walls = ("[left, right, bottom]", "u = 0"), ("[bottom, right, top]", "v = 0"), ("left", f"v = ({wall})*y")
    flow = square(STOKES, *walls, ("{point: [0.5, 0.5]}", "p = 0"), ("top", f"u = {lid}"), unknowns="u, v, p")
    places = {place for place, (jumps, held, _) in found(flow).items() if not jumps and held == {0, 1}}
    assert places == {(0.0, 2.0), (1.0, 2.0)} if number == 2 else len(places) == number


def test_a_pressure_has_no_norm_where_the_lid_jumps_and_one_where_it_does_not():
    jumping = square(STOKES, *WALLS, ("top", "u = 1"), unknowns="u, v, p")
    assert unknowns_without_norm(jumping) == {2}
    assert unknowns_without_norm(square(STOKES, *WALLS, ("top", "u = x*(1 - x)"), unknowns="u, v, p")) == set()


def test_there_are_none_in_time():
    problem = model_of(
        "name: n\ndomain: {x: [0, 1], t: [0, 1]}\nunknowns: [u]\nequations: [u_t = u_xx]\n"
        "conditions:\n  - {where: initial, equation: u = 0}\n  - {where: [left, right], equation: u = 1}\n"
    ).problem
    assert problem.disagreements
    assert corners(problem) == ()


ZERO = ("boundary", "u = 0")


@pytest.mark.parametrize(
    ("equation", "conditions", "number"),
    [
        ("-lap(u) = 1", [ZERO], 4),
        ("-lap(u) = sin(pi*x)*sin(pi*y)", [ZERO], 0),  # nothing but rounding at the far ends
        ("-lap(u) = 1e-12*cos(pi*x)", [ZERO], 4),
        ("-div((2 + sin(3*x + y))*grad(u)) + u**3 = 1", [ZERO], 4),
        ("-lap(u) = x", [ZERO], 2),
        ("-lap(u) = 1", [("[left, right, top]", "u = 0"), ("bottom", "u = x*(1 - x)/2")], 2),  # its curvature is right
        ("-lap(u) = 1", [("[left, right, bottom]", "u = 0"), ("top", "dn(u) = 0")], 2),
        ("lap(u) + 900*u = 0", [("boundary", "u = cos(30*(x + y)/sqrt(2))")], 0),  # a wave that is smooth
        ("lap(u) + 900*u = 0", [("boundary", "u = cos(30.01*(x + y)/sqrt(2))")], 4),
        ("-lap(lap(u)) = 1", [ZERO, ("boundary", "dn(u) = 0")], 0),
    ],
)
def test_curvatures_may_contradict_an_equation_where_values_and_slopes_agree(equation, conditions, number):
    problem = square((equation,), *conditions)
    assert len(curvature_corners(problem)) == number
    assert corners(problem) == ()


def test_a_corner_that_jumps_is_not_bent_as_well():
    problem = square(("-lap(u) = 1",), ("[left, right, bottom]", "u = 0"), ("top", "u = 100"))
    assert {c.position for c in curvature_corners(problem)} == {(0, 0), (1, 0)}
    assert {c.position for c in corners(problem)} == {(0, 2), (1, 2)}


@pytest.mark.parametrize(("mixed", "number"), [("0.1*u_xy", 4), ("-(x + 1)*u_xy/2", 4), ("1e-9*u_xy", 0), ("0", 0)])
def test_second_derivatives_that_are_askew_make_corners_whatever_the_source(mixed, number):
    problem = square((f"-u_xx - 0.01*u_yy - {mixed} = sin(pi*x)*sin(pi*y/2)",), ZERO)
    assert len([c for c in corners(problem) if not c.has_jump and c.prescribed_unknowns]) == number
