"""Rows of a problem whose box lies askew in the box of its inner coordinates.

The chain rule acts on the weights dF/d(D^alpha u), so that rows stay products of one-dimensional tables, as in
:class:`pinnkan.assembly.patch.Patch`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows, Entries, cell_entries
from pinnkan.assembly.collocation import Places
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array


class ImmersedPatch:
    """An equation at points; ``root_weight`` (..) weighs its rows."""

    def __init__(self, equation: CompiledEquation, places: Places, coordinates: Coordinates, unknowns: int) -> None:
        self.equation, self.places, self.unknowns = equation, places, unknowns
        orders = sorted({jet.order for jet in equation.jets})
        self.betas, transfer = coordinates.transfer(places.along, orders)
        factors = {ab: torch.from_numpy(values[places.owner]) for ab, values in transfer.items()}
        # (jet, beta, T): D^alpha u of a jet is the sum of T D^beta u
        self.transfer = [
            (k, b, t) for k, j in enumerate(equation.jets) for (a, b), t in factors.items() if orders[a] == j.order
        ]
        self.points = torch.from_numpy(places.outer)
        self.root_weight = torch.from_numpy(np.sqrt(places.weights))

    def jets(self, coefficients: Array) -> torch.Tensor:
        """The equation's derivatives in (x, y[, t]): (.., jet)."""
        inner = self.places.derivatives(coefficients, self.betas)
        out = inner.new_zeros((len(self.equation.jets), *self.root_weight.shape))
        for k, b, factor in self.transfer:
            out[k].addcmul_(inner[..., self.equation.jets[k].unknown, b], factor)
        return out.movedim(0, -1)

    def _linearised(self, jets: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """F (..), and per unknown the weights of the inner derivatives (.., beta)."""
        f, w = self.equation.linearise(self.points, jets)
        out = w.new_zeros((self.unknowns, len(self.betas), *f.shape))
        for k, b, factor in self.transfer:
            out[self.equation.jets[k].unknown, b].addcmul_(w[..., k], factor)
        return f, list(out.movedim(1, -1))

    def residual(self, coefficients: Array, offset: torch.Tensor | None = None) -> torch.Tensor:
        """Weighted residual (.., side), one side for each of ``offset`` (.., side), what F has to equal."""
        return self._weighted(self.equation.linearise(self.points, self.jets(coefficients))[0], offset)

    def rows(self, coefficients: Array, offset: torch.Tensor | None = None, sides: int = 1) -> Rows:
        """Jacobian and residual at ``coefficients``; ``sides`` equal ones where there is no offset."""
        f, weights = self._linearised(self.jets(coefficients))
        residual = self._weighted(f, offset)
        residual = residual.expand(*f.shape, sides) if offset is None else residual[..., :sides]
        weights = [w * self.root_weight.unsqueeze(-1) for w in weights]
        return self.places.rows(self.betas, weights, residual.contiguous())

    def _weighted(self, f: torch.Tensor, offset: torch.Tensor | None) -> torch.Tensor:
        f = f.unsqueeze(-1)
        return (f if offset is None else f - offset) * self.root_weight.unsqueeze(-1)

    def size(self, widths: Array, in_time: bool = False) -> torch.Tensor:
        """Size (..) of the operator at zero on functions that vary over ``widths`` (.. or 1, coordinate).

        ``in_time``: of its derivatives by time alone.
        """
        _, weights = self._linearised(self.root_weight.new_zeros((*self.root_weight.shape, len(self.equation.jets))))
        scale = np.zeros((*widths.shape[:-1], len(self.betas)))
        for k, beta in enumerate(self.betas):
            if not in_time or beta[-1] > 0:
                scale[..., k] = 1.0
                for i, order in enumerate(beta):
                    scale[..., k] /= widths[..., i] ** order if order else 1.0
        return torch.stack([(w.abs() * torch.from_numpy(scale)).sum(-1) for w in weights]).sum(0)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Rows written out cell by cell, of many batches, as :class:`pinnkan.assembly.tensor_rows.Rows`.

    J^T J is summed per cell first. A cell may have several groups on a side, and more than one side. ``blocks``:
    jacobian (cell, row, column) and which cell of ``index`` (cell, column) each of its cells is; ``residual`` (row,
    side) of all blocks one after the other.
    """

    blocks: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    index: torch.Tensor
    residual: torch.Tensor

    def reach(self, ordering: Ordering) -> int:
        return CellRows(self.blocks[0][0], self.residual, self.index).reach(ordering)

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        columns = self.index.shape[1]
        total = self.residual.new_zeros((len(self.index), columns, columns))
        for block, owner in self.blocks:
            total.index_add_(0, owner, torch.bmm(block.transpose(1, 2), block))
        yield from cell_entries(ordering, self.index, total)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        local = residual.new_zeros((*self.index.shape, residual.shape[1]))
        for (block, owner), part in zip(self.blocks, self._split(residual), strict=True):
            local.index_add_(0, owner, torch.bmm(block.transpose(1, 2), part))
        out = local.new_zeros((len(ordering.position), residual.shape[1]))
        return out.index_add_(0, self.index.reshape(-1), local.flatten(0, 1))[ordering.free]

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        local = ordering.spread(step)[self.index]
        return torch.cat([torch.bmm(block, local[owner]).flatten(0, 1) for block, owner in self.blocks])

    def _split(self, residual: torch.Tensor) -> list[torch.Tensor]:
        sizes = [block.shape[0] * block.shape[1] for block, _ in self.blocks]
        parts = residual.split(sizes)
        return [p.reshape(*b.shape[:2], -1) for p, (b, _) in zip(parts, self.blocks, strict=True)]


def gathered(rows: Sequence[CellRows]) -> Gathered:
    """The rows of several batches, cell by cell."""
    lowest, owner = torch.unique(torch.cat([r.index[:, 0] for r in rows]), return_inverse=True)
    owners = owner.split([len(r.index) for r in rows])
    index = rows[0].index.new_zeros((len(lowest), rows[0].index.shape[1]))
    for r, o in zip(rows, owners, strict=True):
        index[o] = r.index
    blocks = tuple((r.jacobian, o) for r, o in zip(rows, owners, strict=True))
    return Gathered(blocks, index, torch.cat([r.residual.flatten(0, 1) for r in rows]))
