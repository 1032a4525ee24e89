"""Rows next to a place where conditions change: a power of the distance between the two bounds that there are."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import CPU, model_of

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.assembly.row_weights import corner_weights, incompatible_corner_weights
from pinnkan.kan.product import ProductField
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve_product
from pinnkan.solver.families.product.start import initial_space, with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.reductions.chain import reduce_problem
from pinnkan.verdict.records import Reason

LAPLACE = """
name: laplace
domain:
  x: [0, 1]
  y: [0, 2]
unknowns: [u]
equations:
  - {equation}
conditions:
  - where: left
    equation: u = 0
  - where: [right, bottom]
    equation: dn(u) = 0
  - where: top
    equation: u = 1
"""
#: A cantilever, plane stress, clamped on the left, pulled down on the right, free above and below.
CLAMPED = """
name: clamped
domain:
  x: [0, 2]
  y: [-0.5, 0.5]
parameters:
  E: 1
  nu: 0.3
unknowns: [u, v]
vectors:
  displacement: [u, v]
equations:
  - dx(E/(1 - nu**2)*(u_x + nu*v_y)) + dy(E/(2*(1 + nu))*(u_y + v_x)) = 0
  - dy(E/(1 - nu**2)*(nu*u_x + v_y)) + dx(E/(2*(1 + nu))*(u_y + v_x)) = 0
conditions:
  - where: left
    equation: u = 0
  - where: left
    equation: v = 0
  - where: right
    equation: E/(1 - nu**2)*(u_x + nu*v_y) = 0
  - where: right
    equation: E/(2*(1 + nu))*(u_y + v_x) = -1
  - where: [bottom, top]
    equation: nu*u_x + v_y = 0
  - where: [bottom, top]
    equation: u_y + v_x = 0
"""
#: Its deflection at (2, 0), by scikit-fem, elements of degree 4 graded to all corners: the same to seven digits on 6
#: intervals halved ten times, and on 4 halved six times.
DEFLECTION = -37.70891


def test_powers_are_those_of_what_is_held_and_of_what_jumps():
    near = corner_weights(model_of(LAPLACE.format(equation="lap(u) = 0")).problem)
    powers = {c.position: own for c, own in zip(near.corners, near.powers, strict=True)}
    assert powers == {(0, 2): (1.5,)}
    beam = corner_weights(model_of(CLAMPED).problem)
    powers = {c.position: own for c, own in zip(beam.corners, beam.powers, strict=True)}
    held, free = (1.25, 1.25), (0.5, 0.5)
    assert powers == {(0, -0.5): held, (0, 0.5): held, (2, -0.5): free, (2, 0.5): free}


def test_a_flow_has_one_power_less_of_its_divergence():
    walls = "\n".join(f"  - {{where: {s}, equation: {c}}}" for s, c in [("boundary", "v = 0"), ("top", "u = 1")])
    near = corner_weights(
        model_of(
            "name: n\ndomain: {x: [0, 1], y: [0, 1]}\nunknowns: [u, v, p]\nequations:\n"
            f"  - lap(u) = p_x\n  - lap(v) = p_y\n  - u_x + v_y = 0\nconditions:\n{walls}\n"
            "  - {where: [left, right, bottom], equation: u = 0}\n  - {where: {point: [0.5, 0.5]}, equation: p = 0}\n"
        ).problem
    )
    assert near.powers == ((1.5, 1.5, 0.5),) * 2


def test_weights_are_that_power_of_the_distance_and_one_away_from_all_corners():
    near = corner_weights(model_of(LAPLACE.format(equation="lap(u) = 0")).problem)
    np.testing.assert_allclose(near.point_weights(np.array([[0.03, 1.96], [0.5, 1.0]]), 0), [0.1**1.5, 1.0])


def test_plates_have_none():
    """What a force in a free corner carries would be seen for powers below one only."""
    assert corner_weights(model_of(LAPLACE.format(equation="lap(lap(u)) = 0")).problem) is None


def test_waves_have_none():
    """What disagrees at a corner goes far along characteristics: with these one converged 2.2 tolerances off."""
    assert corner_weights(model_of(LAPLACE.format(equation="u_xx - 0.4*u_yy = 0")).problem) is None
    assert corner_weights(model_of(LAPLACE.format(equation="u_xx + 0.4*u_yy = 0")).problem) is not None


@pytest.fixture(scope="module")
def cantilever():
    return reduce_problem(parse_problem(CLAMPED, "t.yaml"))


def deflection(cantilever, free):
    """On three intervals, the outermost halved six times, with this power at the free corners."""
    problem = cantilever.problem
    model = compile_model(problem, sort_conditions(problem), CPU)
    near = corner_weights(problem)
    powers = [own if c.prescribed_unknowns else (free, free) for c, own in zip(near.corners, near.powers, strict=True)]
    model.__dict__["corner_weights"] = replace(near, powers=tuple(powers))
    space = initial_space(model, 8, 3)
    ends = 0.5 ** np.arange(1, 7)
    axes = []
    for axis in space.axes:
        (a, b), (c, d) = axis.breaks[:2], axis.breaks[-2:]
        axes.append(replace(axis, breaks=np.unique([*axis.breaks, *(a + (b - a) * ends), *(d - (d - c) * ends)])))
    space = replace(space, axes=tuple(axes))
    system = System(model, space)
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    solved = start + system.gauss_newton_steps(start, [start], fixed)[0]
    field = cantilever.restore_field(ProductField(((space, solved),)))
    return float(field(np.array([[2.0, 0.0]]), [(0, 0)])[0, 1, 0]), system.mean_square(solved)


def test_forces_in_free_corners_cost_something(cantilever):
    """With the power of held corners there these are free: a tenth of the residual, ten times the error."""
    found, left = deflection(cantilever, free=0.5)
    loose, less = deflection(cantilever, free=1.25)
    assert abs(found / DEFLECTION - 1.0) < 6e-3
    assert abs(loose / DEFLECTION - 1.0) > 4e-2
    assert less < 0.2 * left


#: r^2 log r at all corners, beside a conductivity that varies.
BENT = "name: n\ndomain: {x: [0, 1], y: [0, 1]}\nunknowns: [u]\nequations: [-div((2 + x*y)*grad(u)) = 1]\n"
BENT += "conditions: [{where: boundary, equation: u = 0}]\n"


def test_a_bent_corner_has_half_a_power_less_than_the_order():
    problem = model_of(BENT).problem
    assert corner_weights(problem) is None
    assert incompatible_corner_weights(problem).powers == ((1.5,),) * 4
    assert incompatible_corner_weights(model_of(LAPLACE.format(equation="lap(u) = 0")).problem) is None


def left_by_halving(model):
    """Of the residual, on eight intervals in both coordinates."""
    space = initial_space(model, 8, 8)
    losses = []
    for each in (space, space.halved()):
        system = System(model, each)
        start, fixed = with_conditions(model, each, np.zeros(each.shape))
        losses.append(system.mean_square(start + system.gauss_newton_steps(start, [start], fixed)[0]))
    return (losses[1] / losses[0]) ** 0.5


def test_with_it_the_residual_falls_as_that_of_a_smooth_solution_does():
    """By 2^-(s - m + w + 1) = 2^-2.5 for r^s: without weights it halves, and levels are not believed to resolve."""
    model, plain = model_of(BENT), model_of(BENT)
    plain.__dict__["incompatible_corner_weights"] = None
    assert left_by_halving(model) < 0.2
    assert left_by_halving(plain) > 0.4


#: A plate clamped all around under its weight, a sheet held all around: r^3.7 and r^1.4 at all corners.
PLATE = "name: n\ndomain: {x: [0, 1], y: [0, 1]}\nunknowns: [w]\nequations: [lap(lap(w)) = 1]\nconditions:\n"
PLATE += "  - {where: boundary, equation: w = 0}\n  - {where: boundary, equation: dn(w) = 0}\n"
SHEET = """
name: n
domain: {x: [0, 1], y: [0, 2]}
unknowns: [u, v]
equations: ["3.5*u_xx + u_yy + 2.5*v_xy = -sin(pi*x)*sin(pi*y)", "3.5*v_yy + v_xx + 2.5*u_xy = 0"]
conditions: [{where: boundary, equation: u = 0}, {where: boundary, equation: v = 0}]
"""


def test_a_clamped_corner_has_the_middle_between_both_bounds():
    """Between order - 1 - s and 1 + s."""
    assert incompatible_corner_weights(model_of(PLATE).problem).powers == ((2.5,),) * 4
    assert incompatible_corner_weights(model_of(SHEET).problem).powers == ((1.5, 1.5),) * 4


@pytest.mark.parametrize("text", [PLATE, SHEET])
def test_with_it_the_estimate_of_what_is_clamped_falls(text):
    """Without weights the plate had not met 1e-6 on 142 x 142 intervals, the sheet 1e-3 on 38 x 30."""
    problem = parse_problem(text + "solver: {tolerance: 2e-4, max_levels: 3}\n", "t.yaml")
    model, plain = (compile_model(problem, sort_conditions(problem), CPU) for _ in range(2))
    plain.__dict__["incompatible_corner_weights"] = None
    with_it, without = (solve_product(each, Monitor(None, None)) for each in (model, plain))
    assert with_it.reason == Reason.CONVERGED
    assert with_it.levels[-1].estimate < 2e-4
    assert without.levels[-1].estimate > 3e-3


def test_the_middle_of_a_clamped_plate():
    """0.00126531908 by Chebyshev collocation on 30 x 30 points."""
    solution = pinnkan.solve(parse_problem(PLATE + "solver: {tolerance: 1e-7}\n", "t.yaml"))
    assert solution.verdict.converged
    assert abs(float(solution([[0.5, 0.5]])["w"][0]) / 0.00126531908 - 1.0) < 1e-7
