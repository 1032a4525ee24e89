"""Least squares for all blocks at once: rows at scattered points, one factorisation for a sum and its richer one.

Rows are means: an equation weighs the mean square of its residual over the box, a condition over its side. Columns are
in the order of the groups, so that the triangular factor of the first k columns is the leading part of the whole one.

The error of any function is estimated by solving the linearised equation in blocks. Errors outside of the blocks are
bounded by the residual at held-out points over the smallest singular value of the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.linalg
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import CONDITION_WEIGHT, draw_points, largest_term, sobol_generator
from pinnkan.errors import SolverError
from pinnkan.kan.blocks import BlockField, BlockSum
from pinnkan.kan.field import Array, DerivativeFunction, jets_at
from pinnkan.problem.statement import Jet, Problem, Side
from pinnkan.solver.estimate.norms import Samples, safe_divisors, samples_at
from pinnkan.solver.level_family import ErrorEstimate
from pinnkan.solver.linear.solver import require_finite
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Evidence

#: Points of all sides together per point inside.
SIDES_SHARE = 0.6
LEAST_ON_SIDE = 24
#: Points at which a true error is measured, and their seed.
TRUE_POINTS, TRUE_SEED = 2048, 20_260_304


@dataclass(frozen=True, eq=False)
class ScatteredRows:
    """An equation at points (point, coordinate); each row is multiplied by ``weight``."""

    equation: CompiledEquation
    points: Array
    weight: float

    def linearise(self, jets: Array) -> tuple[Array, Array]:
        """Return the weighted residual (point) and its derivatives by jets (point, jet), at jets (point, jet)."""
        f, w = self.equation.linearise(torch.from_numpy(self.points), torch.from_numpy(jets))
        return self.weight * f.numpy(), self.weight * w.numpy()


def linearise_rows(rows: Sequence[ScatteredRows], function: DerivativeFunction | None) -> list[tuple[Array, Array]]:
    """Linearise each group of rows at a function (None: zero), evaluated once for groups with the same jets."""
    found: list[tuple[Array, Array]] = [(np.zeros(0), np.zeros((0, 0)))] * len(rows)
    for jets, numbers in groups_by_jets(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        at = jets_at(function, points, jets)
        ends = np.cumsum([0, *(len(rows[n].points) for n in numbers)])
        for n, (a, b) in zip(numbers, pairwise(ends), strict=True):
            found[n] = rows[n].linearise(at[a:b])
    return found


def groups_by_jets(rows: Sequence[ScatteredRows]) -> dict[tuple[Jet, ...], list[int]]:
    """The numbers of the groups of rows with the same jets, by jets."""
    found: dict[tuple[Jet, ...], list[int]] = {}
    for number, group in enumerate(rows):
        found.setdefault(group.equation.jets, []).append(number)
    return found


def mean_square(rows: Sequence[ScatteredRows], function: DerivativeFunction | None) -> float:
    """The sum of the squared rows at a function, which are means."""
    return sum(float((residual**2).sum()) for residual, _ in linearise_rows(rows, function))


def scattered_rows(
    model: Model, count: int, seed: int, function: DerivativeFunction | None = None
) -> tuple[ScatteredRows, ...]:
    """Return rows of all equations at ``count`` points inside and of conditions, weighted at a function."""
    problem = model.problem
    inside = problem.domain.sample(count, sobol_generator(seed))
    rows = [ScatteredRows(e, inside, count**-0.5) for e in model.equations]
    sides = max(1, sum(isinstance(c.place, Side) for c, _ in model.conditions_as_rows))
    on_side = max(LEAST_ON_SIDE, round(SIDES_SHARE * count / sides))
    for number, (condition, equation) in enumerate(model.conditions_as_rows):
        at = draw_points(problem, condition.place, on_side, sobol_generator(seed + 1 + number))
        rows.append(ScatteredRows(equation, at, len(at) ** -0.5))
    slopes = [np.linalg.norm(s, axis=0) for _, s in linearise_rows(rows, function)]
    sizes = [largest_term(problem, r.equation.jets, s) for r, s in zip(rows, slopes, strict=True)]
    inner = len(model.equations)
    weights = [CONDITION_WEIGHT * max(sizes[:inner]) / own if own > 0.0 else 1.0 for own in sizes[inner:]]
    scaled = (replace(r, weight=w * r.weight) for r, w in zip(rows[inner:], weights, strict=True))
    return (*rows[:inner], *scaled)


def sobol_samples(problem: Problem, function: DerivativeFunction) -> Samples:
    """A function at Sobol points for its true error."""
    return samples_at(function, problem.domain.sample(TRUE_POINTS, sobol_generator(TRUE_SEED)))


#: Up to so many columns the rows are factorised by QR, above by Cholesky of the normal equations, at half the cost:
#: orthonormal products keep the condition number near 300.
QR_COLUMNS = 400
#: A unit column closer to the span of the others is not determined; normal equations take the root of it.
DEPENDENCE_LIMIT = 1e-13
#: Steps of inverse iteration for the smallest singular value, to a few per cent.
INVERSE_STEPS = 10


def jacobian(
    rows: Sequence[ScatteredRows], space: BlockSum, function: DerivativeFunction | None
) -> tuple[Array, Array]:
    """Return the matrix (row, coefficient) and residual (row) of all rows, linearised at a function (None: zero)."""
    at = np.cumsum([0, *(len(g.points) for g in rows)])
    matrix = np.zeros((at[-1], space.products, space.unknowns))
    residual = np.empty(at[-1])
    found = linearise_rows(rows, function)
    for jets, numbers in groups_by_jets(rows).items():
        points = np.concatenate([rows[n].points for n in numbers])
        slopes = np.concatenate([found[n][1] for n in numbers])
        place = np.concatenate([np.arange(at[n], at[n + 1]) for n in numbers])
        residual[place] = np.concatenate([found[n][0] for n in numbers])
        for unknown in range(space.unknowns):
            terms = {
                jet.order: _scalar_if_constant(slopes[:, k]) for k, jet in enumerate(jets) if jet.unknown == unknown
            }
            if terms:
                matrix[place, :, unknown] = space.operator_matrix(points, terms)
    return matrix.reshape(len(residual), -1), residual


def _scalar_if_constant(values: Array) -> Array | float:
    """Constant values as one number, which saves a product per column."""
    return float(values[0]) if np.ptp(values) == 0.0 else values


@dataclass(frozen=True, eq=False)
class RowFactor:
    """J = Q R with columns scaled to unit length, and Q^T r: solves min |J d + r| over leading columns."""

    triangle: Array
    projected_residual: Array
    scale: Array
    variance: float  # of a row of the remaining residual

    @classmethod
    def factorise(cls, matrix: Array, residual: Array) -> "RowFactor":
        """Factorise J = ``matrix`` with r = ``residual``.

        Raises numpy.linalg.LinAlgError: the rows are not finite, or do not determine the coefficients.
        """
        norms, residual = require_finite(np.linalg.norm(matrix, axis=0)), require_finite(residual)
        scale = 1.0 / np.where(norms > 0.0, norms, 1.0)
        n = matrix.shape[1]
        if n <= QR_COLUMNS:
            r: Array = np.asarray(np.linalg.qr(np.column_stack([matrix * scale, residual]), mode="r"))
            triangle, right, least = r[:n, :n], r[:n, n], DEPENDENCE_LIMIT
        else:
            triangle = scipy.linalg.cholesky(matrix.T @ matrix * np.outer(scale, scale))
            right = scipy.linalg.solve_triangular(triangle, matrix.T @ residual * scale, trans="T")
            least = DEPENDENCE_LIMIT**0.5
        if np.abs(np.diag(triangle)).min() < least:
            raise np.linalg.LinAlgError("the rows do not determine the coefficients")
        rest = max(float(residual @ residual - right @ right), 0.0)
        return cls(triangle, right, scale, rest / max(len(matrix) - n, 1))

    def step(self, count: int) -> Array:
        """The minimiser over the first ``count`` coefficients."""
        return -self.scale[:count] * scipy.linalg.solve_triangular(
            self.triangle[:count, :count], self.projected_residual[:count]
        )

    def noise_squares(self) -> Array:
        """The expected square of each coefficient if the remaining residual were noise."""
        inverse = scipy.linalg.solve_triangular(self.triangle, np.eye(len(self.scale)))
        return np.asarray(self.variance * self.scale**2 * (inverse**2).sum(1))

    def smallest_singular_value(self) -> float:
        """The smallest singular value of J, the least residual of a function of size one, by inverse iteration."""
        vector = np.random.default_rng(0).standard_normal(len(self.scale))
        norm = 1.0
        for _ in range(INVERSE_STEPS):
            y = scipy.linalg.solve_triangular(self.triangle, self.scale * vector, trans="T")
            vector = self.scale * scipy.linalg.solve_triangular(self.triangle, y)
            norm = float(np.linalg.norm(vector))
            vector = vector / norm
        return float(norm**-0.5)


#: Rows inside per coefficient (method.md, section 3: 3 to 4).
ROWS_PER_COEFFICIENT = 3.0
#: Most points of the held-out residual, for a mean to a few per cent.
HELD_OUT = 2048
#: Between the seeds of training and held-out points; every place has a seed of its own.
SEED_STRIDE = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class BlocksEstimate(ErrorEstimate):
    """A correction in a sum of blocks, its relative size ``correction_size``, and that of the remaining error."""

    correction: BlockField
    correction_size: float
    remaining_error: float
    heldout: float


def row_count(space: BlockSum) -> int:
    """The number of points inside for a sum of blocks."""
    return int(ROWS_PER_COEFFICIENT * space.size) + 50


def held_out_rows(
    model: Model, space: BlockSum, seed: int, function: DerivativeFunction | None
) -> tuple[ScatteredRows, ...]:
    """Return held-out rows for the training rows of a seed."""
    return scattered_rows(model, min(row_count(space), HELD_OUT), seed + SEED_STRIDE, function)


def estimate_from_correction(
    rows: Sequence[ScatteredRows],
    correction: BlockField,
    function: DerivativeFunction | None,
    coefficients: Array | None,
    factor: RowFactor,
    scale: Array,
) -> BlocksEstimate:
    """Estimate the error of a function from its correction ``correction`` and the held-out residual that remains.

    Rows are linearised at ``function``, or at zero for a linear problem with coefficients ``coefficients``; ``scale``:
    the size of each unknown.
    """
    matrix, residual = jacobian(rows, correction.space, function)
    own = residual if coefficients is None else residual + matrix @ coefficients.ravel()
    rest = own + matrix @ correction.coefficients.ravel()
    scale = safe_divisors(scale)
    explained = float((correction.space.norm(correction.coefficients) / scale).max())
    left = float(np.linalg.norm(rest))
    unexplained = left / factor.smallest_singular_value() / float(scale.min())
    size = SAFETY * (explained + unexplained)
    return BlocksEstimate(
        size, correction, evidence=Evidence.BLOCKS, correction=correction, correction_size=explained,
        remaining_error=unexplained, heldout=float(own @ own), heldout_rms=left,
    )  # fmt: skip


def estimate_by_blocks(model: Model, field: DerivativeFunction, space: BlockSum, seed: int) -> BlocksEstimate:
    """Estimate the error of a field by solving the linearised equation in a sum of blocks.

    Raises SolverError: the rows do not determine it.
    """
    problem = model.problem
    rows = scattered_rows(model, row_count(space), seed, field)
    try:
        with model.clock.time_work("blocks", row_count(space) * float(space.size) ** 2):
            factor = RowFactor.factorise(*jacobian(rows, space, field))
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
    correction = factor.step(space.size).reshape(space.products, space.unknowns)
    values = field(problem.domain.sample(HELD_OUT, sobol_generator(seed + SEED_STRIDE)), [(0,) * problem.dimension])[
        ..., 0
    ]
    scale = np.sqrt((values**2).mean(0))
    held = held_out_rows(model, space, seed, field)
    return estimate_from_correction(held, BlockField(space, correction), field, None, factor, scale)
