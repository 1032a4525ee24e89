"""The interface of solvers of linear least squares, and what they have in common."""

from collections.abc import Sequence
from typing import TypeVar

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


class RowProducts:
    """Products with J and J^T for free coefficients in a given order.

    ``rows``: the blocks of rows of J. ``ordering``: the free coefficients and their order in vectors. ``clock``: asked
    before long computations. ``column_norms``: of columns of J, by default one. Shapes write ``rhs`` for the index of
    right-hand sides.
    """

    def __init__(self, rows: Sequence[Rows | IntegralRows], ordering: Ordering, clock: Clock | None = None) -> None:
        self.rows, self.ordering, self.clock = tuple(rows), ordering, clock or Clock()
        self.column_norms = np.ones(ordering.size)

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """Return J^T r: (free coefficient, rhs)."""
        parts = [b.transpose(self.ordering, r) for b, r in zip(self.rows, residuals, strict=True)]
        return sum(parts[1:], parts[0]).cpu().numpy()

    def apply(self, step: Array) -> list[torch.Tensor]:
        """Return J d of every block, for d (free coefficient, rhs)."""
        d = torch.from_numpy(step).to(self.ordering.position.device)
        return [b.apply(self.ordering, d) for b in self.rows]

    def normal_product(self, step: Array) -> Array:
        """Return J^T J d: (free coefficient, rhs)."""
        return self.gradient(self.apply(step))

    def use_pointwise_products(self) -> bool:
        """Compute products with J^T J as J^T (J d) from now on; return whether that is a change: here it is none."""
        return False

    def image_rounding(self, coefficients: Array) -> float:
        """The rounding error of J c for free coefficients c: ROUNDING_UNIT * |c_j * length of column j|_2."""
        return ROUNDING_UNIT * float(np.linalg.norm(coefficients * self.column_norms))


class LinearSolver(RowProducts):
    """Minimise |J d + r|^2 + damping |d / scale|^2 over the free coefficients d, for any r of the same rows.

    ``scale``: the inverse lengths of the columns of J. ``iterations``: the number of conjugate gradient steps of all
    solutions so far; 0 for a factor. ``solution_error``: the estimated error of the last solution, measured as
    :meth:`function_size` does.
    """

    iterations, solution_error = 0, 0.0

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """Return the minimiser for every right-hand side: (free coefficient, rhs).

        ``accuracy``: the allowed error relative to the step. ``base_size``: that of the function that the step is added
        to, of which conjugate gradients may leave a small share as well.
        """
        raise NotImplementedError

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """Return :meth:`solve` for the residuals of ``rows``, which have the J of this solver."""
        return self.solve([r.residual for r in rows], accuracy, base_size)

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """Return (J^T J + damping)^-1 times ``gradient`` (free coefficient, rhs), without refinement.

        ``accuracy``: the allowed relative error; by default a few digits are right.
        """
        raise NotImplementedError

    def solve_remainder(self, gradient: Array) -> Array:
        """Estimate what a solution lacks from the ``gradient`` after it, in no more time than the solution took."""
        return self.backsolve(gradient)

    def precondition(self, gradient: Array) -> Array:
        """Return (J^T J + damping)^-1 times ``gradient`` to about one digit."""
        return self.backsolve(gradient)

    def use_factor(self, max_work: float) -> bool:
        """Precondition by a factor from now on if it takes at most ``max_work`` multiplications; return whether."""
        return False

    def function_size(self, coefficients: Array) -> float:
        """The size of a function of the space: here its largest coefficient."""
        return float(np.abs(coefficients).max(initial=0.0))
