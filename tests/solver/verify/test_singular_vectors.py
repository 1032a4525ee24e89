"""Vectors that rows see least: in as few steps as tell, with all of their kind."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import LINE, SQUARE, model_of

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify import singular_vectors
from pinnkan.solver.verify.singular_vectors import MIN_PREDICTED_FALL
from pinnkan.solver.verify.stability import find_near_null

POISSON = model_of(LINE.format(equation="-u_xx = 1", left=0, right="u = 0"))


def space_of(model, intervals, degree):
    return Space(tuple(Axis(np.linspace(a, b, intervals + 1), degree) for a, b in model.problem.box.ranges))


def iterated(model, space):
    """Zero, a step of a linear equation, and conjugate gradients for its rows that have iterated."""
    zero, fixed = zero_conditions(model.conditions, space)
    system = System(model, space, keeps_solver=True)
    step = system.gauss_newton_steps(zero, [zero], fixed)[0]
    rows = system.kept_solver.rows
    iterating = ConjugateGradients(rows, system.kept_solver.ordering)
    iterating.solve([r.residual for r in rows], 1e-3)
    return zero, step, iterating


class Counted(Clock):
    count = 0

    def check(self, seconds=0.0):
        self.count += 1


def test_steps_that_the_preconditioner_says_change_nothing_are_not_taken(monkeypatch):
    """On a line inverse iteration has found the function before the first of them: the same value in fewer steps."""
    space = space_of(POISSON, 8, 9)
    zero, fixed = zero_conditions(POISSON.conditions, space)
    found = []
    for little in (0.0, MIN_PREDICTED_FALL):
        monkeypatch.setattr(singular_vectors, "MIN_PREDICTED_FALL", little)
        equations = System(POISSON, space).linear_solver(zero, fixed)
        equations.clock = looks = Counted(None)
        found.append((find_near_null(equations, space, zero).sigma, looks.count))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-3)
    assert found[1][1] < found[0][1]


def test_the_search_looks_at_the_clock_before_it_begins_and_between_its_steps(monkeypatch):
    monkeypatch.setattr(singular_vectors, "MIN_PREDICTED_FALL", 0.0)
    space = space_of(POISSON, 8, 9)
    zero, fixed = zero_conditions(POISSON.conditions, space)
    equations = System(POISSON, space).linear_solver(zero, fixed)
    equations.clock = Clock(60.0)
    assert find_near_null(equations, space, zero).sigma > 0.0
    equations.clock = Clock(60.0, spent=100.0)
    with pytest.raises(OutOfTimeError):
        find_near_null(equations, space, zero)
    equations.clock = looks = Counted(None)
    find_near_null(equations, space, zero)
    assert looks.count > 2


def test_all_waves_of_a_kind_count_in_what_steps_have_left():
    """65 = 1 + 64 = 16 + 49: four waves of a square have the same residual, and a solution that lacks three of them is
    seen by as much."""
    text = SQUARE.format(equation="lap(u) + (65*pi**2 - 0.1)*u = x*(1 - x)*y*(1 - y)", height=1)
    model = model_of(text + "  - where: top\n    equation: u = 0\n")
    space = space_of(model, 20, 8)
    zero, step, iterating = iterated(model, space)
    x, y = (axis.projection_points() for axis in space.axes)
    lacking = np.zeros(space.shape)
    for (i, j), size in {(1, 8): 0.3, (8, 1): 0.2, (4, 7): 0.1}.items():
        waves = np.sin(i * np.pi * x)[:, None] * np.sin(j * np.pi * y)
        lacking[..., 0] += 2.0 * size * space.axes[1].project(space.axes[0].project(waves, 0), 1)
    found = find_near_null(iterating, space, zero, step - lacking)
    assert found.sigma == pytest.approx(0.1, rel=1e-2)
    assert found.missed_part.norm == pytest.approx(np.hypot(0.3, np.hypot(0.2, 0.1)), rel=0.05)


COUPLE = """
name: couple
domain: {x: [0, 1], y: [0, 1], z: [0, 1]}
unknowns: [u, v]
equations:
  - lap(u) + 8.8*pi**2*u + 6.6*pi**2*v = 1
  - lap(v) + 6.6*pi**2*u + (18.7*pi**2 - 1e-2)*v = 1
conditions: [{where: boundary, equation: u = 0}, {where: boundary, equation: v = 0}]
"""


def test_two_unknowns_that_are_joined_near_a_resonance_of_a_cube_are_found() -> None:
    """22 pi^2 is the square of (3, 3, 2) half waves, and of the couple (1, 2) to 2e-3 (u, v)."""
    model = model_of(COUPLE)
    space = replace(space_of(model, 9, 8), unknowns=2)
    zero, fixed = zero_conditions(model.conditions, space)
    equations = System(model, space).linear_solver(zero, fixed)
    assert isinstance(equations, ConjugateGradients)
    assert find_near_null(equations, space, zero).sigma == pytest.approx(0.02 / 5**0.5, rel=0.1)


def test_both_waves_of_a_pair_near_a_resonance_are_left_of_a_step_that_has_neither() -> None:
    """97 = 81 + 16: of cos(9 pi x) cos(4 pi y) nothing was known beside the other, 1e-5 off, the estimate 5e-9."""
    text = """
name: pair
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["lap(u) + (97*pi**2 + 1e-5)*u = 1e-5*(cos(9*pi*x)*cos(4*pi*y) + cos(4*pi*x)*cos(9*pi*y)/2)"]
conditions: [{where: boundary, equation: dn(u) = 0}]
"""
    model = model_of(text)
    space = space_of(model, 24, 10)
    zero, step, iterating = iterated(model, space)
    found = find_near_null(iterating, space, zero, zero)
    assert found.missed_part.norm == pytest.approx(float(space.norm(step)[0]), rel=3e-2)


def test_what_products_of_banded_matrices_round_away_is_solved_for_and_found_without_images(monkeypatch) -> None:
    """Their terms are 1e5 of a wave and cancel to 1e-12: of it a step had nothing, told as rounding of the problem."""
    text = """
name: off
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["lap(u) + (29*pi**2 - 1e-6)*u = -1e-6*sin(2*pi*x)*sin(5*pi*y)"]
conditions: [{where: boundary, equation: u = 0}]
"""
    model = model_of(text)
    space = space_of(model, 56, 10)
    zero, step, iterating = iterated(model, space)
    assert space.norm(step)[0] == pytest.approx(0.5, rel=1e-5)
    assert iterating.use_pointwise_products()
    assert not iterating.use_pointwise_products()
    _, _, rounded = iterated(model, space)
    monkeypatch.setattr(singular_vectors.SingularVectorSearch, "stacked_images", None)
    found = find_near_null(rounded, space, zero, zero)
    assert found.sigma == pytest.approx(1e-6, rel=1e-3)
    assert found.missed_part.norm == pytest.approx(0.5, rel=1e-3)
