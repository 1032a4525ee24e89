"""Rows of a product space: how many, where, and the step they give."""

import numpy as np
import pytest
from small_models import PLANE, jacobian, line, model_of, prepared, residual

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.patch import Patch
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.system import TOLERANCE_SHARE, System
from pinnkan.solver.minimise.gauss_newton import gauss_newton


def test_a_step_is_numpys_least_squares_step_with_fixed_coefficients_moved():
    model = line()
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 5), 5),)))
    rng = np.random.default_rng(0)
    c, target = start + 0.1 * rng.standard_normal(start.shape), start
    step = system.gauss_newton_steps(c, [target], fixed)[0]
    move = np.where(fixed, target - c, 0.0)
    j, r = jacobian(system, c), residual(system, c)
    theirs = np.linalg.lstsq(j[:, ~fixed.ravel()], -(r + j @ move.ravel()), rcond=None)[0]
    assert np.abs(step[~fixed] - theirs).max() < 1e-9 * np.abs(theirs).max()
    assert np.array_equal(step[fixed], (target - c)[fixed])
    unmoved = np.linalg.lstsq(j[:, ~fixed.ravel()], -r, rcond=None)[0]
    assert np.abs(step[~fixed] - unmoved).max() > 1e-3 * np.abs(theirs).max()


def test_rounding_is_relative_to_the_solution_wherever_the_step_begins(monkeypatch):
    """The same error in the coefficients counts the same, near the solution, at zero and far beyond."""

    def rough(self, *given):
        step = solve(self, *given)
        self.solution_error = 1e-9
        return step

    system, start, fixed = prepared(line("u_xx = sin(5*x)", right="u = 0"), Space((Axis(np.linspace(0, 1, 5), 5),)))
    solution = start + system.gauss_newton_steps(start, [start], fixed)[0]
    solve = NormalEquations.solve
    monkeypatch.setattr(NormalEquations, "solve", rough)
    for begin in (start, solution, 3.0 * solution):
        system.gauss_newton_steps(begin, [start], fixed)
        assert system.relative_solution_error == pytest.approx(1e-9 / np.abs(solution).max(), rel=1e-6)


def test_held_out_rows_are_other_points_of_the_same_integral():
    model = line(right="u = 0")
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 9), 7),)))
    c = gauss_newton(system, start, fixed, 1e-10).coefficients
    more = System(model, system.space, extra_points=1)
    assert more.row_count > system.row_count
    assert 0.3 < more.mean_square(c) / system.mean_square(c) < 9.0
    rough = c + 0.1 * np.random.default_rng(0).standard_normal(c.shape)
    assert more.mean_square(rough) == pytest.approx(system.mean_square(rough), rel=0.5)


def test_a_single_coordinate_keeps_all_its_points_and_a_plane_spares_some():
    axis = Axis(np.linspace(0, 1, 21), 9)
    assert System(line(right="u = 0"), Space((axis,))).row_count == 20 * (9 - 2)
    plane = model_of(PLANE.format(v="x", right="u = v"))
    assert System(plane, Space((axis, axis))).row_count == (20 * 6) ** 2


def test_steps_leave_out_a_share_of_the_local_tolerance_where_there_is_one():
    """What a slab leaves out grows in those that follow: its share is that of the slab, not that of the file."""
    cube = "{name: cube, domain: {x: [0, 1], y: [0, 1], z: [0, 1]}, unknowns: [u], equations: [lap(u) = 1],"
    model = model_of(cube + " conditions: [{where: boundary, equation: u = 0}]}")
    space = Space((Axis(np.linspace(0, 1, 7), 6),) * 3)
    zero, fixed = zero_conditions(model.conditions, space)
    for local in (None, 1e-9):
        system = System(model, space, keeps_solver=True, local_tolerance=local)
        system.gauss_newton_steps(zero, [zero], fixed)
        assert system.kept_solver.error_share == TOLERANCE_SHARE * (local or model.problem.solver.tolerance)


def test_the_loss_of_a_minimum_is_worked_out_once(monkeypatch):
    """Who records a level, estimates its error and goes on asks for the same one."""
    system, asked = prepared(line(), Space((Axis(np.linspace(0, 1, 5), 5),)))[0], []
    loss = Patch.loss
    monkeypatch.setattr(Patch, "loss", lambda *given: asked.append(given) or loss(*given))
    first, second = (np.full(system.space.shape, x) for x in (0.5, 0.7))
    found = [system.loss(c) for c in (first, second, first.copy(), second)]
    assert len(asked) == 2 * len(system.patches)
    assert found[:2] == found[2:]
    assert found[0] != found[1]
    system.loss(first + 1e-9)
    assert system.loss(first) == found[0]
    assert len(asked) == 4 * len(system.patches)
