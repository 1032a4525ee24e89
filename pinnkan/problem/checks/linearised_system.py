"""Equations linearised at sample points, for counting conditions.

An operator L_ij = sum_a c_ija D^a maps unknown j to equation i; its symbol replaces D by numbers, one per coordinate.
Weights of equations and unknowns, from an assignment of one to the other, say which of its terms are principal.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem, highest_orders

Array = NDArray[np.float64]
#: Evaluates a jet on a tensor grid of nodes, one array per coordinate.
Derivative = Callable[[Sequence[Array], Jet], Array]

#: Samples per coordinate, ends included, by number of coordinates; more coordinates are not sampled.
_SAMPLES = {1: 33, 2: 7, 3: 4, 4: 3}


@dataclass(frozen=True)
class LinearisedSystem:
    """Coefficients dF_i/djet (sample,) on a tensor grid of this ``shape``, by equation and jet.

    ``is_known``: whether a coefficient does not depend on unknowns, or a solution was given for them; else random
    values of the unknowns were used. ``size``: the number of equations.
    """

    coefficients: Mapping[tuple[int, Jet], Array]
    is_known: Mapping[tuple[int, Jet], bool]
    size: int
    shape: tuple[int, ...]

    def symbol(
        self, numbers: Sequence[complex], at: Sequence[int], chosen: Callable[[int, Jet], bool] = lambda i, jet: True
    ) -> NDArray[np.complex128]:
        """The matrices (sample, equation, unknown) of the ``chosen`` terms of the symbol at the samples ``at``."""
        matrix = np.zeros((len(at), self.size, self.size), dtype=np.complex128)
        for (i, jet), values in self.coefficients.items():
            if chosen(i, jet):
                power = math.prod(n**k for n, k in zip(numbers, jet.order, strict=True) if k)
                matrix[:, i, jet.unknown] += values[at] * power
        return matrix

    def orders(self, order_of_jet: Callable[[Jet], int]) -> NDArray[np.int64]:
        """The highest order by ``order_of_jet`` of unknown j in equation i, -1 if it is absent: (equation, unknown)."""
        found = np.full((self.size, self.size), -1, dtype=np.int64)
        for i, jet in self.coefficients:
            found[i, jet.unknown] = max(found[i, jet.unknown], order_of_jet(jet))
        return found


def linearise(problem: Problem, derivative: Derivative | None = None, samples: int = 0) -> LinearisedSystem | None:
    """Linearise the equations at ``samples`` per coordinate (0: a default by dimension).

    None if there are too many coordinates, not as many equations as unknowns, or a coefficient is not finite.
    """
    samples = samples or _SAMPLES.get(problem.dimension, 0)
    if not samples or len(problem.equations) != len(problem.unknowns):
        return None
    nodes = [np.linspace(low, high, samples) for low, high in problem.box.ranges]
    grid = np.meshgrid(*nodes, indexing="ij")
    jets = dict(chain.from_iterable(e.jets.items() for e in problem.equations))
    generator = np.random.default_rng(0)
    values = {
        symbol: 0.5 + generator.random(grid[0].shape) if derivative is None else derivative(nodes, jet)
        for symbol, jet in jets.items()
    }
    coefficients: dict[tuple[int, Jet], Array] = {}
    known: dict[tuple[int, Jet], bool] = {}
    for i, equation in enumerate(problem.equations):
        found = Tape(list(equation.slopes.values()), [*problem.coordinates, *jets])([*grid, *values.values()])
        for (symbol, slope), value in zip(equation.slopes.items(), found, strict=True):
            filled = np.broadcast_to(np.asarray(value, dtype=np.float64), grid[0].shape)
            if not np.isfinite(filled).all():
                return None
            key = (i, equation.jets[symbol])
            coefficients[key] = filled.ravel()
            known[key] = derivative is not None or not slope.free_symbols & set(jets)
    return LinearisedSystem(coefficients, known, len(problem.equations), grid[0].shape)


def slopes_at_random_values(
    problem: Problem, equations: Sequence[Equation], points: Sequence[Array], size: float = 1.0
) -> Array:
    """dF/djet of each equation at random values of this ``size``: (equation, point, jet), over the jets of all."""
    jets = list(dict(chain.from_iterable(e.jets.items() for e in equations)))
    generator = np.random.default_rng(0)
    values = [size * (0.5 + generator.random(points[0].shape)) for _ in jets]
    result = np.zeros((len(equations), len(points[0]), len(jets)))
    for i, equation in enumerate(equations):
        found = Tape(list(equation.slopes.values()), [*problem.coordinates, *jets])([*points, *values])
        for symbol, value in zip(equation.slopes, found, strict=True):
            result[i, :, jets.index(symbol)] = value
    return result


@dataclass(frozen=True)
class PrincipalWeights:
    """The largest sum of orders, and offsets d_j of unknowns and c_i of equations such that d_j - c_i >= order_ij."""

    system_order: int
    unknown_offsets: tuple[int, ...]
    equation_offsets: tuple[int, ...]

    def principal_order(self, equation: int, unknown: int) -> int:
        """The order d_j - c_i of the principal terms of an unknown in an equation."""
        return self.unknown_offsets[unknown] - self.equation_offsets[equation]


def principal_weights(problem: Problem) -> PrincipalWeights | None:
    """The weights of a problem by the total orders of its jets; None if there is no assignment."""
    orders = np.full((len(problem.equations), len(problem.unknowns)), -1, dtype=np.int64)
    for i, equation in enumerate(problem.equations):
        for unknown, order in highest_orders(equation.jets.values(), lambda jet: jet.total_order).items():
            orders[i, unknown] = order
    return assign_equations(orders) if orders.shape[0] == orders.shape[1] else None


def assign_equations(orders: NDArray[np.int64]) -> PrincipalWeights | None:
    """Assign equations to unknowns with the largest sum of orders (-1: none); None if there is no assignment.

    The offsets are the smallest ones, by the fixed point of Pryce (2001, section 3.2).
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
    return PrincipalWeights(sum(int(orders[i, j]) for i, j in chosen), tuple(d), tuple(c))


def _best_assignment(orders: NDArray[np.int64]) -> list[int] | None:
    """The column of each row, by shortest augmenting paths (Jonker, Volgenant 1987); None if there is none."""
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
