"""J^T J as a full matrix against the same in a band, for one unknown and several, with rows of every kind."""

import numpy as np
import pytest
import torch

from pinnkan.assembly import tensor_rows
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.model import compile_model
from pinnkan.assembly.normal_matrix.full_matrix import full_matrix
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.problem.registry import load_problem
from pinnkan.solver.families.product.start import initial_space, with_conditions
from pinnkan.solver.linear.system import System

CPU = torch.device("cpu")
SPACES = {
    "kovasznay": (4, 2),  # three unknowns, of which one is free on all sides, and a value at a point
    "heated_cavity": (3, 3),  # an integral
    "taylor_green": (3, 1),  # two circles, and time
    "poisson2d": (5, 4),
}


def rows_of(name):
    """The rows of a shipped problem at a function drawn by chance, and the order of its coefficients."""
    problem = load_problem(name)
    model = compile_model(problem, sort_conditions(problem), CPU)
    space = initial_space(model, *SPACES[name])
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    start = np.where(fixed, start, np.random.default_rng(0).standard_normal(space.shape))
    rows = [p.rows(torch.from_numpy(start), []) for p in System(model, space).patches]
    return rows, space, fixed


def banded(rows, ordering):
    """The same by the places of a band, all of it."""
    n = ordering.size
    band = torch.zeros(1 + n * n, dtype=torch.float64)
    for block in rows:
        for place, value in block.gram(ordering):
            band.scatter_add_(0, place, value)
    lower = torch.zeros(n, n, dtype=torch.float64)
    for k in range(n):
        lower.diagonal(-k).copy_(band[1 + k * n : 1 + (k + 1) * n - k])
    return lower + lower.tril(-1).T


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_it_is_what_the_band_holds(name, scattered):
    rows, space, fixed = rows_of(name)
    if scattered:  # no product of functions of each coordinate is fixed
        fixed = fixed | (np.random.default_rng(1).random(fixed.shape) < 0.2)
    ordering = order_coefficients(space, fixed, CPU)
    found, wanted = full_matrix(rows, ordering), banded(rows, ordering)
    assert float((found - wanted).abs().max()) < 1e-13 * float(wanted.abs().max())
    assert float((found - wanted.roll(1, 0)).abs().max()) > 1e-3 * float(wanted.abs().max())


def test_rows_written_out_stand_beside_those_on_a_grid():
    rows, space, fixed = rows_of("poisson2d")
    ordering = order_coefficients(space, fixed, CPU)
    index = torch.tensor([[0, 7, 20, 41], [8, 3, 2, 80]])
    jacobian = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 3, 4)))
    rows = [*rows, CellRows(1e3 * jacobian, torch.zeros(2, 3, 1, dtype=torch.float64), index)]
    wanted = banded(rows, ordering)
    assert float((full_matrix(rows, ordering) - wanted).abs().max()) < 1e-13 * float(wanted.abs().max())


@pytest.mark.parametrize("name", SPACES)
def test_the_reach_cell_by_cell_is_that_of_all_entries(name, monkeypatch):
    rows, space, fixed = rows_of(name)
    ordering = order_coefficients(space, fixed, CPU)
    one_by_one = [r.bandwidth(ordering) for r in rows]
    monkeypatch.setattr(tensor_rows, "MIN_FULL_SIZE", 1)
    assert [r.bandwidth(ordering) for r in rows] == one_by_one
