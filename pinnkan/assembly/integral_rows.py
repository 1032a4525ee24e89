"""A condition on an integral over space: one dense row, at every time one.

The row is never written out, and not squared either: in the matrix J^T J stands the same condition at one point in the
middle of the domain, times the measure of the domain, which says the same of a constant. With that matrix as a
preconditioner conjugate gradients need a step or two more for each integral.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation, Patch
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Entries, TensorRows
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table


@dataclass(frozen=True, eq=False)
class IntegralRows:
    """``grid``: the rows at all points, quadrature weights in them, to be summed over space; ``middle``: what stands
    for them in J^T J. Implements :class:`pinnkan.assembly.tensor_rows.Rows`."""

    grid: TensorRows
    middle: TensorRows
    summed: tuple[int, ...]
    is_exact: ClassVar[bool] = False

    @property
    def residual(self) -> torch.Tensor:
        """See :class:`pinnkan.assembly.tensor_rows.Rows`."""
        return self.grid.residual.sum(self.summed, keepdim=True)

    def reach(self, ordering: Ordering) -> int:
        """See :class:`pinnkan.assembly.tensor_rows.Rows`."""
        return self.middle.reach(ordering)

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        """See :class:`pinnkan.assembly.tensor_rows.Rows`; that of the stand-in."""
        return self.middle.gram(ordering)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        """See :class:`pinnkan.assembly.tensor_rows.Rows`."""
        shape = (*self.grid.residual.shape[:-1], residual.shape[-1])
        return self.grid.transpose(ordering, residual.expand(shape))

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        """See :class:`pinnkan.assembly.tensor_rows.Rows`."""
        return self.grid.apply(ordering, step).sum(self.summed, keepdim=True)


class IntegralPatch(Patch):
    """An integrand on all cells; its residual is summed over space. ``middle``: tables of a point there."""

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], middle: Sequence[Table], scale: float
    ) -> None:
        super().__init__(equation, space, tables, scale)
        self.middle = tuple(middle)
        over = [i for i, (t, m) in enumerate(zip(tables, middle, strict=True)) if t is not m]
        self.summed = tuple(2 * i + k for i in over for k in (0, 1))
        for i in over:
            shape = [1] * (2 * i) + list(tables[i].nodes.shape) + [1] * (2 * (len(tables) - 1 - i))
            self.root_weight = self.root_weight * tables[i].weights.reshape(shape).sqrt()
        self.count = int(np.prod([t.nodes.numel() for t, m in zip(tables, middle, strict=True) if t is m]))

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The integral at every time, times the root of the weight of that."""
        return super().residual(coefficients).sum(self.summed)

    def rows_at(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> IntegralRows:
        """See :class:`pinnkan.assembly.equation.Patch`."""
        grid = self.tensor_rows(jets, moves)
        weights = grid.weights.sum(self.summed, keepdim=True)
        nothing = grid.residual.new_zeros((*weights.shape[:-1], 1))
        return IntegralRows(grid, TensorRows(self.space, self.middle, grid.jets, weights, nothing), self.summed)
