"""The least residual of a product of functions of all coordinates, which an estimate in few coordinates cannot show.

The estimate by blocks divides the remaining residual by the least residual of blocks. Near a resonance that of a
product may be a thousand times smaller. A residual r hides an error r / sigma,

    sigma = min |J v| / |v|,    v = prod_i v_i(x_i),

J linearised, conditions homogeneous. With all factors but one fixed this is a symmetric eigenproblem

    N_k v_k = sigma^2 v_k,    |v_i| = 1,

and alternation lowers the quotient (Beylkin, Mohlenkamp 2005, section 4.4; Ye, Zhang 2013) to a local minimum. So
alternation starts from the best of many products of waves: random ones, and those with the smallest symbol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.assembly.separable.system import separable_model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.separable import Separable
from pinnkan.kan.waves import Waves
from pinnkan.solver.linear.scaled_system import solve_scaled
from pinnkan.solver.verify.symbol import frozen_equations

#: Even intervals and degree of each coordinate, twice as many intervals on periodic ones.
INTERVALS, DEGREE = 16, 9
#: Points at which the size of a function is measured, and their seed.
SIZE_POINTS, SEED = 1024, 20_260_305


def least_product_residual(model: Model) -> float | None:
    """Return the least residual of a product of norm one; None unless linear, of one unknown, and regular."""
    problem = model.problem
    if len(problem.unknowns) != 1 or not model.is_linear:
        return None
    degree = max(DEGREE, max(model.orders) + 2)
    axes = []
    for (low, high), periodic in zip(problem.box.ranges, problem.box.periodic, strict=True):
        intervals = max(2 * INTERVALS, degree + 1) if periodic else INTERVALS  # a wave takes two functions there
        axes.append(Axis(np.linspace(low, high, intervals + 1), degree, periodic))
    rows = separable_model(model).homogeneous_system(axes, None, problem.solver.seed)
    try:
        likely = smallest_symbol_waves(model, rows.waves, RANDOM_STARTS)
        return smallest_product(rows, rows.waves, problem.solver.seed, further_starts=likely).sigma
    except np.linalg.LinAlgError:
        return None


def hidden_product_size(model: Model, field: Field, residual: float, sigma: float) -> float:
    """Return the relative size of a product that the residual ``residual`` may hide: left / (sigma |u|)."""
    points = model.problem.domain.sample(SIZE_POINTS, sobol_generator(SEED))
    values: Array = field(points, [(0,) * model.problem.dimension])
    scale = float(np.sqrt((values**2).mean()))
    return residual / max(sigma, 1e-300) / (scale or 1.0)


#: Products of waves that are evaluated, the best of them that are improved, and sweeps, which end where one gains less
#: than a share SETTLED. Heuristic: of the 81 products of up to three half waves twelve are resonant in a test problem.
RANDOM_STARTS, BEST_STARTS, SWEEPS, LEAST_GAIN = 256, 6, 12, 1e-2
#: Products of waves whose symbol is evaluated; points over which its coefficients are averaged.
MOST_SYMBOLS, SYMBOL_POINTS = 200_000, 64
#: Steps of inverse iteration for one factor.
INVERSE_STEPS = 3
#: Share of the waves of a coordinate from which products are drawn: knots do not resolve faster ones.
WAVE_SHARE = 0.5


class QuadraticRows(Protocol):
    """Rows J of a linear equation for a sum of products; ``edges[i]`` is (term, function)."""

    def image_norm_squared(self, edges: Sequence[Array]) -> float:
        """|J v|^2."""

    def edge_normal_equations(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        """J^T J and J^T f for the edges of one coordinate, all others fixed."""


@dataclass(frozen=True, eq=False)
class ProductMode:
    """The smallest quotient |J v| / |v| found, and its product v of norm one."""

    sigma: float
    function: Separable


def smallest_product(
    rows: QuadraticRows,
    waves: Sequence[Waves],
    seed: int = 0,
    random_starts: int = RANDOM_STARTS,
    further_starts: np.ndarray | None = None,
) -> ProductMode:
    """Return the product with the smallest quotient found; its edges are combinations of ``waves``.

    ``random_starts``: random starts; ``further_starts``: wave numbers (product, coordinate) of further starts.
    """
    chosen = _random_waves([w.count for w in waves], random_starts, seed)
    chosen = chosen if further_starts is None else np.unique(np.concatenate([chosen, further_starts]), axis=0)
    starts = [tuple(np.eye(w.count)[j : j + 1] for w, j in zip(waves, numbers, strict=True)) for numbers in chosen]
    quotients = np.array([rows.image_norm_squared(s) for s in starts])
    found = [lower_quotient(rows, starts[n]) for n in np.argsort(quotients)[:BEST_STARTS]]
    sigma2, edges = min(found, key=lambda f: f[0])
    function = Separable(
        tuple(w.axis for w in waves), tuple(e @ w.transform.T for e, w in zip(edges, waves, strict=True))
    )
    return ProductMode(float(np.sqrt(max(sigma2, 0.0))), function)


def lower_quotient(
    rows: QuadraticRows, edges: tuple[Array, ...], sweeps: int = SWEEPS
) -> tuple[float, tuple[Array, ...]]:
    """Return the squared quotient and the factors of norm one after alternation over the coordinates.

    Inverse iteration moves each factor towards the smallest eigenvector.
    """
    value = before = np.inf
    for _ in range(sweeps):
        for k in range(len(edges)):
            matrix, _ = rows.edge_normal_equations(edges, k)
            value, factor = _smallest(matrix, edges[k][0])
            edges = (*edges[:k], factor[None], *edges[k + 1 :])
        if not value < (1.0 - LEAST_GAIN) * before:
            break
        before = value
    return value, edges


def smallest_symbol_waves(model: Model, waves: Sequence[Waves], count: int) -> np.ndarray:
    """The wave numbers (product, coordinate) of ``count`` products with the smallest symbol of an equation."""
    (low, high), many = np.array(model.problem.box.ranges).T, int(MOST_SYMBOLS ** (1.0 / len(waves)))
    ((jets, slopes),) = frozen_equations(
        model.equations, None, low + (high - low) * sobol_generator(SEED)(SYMBOL_POINTS, len(waves))
    )
    numbers = [_wave_numbers(w)[: max(2, min(many, int(WAVE_SHARE * w.count)))] for w in waves]
    total = np.zeros([len(n) for n in numbers], dtype=np.complex128)
    for jet, coefficient in zip(jets, slopes.mean(0), strict=True):
        parts = ((1j * n) ** k for n, k in zip(numbers, jet.order, strict=True))
        total += coefficient * reduce(np.multiply.outer, parts)
    least = np.argsort(np.abs(total), axis=None)[:count]
    return np.stack(np.unravel_index(least, total.shape), -1)


def _wave_numbers(waves: Waves) -> Array:
    """The wave number of each wave, 1 / length: the root mean square of its slope."""
    slope = waves.axis.weighted_table(1) @ waves.transform
    return np.asarray(np.sqrt((slope**2).sum(0) / float(np.ptp(waves.axis.breaks))))


def _smallest(matrix: Array, start: Array) -> tuple[float, Array]:
    """An eigenvalue near the smallest one, and its vector.

    In waves the matrix is graded: a Cholesky factor of the matrix with unit diagonal keeps small eigenvalues, which an
    eigenvalue decomposition would lose beside the largest (Barlow, Demmel 1990).
    """
    vector = start / np.linalg.norm(start)
    for _ in range(INVERSE_STEPS):
        vector = solve_scaled(matrix, vector)
        vector = vector / np.linalg.norm(vector)
    return float(vector @ matrix @ vector), vector


def _random_waves(counts: Sequence[int], product_count: int, seed: int) -> np.ndarray:
    """Random wave numbers (product, coordinate), each product once, among them the slowest of all.

    The largest number of each product is uniform in its logarithm, so that slow products are frequent.
    """
    rng = np.random.default_rng(seed)
    most = np.maximum(1, (WAVE_SHARE * np.array(counts)).astype(int))
    highest = np.exp(np.log(most.max()) * rng.random((product_count, 1)))
    drawn = np.floor(rng.random((product_count, len(counts))) * np.minimum(highest + 1.0, most)).astype(int)
    drawn[0] = 0
    return np.unique(drawn, axis=0)
