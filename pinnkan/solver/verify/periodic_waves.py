"""Waves exp(i k . x), k integer, in a periodic box, that the equations of a steady problem hardly see.

u_x + 3 u_y - 7 u_z, for example, leaves sin(x + 2 y + z) free. Here k has any direction; products of functions of one
coordinate (:mod:`.products.probe`) and functions on knots (:mod:`.stability`) are sought elsewhere. Where coefficients
are constant the symbol gives the residual of a wave; where they vary the value is an upper bound.
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem
from pinnkan.solver.verify.stability_bounds import FREE_SHARE
from pinnkan.solver.verify.symbol import FrozenEquations, frozen_equations

#: Largest integer in each coordinate, by the number of coordinates: 8,000 and 18,000 waves.
MAX_WAVE_NUMBER = {2: 64, 3: 16}
#: Points at which the equations are linearised.
SAMPLE_POINTS = 32
#: Waves worked on together, to bound memory.
BATCH_SIZE = 2048


@dataclass(frozen=True)
class FreeWaves:
    """``count`` waves whose residual is at most ``residual_share`` of its terms.

    ``slowest``: the integers k of the slowest.
    """

    count: int
    residual_share: float
    slowest: tuple[int, ...]

    def words(self, problem: Problem) -> str:
        """The slowest wave as a formula, such as sin(2*x - 1*y)."""
        pairs = zip(self.slowest, problem.coordinates, strict=True)
        return f"sin({' + '.join(f'{n}*{c}' for n, c in pairs if n)})".replace("+ -", "- ")


def free_waves(model: Model, field: Field) -> FreeWaves | None:
    """Return the waves other than constants that may be added to a steady ``field``; None outside periodic boxes."""
    problem = model.problem
    if problem.time_axis is not None or not all(problem.box.periodic) or problem.dimension not in MAX_WAVE_NUMBER:
        return None
    points = problem.domain.sample(SAMPLE_POINTS, kronecker_points)
    weights = frozen_equations(model.equations, field, points)
    units = 2.0 * np.pi / problem.box.lengths
    numbers = _wave_numbers(MAX_WAVE_NUMBER[problem.dimension], problem.dimension)
    sizes = np.array(model.sizes, dtype=np.float64)
    shares = np.empty(len(numbers))
    for start in range(0, len(numbers), BATCH_SIZE):
        model.clock.check()
        part = slice(start, start + BATCH_SIZE)
        shares[part] = _relative_residuals(weights, numbers[part] * units, sizes)
    free = np.flatnonzero(shares < FREE_SHARE)
    if not len(free):
        return None
    slowest = free[np.argmin(np.abs(numbers[free]).sum(1))]
    return FreeWaves(len(free), float(shares[free].max()), tuple(map(int, numbers[slowest])))


def _wave_numbers(highest: int, dimension: int) -> np.ndarray:
    """The integers k of all waves but zero, one of each pair k and -k: (wave, coordinate)."""
    each = np.arange(-highest, highest + 1)
    grid = np.stack(np.meshgrid(*[each] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    return grid[len(grid) // 2 + 1 :]


def _relative_residuals(weights: FrozenEquations, waves: Array, sizes: Array) -> Array:
    """The least residual of each wave times any vector of unknowns, over the size of its terms: (wave,)."""
    rows, terms = [], []
    for jets, values in weights:
        row = np.zeros((len(waves), len(values), len(sizes)), dtype=np.complex128)
        term = np.zeros(row.shape)
        for jet, weight in zip(jets, values.T, strict=True):
            factor = np.prod((1j * waves) ** np.array(jet.order), 1)[:, None] * weight * sizes[jet.unknown]
            row[..., jet.unknown] += factor
            term[..., jet.unknown] += np.abs(factor)
        most = np.maximum(term.max((1, 2), keepdims=True), 1e-300)
        rows.append(row / most)
        terms.append(term / most)
    matrix = np.concatenate(rows, 1)
    if len(sizes) == 1:
        least, all_terms = (np.linalg.norm(a[..., 0], axis=1) for a in (matrix, np.concatenate(terms, 1)))
        return np.asarray(least / all_terms)
    return np.asarray(np.linalg.svd(matrix, compute_uv=False)[:, -1] / np.sqrt(matrix.shape[1]))
