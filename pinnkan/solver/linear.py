"""Linear least squares on batches of cell rows: normal equations, banded or dense Cholesky, refined on the residual.

min |J d + r| over the free coefficients. Per cell one batched product gives J_e^T J_e; the sum is banded once the
longest coordinate is outermost (a periodic one folded, 0, n-1, 1, n-2, ..). Columns are scaled to unit length, and each
solution is refined with the residual J d + r itself (corrected seminormal equations, Bjorck 1987), which restores what
squaring the condition number costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.residual import Rows

#: Refinements on the residual. Poisson on 8x8 intervals of degree 9: 2e-11 after none, 3e-13 after two, no gain after.
REFINEMENTS = 2
#: Shifts tried, relative to the unit diagonal, when rounding has made the scaled matrix indefinite.
SHIFTS = (0.0, 1e-15, 1e-14, 1e-13, 1e-12, 1e-10)


@dataclass(frozen=True, eq=False)
class Ordering:
    """Position of every coefficient in the matrix, -1 where it is fixed; ``free`` lists the free ones by position."""

    position: torch.Tensor
    free: np.ndarray

    @property
    def size(self) -> int:
        """Number of free coefficients."""
        return len(self.free)


def order_coefficients(space: Space, fixed: np.ndarray, device: torch.device) -> Ordering:
    """Number the free coefficients with the longest coordinate outermost."""
    keys = []
    for i in np.argsort([-axis.count for axis in space.axes], kind="stable"):
        axis = space.axes[i]
        rank = np.arange(axis.count)
        if axis.periodic:
            rank = np.where(2 * rank < axis.count, 2 * rank, 2 * (axis.count - 1 - rank) + 1)
        keys.append(np.broadcast_to(rank.reshape([-1 if j == i else 1 for j in range(len(space.shape))]), space.shape))
    keys.append(np.broadcast_to(np.arange(space.unknowns), space.shape))
    order = np.lexsort([k.ravel() for k in reversed(keys)])
    free = order[~fixed.ravel()[order]]
    position = np.full(space.size, -1)
    position[free] = np.arange(len(free))
    return Ordering(torch.from_numpy(position).to(device), free)


class NormalEquations:
    """J^T J of the rows, factorised; solves for any right-hand side of the same rows.

    ``damping`` adds that multiple of the diagonal (Marquardt). ``shift`` is what rounding made necessary.
    Raises numpy.linalg.LinAlgError when no shift helps: the rows do not determine the coefficients.
    """

    def __init__(self, rows: Sequence[Rows], ordering: Ordering, damping: float = 0.0) -> None:
        self.ordering, self.damping = ordering, damping
        self._blocks, self._index = [], []
        self._folded = False
        for r in rows:
            block, index = self._sorted(r)
            self._blocks.append(block)
            self._index.append(index)
        n = ordering.size
        self.bandwidth = max(int((i.amax(1) - i.amin(1)).max()) for i in self._index)
        lower = self._assemble(self.bandwidth)
        diagonal = lower[0].copy()
        diagonal[diagonal <= 0.0] = 1.0
        self._scale = 1.0 / np.sqrt(diagonal)
        for k in range(self.bandwidth + 1):
            lower[k, : n - k] *= self._scale[: n - k] * self._scale[k:]
        self.shift = 0.0
        self._factorise(lower, damping)

    def _sorted(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Columns of every cell in the order of the matrix; fixed ones are zero, at the lowest free position."""
        position, order = self.ordering.position[rows.index].sort(dim=1)
        fixed = position < 0
        self._folded |= bool(((position.diff(dim=1) == 0) & ~fixed[:, 1:]).any())
        lowest = position.masked_fill(fixed, self.ordering.size - 1).amin(1, keepdim=True)
        block = rows.jacobian.gather(2, order.unsqueeze(1).expand(rows.jacobian.shape))
        return block.mul_(~fixed.unsqueeze(1)), torch.where(fixed, lowest, position)

    def _assemble(self, width: int) -> Array:
        n = self.ordering.size
        device = self.ordering.position.device
        band = torch.zeros((width + 1) * n, dtype=torch.float64, device=device)
        for block, index in zip(self._blocks, self._index, strict=True):
            columns = block.shape[-1]
            i, j = torch.tril_indices(columns, columns, device=device)
            chunk = max(1, 20_000_000 // columns**2)
            for start in range(0, len(block), chunk):
                part, where = block[start : start + chunk], index[start : start + chunk]
                gram = torch.bmm(part.transpose(1, 2), part).flatten(1).index_select(1, i * columns + j)
                if self._folded:  # two columns on one coefficient count twice on the diagonal
                    gram = torch.where((where[:, i] == where[:, j]) & (i != j), 2.0 * gram, gram)
                flat = (where * n).index_select(1, i).sub_((where * (n - 1)).index_select(1, j))
                band.scatter_add_(0, flat.reshape(-1), gram.reshape(-1))
        return band.reshape(width + 1, n).cpu().numpy()

    def _factorise(self, lower: Array, damping: float) -> None:
        n = self.ordering.size
        self._dense = 3 * self.bandwidth > n
        if self._dense:
            full = np.zeros((n, n))
            for k in range(self.bandwidth + 1):
                full[np.arange(k, n), np.arange(n - k)] = lower[k, : n - k]
        for shift in SHIFTS:
            try:
                if self._dense:
                    full[np.diag_indices(n)] = lower[0] + damping + shift
                    self._factor = scipy.linalg.cholesky(full, lower=True, check_finite=True)
                else:
                    shifted = lower.copy()
                    shifted[0] += damping + shift
                    self._factor = scipy.linalg.cholesky_banded(shifted, lower=True)
            except np.linalg.LinAlgError:
                continue
            except ValueError as not_finite:
                raise np.linalg.LinAlgError("the rows are not finite") from not_finite
            self.shift = shift
            return
        raise np.linalg.LinAlgError("the rows do not determine the coefficients")

    def _backsolve(self, gradient: Array) -> Array:
        scaled = gradient * self._scale[:, None]
        if self._dense:
            solved = scipy.linalg.cho_solve((self._factor, True), scaled)
        else:
            solved = scipy.linalg.cho_solve_banded((self._factor, True), scaled)
        return solved * self._scale[:, None]

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """J^T r: (free coefficient, side)."""
        sides = residuals[0].shape[-1]
        out = torch.zeros((self.ordering.size, sides), dtype=torch.float64, device=self.ordering.position.device)
        for block, index, r in zip(self._blocks, self._index, residuals, strict=True):
            local = torch.bmm(block.transpose(1, 2), r).reshape(-1, sides)
            out.index_add_(0, index.reshape(-1), local)
        return out.cpu().numpy()

    def apply(self, step: Array) -> list[torch.Tensor]:
        """J d per cell, for d (free coefficient, side)."""
        d = torch.from_numpy(step).to(self.ordering.position.device)
        return [torch.bmm(b, d[i]) for b, i in zip(self._blocks, self._index, strict=True)]

    def solve(self, residuals: Sequence[torch.Tensor]) -> Array:
        """The minimiser of |J d + r|^2 + damping |d / scale|^2 for every side: (free coefficient, side)."""
        step = -self._backsolve(self.gradient(residuals))
        for _ in range(REFINEMENTS):
            left = [r + a for r, a in zip(residuals, self.apply(step), strict=True)]
            damped = self.damping * step / self._scale[:, None] ** 2
            step = step - self._backsolve(self.gradient(left) + damped)
        return step
