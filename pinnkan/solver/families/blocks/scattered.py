"""Points where no tensor grid can go: Sobol's sequence in a box of any dimension and on its sides, and the rows there.

Rows are means, not integrals: an equation counts the mean square of its residual over the box, a condition that over
its side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from scipy.stats import qmc

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.errors import UsageError
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Jet, Point, Problem, Side

#: Weight of a condition relative to the equations in units of the box. The five-dimensional Gaussian with singles and
#: pairs has the error of the best approximation from 1 to 10 and 12 % more with 100 (measured); below ten the smallest
#: singular value is that of the conditions, and the estimate grows with it.
CONDITION_WEIGHT = 10.0
#: Points of all sides together, per point inside; and the fewest on a side.
SIDES_SHARE = 0.6
LEAST_ON_SIDE = 24

#: A function of points (point, coordinate) and orders: derivatives (point, unknown, order). None is the zero function.
Jets = Callable[[Array, Sequence[tuple[int, ...]]], Array]


@dataclass(frozen=True, eq=False)
class Rows:
    """An equation at points (point, coordinate), each row multiplied by ``weight``."""

    equation: CompiledEquation
    points: Array
    weight: float

    def linearise(self, at: Array) -> tuple[Array, Array]:
        """Weighted residual (point) and its derivatives by the equation's jets (point, jet) at jets (point, jet)."""
        f, w = self.equation.linearise(torch.from_numpy(self.points), torch.from_numpy(at))
        return self.weight * f.numpy(), self.weight * w.numpy()


def linearised(rows: Sequence[Rows], function: Jets | None) -> list[tuple[Array, Array]]:
    """:meth:`Rows.linearise` of all at a function, which is evaluated once where they hold the same derivatives."""
    found: list[tuple[Array, Array]] = [(np.zeros(0), np.zeros((0, 0)))] * len(rows)
    for jets, numbers in alike(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        at = np.zeros((len(points), len(jets)))
        if function is not None:
            orders = sorted({jet.order for jet in jets})
            values = function(points, orders)
            at = np.stack([values[:, jet.unknown, orders.index(jet.order)] for jet in jets], -1)
        ends = np.cumsum([0, *(len(rows[n].points) for n in numbers)])
        for n, (a, b) in zip(numbers, pairwise(ends), strict=True):
            found[n] = rows[n].linearise(at[a:b])
    return found


def alike(rows: Sequence[Rows]) -> dict[tuple[Jet, ...], list[int]]:
    """Which rows hold the same derivatives, such as the values on all sides."""
    found: dict[tuple[Jet, ...], list[int]] = {}
    for number, group in enumerate(rows):
        found.setdefault(group.equation.jets, []).append(number)
    return found


def mean_square(rows: Sequence[Rows], function: Jets | None) -> float:
    """The sum of the squared rows, which are means."""
    return sum(float((residual**2).sum()) for residual, _ in linearised(rows, function))


@dataclass(frozen=True, eq=False)
class Statement:
    """A problem whose conditions all become rows."""

    problem: Problem
    equations: tuple[CompiledEquation, ...]
    conditions: tuple[tuple[Side | Point, CompiledEquation], ...]

    @property
    def is_linear(self) -> bool:
        """Whether one least-squares solve suffices."""
        return all(e.is_linear for e in (*self.equations, *(c for _, c in self.conditions)))


def state(problem: Problem) -> Statement:
    """Compile a problem, every condition with its place.

    Raises:
        UsageError: a condition asks to be exact, which no block can be.
    """
    conditions = []
    for c in problem.conditions:
        if c.enforce == "exact":
            raise UsageError(
                f"the condition on '{c.name}' cannot be exact with more than three coordinates of space: "
                "leave `enforce` out"
            )
        if c.equation is not None:
            conditions.append((c.place, CompiledEquation(c.equation, problem.coordinates)))
    equations = tuple(CompiledEquation(e, problem.coordinates) for e in problem.equations)
    return Statement(problem, equations, tuple(conditions))


def sobol(ranges: Sequence[tuple[float, float]], count: int, seed: int) -> Array:
    """The first ``count`` points of a scrambled Sobol sequence in a box: (point, coordinate)."""
    if not ranges:
        return np.zeros((count, 0))
    low, high = np.array(ranges, dtype=np.float64).T
    unit = qmc.Sobol(len(ranges), seed=seed).random_base2(max(1, (count - 1).bit_length()))[:count]
    return np.asarray(low + (high - low) * unit)


def scattered(statement: Statement, count: int, seed: int, function: Jets | None = None) -> tuple[Rows, ...]:
    """Rows of all equations at ``count`` points inside, and of all conditions; weights from the sizes at a function."""
    problem = statement.problem
    inside = sobol(problem.ranges, count, seed)
    rows = [Rows(e, inside, count**-0.5) for e in statement.equations]
    sides = max(1, sum(isinstance(place, Side) for place, _ in statement.conditions))
    on_side = max(LEAST_ON_SIDE, round(SIDES_SHARE * count / sides))
    for number, (place, equation) in enumerate(statement.conditions):
        at = _on(problem, place, on_side, seed + 1 + number)
        rows.append(Rows(equation, at, len(at) ** -0.5))
    sizes = [_size(r, s, problem) for r, (_, s) in zip(rows, linearised(rows, function), strict=True)]
    inner = len(statement.equations)
    weights = [CONDITION_WEIGHT * max(sizes[:inner]) / own if own > 0.0 else 1.0 for own in sizes[inner:]]
    scaled = (replace(r, weight=w * r.weight) for r, w in zip(rows[inner:], weights, strict=True))
    return (*rows[:inner], *scaled)


def _on(problem: Problem, place: Side | Point, count: int, seed: int) -> Array:
    if isinstance(place, Point):
        return np.array([place.position])
    others = [r for i, r in enumerate(problem.ranges) if i != place.axis]
    return np.insert(sobol(others, count, seed), place.axis, problem.ranges[place.axis][place.end], axis=1)


def _size(rows: Rows, slopes: Array, problem: Problem) -> float:
    """The largest term of an equation for a function of size one that varies over the box."""
    widths = np.array([b - a for a, b in problem.ranges])

    def scale(jet: Jet) -> float:
        return float(np.prod(widths ** -np.array(jet.order, dtype=np.float64)))

    sizes = [float(np.linalg.norm(slopes[:, k])) * scale(jet) for k, jet in enumerate(rows.equation.jets)]
    return max(sizes, default=0.0)


def exact_error(problem: Problem, function: Jets, count: int = 2048) -> float | None:
    """Relative L2 error against ``exact`` at Sobol points of their own, worst unknown; None without ``exact``."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    points = sobol(problem.ranges, count, 20_260_304)
    tape = Tape([problem.exact[name] for name in problem.unknowns], list(problem.coordinates))
    exact = np.stack([np.broadcast_to(v, len(points)) for v in tape(list(points.T))], -1)
    error = function(points, [(0,) * problem.dimension])[..., 0] - exact
    scale = (exact**2).sum(0)
    return float(np.sqrt(((error**2).sum(0) / np.where(scale > 0.0, scale, 1.0)).max()))
