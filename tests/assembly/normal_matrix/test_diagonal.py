"""The diagonal by means over cells is nearly that at all points, whether rows are kept or not."""

import numpy as np
import pytest
import torch
from operators import CPU
from small_models import model_of

from pinnkan.assembly import patch
from pinnkan.assembly.normal_matrix.diagonal import diagonal_by_cells, diagonal_by_points
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.system import System

VARYING = """
name: varying
domain: {x: [0, 1], y: [0, 1]}
functions: {k: 1 + 0.9*sin(4*pi*x)*cos(4*pi*y)}
unknowns: [u, v]
equations:
  - -div(k*grad(u)) + 3*v_x = sin(3*x)
  - -lap(v)*k + y*u = 1
conditions: [{where: boundary, equation: u = 0}, {where: boundary, equation: v = 0}]
"""
ALONE = (
    VARYING.replace("[u, v]", "[u]").replace(" + 3*v_x", "").replace("  - -lap(v)*k + y*u = 1\n", "")
    .replace(", {where: boundary, equation: v = 0}", "").replace("sin(3*x)", "sin(pi*x)*sin(pi*y)")
)  # fmt: skip


def rows_of(text, kept, monkeypatch, intervals=(20, 22), degree=10):
    monkeypatch.setattr(patch, "MAX_KEPT_WEIGHTS", 10**9 if kept else 0)
    monkeypatch.setattr("pinnkan.assembly.tensor_rows.BATCH_POINTS", 9000)  # some intervals at once
    model = model_of(text)
    space = Space(tuple(Axis(np.linspace(0.0, 1.0, n + 1), degree) for n in intervals), len(model.problem.unknowns))
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in System(model, space).patches]
    assert all(isinstance(r, RecomputedRows) != kept for r in rows)
    return rows, order_coefficients(space, fixed, CPU)


def test_means_over_cells_are_nearly_those_at_all_points(monkeypatch):
    """Better on finer knots; by two points of each interval some are next to nothing."""
    off = []
    for count in (32, 64):
        rows, _ = rows_of(ALONE, False, monkeypatch, intervals=(count, count))
        exact = diagonal_by_points(rows)
        off.append(float((diagonal_by_cells(rows) / exact - 1.0).abs().max()))
        few = diagonal_by_points([r.with_few_points(None) for r in rows])
        assert float((few / exact).min()) < 0.1
    assert off[1] < 0.2
    assert off[1] < 0.5 * off[0]


@pytest.mark.parametrize("kept", [True, False])
def test_rows_that_are_kept_or_weigh_less_near_corners_have_all_of_their_points(kept, monkeypatch):
    rows, _ = rows_of(VARYING, kept, monkeypatch)
    assert torch.equal(diagonal_by_cells(rows), diagonal_by_points(rows))


def test_rows_that_are_not_kept_take_as_many_steps_as_those_that_are(monkeypatch):
    """With a scale from both, all points and few of them, they had led nowhere on 192 intervals: 201 steps, not 15."""
    steps = []
    for kept in (True, False):
        rows, ordering = rows_of(ALONE, kept, monkeypatch, intervals=(96, 96))
        solver = ConjugateGradients(rows, ordering)
        solver.solve_rows(rows, 1e-9)
        assert solver._candidate == 0
        steps.append(solver.iterations)
    assert abs(steps[0] - steps[1]) <= 1
    assert max(steps) < 25
