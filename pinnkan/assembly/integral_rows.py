"""Conditions on an integral over space, and at a point: one row, at every time one.

The row itself is never squared. In the matrix J^T J stands the same condition at one point in the middle of the domain,
times the measure of the domain, which says the same of a constant; a step is then moved along what the rows at the
point and the integrals can change until these are right and those say nothing (:func:`settled`).

Where a value at a point of the plane fixes such a level, the checks see the integral in its stead (:func:`as_seen`):
there are functions of size one that are zero at a point and that no equation sees, on ever finer knots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.patch import Patch
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table


@dataclass(frozen=True, eq=False)
class IntegralRows:
    """Rows at all points of ``grid``, quadrature weights in them, to be summed over the indices ``summed``."""

    grid: TensorRows
    summed: tuple[int, ...]

    @property
    def residual(self) -> torch.Tensor:
        """That of the integrals, the side as its last index."""
        return self.grid.residual.sum(self.summed, keepdim=True)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return self.grid.transpose(ordering, residual.expand(*self.grid.residual.shape[:-1], residual.shape[-1]))

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.grid.apply(ordering, step).sum(self.summed, keepdim=True)


@dataclass(frozen=True, eq=False)
class ValueRows(TensorRows):
    """Rows at a point; ``integral``: the mean of the same over the domain."""

    integral: IntegralRows


@dataclass(frozen=True, eq=False)
class MiddleRows(ValueRows):
    """Rows at a point that stand for those of the integral, with its residual."""


def as_seen(rows: Rows | IntegralRows) -> Rows | IntegralRows:
    """What rows say of a function: those at a point, what the integral says, which nothing is left of.

    Of a plate held at points the integral of u was what its correction had left, and hid a tenth of the solution.
    """
    if not isinstance(rows, ValueRows):
        return rows
    if isinstance(rows, MiddleRows):
        return rows.integral
    grid = rows.integral.grid
    return replace(rows.integral, grid=replace(grid, residual=torch.zeros_like(grid.residual)))


class ValuePatch(Patch):
    """A condition at a point; ``whole``: the same as an integral."""

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], whole: "IntegralPatch"
    ) -> None:
        super().__init__(equation, space, tables)
        self.whole = whole

    def rows(self, coefficients: torch.Tensor, moves: Sequence[torch.Tensor]) -> ValueRows:
        at = super().tensor_rows(self.jets(coefficients), moves)
        integral = self.whole.rows(coefficients, moves).integral
        return ValueRows(at.space, at.tables, at.jets, at.weights, at.residual, integral)


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
            self.roots[i] = self.roots[i].square()
        self.count = int(np.prod([t.nodes.numel() for t, m in zip(tables, middle, strict=True) if t is m]))

    def loss(self, coefficients: torch.Tensor) -> float:
        return float(self.residual(coefficients).square().sum())

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The mean at every time, times the root of the weight of that."""
        return super().residual(coefficients).sum(self.summed)

    def rows(self, coefficients: torch.Tensor, moves: Sequence[torch.Tensor]) -> MiddleRows:
        return self.rows_at(self.jets(coefficients), moves)

    def rows_at(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> MiddleRows:
        whole = IntegralRows(self.tensor_rows(jets, moves), self.summed)
        weights = whole.grid.weights.sum(self.summed, keepdim=True)
        return MiddleRows(self.space, self.middle, whole.grid.jets, weights, whole.residual, whole)


def settled(
    rows: Sequence[Rows],
    ordering: Ordering,
    step: Array,
    solve: Callable[[Sequence[torch.Tensor]], Array],
    backsolve: Callable[[Array], Array],
) -> Array:
    """The least-squares step (free coefficient, side) of all other rows among those after which integrals are right.

    ``step``: that of all rows, with those at a point, m, for the integrals g, both with the residual rho; ``solve``
    gives that of any residuals, ``backsolve`` A^-1 of a gradient, A = J^T J with m. The step
    d = step + A^-1 m^T a + A^-1 g^T b does not see m where a = rho + m d, and then b are the multipliers of g d = -rho.
    Where an integral fixes what nothing else does, the level of a pressure, b = 0; of ions between walls, whose number
    is given, it is not, and with b = 0 no step lowered the residual.
    """
    placed = [r for r in rows if isinstance(r, MiddleRows)]
    counts = [r.residual.shape[:-1].numel() for r in placed]
    total, first = sum(counts), 0
    units = [r.residual.new_zeros((*r.residual.shape[:-1], total)) for r in placed]
    for unit, size in zip(units, counts, strict=True):
        unit.reshape(size, total)[:, first : first + size] = torch.eye(size).to(unit)
        first += size
    own = iter(units)
    zero = [r.residual.new_zeros((*r.residual.shape[:-1], total)) for r in rows]
    residuals = [-next(own) if isinstance(r, MiddleRows) else z for r, z in zip(rows, zero, strict=True)]
    gradients = (r.integral.transpose(ordering, unit).cpu().numpy() for r, unit in zip(placed, units, strict=True))
    moves = np.concatenate([solve(residuals), backsolve(sum(gradients, np.zeros((ordering.size, total))))], 1)
    at_points, integrals = _seen(placed, ordering, moves), _integrals(placed, ordering, moves)
    at_points[:, :total] -= np.eye(total)
    rho = stacked([r.residual for r in placed])
    lacking = np.concatenate([rho + _seen(placed, ordering, step), rho + _integrals(placed, ordering, step)])
    return step - moves @ _balanced(np.concatenate([at_points, integrals]), lacking)


def _balanced(matrix: Array, right: Array) -> Array:
    """The least-squares solution of ``matrix`` x = ``right`` with columns, and then rows, of size one.

    Where the equations hardly see a function that is zero at the point, a film that is thinnest there, an integral says
    3e7 times as much as in other columns: of singular values 3e7 and 3e-8 the second was taken for rounding.
    """
    columns = np.linalg.norm(matrix, axis=0)
    columns[columns == 0.0] = 1.0
    rows = np.linalg.norm(matrix / columns, axis=1)
    rows[rows == 0.0] = 1.0
    found = np.linalg.lstsq(matrix / columns / rows[:, None], right / rows[:, None], rcond=1e-12)[0]
    return np.asarray(found / columns[:, None])


def _seen(placed: Sequence[MiddleRows], ordering: Ordering, step: Array) -> Array:
    """What the rows at the point say of steps: (row, side)."""
    return stacked([r.apply(ordering, _tensor(step, r)) for r in placed])


def _integrals(placed: Sequence[MiddleRows], ordering: Ordering, step: Array) -> Array:
    """What the integrals say of steps: (row, side)."""
    return stacked([r.integral.apply(ordering, _tensor(step, r)) for r in placed])


def _tensor(step: Array, like: MiddleRows) -> torch.Tensor:
    return torch.from_numpy(step).to(like.residual)


def stacked(rows: Sequence[torch.Tensor]) -> Array:
    """Rows (row, side) of all blocks."""
    return np.concatenate([r.reshape(-1, r.shape[-1]).cpu().numpy() for r in rows])
