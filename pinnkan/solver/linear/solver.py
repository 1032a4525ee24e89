"""What everyone asks of a solver of linear least squares, and what all of them have in common."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.integral_rows import IntegralRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.field import Array

#: Rounding of a product, with some margin.
UNIT = 4e-16


class NotFiniteError(np.linalg.LinAlgError):
    """The rows are not: a residual may be nan where its derivatives are numbers, as of log(u) for u < 0."""

    def __init__(self) -> None:
        super().__init__("the rows are not finite")


class LinearSolver(Protocol):
    """min |J d + r|^2 + damping |d / scale|^2 over the free coefficients, for any right-hand side of the same rows.

    ``rounding``: how large the error of the last solution is, as :meth:`size_of` says; ``words``: what was done, for
    people, "" for a factor.
    """

    @property
    def iterations(self) -> int:
        """Steps of all solutions, 0 of a factor."""

    @property
    def rows(self) -> Sequence[Rows | IntegralRows]:
        """J, block by block."""

    @property
    def ordering(self) -> Ordering:
        """Which coefficients are free, and their order in vectors."""

    @property
    def clock(self) -> Clock:
        """Asked before what takes long."""

    @property
    def rounding(self) -> float:
        """Of the last solution."""

    @property
    def words(self) -> str:
        """Who has solved, and how, "" for a factor."""

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, size: float = 0.0) -> Array:
        """The minimiser for every side: (free coefficient, side).

        To a relative ``accuracy`` of the step, or of a function of ``size`` that it is added to what their solver
        was asked for, or better.
        """

    def size_of(self, coefficients: Array) -> float:
        """How large a function of the space is: its largest coefficient, or its L2 norm."""

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, size: float = 0.0) -> Array:
        """The same for the residuals of ``rows`` that have the same J."""

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """(J^T J + damping)^-1 times ``gradient`` (free coefficient, side), not refined.

        To a relative ``accuracy``, or better; by default to a few digits.
        """

    def closer(self, gradient: Array) -> Array:
        """The same of a gradient that a solution has left: what is missing of it, in no more time than it took."""

    def precondition(self, gradient: Array) -> Array:
        """The same to a digit or so."""

    def sharpen(self, most: float) -> bool:
        """Whether conjugate gradients precondition by a factor from now on, if it takes no more than ``most`` work."""

    def apply(self, step: Array) -> list[torch.Tensor]:
        """J d of every block, for d (free coefficient, side)."""

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """J^T r: (free coefficient, side)."""

    def normal(self, step: Array) -> Array:
        """J^T J d: (free coefficient, side)."""

    def go_by_points(self) -> bool:
        """From now on products with J^T J as exact as J; whether they were not and may be."""

    def floor(self, coefficients: Array) -> float:
        """What rounding leaves in J d of free coefficients: UNIT times what they add to it one by one."""


class Seen:
    """Rows with an order of their coefficients, both ways; ``lengths``: of the columns of J.

    Without a ``clock`` there is no limit.
    """

    def __init__(self, rows: Sequence[Rows | IntegralRows], ordering: Ordering, clock: Clock | None = None) -> None:
        self.rows, self.ordering, self.clock = tuple(rows), ordering, clock or Clock()
        self.lengths, self.iterations = np.ones(ordering.size), 0

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, size: float = 0.0) -> Array:
        """See :class:`LinearSolver`."""
        raise NotImplementedError

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, size: float = 0.0) -> Array:
        """See :class:`LinearSolver`."""
        return self.solve([r.residual for r in rows], accuracy, size)

    def size_of(self, coefficients: Array) -> float:
        """See :class:`LinearSolver`: its largest coefficient."""
        return float(np.abs(coefficients).max(initial=0.0))

    def gradient(self, residuals: Sequence[torch.Tensor]) -> Array:
        """See :class:`LinearSolver`."""
        parts = [b.transpose(self.ordering, r) for b, r in zip(self.rows, residuals, strict=True)]
        return sum(parts[1:], parts[0]).cpu().numpy()

    def apply(self, step: Array) -> list[torch.Tensor]:
        """See :class:`LinearSolver`."""
        d = torch.from_numpy(step).to(self.ordering.position.device)
        return [b.apply(self.ordering, d) for b in self.rows]

    def normal(self, step: Array) -> Array:
        """See :class:`LinearSolver`."""
        return self.gradient(self.apply(step))

    def go_by_points(self) -> bool:
        """See :class:`LinearSolver`: they are, by points."""
        return False

    def sharpen(self, most: float) -> bool:
        """See :class:`LinearSolver`: a factor does."""
        return False

    def floor(self, coefficients: Array) -> float:
        """See :class:`LinearSolver`."""
        return UNIT * float(np.linalg.norm(coefficients * self.lengths))
