"""Coordinates beyond x, y, z are numbered: their derivatives, their sides, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edited import edited, faults, only_fault, problem

from pinnkan.domain.box import Box
from pinnkan.problem.checks.sampling import sample_grid
from pinnkan.problem.coordinates import join_names, order_of, places_of, split_subscript
from pinnkan.run.points import parse_fields
from pinnkan.solver.driver import solve

CUBE = """\
name: cube
domain:
  x1: [0, 1]
  x2: [0, 1]
  x3: [0, 1]
  x4: [0, 2]
unknowns: [u]
equations:
  - -lap(u) = 0
conditions:
  - where: boundary
    equation: u = x1*x2 + x3*x4
exact:
  u: x1*x2 + x3*x4
"""


def test_derivatives_of_numbered_coordinates_read_alike_either_way() -> None:
    operators = problem(CUBE).equations[0].residual
    subscripts = problem(edited("-lap(u)", "-u_x1x1 - u_x2x2 - dx3(u_x3) - dx4(dx4(u))", CUBE)).equations[0]
    assert operators == subscripts.residual
    assert sorted(jet.order for jet in subscripts.jets.values()) == sorted(map(tuple, 2 * np.eye(4, dtype=int)))


def test_an_index_ends_where_no_digit_follows() -> None:
    names = [f"x{i}" for i in range(1, 12)]
    assert split_subscript("x11x1t") == ["x11", "x1", "t"]
    assert order_of("x11", names) == (*[0] * 10, 1)
    assert order_of("x1x1", names) == (2, *[0] * 10)
    assert order_of("x12", names) is None
    assert order_of("x1y", names) is None


def test_the_boundary_is_both_sides_of_every_coordinate() -> None:
    sides = problem(CUBE).conditions
    assert [c.name for c in sides] == [f"x{i}_{end}" for i in range(1, 5) for end in ("low", "high")]
    assert [(c.place.axis, c.place.end) for c in sides] == [(i, e) for i in range(4) for e in (0, 1)]


def test_the_normal_derivative_has_the_sign_of_its_side() -> None:
    text = edited("boundary\n    equation: u = x1*x2 + x3*x4", "boundary\n    equation: dn(u) + u = 1", CUBE)
    low, high = problem(text[: text.index("exact:")]).conditions[:2]
    assert str(low.equation.residual) == "u - u_x1 - 1"
    assert str(high.equation.residual) == "u + u_x1 - 1"


def test_time_comes_after_the_numbered_coordinates() -> None:
    text = edited("x4: [0, 2]", "t: [0, 2]", CUBE)
    text = edited("x1*x2 + x3*x4\nexact:\n  u: x1*x2 + x3*x4\n", "x1\n  - where: initial\n    equation: u = x1\n", text)
    heat = problem(edited("-lap(u) = 0", "u_t = lap(u)", text))
    assert heat.time_axis == 3
    assert heat.conditions[-1].place.axis == 3


CASES = [
    ("x4: [0, 2]", "x5: [0, 2]", "'x4' is missing before 'x5'", 6, 3),
    ("x4: [0, 2]", "x: [0, 2]", "'x' beside 'x1'", 6, 3),
    ("x4: [0, 2]", "x4: [0, 2]\n  x21: [0, 1]", "unknown key 'x21'", 7, 3),
    ("-lap(u) = 0", "-u_x1_x1 = 0", "unknown name 'u_x1_x1'", 9, 6),
    ("-lap(u) = 0", "-u_x5 = 0", "needs the coordinate 'x5'", 9, 6),
    ("-lap(u) = 0", "-dx5(u) = 0", "needs the coordinate 'x5'", 9, 6),
    ("-lap(u) = 0", "-dx1(u) = x", "there is no coordinate 'x'", 9, 15),
    ("where: boundary", "where: left", "`left` needs the coordinate x", 11, 12),
    ("where: boundary", "where: x1_lo", "unknown place 'x1_lo'", 11, 12),
    ("unknowns: [u]", "parameters:\n  x2: 1\nunknowns: [u]", "'x2' already has a meaning", 8, 3),
    ("unknowns: [u]", "functions:\n  dx2: 1\nunknowns: [u]", "'dx2' already has a meaning", 8, 3),
    ("unknowns: [u]", "unknowns: [x3]", "'x3' already has a meaning", 7, 12),
]


@pytest.mark.parametrize(("old", "new", "message", "line", "column"), CASES)
def test_a_slip_with_numbered_coordinates_is_named_at_its_place(
    old: str, new: str, message: str, line: int, column: int
) -> None:
    text = edited(old, new, CUBE)
    found = [f for f in faults(text) if message in f.message]
    assert len(found) == 1, faults(text)
    assert (found[0].line, found[0].column) == (line, column)


def test_a_number_beside_the_letters_of_a_shape_is_named_at_the_domain() -> None:
    """The letter has no place of its own there."""
    text = CUBE.replace("  x1: [0, 1]\n  x2: [0, 1]\n  x3: [0, 1]\n  x4: [0, 2]\n", "  {}\n")
    found = faults(text.format("{shape: {interval: {x: [0, 1]}}, x1: [0, 1]}"))
    assert [(f.line, f.column) for f in found if f.message == "'x' beside 'x1'"] == [(3, 3)]


def test_hints_name_what_the_domain_has() -> None:
    assert "write u_x1x1" in only_fault(edited("-lap(u) = 0", "-u_x1_x1 = u", CUBE)).hint
    assert "x1 ... x4" in only_fault(edited("-lap(u) = 0", "-lap(u) = u_x5", CUBE)).hint
    assert "x1_low ... x4_high, boundary" in faults(edited("where: boundary", "where: left", CUBE))[0].hint
    assert "did you mean 'x1_low'" in faults(edited("where: boundary", "where: x1_lo", CUBE))[0].hint


def test_numbered_names_are_free_where_the_coordinates_are_letters() -> None:
    text = CUBE.replace("x1", "x").replace("x2", "y").replace("x3", "z").replace("  x4: [0, 2]\n", "")
    text = text.replace("z*x4", "z*x1").replace("unknowns", "parameters:\n  x1: 2\nunknowns")
    assert problem(text).dimension == 3


OSCILLATOR = """\
name: oscillator
domain: {t: [0, 6]}
unknowns: [x, y]
equations: ["x_tt + x = 0", "dt(y) = x"]
conditions: [{where: initial, equation: x = 1}, {where: initial, equation: x_t = 0}, {where: initial, equation: y = 0}]
exact: {x: cos(t), y: sin(t)}
"""


def test_where_time_is_alone_unknowns_may_be_called_x_and_y() -> None:
    """Every oscillator of a book is x; the letters mean nothing else there."""
    oscillator = problem(OSCILLATOR)
    assert oscillator.unknowns == ("x", "y")
    assert parse_fields("x_t", oscillator)
    solution = solve(oscillator)
    assert solution.verdict.converged
    assert solution.verdict.estimate < 1e-4
    assert solution.levels[-1].true_error < 1e-4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("domain: {t:", "domain: {z: [0, 1], t:", "'x' already has a meaning"),
        ("dt(y) = x", "dx(y) = x", "dx needs the coordinate 'x'"),
        ("dt(y) = x", "dt(y) = x_x", "'x_x' needs the coordinate 'x'"),
        ("dt(y) = x", "dt(y) = x + z", "there is no coordinate 'z'"),
        ("unknowns", "functions: {f: x**2}\nunknowns", "the unknown 'x' cannot stand in a function"),
        ("[x, y]", "[x, y, t]", "'t' already has a meaning"),
    ],
)
def test_beside_other_coordinates_or_as_one_they_may_not(old: str, new: str, message: str) -> None:
    assert any(message in f.message for f in faults(edited(old, new, OSCILLATOR)))


def test_a_wrong_exact_solution_is_noticed_in_ten_coordinates() -> None:
    names = [f"x{i}" for i in range(1, 11)]
    text = edited("".join(f"  x{i}: [0, {1 + (i == 4)}]\n" for i in range(1, 5)),
                  "".join(f"  {n}: [0, 1]\n" for n in names), CUBE)  # fmt: skip
    assert problem(text).dimension == 10
    assert "does not satisfy" in faults(edited("  u: x1*x2 + x3*x4", "  u: x1*x2 + x3*x4 + x9**2/9", text))[0].message


def test_many_coordinates_are_sampled_on_lines_and_at_random() -> None:
    cube = problem(CUBE)
    wide = replace(cube, domain=Box(((-1.0, 2.0),) * 12, (False,) * 12), coordinates=(cube.coordinates * 3))
    at = sample_grid(wide, {3: 2.0})
    assert len(at) == 12
    assert len(at[0]) < 1000
    assert (at[3] == 2.0).all()
    assert {-1.0, 2.0} <= set(at[0])


def test_fields_of_numbered_coordinates_are_columns() -> None:
    (column,) = parse_fields("u_x4x1", problem(CUBE))
    assert column.order == (1, 0, 0, 1)


def test_long_rows_of_names_are_shortened() -> None:
    assert join_names(["x", "x1", "x2", "x3", "t"]) == "x, x1 ... x3, t"
    assert join_names(places_of(["x", "t"])) == "left, right, boundary, initial, domain"
