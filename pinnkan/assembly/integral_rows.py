"""Rows of conditions on an integral over space, and on a value at a point: one row, or one at every time.

The integral couples all coefficients, so its row is never squared. J^T J contains a surrogate row instead: the same
condition at the midpoint of the domain, times its measure, which is equivalent on constants. Each step is then
corrected until the integral conditions hold and the surrogate rows have no effect (:func:`enforce_integrals`).

In the checks a condition at a point of the plane is replaced by the integral (:func:`integral_form`). On ever finer
knots there are functions of size one that vanish at a point and that no equation detects.
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
    """Rows at all points of ``grid``, with quadrature weights, to be summed over array ``summed_indices``."""

    grid: TensorRows
    summed_indices: tuple[int, ...]

    @property
    def residual(self) -> torch.Tensor:
        """The residual of the integrals: the grid with summed indices of length one, and rhs last."""
        return self.grid.residual.sum(self.summed_indices, keepdim=True)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return self.grid.transpose(ordering, residual.expand(*self.grid.residual.shape[:-1], residual.shape[-1]))

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.grid.apply(ordering, step).sum(self.summed_indices, keepdim=True)


@dataclass(frozen=True, eq=False)
class PointValueRows(TensorRows):
    """Rows of a condition at a point; ``integral``: the mean of the same condition over the domain."""

    integral: IntegralRows


@dataclass(frozen=True, eq=False)
class SurrogateRows(PointValueRows):
    """Surrogate rows at the midpoint that stand for an integral condition and carry its residual."""


def integral_form(rows: Rows | IntegralRows) -> Rows | IntegralRows:
    """Replace rows at a point by the rows of the integral, for checks; other rows are returned unchanged.

    The residual of the integral is zero where the condition itself is one at a point.
    """
    if not isinstance(rows, PointValueRows):
        return rows
    if isinstance(rows, SurrogateRows):
        return rows.integral
    grid = rows.integral.grid
    return replace(rows.integral, grid=replace(grid, residual=torch.zeros_like(grid.residual)))


class PointValuePatch(Patch):
    """A condition at a point; ``integral_patch``: the same condition as an integral."""

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], integral_patch: "IntegralPatch"
    ) -> None:
        super().__init__(equation, space, tables)
        self.integral_patch = integral_patch

    def rows(self, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> PointValueRows:
        at = super().tensor_rows(self.jets(coefficients), prescribed_steps)
        integral = self.integral_patch.rows(coefficients, prescribed_steps).integral
        return PointValueRows(at.space, at.tables, at.jets, at.weights, at.residual, integral)


class IntegralPatch(Patch):
    """The integrand of a condition on all cells, to be summed over space.

    ``middle_tables``: tables of the midpoint there.
    """

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], middle_tables: Sequence[Table]
    ) -> None:
        over = [i for i, (t, m) in enumerate(zip(tables, middle_tables, strict=True)) if t is not m]
        measure = float(np.prod([float(tables[i].weights.sum()) for i in over]))
        super().__init__(equation, space, tables, measure**-0.5)
        self.middle_tables = tuple(middle_tables)
        self.summed_indices = tuple(2 * i + k for i in over for k in (0, 1))
        for i in over:
            self.quadrature_roots[i] = self.quadrature_roots[i].square()
        self.count = int(np.prod([t.nodes.numel() for t, m in zip(tables, middle_tables, strict=True) if t is m]))

    def loss(self, coefficients: torch.Tensor) -> float:
        return float(self.residual(coefficients).square().sum())

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The residual of the mean at every time, times the root of the quadrature weight in time."""
        return super().residual(coefficients).sum(self.summed_indices)

    def rows(self, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> SurrogateRows:
        return self.rows_from_jets(self.jets(coefficients), prescribed_steps)

    def rows_from_jets(self, jets: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> SurrogateRows:
        whole = IntegralRows(self.tensor_rows(jets, prescribed_steps), self.summed_indices)
        weights = whole.grid.weights.sum(self.summed_indices, keepdim=True)
        return SurrogateRows(self.space, self.middle_tables, whole.grid.jets, weights, whole.residual, whole)


def enforce_integrals(
    rows: Sequence[Rows],
    ordering: Ordering,
    step: Array,
    solve: Callable[[Sequence[torch.Tensor]], Array],
    backsolve: Callable[[Array], Array],
) -> Array:
    """Correct a least-squares step so that all integral conditions hold: (free coefficient, rhs).

    ``step`` minimises all rows, with the surrogate rows m in place of the integrals g; both have the residual rho.
    ``solve`` returns the step for any residuals, ``backsolve`` A^-1 of a gradient, A = J^T J including m. The result is
    d = step + A^-1 m^T a + A^-1 g^T b. It ignores m where a = rho + m d, and b are then the multipliers of g d = -rho,
    zero where the integral alone determines a free constant, such as that of a pressure.
    """
    placed = [r for r in rows if isinstance(r, SurrogateRows)]
    counts = [r.residual.shape[:-1].numel() for r in placed]
    total, first = sum(counts), 0
    units = [r.residual.new_zeros((*r.residual.shape[:-1], total)) for r in placed]
    for unit, size in zip(units, counts, strict=True):
        unit.reshape(size, total)[:, first : first + size] = torch.eye(size).to(unit)
        first += size
    own = iter(units)
    zero = [r.residual.new_zeros((*r.residual.shape[:-1], total)) for r in rows]
    residuals = [-next(own) if isinstance(r, SurrogateRows) else z for r, z in zip(rows, zero, strict=True)]
    gradients = (r.integral.transpose(ordering, unit).cpu().numpy() for r, unit in zip(placed, units, strict=True))
    moves = np.concatenate([solve(residuals), backsolve(sum(gradients, np.zeros((ordering.size, total))))], 1)
    at_points, integrals = _surrogate_images(placed, ordering, moves), _integral_images(placed, ordering, moves)
    at_points[:, :total] -= np.eye(total)
    rho = stack_rows([r.residual for r in placed])
    lacking = np.concatenate(
        [rho + _surrogate_images(placed, ordering, step), rho + _integral_images(placed, ordering, step)]
    )
    return step - moves @ _equilibrated_solution(np.concatenate([at_points, integrals]), lacking)


def _equilibrated_solution(matrix: Array, right: Array) -> Array:
    """The least-squares solution of ``matrix`` x = ``right`` after scaling columns, and then rows, to norm one.

    Without scaling the columns may differ by 1e7, and the rank decision takes small singular values for rounding.
    """
    columns = np.linalg.norm(matrix, axis=0)
    columns[columns == 0.0] = 1.0
    rows = np.linalg.norm(matrix / columns, axis=1)
    rows[rows == 0.0] = 1.0
    found = np.linalg.lstsq(matrix / columns / rows[:, None], right / rows[:, None], rcond=1e-12)[0]
    return np.asarray(found / columns[:, None])


def _surrogate_images(placed: Sequence[SurrogateRows], ordering: Ordering, step: Array) -> Array:
    """The surrogate rows applied to steps: (row, rhs)."""
    return stack_rows([r.apply(ordering, _tensor(step, r)) for r in placed])


def _integral_images(placed: Sequence[SurrogateRows], ordering: Ordering, step: Array) -> Array:
    """The integral rows applied to steps: (row, rhs)."""
    return stack_rows([r.integral.apply(ordering, _tensor(step, r)) for r in placed])


def _tensor(step: Array, like: SurrogateRows) -> torch.Tensor:
    return torch.from_numpy(step).to(like.residual)


def stack_rows(rows: Sequence[torch.Tensor]) -> Array:
    """Concatenate the rows of all blocks: (row, rhs)."""
    return np.concatenate([r.reshape(-1, r.shape[-1]).cpu().numpy() for r in rows])
