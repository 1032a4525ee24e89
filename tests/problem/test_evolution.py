"""Which problems without t evolve along a coordinate of space, and what they are in its place."""

import numpy as np
import pytest
import sympy

from pinnkan.domain.box import Side
from pinnkan.problem.evolution import as_time_problem, find_evolution
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Jet

PLANE = """
name: plane
domain: {x: [1, 3], y: [0, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions:
  - {where: left, equation: "LEFT"}
  - {where: right, equation: "RIGHT"}
  - {where: [bottom, top], equation: u = 0}
"""
LINE = "name: line\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations: ['EQUATION']\nconditions: [CONDITIONS]\n"
START, NONE = "{where: left, equation: u = 1}", "{where: right, equation: none}"
SLOPE = "{where: left, equation: u_x = 1}"


def plane(equation, left, right, more=""):
    text = PLANE.replace("EQUATION", equation).replace("LEFT", left).replace("RIGHT", right)
    return parse_problem(text + more, "t.yaml")


def line(equation, *conditions):
    return parse_problem(LINE.replace("EQUATION", equation).replace("CONDITIONS", ", ".join(conditions)), "t.yaml")


def test_what_has_all_its_conditions_at_one_end_evolves_from_there():
    found = find_evolution(plane("u_x = u_yy", "u = sin(pi*y)", "none"))
    assert (found.axis, found.end, found.coordinate_order, found.sum_of_ends) == (0, 0, (1, 0), None)
    found = find_evolution(plane("-u_x = u_yy", "none", "u = sin(pi*y)"))
    assert (found.axis, found.end, found.coordinate_order, found.sum_of_ends) == (0, 1, (1, 0), 4.0)
    assert find_evolution(line("(x + 0.1)*u_xx = -u", START, SLOPE, NONE)) is not None


@pytest.mark.parametrize(
    "problem",
    [
        plane("u_xx = -u_yy", "u = sin(pi*y)", "u = 0"),  # something at either end
        plane("u_xx = -u_yy", "u = sin(pi*y)", "none"),  # one condition too few
        line("u_x**2 = 1", START, NONE),  # several ways on
        line("x*u_x = 0.6*u + x", START, NONE),  # no start
        line("(x - 0.4713)*u_x = u", START, NONE),  # no way on
        line("u_xx = -u", START, "{where: {point: [0.5]}, equation: u = 1}", NONE),
        plane("u_x = u_yy", "u = sin(pi*y)", "none", "solver: {network: deep}\n"),
        parse_problem("name: t\ndomain: {t: [0, 1]}\nunknowns: [u]\nequations: [u_t = u]\n"
                      "conditions: [{where: initial, equation: u = 1}]\n", "t.yaml"),
    ],
    ids=["both ends", "too few", "square", "zero", "crossing", "point", "deep", "time"],
)  # fmt: skip
def test_what_has_not_does_not(problem):
    assert find_evolution(problem) is None
    assert as_time_problem(problem) is problem


def test_the_coordinate_takes_the_place_of_time():
    turned = as_time_problem(plane("u_x = u_yy + x", "u = sin(pi*y)", "none"))
    assert [c.name for c in turned.coordinates] == ["y", "x"]
    assert (turned.box.ranges, turned.time_axis) == (((0.0, 1.0), (1.0, 3.0)), 1)
    assert set(turned.equations[0].jets.values()) == {Jet(0, (0, 1)), Jet(0, (2, 0))}
    assert [c.place for c in turned.conditions] == [Side(1, 0), Side(0, 0), Side(0, 1)]
    assert turned.format_march_position(1.5) == "x = 1.5"


def test_from_the_upper_end_it_is_turned_round():
    """With s = 4 - x, -u_x = u_yy + x**2 is u_s = u_yy + (4 - s)**2."""
    turned = as_time_problem(plane("-u_x = u_yy + x**2", "none", "u = sin(pi*y)"))
    s = turned.coordinates[-1]
    assert s.name == "4 - x"
    (equation,) = turned.equations
    first, second = (next(k for k, j in equation.jets.items() if j.order == order) for order in ((0, 1), (2, 0)))
    assert sympy.expand(equation.residual - (first - second - (4 - s) ** 2)) == 0
    assert sympy.expand(equation.residual - (first - second - s**2)) != 0
    assert turned.conditions[0].place == Side(1, 0)
    assert np.allclose(turned.box.ranges[1], (1.0, 3.0))
