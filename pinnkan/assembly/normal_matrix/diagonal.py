"""The diagonal of J^T J of rows on grids, from all points, or from means of weights over cells.

Means suffice for a scaling. Weights of recomputed rows are then sampled on few points, and squares of splines
integrated exactly: with two-point rules diffusion on 192 intervals takes 201 conjugate gradient steps, not 15.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, product

import torch

from pinnkan.assembly.tensor_rows import TensorRows, integrate, interval_batches
from pinnkan.kan.table import Table


def empty_diagonal(rows: Sequence[TensorRows]) -> torch.Tensor:
    """Zeros (coefficient, .., unknown)."""
    tables = rows[0].tables
    return tables[0].values.new_zeros((*(t.count for t in tables), rows[0].space.unknowns))


def diagonal_by_points(rows: Sequence[TensorRows]) -> torch.Tensor:
    """The diagonal of J^T J from all points: (coefficient, .., unknown)."""
    out = empty_diagonal(rows)
    add_by_points(rows, out)
    return out


def diagonal_by_cells(rows: Sequence[TensorRows]) -> torch.Tensor:
    """The diagonal for weights that are smooth in intervals, (coefficient, .., unknown); exact for stored rows."""
    out = empty_diagonal(rows)
    for r in rows:
        few = r.with_few_points()
        add_by_points([r], out) if few is r else _add_sampled_rows(few, r.tables, out)
    return out


def add_by_points(rows: Sequence[TensorRows], out: torch.Tensor) -> None:
    """Add the diagonal of J^T J, from all points, to ``out``."""
    for r in rows:
        if r.constant_slopes is not None:
            _add_constant_rows(r, r.constant_slopes, out)
        else:
            _add_sampled_rows(r, r.tables, out)


def _add_constant_rows(rows: TensorRows, numbers: Sequence[float], out: torch.Tensor) -> None:
    """Add the diagonal for rows with constant slopes ``numbers``: a sum of products of one-dimensional diagonals."""
    for (k, first), (m, second) in product(enumerate(rows.jets), repeat=2):
        if first.unknown != second.unknown:
            continue
        whole = out.new_full((), numbers[k] * numbers[m])
        for table, a, b in zip(rows.tables, first.order, second.order, strict=True):
            forms = (table.values[a] * table.values[b] * table.weights.unsqueeze(-1)).sum(1)
            own = forms.new_zeros(table.count).index_add_(0, table.index.reshape(-1), forms.reshape(-1))
            whole = whole.unsqueeze(-1) * own
        out[..., first.unknown] += whole


def _add_sampled_rows(rows: TensorRows, tables: Sequence[Table], out: torch.Tensor) -> None:
    """Add the diagonal of rows sampled at their points, for functions of the ``tables``.

    Where these have other points than the rows, squares of functions are means over intervals.
    """
    others = [t is not seen for t, seen in zip(tables, rows.tables, strict=True)]
    over = [2 * i + 1 for i, is_other in enumerate(others) if is_other]
    squares = [_squares(t, is_other) for t, is_other in zip(tables, others, strict=True)]
    for part, _ in interval_batches(rows.tables):
        weights, (own, places) = rows.weights_part(part), squares[0].part(part).compact()
        for u in sorted({j.unknown for j in rows.jets}):
            jets = [(k, j.order) for k, j in enumerate(rows.jets) if j.unknown == u]
            seen: dict[tuple[int, ...], torch.Tensor] = {}
            for (k, first), (m, second) in combinations_with_replacement(jets, 2):
                key = tuple(_pair_number(a, b) for a, b in zip(first, second, strict=True))
                weight = weights[..., k] * weights[..., m] * (1.0 if k == m else 2.0)
                weight = (weight.sum(over, keepdim=True) if over else weight).unsqueeze(-1)
                seen[key] = seen[key].add_(weight) if key in seen else weight
            out[..., u].index_add_(0, places, integrate((own, *squares[1:]), seen)[..., 0])


def _squares(table: Table, are_means: bool) -> Table:
    """Products of two derivatives of each function (:func:`_pair_number`), or their means over intervals."""
    orders = range(len(table.values))
    values = torch.stack([table.values[a] * table.values[b] for b in orders for a in range(b + 1)])
    if not are_means:
        return replace(table, values=values)
    share = table.weights / table.weights.sum(1, keepdim=True)
    means = (values * share.unsqueeze(-1)).sum(2, keepdim=True)
    return replace(table, nodes=table.nodes.mean(1, keepdim=True), weights=table.weights[:, :1], values=means)


def _pair_number(a: int, b: int) -> int:
    """The number of an unordered pair of orders."""
    return max(a, b) * (max(a, b) + 1) // 2 + min(a, b)
