"""Waves around circles that the equations hardly see, of any direction: exp(i k . x) with whole numbers k.

u_x + 3 u_y - 7 u_z carries sin(x + 2 y + z) around three circles for ever. What is a product of functions of one
coordinate each, or on the knots of a solve, others look for (:mod:`.products.probe`, :mod:`.stability`); in the plane
they tell 16 to 24 waves, in space two. Where what stands before derivatives is constant the residual of such a wave is
that of the symbol, and none is smaller between them; where it is not it is an upper bound.
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Problem
from pinnkan.solver.verify.near_singular import LOST
from pinnkan.solver.verify.symbol import Weights, frozen

#: Whole numbers up to these are tried in each coordinate, by the number of coordinates: 8,000 and 18,000 waves.
HIGHEST = {2: 64, 3: 16}
#: Points at which coefficients that vary are looked at.
LOOKED_AT = 32
#: Waves at once.
AT_ONCE = 2048


@dataclass(frozen=True)
class FreeWaves:
    """``count`` waves whose residual is ``share`` of its terms at most; ``first``: the slowest of them."""

    count: int
    share: float
    first: tuple[int, ...]

    def words(self, problem: Problem) -> str:
        """The first of them, as sin(2*x - 1*y)."""
        pairs = zip(self.first, problem.coordinates, strict=True)
        return f"sin({' + '.join(f'{n}*{c}' for n, c in pairs if n)})".replace("+ -", "- ")


def free_waves(model: Model, field: Field) -> FreeWaves | None:
    """Waves, not constants, that may be added to a steady field; None where there are none, or not circles only."""
    problem = model.problem
    if problem.time_axis is not None or not all(problem.box.periodic) or problem.dimension not in HIGHEST:
        return None
    points = problem.domain.sample(LOOKED_AT, kronecker)
    weights = frozen(model.equations, field, points)
    units = 2.0 * np.pi / problem.box.lengths
    numbers = _numbers(HIGHEST[problem.dimension], problem.dimension)
    sizes = np.array(model.sizes, dtype=np.float64)
    shares = np.empty(len(numbers))
    for start in range(0, len(numbers), AT_ONCE):
        model.clock.check()
        part = slice(start, start + AT_ONCE)
        shares[part] = _shares(weights, numbers[part] * units, sizes)
    free = np.flatnonzero(shares < LOST)
    if not len(free):
        return None
    slowest = free[np.argmin(np.abs(numbers[free]).sum(1))]
    return FreeWaves(len(free), float(shares[free].max()), tuple(map(int, numbers[slowest])))


def _numbers(highest: int, dimension: int) -> np.ndarray:
    """Of each wave and its opposite one: (wave, coordinate)."""
    each = np.arange(-highest, highest + 1)
    grid = np.stack(np.meshgrid(*[each] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    return grid[len(grid) // 2 + 1 :]


def _shares(weights: Weights, waves: Array, sizes: Array) -> Array:
    """The least residual of vectors times each wave, by the sum of the moduli of its terms: (wave,)."""
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
