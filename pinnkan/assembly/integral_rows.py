"""A condition on an integral over space: one dense row, at every time one.

The row itself is never squared. In the matrix J^T J stands the same condition at one point in the middle of the domain,
times the measure of the domain, which says the same of a constant; a step is then moved along what those rows at the
point can change until the integrals are right (:func:`settled`). That is exact where the integral fixes what nothing
else does: the level of a pressure, of a solution with given fluxes only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation, Patch
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table


@dataclass(frozen=True, eq=False)
class MiddleRows(TensorRows):
    """The rows at the point, with the residuals of the integrals; ``grid``: those of the integrals, quadrature weights
    in them, to be summed over the indices ``summed``."""

    grid: TensorRows
    summed: tuple[int, ...]

    def missed(self, ordering: Ordering, step: Array) -> Array:
        """What the integrals lack after a step (free coefficient, side): (row, side)."""
        after = self.grid.residual + self.grid.apply(ordering, torch.from_numpy(step).to(self.residual))
        return after.sum(self.summed).reshape(-1, step.shape[1]).cpu().numpy()

    def changed(self, ordering: Ordering, step: Array) -> Array:
        """What a step changes in the integrals: (row, side)."""
        moved = self.grid.apply(ordering, torch.from_numpy(step).to(self.residual))
        return moved.sum(self.summed).reshape(-1, step.shape[1]).cpu().numpy()


class IntegralPatch(Patch):
    """An integrand on all cells; its residual is summed over space. ``middle``: tables of a point there."""

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], middle: Sequence[Table]
    ) -> None:
        over = [i for i, (t, m) in enumerate(zip(tables, middle, strict=True)) if t is not m]
        measure = float(np.prod([float(tables[i].weights.sum()) for i in over]))
        super().__init__(equation, space, tables, measure**-0.5)
        self.middle = tuple(middle)
        self.summed = tuple(2 * i + k for i in over for k in (0, 1))
        for i in over:
            shape = [1] * (2 * i) + list(tables[i].nodes.shape) + [1] * (2 * (len(tables) - 1 - i))
            self.root_weight = self.root_weight * tables[i].weights.reshape(shape).sqrt()
        self.count = int(np.prod([t.nodes.numel() for t, m in zip(tables, middle, strict=True) if t is m]))

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The mean at every time, times the root of the weight of that."""
        return super().residual(coefficients).sum(self.summed)

    def rows_at(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> MiddleRows:
        """See :class:`pinnkan.assembly.equation.Patch`."""
        grid = self.tensor_rows(jets, moves)
        weights, residual = (x.sum(self.summed, keepdim=True) for x in (grid.weights, grid.residual))
        return MiddleRows(self.space, self.middle, grid.jets, weights, residual, grid, self.summed)


def settled(
    rows: Sequence[Rows], ordering: Ordering, step: Array, solve: Callable[[Sequence[torch.Tensor]], Array]
) -> Array:
    """A step (free coefficient, side) after which integrals are right; ``solve`` gives that of any residuals."""
    placed = [r for r in rows if isinstance(r, MiddleRows)]
    counts = [r.residual.shape[:-1].numel() for r in placed]
    total, first = sum(counts), 0
    residuals = [r.residual.new_zeros((*r.residual.shape[:-1], total)) for r in rows]
    for r, residual in zip(rows, residuals, strict=True):
        if isinstance(r, MiddleRows):
            size = residual.shape[:-1].numel()
            residual.reshape(size, total)[:, first : first + size] = -torch.eye(size).to(residual)
            first += size
    moves = solve(residuals)
    lacking = np.concatenate([r.missed(ordering, step) for r in placed])
    matrix = np.concatenate([r.changed(ordering, moves) for r in placed])
    return step - moves @ np.linalg.lstsq(matrix, lacking, rcond=1e-12)[0]
