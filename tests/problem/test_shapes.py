"""Shapes in the plane: what is read, the names of their pieces, normals, and every fault with its place."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from edited import edited, faults, only_fault, problem, warnings

from pinnkan.domain.box import Box
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.problem.description import describe
from pinnkan.problem.resolved_file import resolved_text
from pinnkan.problem.schema import json_schema
from pinnkan.problem.statement import Point, Problem

TEXT = """\
name: plate
domain:
  shape:
    difference:
      - rectangle: {x: [-1, 1], y: [-1, 1], name: outer}
      - disk: {center: [0.5, 0.5], radius: 1/4, name: hole}
      - disk: {center: [-0.5, 0.5], radius: 1/4, name: hole}
unknowns: [u]
equations:
  - lap(u) = 0
conditions:
  - {where: outer, equation: u = 1}
  - {where: hole, equation: u = 0}
"""
#: The left side with another value than the rest.
LEFT_APART = """\
  - {where: outer.left, equation: u = 1}
  - {where: [outer.right, outer.top, outer.bottom], equation: u = 2}"""


def alone(shape: str, conditions: str = "[{where: boundary, equation: u = 0}]", more: str = "") -> str:
    """A problem on one shape."""
    text = f"name: one\ndomain:\n  shape: {shape}\nunknowns: [u]\nequations: [-lap(u) = 1]\n"
    return f"{text}conditions: {conditions}\n{more}"


def shaped(text: str) -> ShapedDomain:
    """The domain of a problem on a shape."""
    domain = problem(text).domain
    assert isinstance(domain, ShapedDomain)
    return domain


def places(p: Problem) -> dict[str, list[object]]:
    """The places of the conditions by their name."""
    found: dict[str, list[object]] = {}
    for c in p.conditions:
        found.setdefault(c.name, []).append(c.place)
    return found


def test_a_name_is_all_pieces_of_all_shapes_that_have_it() -> None:
    found = places(problem(TEXT))
    assert found["hole"] == [ShapeSide("hole"), ShapeSide("hole#2")]
    assert set(found) == {"hole", *(f"outer.{side}" for side in ("bottom", "right", "top", "left"))}
    assert shaped(TEXT).measure == pytest.approx(4.0 - np.pi / 8.0, rel=1e-12)


def test_a_side_of_a_shape_is_a_place() -> None:
    found = places(problem(edited("  - {where: outer, equation: u = 1}", LEFT_APART, TEXT)))
    assert found["outer.left"] == [ShapeSide("outer.left")]


def test_shapes_without_a_name_are_called_by_their_kind() -> None:
    shape = "{union: [{disk: {center: [0, 0], radius: 1}}, {disk: {center: [1, 0], radius: 1}}]}"
    assert set(shaped(alone(shape)).names) == {"disk", "disk2"}
    assert set(shaped(alone("{move: {shape: {rectangle: {x: [0, 1], y: [0, 1]}}}}")).names) == {
        f"rectangle.{side}" for side in ("bottom", "right", "top", "left")
    }


@pytest.mark.parametrize("vertices", [[[0, 0], [2, 0], [2, 1], [0, 2]], [[0, 2], [2, 1], [2, 0], [0, 0]]])
def test_edges_of_a_polygon_are_numbered_as_in_the_file(vertices: list[list[int]]) -> None:
    domain = shaped(alone(f"{{polygon: {{vertices: {vertices}, name: p}}}}"))
    assert domain.measure == pytest.approx(3.0)
    listed = np.array(vertices, dtype=float)
    for k, (a, b) in enumerate(zip(listed, np.roll(listed, -1, axis=0), strict=True), start=1):
        at = domain.boundary_pieces[ShapeSide(f"p.{k}")].map_parameters(np.array([[0.5]]))
        assert at[0] == pytest.approx((a + b) / 2.0)


def test_ellipses_and_moves_take_expressions() -> None:
    ellipse = shaped(alone("{ellipse: {center: [0, 0], radii: [2, 1/2], angle: pi/2}}"))
    assert np.array(ellipse.box.ranges) == pytest.approx(np.array([[-0.5, 0.5], [-2.0, 2.0]]))
    moved = shaped(alone("{move: {shape: {disk: {center: [1, 0], radius: 1}}, by: [0, 3], rotate: pi/2}}"))
    assert np.array(moved.box.ranges) == pytest.approx(np.array([[-1.0, 1.0], [3.0, 5.0]]))


def test_ranges_without_a_name_stay_a_box() -> None:
    text = alone("{rectangle: {x: [0, 1], y: [0, 2]}}", "[{where: [left, right, top, bottom], equation: u = 0}]")
    assert isinstance(problem(text).domain, Box)
    assert shaped(alone("{rectangle: {x: [0, 1], y: [0, 2], name: r}}")).measure == pytest.approx(2.0)


def test_normals_are_those_of_the_piece() -> None:
    x, y, u_x, u_y = sympy.symbols("x y u_x u_y")
    disk = "{disk: {center: [0, 0], radius: 1, name: rim}}"
    rim = "[{where: rim, equation: dn(u) = x*n_x + 2*y*n_y}, {where: {point: [0, 0]}, equation: u = 0}]"
    p = problem(alone(disk, rim, "exact: {u: x**2/2 + y**2}\n").replace("-lap(u) = 1", "lap(u) = 3"))
    first = p.conditions[0].equation
    assert first is not None
    assert sympy.expand(first.residual - (x * u_x + y * u_y - x**2 - 2 * y**2)).subs({x: 0.3, y: 0.4}) == 0
    assert (p.conditions[1].place, p.warnings) == (Point((0.0, 0.0)), ())
    left = problem(edited("outer, equation: u = 1", "outer, equation: dn(u) = 1", TEXT)).conditions
    texts = {c.name: str(c.equation.residual) for c in left if c.equation is not None}
    assert texts["outer.left"] == "-u_x - 1"
    assert texts["outer.top"] == "u_y - 1"


def test_the_integral_of_exact_is_over_the_shape() -> None:
    disk = "{disk: {center: [0, 0], radius: 1, name: rim}}"
    rim = "[{where: rim, equation: dn(u) = 1}, {where: domain, equation: integral(u) = 2}]"
    text = alone(disk, rim, "exact: {u: (x**2 + y**2)/2}\n").replace("-lap(u) = 1", "lap(u) = 2")
    assert any("its integral is off by 1.21" in fault.message for fault in faults(text))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("conditions: [", "conditions: [{where: domain, equation: integral(u) = 0}, ", 6, "is no condition yet"),
        ("-lap(u) = 1", "-div((1 + heaviside(x))*grad(u)) = 1", 5, "a flux that jumps is not available on shapes"),
        ("unknowns:", "solver: {network: deep}\nunknowns:", 4, "'network' is one of: auto, product"),
    ],
)
def test_what_a_shape_cannot_do_yet_is_refused_where_it_stands(old: str, new: str, line: int, message: str) -> None:
    text = alone("{disk: {center: [0, 0], radius: 1, name: rim}}", "[{where: rim, equation: u = 0}]")
    fault = only_fault(edited(old, new, text))
    assert message in fault.message
    assert (fault.line, bool(fault.hint)) == (line, True)


def test_exact_is_checked_on_pieces() -> None:
    text = alone("{disk: {center: [0, 0], radius: 1}}", more="exact: {u: (2 - x**2 - y**2)/4}\n")
    assert "`exact` does not satisfy the condition on 'disk'" in only_fault(text).message


def test_points_lie_inside_the_shape() -> None:
    p = problem(TEXT + "  - {where: {point: [0, 0]}, equation: u = 0.5}\n")
    assert p.conditions[-1].place == Point((0.0, 0.0))
    fault = only_fault(TEXT + "  - {where: {point: [0.5, 0.5]}, equation: u = 0.5}\n")
    assert (fault.message, fault.line) == ("(0.5, 0.5) is outside of the domain", 14)


def test_quantities_are_read_over_pieces() -> None:
    p = problem(TEXT + "quantities: {flux: {integral: dn(u), over: hole}, all: {integral: dn(u), over: boundary}}\n")
    assert [place for place, _ in p.quantities["flux"].parts] == [ShapeSide("hole"), ShapeSide("hole#2")]
    assert "integral of dn(u) over hole" in describe(p)
    assert "integral of dn(u) over boundary" in describe(p)


def test_pieces_and_their_conditions_are_described() -> None:
    text = describe(problem(TEXT))
    assert "bounded by outer.bottom, outer.right, outer.top, outer.left, hole\n" in text
    assert text.count("hole          u = 0") == 1
    assert "#" not in text


def test_the_resolved_file_says_the_same() -> None:
    p = problem(TEXT)
    again = problem(resolved_text(p))
    assert [c.place for c in again.conditions] == [c.place for c in p.conditions]
    assert again.domain.measure == p.domain.measure


def test_the_schema_accepts_shapes() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    jsonschema.validate(yaml.safe_load(TEXT), json_schema())


def test_pieces_that_meet_may_disagree_with_a_warning() -> None:
    found = warnings(edited("  - {where: outer, equation: u = 1}", LEFT_APART, TEXT))
    assert "conditions disagree at x = -1, y = -1: u = 1 on 'outer.left', u = 2 on 'outer.bottom'" in found
    assert "hole" not in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("where: hole", "where: left", "unknown place 'left'"),
        ("where: hole", "where: hle", "unknown place 'hle'"),
        ("where: hole", "where: hole.1", "unknown place 'hole.1'"),
        ("  - {where: hole, equation: u = 0}\n", "", "the piece 'hole' of the boundary has no condition"),
        ("hole, equation: u = 0", "hole, equation: u_xx = 0", "a condition of order 2, where the equation has order 2"),
        ("hole, equation: u = 0", "hole, equation: u = 1/0", ""),
        ("hole, equation: u = 0", "hole, equation: u = 1/(x - 0.25)", "this condition is not finite at x = 0.25"),
        ("hole, equation: u = 0", "[hole, hole], equation: u = 0", "the piece 'hole' stands twice in this place"),
        ("where: outer,", "where: initial,", "`initial` needs the coordinate t"),
    ],
)
def test_faults_of_places_are_located(old: str, new: str, message: str) -> None:
    found = [f for f in faults(edited(old, new, TEXT)) if message in f.message]
    assert found
    assert found[0].line in (11, 12, 13)


def test_conditions_of_one_piece_are_compared() -> None:
    fault = only_fault(TEXT + "  - {where: outer.top, equation: u = 3}\n")
    assert "two conditions for the same quantity on 'outer.top': u = 1 against u = 3" in fault.message
    fault = only_fault(TEXT + "  - {where: outer.top, equation: none}\n")
    assert fault.message == "the piece 'outer.top' has a condition, and `none` as well"


def test_the_level_of_a_pure_neumann_problem_is_missing() -> None:
    free = edited(
        "outer, equation: u", "outer, equation: dn(u)", edited("hole, equation: u = 0", "hole, equation: none", TEXT)
    )
    assert "nothing fixes the level of u" in warnings(free)


def test_an_unknown_place_lists_the_names() -> None:
    hint = only_fault(edited("where: hole", "where: xyz", TEXT) + "  - {where: hole, equation: u = 0}\n").hint
    assert hint == "known places: outer, outer.bottom, outer.right, outer.top, outer.left, hole, boundary, domain"


def test_a_shape_of_which_nothing_is_left_is_named() -> None:
    text = edited("    difference:\n", "    union:\n", TEXT)
    assert only_fault(text).message == "no piece of the boundary has the name 'hole'"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("{polygon: {vertices: [[0, 0], [1, 0]]}}", "a polygon needs three vertices or more"),
        ("{polygon: {vertices: [[0, 0], [1, 1], [1, 0], [0, 1]]}}", "its edges 1 and 3 meet"),
        ("{polygon: {vertices: [[0, 0], [1, 0], [2, 0]]}}", "its edges 2 and 3 lie on each other"),
        ("{polygon: {vertices: [[0, 0], [0, 0], [2, 1]]}}", "vertices 1 and 2 are the same point"),
        ("{polygon: {vertices: [[0, 0], [1], [2, 1]]}}", "a vertex must be two numbers"),
        ("{disk: {center: [0, 0], radius: 0}}", "a radius must be positive, and is 0"),
        ("{disk: {center: [0, 0, 0], radius: 1}}", "the center must be two numbers"),
        ("{disk: {center: [0, 0], radius: r}}", "unknown name 'r'"),
        ("{disk: {center: [0, 0]}}", "the shape 'disk' lacks the key 'radius'"),
        ("{disk: {center: [0, 0], radius: 1, colour: red}}", "unknown key 'colour' in the shape 'disk'"),
        ("{disk: {center: [0, 0], radius: 1, name: boundary}}", "'boundary' is a place already"),
        ("{disk: {center: [0, 0], radius: 1, name: a.b}}", "this is no name of a shape"),
        ("{ellipse: {center: [0, 0], radii: [1, -1]}}", "a radius must be positive, and is -1"),
        ("{rectangle: {x: [1, 0], y: [0, 1], name: r}}", "the range of x is empty"),
        ("{union: [{disk: {center: [0, 0], radius: 1}}]}", "'union' must be a list of two shapes or more"),
        ("{difference: [{disk: {center: [0, 0], radius: 1}}, {box: {x: [0, 1]}}]}", "the shape 'box' is not available"),
        ("{ball: {center: [0, 0, 0], radius: 1}}", "the shape 'ball' is not available yet"),
        ("{mesh: {file: a.vtu}}", "the shape 'mesh' is not available yet"),
        ("{disk: {center: [0, 0], radius: 1e200}}", "this shape is too small or too large for float64"),
        ("{disk: {center: [1e9, 0], radius: 1e-9}}", "this shape is too small or too large for float64"),
        ("{intersection: [{disk: {center: [0, 0], radius: 1}}, {disk: {center: [5, 0], radius: 1}}]}", "is empty"),
        ("{dsk: {center: [0, 0], radius: 1}}", "unknown shape 'dsk'"),
        ("{union: [{disk: {center: [0, 0], radius: 1}}, {disk: {center: [5, 0], radius: 1}}]}", "falls into 2 pieces"),
        ("5", "this is not a shape"),
    ],
)
def test_faults_of_shapes_are_located(shape: str, message: str) -> None:
    fault = only_fault(alone(shape, "[{where: rim, equation: u = 0}]"))
    assert message in fault.message
    assert fault.line == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("periodic: [x]", "'periodic' beside a shape is not available yet"),
        ("x: [0, 1]", "the range of x beside a shape, which has ranges of its own"),
        ("regions: {a: {disk: {center: [0, 0], radius: 1}}}", "'regions' is not available yet"),
    ],
)
def test_what_stands_beside_a_shape_is_refused(line: str, message: str) -> None:
    fault = only_fault(edited("domain:\n", f"domain:\n  {line}\n", TEXT))
    assert message in fault.message
    assert fault.line == 3
