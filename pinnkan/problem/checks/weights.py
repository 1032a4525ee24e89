"""Which terms of a system are principal: weights of its equations and unknowns, by assigning one to the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.statement import Problem


@dataclass(frozen=True)
class Weights:
    """The largest sum of orders, and the offsets of unknowns and equations of which no term exceeds the difference."""

    total: int
    unknowns: tuple[int, ...]
    equations: tuple[int, ...]

    def difference(self, equation: int, unknown: int) -> int:
        """The order of the principal terms of an unknown in an equation."""
        return self.unknowns[unknown] - self.equations[equation]


def offsets(problem: Problem) -> Weights | None:
    """The weights of the equations and unknowns of a problem; None where no assignment gives any."""
    orders = np.full((len(problem.equations), len(problem.unknowns)), -1, dtype=np.int64)
    for i, equation in enumerate(problem.equations):
        for jet in equation.jets.values():
            orders[i, jet.unknown] = max(orders[i, jet.unknown], jet.total)
    return assigned(orders) if orders.shape[0] == orders.shape[1] else None


def assigned(orders: NDArray[np.int64]) -> Weights | None:
    """The assignment of equations to unknowns with the largest sum of orders, -1 being none; None if there is none.

    The offsets are the shortest ones, by the fixed point of Pryce (2001, section 3.2).
    """
    size = len(orders)
    columns = _best_assignment(orders)
    if columns is None:
        return None
    chosen = [(i, columns[i]) for i in range(size)]
    c, d = [0] * size, [0] * size
    for _ in range(size * (int(orders.max()) + 1) + 1):
        d = [max((int(orders[i, j]) + c[i] for i in range(size) if orders[i, j] >= 0), default=0) for j in range(size)]
        raised = list(c)
        for i, j in chosen:
            raised[i] = d[j] - int(orders[i, j])
        if raised == c:
            break
        c = raised
    return Weights(sum(int(orders[i, j]) for i, j in chosen), tuple(d), tuple(c))


def _best_assignment(orders: NDArray[np.int64]) -> list[int] | None:
    """The column of each row, by shortest augmenting paths (Jonker, Volgenant 1987); None where a row has none."""
    size = len(orders)
    none = float(size * (int(orders.max(initial=0)) + 2))
    cost = np.where(orders >= 0, -orders.astype(np.float64), none)
    row_of, u, v = [-1] * size, np.zeros(size), np.zeros(size)
    for start in range(size):
        best, before, done = np.full(size, np.inf), [-1] * size, np.zeros(size, dtype=bool)
        row, column, base = start, -1, 0.0
        while True:
            reach = base + cost[row] - u[row] - v
            for j in np.flatnonzero(~done & (reach < best)):
                best[j], before[j] = reach[j], column
            column = int(np.argmin(np.where(done, np.inf, best)))
            base = best[column]
            done[column] = True
            if row_of[column] < 0:
                break
            row = row_of[column]
        for j in np.flatnonzero(done):
            v[j] += best[j] - base
        u[start] += base
        for j in np.flatnonzero(done):
            if row_of[j] >= 0:
                u[row_of[j]] += base - best[j]
        while column >= 0:
            previous = before[column]
            row_of[column] = start if previous < 0 else row_of[previous]
            column = previous
    columns = [row_of.index(i) for i in range(size)]
    return columns if all(orders[i, columns[i]] >= 0 for i in range(size)) else None
