"""Steady fronts askew to the axes: inner coordinates are chosen, trained, and kept only where they gain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pinnkan.solver.families.fitted.state import FittedState
from stored_state import same_bits, stored

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.kan.coordinates.warped import rotated
from pinnkan.kan.coordinates.warped_field import InnerField
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.fitted import choice as inner_choice
from pinnkan.solver.families.fitted.choice import can_turn, reference_of
from pinnkan.solver.families.fitted.levels import corrections, first_space, first_state, marked, solve_inner
from pinnkan.solver.families.fitted.system import InnerSystem, inner_model
from pinnkan.solver.monitor import Monitor

FRONT = """
name: front
domain:
  x: [0, 1]
  y: [0, 1]
parameters:
  eps: 1e-2
  a: pi/6
functions:
  v: tanh((cos(a)*(y - 0.4) - sin(a)*(x - 0.5))/0.01) + x*y
unknowns: [u]
equations:
  - -eps*lap(u) + cos(a)*u_x + sin(a)*u_y = -eps*lap(v) + cos(a)*dx(v) + sin(a)*dy(v)
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
solver:
  tolerance: 1e-3
"""
SMOOTH = FRONT.replace("tanh((cos(a)*(y - 0.4) - sin(a)*(x - 0.5))/0.01) + x*y", "sin(2*x + y)*exp(y)")
MIXED = """
name: mixed
domain:
  x: [0, 1]
  y: [0, 1]
functions:
  v: sin(2*x + y)*exp(y)
unknowns: [u]
equations:
  - lap(u) - u**3 = lap(v) - v**3
conditions:
  - where: [left, bottom]
    equation: u = v
  - where: right
    equation: dn(u) = dn(v)
  - where: top
    equation: dn(u) + u = dn(v) + v
exact:
  u: v
"""


def stated(text):
    problem = parse_problem(text, "t.yaml")
    return problem, compile_model(problem, sort_conditions(problem), torch.device("cpu"))


def system(text, intervals, degree=7, angle=2.0):
    problem, model = stated(text)
    coordinates = rotated(angle, problem.ranges, 0.3)
    space = first_space(coordinates, problem.ranges, (degree, degree), intervals, 1)
    return InnerSystem(inner_model(model), space, coordinates, problem.ranges), reference_of(problem)


def error(problem, c, reference):
    a, b = problem.distance(c, reference)
    return float(np.sqrt(a / b)[0])


def solved(at, c=None):
    c = np.zeros(at.space.shape) if c is None else c
    return c + at.steps(c, [c], at.fixed)[0]


def test_an_immersed_problem_converges_like_the_order_of_its_splines():
    errors = []
    for n in (4, 8):
        at, reference = system(SMOOTH, (n, n), degree=5)
        errors.append(error(at, solved(at), reference))
    assert errors[1] < 1e-5
    assert errors[0] / errors[1] > 2**4  # degree 5, two orders lost at most
    assert errors[0] / errors[1] < 2**9


def test_every_kind_of_condition_and_a_nonlinear_equation_are_met_in_turned_coordinates():
    at, reference = system(MIXED, (4, 4))
    c = np.zeros(at.space.shape)
    for _ in range(7):
        c = solved(at, c)
    assert error(at, c, reference) < 1e-6
    assert error(at, 1.001 * c, reference) > 5e-4


def test_corrections_estimate_the_error_and_see_along_which_coordinate_it_is():
    at, reference = system(FRONT, (24, 3), angle=np.radians(120))
    c = solved(at)
    found = corrections(at, c, at.squares(c)[0])
    true = error(at, c, reference)
    assert 0.8 * true <= sum(found.sizes) <= 10 * true
    assert marked(found, 1e-6)[0].any()
    assert not marked(found, 1e-6)[1].any()


def test_a_function_is_fitted_exactly_where_the_space_holds_it():
    at, _ = system(SMOOTH, (4, 3))
    c = solved(at)
    field = InnerField((_piece(at.coordinates, at.space, c),), at.ranges)
    again = at.fitted(field.pieces[0].values)
    assert float(np.sqrt((at.squares(again - c)[0] / at.squares(c)[0]).max())) < 1e-8


def _piece(coordinates, space: Space, c):
    from pinnkan.kan.coordinates.warped_field import InnerPiece

    return InnerPiece(coordinates, ((space, c),))


def test_a_wrong_angle_is_trained_level_by_level():
    problem, model = stated(FRONT.replace("0.01)", "0.03)").replace("1e-3", "1e-2"))
    start = first_state(problem, rotated(np.radians(123), problem.ranges, 0.2))
    out = solve_inner(inner_model(model), start, 8, Monitor(None, None), reference_of(problem), lambda _: True)
    assert out.reason == ""
    assert np.degrees(out.field.pieces[0].coordinates.angle) == pytest.approx(120, abs=0.5)
    assert out.levels[-1].true_error <= 1e-2
    early = solve_inner(inner_model(model), start, 12, Monitor(None, None), None, lambda _: False)
    assert early.reason == "left"
    assert len(early.levels) == 1


BENT = """
name: bent
domain:
  x: [0, 1]
  y: [0, 1]
parameters:
  w: 0.004
functions:
  v: tanh((y - 0.2 - 0.4*x - 0.25*x**2)/w)
unknowns: [u]
equations:
  - -w*lap(u) + u_y - 0.6*u_x = -w*lap(v) + dy(v) - 0.6*dx(v)
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
solver:
  tolerance: 1e-3
"""


@pytest.mark.parametrize("start", [118.0, 128.0])
def test_a_front_that_is_not_resolved_yet_is_not_sought_in_the_corners(start):
    """Functions that the domain only touches took up the residual: the angle went off by 25 degrees or for good."""
    problem, model = stated(BENT)
    out = solve_inner(
        inner_model(model), first_state(problem, rotated(np.radians(start), problem.ranges, 0.3)), 16,
        Monitor(None, None), reference_of(problem), lambda _: True,
    )  # fmt: skip
    assert out.reason == ""
    assert out.levels[-1].true_error <= 1e-3
    seen = [float(level.note.split(" degrees")[0].split()[-1]) for level in out.levels]
    assert max(abs(angle - 33.0) for angle in seen) < 15.0


def test_more_knots_than_rounding_allows_are_in_vain():
    problem, model = stated(SMOOTH.replace("1e-3", "1e-13"))
    start = first_state(problem, rotated(2.0, problem.ranges, 0.3))
    out = solve_inner(inner_model(model), start, 20, Monitor(None, None), None, lambda _: True)
    assert out.reason == "stalled"
    assert "no longer lower" in out.detail
    assert out.levels[-1].estimate == min(level.estimate for level in out.levels)
    assert out.levels[-1].number == len(out.levels) - 1
    assert len(out.levels) < 20


@pytest.mark.slow
def test_a_front_askew_to_the_axes_is_solved_in_trained_coordinates():
    result = solve(parse_problem(FRONT, "t.yaml"))
    assert result.verdict.converged
    assert "trained inner coordinates" in result.network
    assert isinstance(result.field, InnerField)
    assert np.degrees(result.field.pieces[0].coordinates.angle) == pytest.approx(120, abs=0.2)
    last = result.levels[-1]
    assert last.true_error <= 1e-3
    assert last.estimate >= 0.8 * last.true_error
    assert last.parameters < 1200
    assert [level.number for level in result.levels] == list(range(len(result.levels)))


def test_coordinates_that_do_not_resolve_the_front_give_way_to_the_axes(monkeypatch):
    """A pole beside a wave was taken for a front, and the run ended in coordinates that did nothing for it."""
    tried = []

    def lost(model, state, levels, monitor, reference, go_on):
        tried.append(solve_inner(model, state, 1, monitor, reference, lambda _: True))
        return tried[0]

    monkeypatch.setattr(inner_choice, "solve_inner", lost)
    problem, states = parse_problem(FRONT.replace("0.01)", "0.03)").replace("1e-3", "1e-2"), "t.yaml"), []
    result = solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state)))
    assert tried[0].reason != "left"
    assert result.verdict.converged
    assert "tried and dropped" in result.network
    assert [level.number for level in result.levels] == list(range(len(result.levels)))
    last = next(i for i, s in enumerate(states) if isinstance(s, FittedState))
    for state, tries in ((states[last], 2), (states[-1], 2)):  # where they were dropped they are not tried again
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, result)
        assert again.network == result.network
        assert len(tried) == tries


def test_what_the_axes_resolve_stays_on_them():
    problem = parse_problem(SMOOTH, "t.yaml")
    assert can_turn(problem)
    result = solve(problem)
    assert result.verdict.converged
    assert "inner" not in result.network
    asked = solve(replace(problem, solver=replace(problem.solver, network="product")))
    assert "asked for" in asked.network
