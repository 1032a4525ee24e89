"""Who solves is what is predicted to cost less, and rows without a grid keep their factor."""

import torch
from operators import operator

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.solver import work
from pinnkan.solver.linear.band import NormalEquations
from pinnkan.solver.linear.choice import solver_of
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients


def test_a_small_problem_is_factored_and_a_dear_factor_is_not_made(monkeypatch):
    rows, ordering = operator("constant")
    assert isinstance(solver_of(rows, ordering), NormalEquations)
    monkeypatch.setattr(work, "STEPS_AT_POINT", 1e-3)
    monkeypatch.setattr(work, "CHEAP", 0.0)
    assert isinstance(solver_of(rows, ordering), ConjugateGradients)


def test_rows_that_are_written_out_or_have_holes_are_factored(monkeypatch):
    monkeypatch.setattr(work, "STEPS_AT_POINT", 1e-3)
    monkeypatch.setattr(work, "CHEAP", 0.0)
    rows, ordering = operator("constant")
    position = ordering.position.clone()
    position[ordering.free[-1]] = -1
    hole = Ordering(position, ordering.free[:-1])
    assert isinstance(solver_of(rows, hole), NormalEquations)
    size = ordering.size
    unit = torch.eye(size, dtype=torch.float64).unsqueeze(0)
    written = CellRows(unit, unit[..., :1], ordering.free.unsqueeze(0))
    assert isinstance(solver_of([written], ordering), NormalEquations)
