"""Least squares over all blocks at once: rows at scattered points, one factorisation that serves every prefix.

Rows are means, not integrals: an equation counts the mean square of its residual over the box, a condition that over
its side. Columns stand in the order of the groups. The triangular factor of the first k columns is the leading part of
the whole one, so that a sum of blocks and a richer one that begins with it are solved together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.linalg
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import CONDITION_WEIGHT, largest_term, points_of, sobol
from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.field import Array, Jets, jets_at
from pinnkan.problem.statement import Jet, Problem, Side
from pinnkan.solver.estimate.norms import Samples, samples_at

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


#: Up to so many columns the rows are factorised by QR, above by Cholesky of the normal equations: both cost n^2 per
#: row, the latter half and on all cores; orthonormal products keep the condition number near 300 (measured).
QR_COLUMNS = 400
#: A unit column that is this near to the others is not determined: rounding, which normal equations take the root of.
SEEN = 1e-13
#: Steps of inverse iteration for the smallest singular value: it settles to a few per cent in less than ten.
INVERSE_STEPS = 10


def jacobian(rows: Sequence[ScatteredRows], space: BlockSum, function: Jets | None) -> tuple[Array, Array]:
    """Matrix (row, coefficient) and residual (row) of all rows, linearised at a function (None: zero).

    Groups of rows with the same derivatives, such as values on all sides, are assembled in one batch.
    """
    at = np.cumsum([0, *(len(g.points) for g in rows)])
    matrix = np.zeros((at[-1], space.products, space.unknowns))
    residual = np.empty(at[-1])
    found = linearised(rows, function)
    for jets, numbers in alike(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        slopes = np.concatenate([found[n][1] for n in numbers])
        place = np.concatenate([np.arange(at[n], at[n + 1]) for n in numbers])
        residual[place] = np.concatenate([found[n][0] for n in numbers])
        for unknown in range(space.unknowns):
            terms = {jet.order: _bare(slopes[:, k]) for k, jet in enumerate(jets) if jet.unknown == unknown}
            if terms:
                matrix[place, :, unknown] = space.features(points, terms)
    return matrix.reshape(len(residual), -1), residual


def _bare(values: Array) -> Array | float:
    """A constant as one number, which saves a product per column."""
    return float(values[0]) if np.ptp(values) == 0.0 else values


@dataclass(frozen=True, eq=False)
class Factor:
    """J = Q R with columns scaled to unit length, and Q^T r: solves min |J d + r| over the first columns."""

    triangle: Array
    right: Array
    scale: Array
    variance: float  # of a row that the columns leave over

    @classmethod
    def of(cls, matrix: Array, residual: Array) -> "Factor":
        """Factorise.

        Raises:
            numpy.linalg.LinAlgError: the rows are not finite, or do not determine the coefficients.
        """
        norms = np.linalg.norm(matrix, axis=0)
        if not (np.isfinite(norms).all() and np.isfinite(residual).all()):
            raise np.linalg.LinAlgError("the rows are not finite")
        scale = 1.0 / np.where(norms > 0.0, norms, 1.0)
        n = matrix.shape[1]
        if n <= QR_COLUMNS:
            r: Array = np.asarray(np.linalg.qr(np.column_stack([matrix * scale, residual]), mode="r"))
            triangle, right, least = r[:n, :n], r[:n, n], SEEN
        else:
            triangle = scipy.linalg.cholesky(matrix.T @ matrix * np.outer(scale, scale))
            right = scipy.linalg.solve_triangular(triangle, matrix.T @ residual * scale, trans="T")
            least = SEEN**0.5
        if np.abs(np.diag(triangle)).min() < least:
            raise np.linalg.LinAlgError("the rows do not determine the coefficients")
        rest = max(float(residual @ residual - right @ right), 0.0)
        return cls(triangle, right, scale, rest / max(len(matrix) - n, 1))

    def step(self, count: int) -> Array:
        """The minimiser over the first ``count`` coefficients."""
        return -self.scale[:count] * scipy.linalg.solve_triangular(self.triangle[:count, :count], self.right[:count])

    def chance(self) -> Array:
        """Expected square of every coefficient if what the columns leave over were noise."""
        inverse = scipy.linalg.solve_triangular(self.triangle, np.eye(len(self.scale)))
        return np.asarray(self.variance * self.scale**2 * (inverse**2).sum(1))

    def smallest(self) -> float:
        """The smallest singular value of J: how little the rows can see of a function of size one."""
        vector = np.random.default_rng(0).standard_normal(len(self.scale))
        norm = 1.0
        for _ in range(INVERSE_STEPS):
            y = scipy.linalg.solve_triangular(self.triangle, self.scale * vector, trans="T")
            vector = self.scale * scipy.linalg.solve_triangular(self.triangle, y)
            norm = float(np.linalg.norm(vector))
            vector = vector / norm
        return float(norm**-0.5)
