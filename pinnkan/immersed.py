"""Rows of a problem whose box lies askew in the box of its inner coordinates.

The points of a cell are rows on its own (degree + 1)^d coefficients. The chain rule acts on the weights
dF/d(D^alpha u), so that features stay products of one-dimensional tables, as in :class:`pinnkan.residual.Patch`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.kan.coordinates import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.immersion import Points
from pinnkan.kan.product import Space
from pinnkan.ordering import Ordering
from pinnkan.residual import CompiledEquation
from pinnkan.rows import CellRows, Entries, cell_entries


class Batch:
    """Points of some cells, as many for each (weight zero fills up), with all that does not change in a level."""

    def __init__(self, space: Space, points: Points, first: np.ndarray, tables: Sequence[torch.Tensor]) -> None:
        """``first``: coefficient of a point's cell, (point, coordinate); ``tables``: (order, point, function) each."""
        flat = np.ravel_multi_index(tuple(first.T), [a.count for a in space.axes])
        cells, owner, count = np.unique(flat, return_inverse=True, return_counts=True)
        by_cell = np.argsort(owner, kind="stable")
        place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        pick = np.repeat(by_cell[np.cumsum(count) - count][:, None], count.max(), 1)  # fill up with the first point
        weight = np.zeros(pick.shape)
        pick[owner[by_cell], place] = by_cell
        weight[owner[by_cell], place] = points.weights[by_cell]
        self.weights = weight  # (cell, point)
        self.inner, self.outer = points.inner[pick], points.outer[pick]  # (cell, point, coordinate)
        self.shape = pick.shape
        lowest = np.stack(np.unravel_index(cells, [a.count for a in space.axes]), -1)
        self.cells = lowest  # (cell, coordinate): interval of each coordinate
        self.tables = [t[:, pick] for t in tables]  # (order, cell, point, function)
        index = np.zeros((len(cells), 1), dtype=np.int64)
        for i, axis in enumerate(space.axes):
            local = lowest[:, i : i + 1] + np.arange(axis.degree + 1)
            index = (index[:, :, None] * axis.count + local[:, None, :]).reshape(len(cells), -1)
        self.unknowns = space.unknowns
        self.columns = index.shape[1]
        self.index = torch.from_numpy(index)  # (cell, function), of one unknown

    def derivatives(self, coefficients: Array, orders: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Derivatives in (s, r[, t]) at the points: (cell, point, unknown, order)."""
        flat = torch.from_numpy(np.ascontiguousarray(coefficients)).reshape(-1, self.unknowns)
        local = flat[self.index].reshape(len(self.index), *(t.shape[-1] for t in self.tables), self.unknowns)
        out = []
        for order in orders:
            value = torch.einsum("cqa,ca...->cq...", self.tables[0][order[0]], local)
            for t, k in zip(self.tables[1:], order[1:], strict=True):
                value = torch.einsum("cqa,cqa...->cq...", t[k], value)
            out.append(value)
        return torch.stack(out, -1)

    def features(self, terms: dict[tuple[int, ...], torch.Tensor]) -> torch.Tensor:
        """sum_beta w_beta D^beta[products of splines]: (cell, point, function)."""
        grouped = {order: w.unsqueeze(-1) for order, w in terms.items()}
        for t in reversed(self.tables):
            new: dict[tuple[int, ...], torch.Tensor] = {}
            for order, value in grouped.items():
                part = (t[order[-1]].unsqueeze(-1) * value.unsqueeze(-2)).flatten(2)
                rest = order[:-1]
                new[rest] = new[rest].add_(part) if rest in new else part
            grouped = new
        return grouped[()]


def batches(space: Space, points: Points, order: Sequence[int]) -> list[Batch]:
    """Points sorted into cells, those with about as many points together."""
    local = [
        a.basis.local(torch.from_numpy(np.ascontiguousarray(points.inner[:, i])), order[i])
        for i, a in enumerate(space.axes)
    ]
    first = np.stack([f.numpy() for _, f in local], -1)
    flat = np.ravel_multi_index(tuple(first.T), [a.count for a in space.axes])
    _, owner, count = np.unique(flat, return_inverse=True, return_counts=True)
    size = np.ceil(np.log2(count[owner])).astype(int)
    out = []
    for k in np.unique(size):
        part = size == k
        chosen = Points(points.inner[part], points.outer[part], points.weights[part])
        out.append(Batch(space, chosen, first[part], [t[:, part] for t, _ in local]))
    return out


class ImmersedPatch:
    """An equation at the points of a batch of cells; ``scale`` (cell, point) weighs its rows."""

    def __init__(self, equation: CompiledEquation, batch: Batch, coordinates: Coordinates) -> None:
        self.equation, self.batch = equation, batch
        orders = sorted({jet.order for jet in equation.jets})
        flat = batch.inner.reshape(-1, batch.inner.shape[-1])
        self.betas, transfer = coordinates.transfer(flat, orders)
        pick = [orders.index(jet.order) for jet in equation.jets]
        self.transfer = torch.from_numpy(transfer[:, pick]).reshape(*batch.shape, len(pick), len(self.betas))
        self.points = torch.from_numpy(batch.outer)
        self.root_weight = torch.from_numpy(np.sqrt(batch.weights))

    def jets(self, coefficients: Array) -> torch.Tensor:
        """The equation's derivatives in (x, y[, t]): (cell, point, jet)."""
        inner = self.batch.derivatives(coefficients, self.betas)
        unknowns = [jet.unknown for jet in self.equation.jets]
        return (inner[:, :, unknowns] * self.transfer).sum(-1)

    def linearised(self, coefficients: Array) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """F (cell, point), and per unknown the weights of the inner derivatives (cell, point, beta)."""
        f, w = self.equation.linearise(self.points, self.jets(coefficients))
        out = []
        for unknown in range(self.batch.unknowns):
            mine = [k for k, jet in enumerate(self.equation.jets) if jet.unknown == unknown]
            out.append(torch.einsum("cqa,cqab->cqb", w[..., mine], self.transfer[..., mine, :]))
        return f, out

    def loss(self, coefficients: Array) -> float:
        """Weighted sum of squares of the residual."""
        f, _ = self.equation.linearise(self.points, self.jets(coefficients))
        return float(((f * self.root_weight) ** 2).sum())

    def rows(self, coefficients: Array) -> CellRows:
        """Jacobian and residual at ``coefficients``."""
        f, weights = self.linearised(coefficients)
        blocks, index = [], []
        for unknown, w in enumerate(weights):
            w = w * self.root_weight.unsqueeze(-1)
            terms = {beta: w[..., k] for k, beta in enumerate(self.betas) if bool((w[..., k] != 0.0).any())}
            block = self.batch.features(terms) if terms else f.new_zeros((*f.shape, self.batch.columns))
            blocks.append(block)
            index.append(self.batch.index * self.batch.unknowns + unknown)
        return CellRows(torch.cat(blocks, -1), (f * self.root_weight).unsqueeze(-1), torch.cat(index, -1))

    def size(self, coefficients: Array, widths: Array) -> torch.Tensor:
        """Size of the operator on functions that vary over ``widths`` (cell, coordinate): (cell, point)."""
        _, weights = self.linearised(coefficients)
        scale = torch.stack(
            [torch.from_numpy(np.prod(widths ** -np.array(beta, dtype=float), -1)) for beta in self.betas], -1
        )  # (cell, beta)
        return torch.stack([(w.abs() * scale.unsqueeze(1)).sum(-1) for w in weights]).sum(0)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Rows of many batches over the same cells, as :class:`pinnkan.rows.Rows`: J^T J is summed per cell first.

    Inside, on sides and at the start a cell has rows of different patches; summed before they are spread over the
    matrix, they take half the time of as many :class:`pinnkan.rows.CellRows` (three coordinates, measured).
    ``blocks``: jacobian (cell, row, column) and which cell of ``index`` (cell, column) each of its cells is;
    ``residual`` (row, side) of all blocks one after the other.
    """

    blocks: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    index: torch.Tensor
    residual: torch.Tensor

    def reach(self, ordering: Ordering) -> int:
        """See :class:`pinnkan.rows.Rows`."""
        return self._alone().reach(ordering)

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        """See :class:`pinnkan.rows.Rows`."""
        columns = self.index.shape[1]
        total = self.residual.new_zeros((len(self.index), columns, columns))
        for block, owner in self.blocks:
            total.index_add_(0, owner, torch.bmm(block.transpose(1, 2), block))
        yield from cell_entries(ordering, self.index, total)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        """See :class:`pinnkan.rows.Rows`."""
        local = residual.new_zeros((*self.index.shape, residual.shape[1]))
        for (block, owner), part in zip(self.blocks, self._split(residual), strict=True):
            local.index_add_(0, owner, torch.bmm(block.transpose(1, 2), part))
        out = local.new_zeros((len(ordering.position), residual.shape[1]))
        return out.index_add_(0, self.index.reshape(-1), local.flatten(0, 1))[ordering.free]

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        """See :class:`pinnkan.rows.Rows`."""
        local = ordering.spread(step)[self.index]
        return torch.cat([torch.bmm(block, local[owner]).flatten(0, 1) for block, owner in self.blocks])

    def _split(self, residual: torch.Tensor) -> list[torch.Tensor]:
        sizes = [block.shape[0] * block.shape[1] for block, _ in self.blocks]
        parts = residual.split(sizes)
        return [p.reshape(*b.shape[:2], -1) for p, (b, _) in zip(parts, self.blocks, strict=True)]

    def _alone(self) -> CellRows:
        return CellRows(self.blocks[0][0], self.residual, self.index)


def gathered(rows: Sequence[CellRows]) -> Gathered:
    """The rows of several batches, cell by cell."""
    lowest, owner = torch.unique(torch.cat([r.index[:, 0] for r in rows]), return_inverse=True)
    owners = owner.split([len(r.index) for r in rows])
    index = rows[0].index.new_zeros((len(lowest), rows[0].index.shape[1]))
    for r, o in zip(rows, owners, strict=True):
        index[o] = r.index
    blocks = tuple((r.jacobian, o) for r, o in zip(rows, owners, strict=True))
    return Gathered(blocks, index, torch.cat([r.residual.flatten(0, 1) for r in rows]))
