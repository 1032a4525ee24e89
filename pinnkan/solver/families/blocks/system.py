"""Least squares over all blocks at once: rows at scattered points, one factorisation that serves every prefix.

Rows are means, not integrals: an equation counts the mean square of its residual over the box, a condition that over
its side. Columns stand in the order of the groups. The triangular factor of the first k columns is the leading part of
the whole one, so that a sum of blocks and a richer one that begins with it are solved together.

So is the error of any function in many coordinates: the linearised equation is solved for it in blocks. What they do
not hold is seen by the residual at points never trained on: it is divided by the smallest singular value of the rows,
the least residual that a function of size one can have. So a block that is missing altogether is part of the estimate.
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
from pinnkan.errors import SolverError
from pinnkan.kan.blocks import BlockField, BlockSum
from pinnkan.kan.field import Array, Jets, jets_at
from pinnkan.problem.statement import Jet, Problem, Side
from pinnkan.solver.estimate.norms import Samples, nonzero, samples_at
from pinnkan.solver.family import ErrorEstimate
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Evidence

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

        Raises numpy.linalg.LinAlgError: the rows are not finite, or do not determine the coefficients.
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


#: ScatteredRows inside per coefficient (method.md, section 3: 3 to 4).
ROWS = 3.0
#: Points inside of the held-out residual, fewer where the sum is small: a mean to a few per cent.
HELD_OUT = 2048
#: Between the seeds of training and held-out points; every place has a seed of its own.
STRIDE = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class BlocksEstimate(ErrorEstimate):
    """A correction in a sum of blocks; the relative sizes of it and of what it leaves unexplained; held-out loss."""

    correction: BlockField
    explained: float
    unexplained: float
    heldout: float


def row_count(space: BlockSum) -> int:
    """Points inside for a sum of blocks."""
    return int(ROWS * space.size) + 50


def held_out(model: Model, space: BlockSum, seed: int, function: Jets | None) -> tuple[ScatteredRows, ...]:
    """ScatteredRows never trained on, for the training rows of that seed."""
    return scattered(model, min(row_count(space), HELD_OUT), seed + STRIDE, function)


def weigh(
    held: Sequence[ScatteredRows],
    error: BlockField,
    function: Jets | None,
    here: Array | None,
    factor: Factor,
    scale: Array,
) -> BlocksEstimate:
    """The judgement of a function with that correction.

    The rows are linearised at ``function``, or at zero for a linear problem, where ``here`` holds the coefficients;
    ``scale`` is the size of each unknown.
    """
    matrix, residual = jacobian(held, error.space, function)
    own = residual if here is None else residual + matrix @ here.ravel()
    rest = own + matrix @ error.coefficients.ravel()
    scale = nonzero(scale)
    explained = float((error.space.norm(error.coefficients) / scale).max())
    left = float(np.linalg.norm(rest))
    unexplained = left / factor.smallest() / float(scale.min())
    size = SAFETY * (explained + unexplained)
    return BlocksEstimate(
        size, error, evidence=Evidence.BLOCKS, correction=error, explained=explained, unexplained=unexplained,
        heldout=float(own @ own), left=left,
    )  # fmt: skip


def judge_by_blocks(model: Model, field: Jets, space: BlockSum, seed: int) -> BlocksEstimate:
    """Solve the linearised equation for the error of a field in a sum of blocks, and weigh it.

    Raises SolverError: the rows do not determine it.
    """
    problem = model.problem
    rows = scattered(model, row_count(space), seed, field)
    try:
        with model.clock.working("blocks", row_count(space) * float(space.size) ** 2):
            factor = Factor.of(*jacobian(rows, space, field))
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
    correction = factor.step(space.size).reshape(space.products, space.unknowns)
    values = field(problem.domain.sample(HELD_OUT, sobol(seed + STRIDE)), [(0,) * problem.dimension])[..., 0]
    scale = np.sqrt((values**2).mean(0))
    held = held_out(model, space, seed, field)
    return weigh(held, BlockField(space, correction), field, None, factor, scale)
