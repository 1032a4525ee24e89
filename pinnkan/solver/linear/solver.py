"""The interface of solvers of linear least squares, and what they have in common."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.integral_rows import IntegralRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.field import Array

Values = TypeVar("Values", Array, torch.Tensor)

#: Relative rounding error of a product, with some margin.
ROUNDING_UNIT = 4e-16


class NotFiniteError(np.linalg.LinAlgError):
    """Raised where J or the residual is not finite, such as the residual of log(u) for u < 0."""

    def __init__(self) -> None:
        super().__init__("the rows are not finite")


def require_finite(values: Values) -> Values:
    """Return an array or a tensor; raises NotFiniteError where it is not finite."""
    finite = np.isfinite(values) if isinstance(values, np.ndarray) else torch.isfinite(values)
    if not bool(finite.all()):
        raise NotFiniteError
    return values


class LinearSolver(Protocol):
    """Minimise |J d + r|^2 + damping |d / scale|^2 over the free coefficients d, for any r of the same rows.

    Shapes write ``rhs`` for the index of right-hand sides. ``scale``: the inverse lengths of the columns of J.
    """

    @property
    def iterations(self) -> int:
        """The number of conjugate gradient steps of all solutions so far; 0 for a factor."""

    @property
    def rows(self) -> Sequence[Rows | IntegralRows]:
        """The blocks of rows of J."""

    @property
    def ordering(self) -> Ordering:
        """The free coefficients and their order in vectors."""

    @property
    def clock(self) -> Clock:
        """The clock that is asked before long computations."""

    @property
    def solution_error(self) -> float:
        """The estimated error of the last solution, measured as :meth:`image_norm` does."""

    @property
    def solver_words(self) -> str:
        """How the last solution was computed, as text; "" for a factor."""

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """Return the minimiser for every right-hand side: (free coefficient, rhs).

        ``accuracy``: the allowed error relative to the step. ``base_size``: that of the function that the step is added
        to, of which conjugate gradients may leave a small share as well.
        """

    def function_size(self, coefficients: Array) -> float:
        """The size of a function of the space: its largest coefficient, or its L2 norm."""

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """Return :meth:`solve_scaled` for the residuals of ``rows``, which have the J of this solver."""

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """Return (J^T J + damping)^-1 times ``gradient`` (free coefficient, rhs), without refinement.

        ``accuracy``: the allowed relative error; by default a few digits are right.
        """

    def solve_remainder(self, gradient: Array) -> Array:
        """Estimate what a solution lacks from the ``gradient`` after it, in no more time than the solution took."""

    def precondition(self, gradient: Array) -> Array:
        """Return (J^T J + damping)^-1 times ``gradient`` to about one digit."""

    def use_factor(self, max_work: float) -> bool:
        """Precondition by a factor from now on if it takes at most ``max_work`` multiplications; return whether."""

    def apply(self, step: Array) -> list[torch.Tensor]:
        """Return J d of every block, for d (free coefficient, rhs)."""

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """Return J^T r: (free coefficient, rhs)."""

    def normal_product(self, step: Array) -> Array:
        """Return J^T J d: (free coefficient, rhs)."""

    def use_pointwise_products(self) -> bool:
        """Compute products with J^T J as J^T (J d) from now on; return whether that is a change."""

    def image_rounding(self, coefficients: Array) -> float:
        """The rounding error of J c for free coefficients c: ROUNDING_UNIT * |c_j * length of column j|_2."""


class RowProducts:
    """Products with J and J^T for free coefficients in a given order.

    ``column_norms``: of columns of J, by default one.
    """

    def __init__(self, rows: Sequence[Rows | IntegralRows], ordering: Ordering, clock: Clock | None = None) -> None:
        self.rows, self.ordering, self.clock = tuple(rows), ordering, clock or Clock()
        self.column_norms, self.iterations = np.ones(ordering.size), 0

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`LinearSolver`."""
        raise NotImplementedError

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`LinearSolver`."""
        return self.solve([r.residual for r in rows], accuracy, base_size)

    def function_size(self, coefficients: Array) -> float:
        """Return the largest absolute coefficient."""
        return float(np.abs(coefficients).max(initial=0.0))

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """See :class:`LinearSolver`."""
        parts = [b.transpose(self.ordering, r) for b, r in zip(self.rows, residuals, strict=True)]
        return sum(parts[1:], parts[0]).cpu().numpy()

    def apply(self, step: Array) -> list[torch.Tensor]:
        """See :class:`LinearSolver`."""
        d = torch.from_numpy(step).to(self.ordering.position.device)
        return [b.apply(self.ordering, d) for b in self.rows]

    def normal_product(self, step: Array) -> Array:
        """See :class:`LinearSolver`."""
        return self.gradient(self.apply(step))

    def use_pointwise_products(self) -> bool:
        """Return False: products are computed as J^T (J d) already."""
        return False

    def use_factor(self, max_work: float) -> bool:
        """Return False: nothing changes."""
        return False

    def image_rounding(self, coefficients: Array) -> float:
        """See :class:`LinearSolver`."""
        return ROUNDING_UNIT * float(np.linalg.norm(coefficients * self.column_norms))
