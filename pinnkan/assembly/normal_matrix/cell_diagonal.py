"""The diagonal of J^T J by means of weights over cells, for who needs it to a few per cent."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

import torch

from pinnkan.assembly.normal_matrix.matrix_free import diagonal_by_points
from pinnkan.assembly.patch import on_few
from pinnkan.assembly.tensor_rows import TensorRows, integrate, parts
from pinnkan.kan.table import Table


def diagonal_by_cells(rows: Sequence[TensorRows]) -> torch.Tensor:
    """The diagonal of J^T J: (coefficient, .., unknown), where weights are smooth in every interval.

    Weights are looked at on few points where rows are not kept, squares of splines are integrated exactly: two Gauss
    points of an interval make of some what they are not. Scaled by roots of these, over exact ones, diffusion with a
    coefficient took 201 steps of conjugate gradients on 192 intervals, where it takes 15.
    """
    return sum((_of(r) for r in rows[1:]), _of(rows[0]))


def _of(rows: TensorRows) -> torch.Tensor:
    few = on_few(rows)
    squares = [_squares(t, is_mean=t is not f) for t, f in zip(rows.tables, few.tables, strict=True)]
    over = [2 * i + 1 for i, (t, f) in enumerate(zip(rows.tables, few.tables, strict=True)) if t is not f]
    if not over:
        return diagonal_by_points([rows])
    out = squares[0].values.new_zeros((*(t.count for t in rows.tables), rows.space.unknowns))
    for part, _ in parts(few.tables):
        weights, (own, places) = few.weights_in(part), squares[0].part(part).alone()
        for u in sorted({j.unknown for j in rows.jets}):
            jets = [(k, j.order) for k, j in enumerate(rows.jets) if j.unknown == u]
            seen: dict[tuple[int, ...], torch.Tensor] = {}
            for (k, first), (m, second) in combinations_with_replacement(jets, 2):
                key = tuple(_pair(a, b) for a, b in zip(first, second, strict=True))
                product = (weights[..., k] * weights[..., m]).sum(over, keepdim=True).unsqueeze(-1)
                product *= 1.0 if k == m else 2.0
                seen[key] = seen[key].add_(product) if key in seen else product
            out[..., u].index_add_(0, places, integrate((own, *squares[1:]), seen)[..., 0])
    return out


def _squares(table: Table, is_mean: bool) -> Table:
    """The table of products of two derivatives of each function (:func:`_pair`), or of their means over intervals."""
    orders = range(len(table.values))
    values = torch.stack([table.values[a] * table.values[b] for b in orders for a in range(b + 1)])
    if not is_mean:
        return replace(table, values=values)
    share = table.weights / table.weights.sum(1, keepdim=True)
    means = (values * share.unsqueeze(-1)).sum(2, keepdim=True)
    return replace(table, nodes=table.nodes.mean(1, keepdim=True), weights=table.weights[:, :1], values=means)


def _pair(a: int, b: int) -> int:
    """The number of two orders, whichever is the first."""
    return max(a, b) * (max(a, b) + 1) // 2 + min(a, b)
