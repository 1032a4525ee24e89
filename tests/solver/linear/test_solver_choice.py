"""Who solves is what is predicted to cost less, and rows without a grid keep their factor."""

import numpy as np
import pytest
import torch
from operators import PLANE, operator

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.problem.registry import parse_problem
from pinnkan.solver import predicted_work
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import level_estimate
from pinnkan.solver.linear import solver_choice
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.solver_choice import choose_linear_solver
from pinnkan.solver.predicted_work import bandwidth


def test_a_small_problem_is_factored_and_a_dear_factor_is_not_made(monkeypatch):
    rows, ordering = operator("constant")
    assert isinstance(choose_linear_solver(rows, ordering), NormalEquations)
    monkeypatch.setattr(predicted_work, "WORK_PER_POINT", 1e-3)
    monkeypatch.setattr(predicted_work, "CHEAP_WORK", 0.0)
    assert isinstance(choose_linear_solver(rows, ordering), ConjugateGradients)


def test_rows_that_are_written_out_or_have_holes_are_factored(monkeypatch):
    monkeypatch.setattr(predicted_work, "WORK_PER_POINT", 1e-3)
    monkeypatch.setattr(predicted_work, "CHEAP_WORK", 0.0)
    rows, ordering = operator("constant")
    position = ordering.position.clone()
    position[ordering.free[-1]] = -1
    hole = Ordering(position, ordering.free[:-1])
    assert isinstance(choose_linear_solver(rows, hole), NormalEquations)
    size = ordering.size
    unit = torch.eye(size, dtype=torch.float64).unsqueeze(0)
    written = CellRows(unit, unit[..., :1], ordering.free.unsqueeze(0))
    assert isinstance(choose_linear_solver([written], ordering), NormalEquations)


def test_what_has_been_factored_beside_goes_on_to_the_next_space(monkeypatch):
    """By whoever has solved there, unless it was damped."""
    rows, ordering = operator("varying")
    factor, (fine, order) = choose_linear_solver(rows, ordering), operator("varying", PLANE.halved())
    monkeypatch.setattr(predicted_work, "WORK_PER_POINT", 1e-3)
    monkeypatch.setattr(predicted_work, "CHEAP_WORK", 0.0)
    right = [r.residual for r in fine]

    def solved(beside, accuracy=1e-10):
        solver = choose_linear_solver(fine, order, coarse_solver=beside)
        assert isinstance(solver, ConjugateGradients)
        assert solver.coarse_factor is None  # before there is a preconditioner
        return solver, solver.solve(right, accuracy)

    (after, found), (alone, expected) = solved(factor), solved(None)
    assert np.abs(found - expected).max() < 1e-7 * np.abs(expected).max()
    assert after.coarse_factor.space is rows[0].space is not alone.coarse_factor.space
    assert solved(after, 1e-2)[0].coarse_factor is after.coarse_factor
    assert solved(NormalEquations(rows, ordering, 0.1), 1e-2)[0].coarse_factor.space is not rows[0].space
    monkeypatch.setattr(solver_choice, "MAX_COARSE_ENTRIES", bandwidth(PLANE) * PLANE.size - 1)
    assert solved(factor, 1e-2)[0].coarse_factor.space is not rows[0].space  # every step would ask for it


@pytest.mark.parametrize(("equation", "is_linear"), [("-lap(u) = 1", True), ("-lap(u) + u**3 = 1", False)])
def test_a_correction_knows_who_has_solved_before_it(equation, is_linear, monkeypatch):
    """Of equations that are linear: of others the matrix is another one."""
    known, whole = [], level_estimate.System
    monkeypatch.setattr(
        level_estimate, "System", lambda *of, **more: known.append(more.get("coarse_solver")) or whole(*of, **more)
    )
    conditions = "[{where: boundary, equation: u = 0}]"
    text = f"domain: {{x: [0, 1], y: [0, 1]}}\nunknowns: [u]\nequations: ['{equation}']\nconditions: {conditions}\n"
    solve(parse_problem(f"name: a\n{text}solver: {{tolerance: 1.0e-2}}\n".encode(), "a.yaml"))
    assert any(solver is not None for solver in known) == is_linear
