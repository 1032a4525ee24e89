"""Rows at scattered points of a box of any dimension and on its sides.

Rows are means, not integrals: an equation counts the mean square of its residual over the box, a condition that over
its side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import CONDITION_WEIGHT, largest_term, points_of, sobol
from pinnkan.kan.field import Array, Jets, jets_at
from pinnkan.problem.statement import Jet, Problem, Side
from pinnkan.solver.estimate.true_error import Samples, samples_at

#: Points of all sides together, per point inside; and the fewest on a side.
SIDES_SHARE = 0.6
LEAST_ON_SIDE = 24
#: Points at which a true error is measured, and their seed.
TRUE_POINTS, TRUE_SEED = 2048, 20_260_304


@dataclass(frozen=True, eq=False)
class ScatteredRows:
    """An equation at points (point, coordinate), each row multiplied by ``weight``."""

    equation: CompiledEquation
    points: Array
    weight: float

    def linearise(self, at: Array) -> tuple[Array, Array]:
        """Weighted residual (point) and its derivatives by the equation's jets (point, jet) at jets (point, jet)."""
        f, w = self.equation.linearise(torch.from_numpy(self.points), torch.from_numpy(at))
        return self.weight * f.numpy(), self.weight * w.numpy()


def linearised(rows: Sequence[ScatteredRows], function: Jets | None) -> list[tuple[Array, Array]]:
    """Each linearised at a function, which is evaluated once where they hold the same derivatives."""
    found: list[tuple[Array, Array]] = [(np.zeros(0), np.zeros((0, 0)))] * len(rows)
    for jets, numbers in alike(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        at = jets_at(function, points, jets)
        ends = np.cumsum([0, *(len(rows[n].points) for n in numbers)])
        for n, (a, b) in zip(numbers, pairwise(ends), strict=True):
            found[n] = rows[n].linearise(at[a:b])
    return found


def alike(rows: Sequence[ScatteredRows]) -> dict[tuple[Jet, ...], list[int]]:
    """Which rows hold the same derivatives, such as the values on all sides."""
    found: dict[tuple[Jet, ...], list[int]] = {}
    for number, group in enumerate(rows):
        found.setdefault(group.equation.jets, []).append(number)
    return found


def mean_square(rows: Sequence[ScatteredRows], function: Jets | None) -> float:
    """The sum of the squared rows, which are means."""
    return sum(float((residual**2).sum()) for residual, _ in linearised(rows, function))


def scattered(model: Model, count: int, seed: int, function: Jets | None = None) -> tuple[ScatteredRows, ...]:
    """Rows of all equations at ``count`` points inside, and of all conditions; weights from the sizes at a function."""
    problem = model.problem
    inside = problem.domain.sample(count, sobol(seed))
    rows = [ScatteredRows(e, inside, count**-0.5) for e in model.equations]
    sides = max(1, sum(isinstance(c.place, Side) for c, _ in model.conditions_as_rows))
    on_side = max(LEAST_ON_SIDE, round(SIDES_SHARE * count / sides))
    for number, (condition, equation) in enumerate(model.conditions_as_rows):
        at = points_of(problem, condition.place, on_side, sobol(seed + 1 + number))
        rows.append(ScatteredRows(equation, at, len(at) ** -0.5))
    slopes = [np.linalg.norm(s, axis=0) for _, s in linearised(rows, function)]
    sizes = [largest_term(problem, r.equation.jets, s) for r, s in zip(rows, slopes, strict=True)]
    inner = len(model.equations)
    weights = [CONDITION_WEIGHT * max(sizes[:inner]) / own if own > 0.0 else 1.0 for own in sizes[inner:]]
    scaled = (replace(r, weight=w * r.weight) for r, w in zip(rows[inner:], weights, strict=True))
    return (*rows[:inner], *scaled)


def samples_of(problem: Problem, function: Jets) -> Samples:
    """A function at Sobol points of their own, for its true error."""
    return samples_at(function, problem.domain.sample(TRUE_POINTS, sobol(TRUE_SEED)))
