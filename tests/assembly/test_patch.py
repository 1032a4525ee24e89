"""Rows that are worked out again whenever they are asked for are those that are kept."""

import numpy as np
import pytest
import torch
from small_models import model_of

from pinnkan.assembly import patch as module
from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.equation import summed_quadrature
from pinnkan.assembly.normal_matrix import matrix_free
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.row_scaling import OperatorSizes, divide_by_size
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.stability import find_near_null

POISSON = """
name: varying
domain:
  x: [0, 1]
  y: [0, 2]
  z: [0, 1]
unknowns: [u]
equations:
  - -lap(u) + 2*u_xy = sin(x + y)*z
conditions:
  - where: boundary
    equation: u = x*y
"""
VARYING = POISSON.replace("-lap(u)", "-div((2 + sin(3*x)*y*z)*grad(u))")
#: Different degrees and knots, so that nothing fits by chance.
AXES = tuple(
    Axis(np.sort(np.concatenate([[0.0, top], top * np.linspace(0.1, 0.9, n) ** 1.2])), degree)
    for top, n, degree in ((1.0, 4, 5), (2.0, 6, 4), (1.0, 3, 6))
)


@pytest.fixture(params=[POISSON, VARYING])
def both(request, monkeypatch):
    """Rows of a linear equation, kept and fleeting, a model, a space, coefficients and which of these are fixed."""
    model, space = model_of(request.param), Space(AXES)
    monkeypatch.setattr("pinnkan.assembly.tensor_rows.BATCH_POINTS", 900)  # some intervals at once
    monkeypatch.setattr(matrix_free, "BATCH_WEIGHTS", 9000)
    monkeypatch.setattr(matrix_free, "MAX_WEIGHTS_PER_COEFFICIENT", 0)
    start, fixed = with_conditions(model, space, np.random.default_rng(3).standard_normal(space.shape))
    move = torch.from_numpy(np.where(fixed, 0.3, 0.0))
    found = []
    for most in (10**9, 0):
        monkeypatch.setattr(module, "MAX_KEPT_WEIGHTS", most)
        monkeypatch.setattr(module, "MAX_KEPT_CONSTANTS", most)
        rows = System(model, space).patches[0].rows(torch.from_numpy(start), [move, torch.zeros_like(move)])
        assert isinstance(rows, RecomputedRows) == (most == 0)
        found.append(rows)
    return *found, model, space, start, fixed


def close(a, b, rtol=1e-12):
    size = float(np.abs(np.asarray(b)).max())
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0.0, atol=rtol * size)


def test_weights_residuals_and_products_are_the_same(both):
    kept, fleeting, model, space, _, fixed = both
    ordering = order_coefficients(space, fixed, model.device)
    close(fleeting.weights, kept.weights)
    close(fleeting.residual, kept.residual)
    close(fleeting.weights_part(slice(1, 3), 2), kept.weights[:, :, :, :, 1:3])
    step = torch.from_numpy(np.random.default_rng(4).standard_normal((ordering.size, 2)))
    close(fleeting.apply(ordering, step), kept.apply(ordering, step))
    close(fleeting.transpose(ordering, kept.residual), kept.transpose(ordering, kept.residual))
    left = kept.residual + kept.apply(ordering, step)
    close(fleeting.gradient_after_step(ordering, step), kept.transpose(ordering, left))
    close(fleeting.gradient_after_step(ordering, None), kept.transpose(ordering, kept.residual))


def test_the_matrix_its_diagonal_and_the_sizes_of_the_operator_are_the_same(both):
    kept, fleeting, _, space, _, _ = both
    values = torch.from_numpy(np.random.default_rng(5).standard_normal((*space.shape, 2)))
    close(MatrixFree([fleeting])(values), MatrixFree([kept])(values))
    close(MatrixFree([fleeting]).diagonal(), MatrixFree([kept]).diagonal())
    ours, sizes = OperatorSizes(fleeting), OperatorSizes(kept)
    rtol = 1e-12 if fleeting.constant_slopes is not None else 2e-3  # by means on few points
    close(ours.grid_sizes, sizes.grid_sizes, rtol)
    close(ours.size_range(), [float(sizes.grid_sizes.min()), float(sizes.grid_sizes.max())], 20 * rtol)
    close(divide_by_size(ours).weights, divide_by_size(sizes).weights, rtol)


@pytest.mark.parametrize("along", [None, 0, 1, 2])
def test_means_of_weights_are_taken_on_few_points(both, along):
    kept, fleeting, *_ = both
    few = fleeting.with_few_points(along)
    assert kept.with_few_points(along) is kept
    assert few.with_few_points(along) is few
    if fleeting.constant_slopes is not None:
        assert few is fleeting
        return
    points = [t.nodes.shape[1] for t in few.tables]
    assert points == [
        own if i == along else module.FEW_POINTS for i, own in enumerate(t.nodes.shape[1] for t in kept.tables)
    ]
    over = [n for i in range(3) if i != along for n in (2 * i + 1,)]
    for k in range(len(kept.jets)):
        sums = [r.weights[..., k].square().sum(over) for r in (few, kept)]
        close(*sums, 1e-2)
    assert few.count < kept.count


def test_points_of_a_cell_that_weigh_differently_are_all_kept(both):
    _, fleeting, *_ = both
    patch = fleeting.patch
    scale = 1.0 + torch.rand(patch.shape, dtype=torch.float64)
    uneven = type(patch)(patch.equation, patch.space, patch.tables, scale)
    assert uneven.with_few_points(None) is uneven
    even = type(patch)(patch.equation, patch.space, patch.tables, scale[:, :1, :, :1, :, :1])
    assert even.with_few_points(None) is not even


def test_a_small_step_from_a_large_function_is_not_rounded_anew(both):
    """With F after the step, which is rounded anew, a wave 1e-4 off its resonance was not solved for any more."""
    _, fleeting, model, space, _, fixed = both
    large, none = torch.full(space.shape, 1e8, dtype=torch.float64), torch.zeros(space.shape, dtype=torch.float64)
    rows = fleeting.patch.rows(large, [none])
    assert isinstance(rows, RecomputedRows)
    ordering = order_coefficients(space, fixed, model.device)
    step = 1e-9 * torch.from_numpy(np.random.default_rng(6).standard_normal((ordering.size, 1)))
    found = rows.gradient_after_step(ordering, step) - rows.gradient_after_step(ordering, None)
    close(found, rows.transpose(ordering, rows.apply(ordering, step)), 1e-6)


def test_weights_of_numbers_are_summed_without_the_grid(both):
    kept, fleeting, *_ = both
    if fleeting.constant_slopes is not None:
        for over in ([1, 3], [0, 1, 4, 5], [0, 1, 2, 3]):
            squares = (kept.weights[..., 0] / fleeting.constant_slopes[0]).square()
            close(summed_quadrature(fleeting.tables, over), squares.sum(over, keepdim=True))


def test_conjugate_gradients_solve_for_them_and_the_least_determined_function_is_the_same(both):
    kept, fleeting, model, space, start, fixed = both
    ordering = order_coefficients(space, fixed, model.device)
    found = []
    for rows in (kept, fleeting):
        equations = ConjugateGradients([rows], ordering)
        null = find_near_null(equations, space, start, np.where(fixed, 0.0, 0.1))
        found.append((equations.solve_rows([rows], 1e-10), null))
    (step, null), (again, other) = found
    close(again, step, 1e-7)
    assert other.image_roughness() == pytest.approx(null.image_roughness(), rel=1e-3)
    assert other.missed_part.norm == pytest.approx(null.missed_part.norm, rel=1e-3)
    for name in ("sigma", "term_share"):
        assert getattr(other, name) == pytest.approx(getattr(null, name), rel=1e-3)


def test_the_loss_is_added_up_a_few_intervals_after_the_other(both):
    *_, model, space, start, _ = both
    system = System(model, space)
    whole = system.patches[0].residual(torch.from_numpy(start)).square()
    assert system.patches[0].loss(torch.from_numpy(start)) == pytest.approx(float(whole.sum()), rel=1e-12)
    for i, sums in enumerate(system.squares_by_interval(start)):
        close(sums, whole.sum([k for k in range(6) if k != 2 * i]))


@pytest.mark.parametrize(("intervals", "are_written"), [(1, True), (2, False)])
def test_rows_of_one_interval_of_a_line_are_written_out(intervals, are_written):
    """For some days they were not, and slabs of ordinary equations took up to twice the time."""
    text = "name: o\ndomain: {t: [0, 1]}\nunknowns: [u]\nequations: [u_t = -u**2]\n"
    model = model_of(text + "conditions: [{where: initial, equation: u = 1}]\n")
    space = Space((Axis(np.linspace(0.0, 1.0, intervals + 1), 5),))
    rows = System(model, space).patches[0].rows(torch.ones(space.shape, dtype=torch.float64), [])
    assert isinstance(rows, CellRows) == are_written
