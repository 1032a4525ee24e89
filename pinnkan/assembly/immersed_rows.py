"""Rows of a problem whose domain lies inclined in the box of its inner coordinates.

The chain rule is applied to the weights dF/d(D^alpha u), so the rows remain products of one-dimensional tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows, Entries, cell_entries
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.immersed_points import SplinePoints
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.coordinates.cartesian import Cartesian
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array


class ImmersedPatch:
    """An equation at the points of ``places``; ``root_weight`` (..): the roots of the weights of its rows."""

    def __init__(
        self, equation: CompiledEquation, places: SplinePoints, coordinates: Coordinates | Cartesian, unknowns: int
    ) -> None:
        self.equation, self.places, self.unknowns = equation, places, unknowns
        orders = sorted({jet.order for jet in equation.jets})
        self.inner_orders, transfer = coordinates.chain_rule(places.line_points, orders)
        factors = {ab: torch.from_numpy(values[places.line_index]) for ab, values in transfer.items()}
        # (jet, beta, T): D^alpha u of a jet is the sum of T D^beta u
        self.transfer = [
            (k, b, t) for k, j in enumerate(equation.jets) for (a, b), t in factors.items() if orders[a] == j.order
        ]
        self.points = torch.from_numpy(places.outer)
        self.root_weight = torch.from_numpy(np.sqrt(places.weights))

    def jets(self, coefficients: Array) -> torch.Tensor:
        """The jets of the equation in (x, y[, t]) at the points: (.., jet)."""
        inner = self.places.derivatives(coefficients, self.inner_orders)
        out = inner.new_zeros((len(self.equation.jets), *self.root_weight.shape))
        for k, b, factor in self.transfer:
            out[k].addcmul_(inner[..., self.equation.jets[k].unknown, b], factor)
        return out.movedim(0, -1)

    def _linearised(self, jets: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """F (..), and for each unknown the weights of its inner derivatives (.., order)."""
        f, w = self.equation.linearise(self.points, jets)
        out = w.new_zeros((self.unknowns, len(self.inner_orders), *f.shape))
        for k, b, factor in self.transfer:
            out[self.equation.jets[k].unknown, b].addcmul_(w[..., k], factor)
        return f, list(out.movedim(1, -1))

    def residual(self, coefficients: Array, offset: torch.Tensor | None = None) -> torch.Tensor:
        """The weighted residual F - offset for each ``offset`` (.., rhs), or F without one: (.., rhs)."""
        return self._weighted(self.equation.linearise(self.points, self.jets(coefficients))[0], offset)

    def rows(self, coefficients: Array, offset: torch.Tensor | None = None, rhs_count: int = 1) -> Rows:
        """The rows linearised at ``coefficients``.

        Without an offset the residual F is repeated for all ``rhs_count``.
        """
        f, weights = self._linearised(self.jets(coefficients))
        residual = self._weighted(f, offset)
        residual = residual.expand(*f.shape, rhs_count) if offset is None else residual[..., :rhs_count]
        weights = [w * self.root_weight.unsqueeze(-1) for w in weights]
        return self.places.rows(self.inner_orders, weights, residual.contiguous())

    def _weighted(self, f: torch.Tensor, offset: torch.Tensor | None) -> torch.Tensor:
        f = f.unsqueeze(-1)
        return (f if offset is None else f - offset) * self.root_weight.unsqueeze(-1)

    def operator_size(self, widths: Array, in_time: bool = False) -> torch.Tensor:
        """The size (..) of the operator at zero on functions that vary over ``widths`` (.., coordinate).

        ``in_time``: that of its time derivatives alone.
        """
        _, weights = self._linearised(self.root_weight.new_zeros((*self.root_weight.shape, len(self.equation.jets))))
        scale = np.zeros((*widths.shape[:-1], len(self.inner_orders)))
        for k, beta in enumerate(self.inner_orders):
            if not in_time or beta[-1] > 0:
                scale[..., k] = 1.0
                for i, order in enumerate(beta):
                    scale[..., k] /= widths[..., i] ** order if order else 1.0
        return torch.stack([(w.abs() * torch.from_numpy(scale)).sum(-1) for w in weights]).sum(0)


@dataclass(frozen=True, eq=False)
class GatheredRows:
    """Rows of many batches, by cell, as :class:`pinnkan.assembly.tensor_rows.Rows`; J^T J is summed by cell.

    ``blocks``: jacobian (cell, row, column), and the number of each of its cells in ``index`` (cell, column), with
    repetition. ``residual`` (row, rhs): of all blocks in order.
    """

    blocks: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    index: torch.Tensor
    residual: torch.Tensor

    def bandwidth(self, ordering: Ordering) -> int:
        return CellRows(self.blocks[0][0], self.residual, self.index).bandwidth(ordering)

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
        local = ordering.extend_by_zeros(step)[self.index]
        return torch.cat([torch.bmm(block, local[owner]).flatten(0, 1) for block, owner in self.blocks])

    def _split(self, residual: torch.Tensor) -> list[torch.Tensor]:
        sizes = [block.shape[0] * block.shape[1] for block, _ in self.blocks]
        parts = residual.split(sizes)
        return [p.reshape(*b.shape[:2], -1) for p, (b, _) in zip(parts, self.blocks, strict=True)]


def gather_rows(rows: Sequence[CellRows]) -> GatheredRows:
    """Combine the rows of several batches."""
    lowest, owner = torch.unique(torch.cat([r.index[:, 0] for r in rows]), return_inverse=True)
    owners = owner.split([len(r.index) for r in rows])
    index = rows[0].index.new_zeros((len(lowest), rows[0].index.shape[1]))
    for r, o in zip(rows, owners, strict=True):
        index[o] = r.index
    blocks = tuple((r.jacobian, o) for r, o in zip(rows, owners, strict=True))
    return GatheredRows(blocks, index, torch.cat([r.residual.flatten(0, 1) for r in rows]))
