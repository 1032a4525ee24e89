"""Reflections that leave a problem as it is are found, exactly, and the half that is left is the same problem."""

from __future__ import annotations

import pytest
from edited import edited, problem

from pinnkan.domain.box import Side
from pinnkan.problem.reflections import find_reflections, symmetric_half

LAYER = """\
name: layer
domain: {x: [0, 1]}
unknowns: [u]
equations: ["1e-4*u_xx + u - u**3 = 0"]
conditions:
  - {where: left, equation: u = -1}
  - {where: right, equation: u = 1}
"""
PLATE = """\
name: plate
domain: {x: [-1, 1], y: [0, 1]}
unknowns: [u, v]
equations:
  - "lap(u) - u**3 = v_x + x*y"
  - "lap(v) + u_x = v**2"
conditions:
  - {where: [left, right], equation: u = x}
  - {where: [bottom, top], equation: u_y = 0}
  - {where: [left, right], equation: v_x = 0}
  - {where: [bottom, top], equation: v = 0}
"""


def found(text: str) -> list[tuple[int, tuple[int, ...]]]:
    return [(m.axis, m.signs) for m in find_reflections(problem(text))]


def test_a_layer_is_odd_about_its_middle() -> None:
    assert found(LAYER) == [(0, (-1,))]
    (mirror,) = find_reflections(problem(LAYER))
    assert mirror.words(problem(LAYER)) == "u(1 - x) = -u(x)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("u - u**3", "u - u**3 + 1e-20*x*u"),
        ("u - u**3", "u - u**3 + 1e-20"),
        ("u = 1}", "u = 1.000001}"),
        ("u = 1}", "u_x = 0}"),
        ("1e-4*u_xx", "1e-4*u_xx + u_x"),
    ],
)
def test_what_breaks_the_symmetry_however_little_leaves_none(old: str, new: str) -> None:
    assert found(edited(old, new, LAYER)) == []


def test_a_condition_that_is_no_side_leaves_none() -> None:
    assert found(LAYER + "  - {where: {point: [0.5]}, equation: u = 0}\n") == []


def test_unknowns_have_signs_of_their_own() -> None:
    assert found(PLATE) == [(0, (-1, 1))]


def test_derivatives_below_the_order_vanish_in_the_middle() -> None:
    plate = problem(PLATE)
    (mirror,) = find_reflections(plate)
    half = symmetric_half(plate, mirror)
    assert half.box.ranges == ((-1.0, 0.0), (0.0, 1.0))
    middle = [c.equation for c in half.conditions if c.place == Side(0, 1)]
    jets = [jet for e in middle if e is not None for jet in e.jets.values()]
    assert [(jet.unknown, jet.order) for jet in jets] == [(0, (0, 0)), (1, (1, 0))]
    assert sum(c.place == Side(0, 0) for c in half.conditions) == 2


def test_corners_where_conditions_disagree_stay_those_of_the_half() -> None:
    corners = edited("{where: [left, right], equation: u = x}", "{where: [left, right], equation: u = 2*x}", PLATE)
    corners = edited("{where: [bottom, top], equation: u_y = 0}", "{where: [bottom, top], equation: u = x}", corners)
    plate = problem(corners)
    assert {p.position[0] for p in plate.disagreements} == {-1.0, 1.0}
    (mirror,) = find_reflections(plate)
    assert {p.position[0] for p in symmetric_half(plate, mirror).disagreements} == {-1.0}
