"""J^T J, J^T r and J d without the rows, against the Jacobian written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from patches import CASES, CPU, coefficients, jacobian_of, patch

from pinnkan.assembly import tensor_rows
from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.tensor_rows import TensorRows, grid_jets
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Jet


def some_fixed(space):
    fixed = np.zeros(space.shape, dtype=bool)
    fixed[0], fixed[..., -1, :] = True, True
    return fixed


def dense(rows, ordering):
    """J^T J from its entries, both halves."""
    out, furthest = torch.zeros((ordering.size, ordering.size), dtype=torch.float64), 0
    for place, value in rows.gram(ordering):
        somewhere = place > 0
        apart, column = (place[somewhere] - 1) // ordering.size, (place[somewhere] - 1) % ordering.size
        furthest = max(furthest, int(apart.max()))
        out.index_put_((column + apart, column), value[somewhere], accumulate=True)
    assert furthest == rows.bandwidth(ordering)
    return out + out.tril(-1).T


def difference(a, b):
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_gram_matrix_is_that_of_the_jacobian(case, fixed):
    p = patch(case)
    rows = p.rows(coefficients(p.space), [])
    mask = some_fixed(p.space) if fixed else np.zeros(p.space.shape, dtype=bool)
    ordering = order_coefficients(p.space, mask, CPU)
    jacobian = jacobian_of(rows)[:, ordering.free]
    # Sums of a few hundred products: 1e-14 of the largest entry leaves a margin of ten.
    assert difference(dense(rows, ordering), jacobian.T @ jacobian) < 1e-14
    assert difference(dense(rows, ordering), jacobian[1:].T @ jacobian[1:]) > 1e-14
    r = rows.residual
    assert difference(rows.transpose(ordering, r), jacobian.T @ r.reshape(-1, 1)) < 1e-13


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("case", [name for name in CASES if name != "1-D periodic, folded"])  # not a sum there
def test_places_summed_over_coordinates_are_those_of_the_positions(case, fixed):
    p = patch(case)
    rows = p.rows(coefficients(p.space), [])
    mask = some_fixed(p.space) if fixed else np.zeros(p.space.shape, dtype=bool)
    ordering = order_coefficients(p.space, mask, CPU)
    assert ordering.position_terms is not None
    index = np.indices(p.space.shape).reshape(len(p.space.shape), -1)
    parts = torch.stack([part[i] for part, i in zip(ordering.position_terms, torch.from_numpy(index), strict=True)])
    position = parts.sum(0).where((parts >= 0).all(0), torch.tensor(-1))
    assert position.tolist() == ordering.position.tolist()
    by_position = replace(ordering, position_terms=None)
    summed = rows._pattern(ordering, 0, 0)
    assert (summed.band_index.tolist() == rows._pattern(by_position, 0, 0).band_index.tolist()) == (
        len(p.space.axes) == 1
    )
    assert difference(dense(rows, ordering), dense(rows, by_position)) < 1e-15  # the halves differ by rounding


def test_nothing_is_placed_where_everything_is_fixed():
    p = patch("2-D")
    rows = p.rows(coefficients(p.space), [])
    ordering = order_coefficients(p.space, np.ones(p.space.shape, dtype=bool), CPU)
    assert ordering.size == rows.bandwidth(ordering) == 0
    assert all(int(place.max()) == 0 for place, _ in rows.gram(ordering))


def test_places_are_not_summed_where_what_is_fixed_is_not_a_product():
    space = Space((Axis(np.linspace(0, 1, 3), 2), Axis(np.linspace(0, 1, 3), 2)), 2)
    mask = np.zeros(space.shape, dtype=bool)
    mask[0, :, 1] = True
    assert order_coefficients(space, mask, CPU).position_terms is None


def test_rows_of_a_single_interval_written_out_are_the_same():
    space = Space((Axis(np.array([0.2, 0.7]), 5),), 3)
    table = gauss_table(space.axes[0], 7, 2, CPU)
    jets = (Jet(0, (0,)), Jet(2, (0,)), Jet(2, (2,)), Jet(0, (1,)))
    generator = torch.Generator().manual_seed(0)
    weights, residual, step, c = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((1, 7, 4), (1, 7, 2), (13, 1), space.shape)
    )
    rows = TensorRows(space, (table,), jets, weights, residual)
    written, other = rows.to_cell_rows(), replace(rows, weights=1.001 * weights).to_cell_rows()
    ordering = order_coefficients(space, some_fixed(space), CPU)
    step = step[: ordering.size]
    assert (
        difference(dense(written, ordering), dense(rows, ordering))
        < 1e-13
        < difference(dense(other, ordering), dense(rows, ordering))
    )
    assert difference(written.apply(ordering, step), rows.apply(ordering, step)) < 1e-13
    assert difference(written.transpose(ordering, residual), rows.transpose(ordering, residual)) < 1e-13
    assert table.is_single_interval
    assert not gauss_table(space.axes[0].halved(), 7, 2, CPU).is_single_interval
    at_once, one_by_one = (grid_jets((table,), values, jets) for values in (c, c.unsqueeze(-1)))
    for jet, alone in zip(at_once, one_by_one, strict=True):
        assert difference(jet, alone[0]) < 1e-13
        assert jet.shape == (1, 7)


def test_three_coordinates_of_different_degree_and_a_periodic_one():
    space = Space(
        (Axis(np.array([0.0, 0.3, 1.0]), 3), Axis(np.linspace(0, 1, 5), 2, True), Axis(np.linspace(0, 1, 3), 1))
    )
    tables = tuple(gauss_table(a, 3, 2, CPU) for a in space.axes)
    jets = (Jet(0, (0, 0, 0)), Jet(0, (2, 0, 0)), Jet(0, (1, 1, 0)), Jet(0, (0, 0, 1)))
    generator = torch.Generator().manual_seed(0)
    grid = [n for t in tables for n in t.nodes.shape]
    weights = torch.randn(*grid, 4, generator=generator, dtype=torch.float64)
    residual = torch.randn(*grid, 2, generator=generator, dtype=torch.float64)
    rows = TensorRows(space, tables, jets, weights, residual)
    ordering = order_coefficients(space, some_fixed(space), CPU)
    jacobian = jacobian_of(rows)[:, ordering.free]
    assert difference(dense(rows, ordering), jacobian.T @ jacobian) < 1e-14
    assert difference(rows.transpose(ordering, residual), jacobian.T @ residual.reshape(-1, 2)) < 1e-13


def test_rows_written_out_add_columns_that_stand_for_one_coefficient():
    space = Space((Axis(np.linspace(0, 1, 3), 3),))
    jacobian = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rows = CellRows(jacobian, jacobian[..., :1], torch.tensor([[2, 4, 2]]))
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    full = rows.apply(ordering, torch.eye(ordering.size, dtype=torch.float64))[0]
    assert float((full[:, ordering.position[2]] - jacobian[0, :, 0] - jacobian[0, :, 2]).abs().max()) < 1e-15
    assert difference(dense(rows, ordering), full.T @ full) < 1e-14
    assert difference(rows.transpose(ordering, rows.residual), full.T @ rows.residual[0]) < 1e-14


@pytest.mark.parametrize("case", CASES)
def test_rows_are_the_same_interval_by_interval(case, monkeypatch):
    """Their weights, residuals with and without a move, products and transposes."""
    ours = patch(case)
    c, move = coefficients(ours.space), coefficients(ours.space, 1)
    ordering = order_coefficients(ours.space, np.zeros(ours.space.shape, dtype=bool), CPU)

    def everything():
        rows = ours.rows(c, [move, torch.zeros_like(move)])
        image = rows.apply(ordering, move.reshape(-1, 1))
        back = rows.transpose(ordering, rows.residual)
        return [rows.weights, rows.residual, ours.residual(c), image, back]

    whole = everything()
    monkeypatch.setattr(tensor_rows, "BATCH_POINTS", 1)
    for part, expected in zip(everything(), whole, strict=True):
        assert part.shape == expected.shape
        assert float((part - expected).abs().max()) <= 1e-13 * float(expected.abs().max())
    assert float((whole[1][..., 0] - whole[1][..., 1]).abs().max()) > 1e-3
