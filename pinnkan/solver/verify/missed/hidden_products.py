"""An error that is a product of functions of all coordinates, which an estimate in few coordinates does not see.

The estimate of blocks divides the residual that it leaves by the least residual of blocks. Near a resonance that of a
product of all coordinates may be a thousand times smaller (Helmholtz' equation in four coordinates: 1e-2 beside 10),
and a residual of size r hides an error r / sigma,

    sigma = min |J v| / |v|,    v = prod_i v_i(x_i),

J linearised, with conditions of zero. Fixing all factors but one leaves a small symmetric eigenproblem

    N_k v_k = sigma^2 v_k,    |v_i| = 1,

and alternating lowers the quotient every time (Beylkin, Mohlenkamp 2005, section 4.4; Ye, Zhang 2013). It ends in local
minima, so that many products of smooth waves are looked at first and the best of them improved: some by chance, and
those of which the symbol is least, with coefficients averaged. Of lap(u) + 17.001 u around four circles chance had
found 1, not 1e-3, and 0.55 of the solution was missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import sobol
from pinnkan.assembly.separable.system import rows_of
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.separable import Separable
from pinnkan.kan.waves import Waves
from pinnkan.solver.linear.scaled import solve
from pinnkan.solver.verify.symbol import frozen

#: Even knots and degree of each coordinate, twice as many around circles; with 8 a wave 1e-4 off had 5.7e-4. The search
#: takes 0.1 s in four coordinates, 0.3 s in ten.
INTERVALS, DEGREE = 16, 9
#: Points at which the size of a function is taken.
SIZED, SEED = 1024, 20_260_305


def least_residual(model: Model) -> float | None:
    """The least residual of a product of norm one; None where the rows are none of one unknown, linear in it."""
    problem = model.problem
    if len(problem.unknowns) != 1 or not model.is_linear:
        return None
    degree = max(DEGREE, max(model.orders) + 2)
    axes = []
    for (low, high), periodic in zip(problem.box.ranges, problem.box.periodic, strict=True):
        intervals = max(2 * INTERVALS, degree + 1) if periodic else INTERVALS  # a wave takes two functions there
        axes.append(Axis(np.linspace(low, high, intervals + 1), degree, periodic))
    rows = rows_of(model).homogeneous(axes, None, problem.solver.seed)
    try:
        likely = nearest(model, rows.waves, LOOKED)
        return smallest_product(rows, rows.waves, problem.solver.seed, likely=likely).sigma
    except np.linalg.LinAlgError:
        return None


def hidden_size(model: Model, field: Field, left: float, sigma: float) -> float:
    """The relative size of a product that a residual of root mean square ``left`` may hide."""
    points = model.problem.domain.sample(SIZED, sobol(SEED))
    values: Array = field(points, [(0,) * model.problem.dimension])
    scale = float(np.sqrt((values**2).mean()))
    return left / max(sigma, 1e-300) / (scale or 1.0)


#: Products of waves that are looked at, those of them that are improved, and sweeps, fewer where one gains less than
#: SETTLED.
#: Of f21's twelve resonant modes in four coordinates about one in seven products of up to three half waves is one.
LOOKED, IMPROVED, SWEEPS, SETTLED = 256, 6, 12, 1e-2
#: Products of waves of which the symbol is worked out, and points at which its coefficients are averaged.
MOST_TOLD, POINTS = 200_000, 64
#: Steps of inverse iteration for a factor in its turn.
INVERSE = 3
#: Share of a coordinate's waves among which products are drawn: faster ones are no waves but what the knots make.
HELD = 0.5


class Quadratic(Protocol):
    """Rows of a linear equation for a sum of products; ``edges[i]`` is (term, function)."""

    def square(self, edges: Sequence[Array]) -> float:
        """|J v|^2."""

    def alone(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        """J^T J by the edges of one coordinate, and what belongs to a right-hand side."""


@dataclass(frozen=True, eq=False)
class Mode:
    """The smallest quotient found and the product, of norm one, that has it."""

    sigma: float
    function: Separable


def smallest_product(
    rows: Quadratic, waves: Sequence[Waves], seed: int = 0, looked: int = LOOKED, likely: np.ndarray | None = None
) -> Mode:
    """The product with the smallest quotient that the search finds; edges in ``waves``, zero where these are.

    ``likely``: numbers of waves (product, coordinate) that are looked at beside those drawn.
    """
    chosen = _drawn([w.count for w in waves], looked, seed)
    chosen = chosen if likely is None else np.unique(np.concatenate([chosen, likely]), axis=0)
    starts = [tuple(np.eye(w.count)[j : j + 1] for w, j in zip(waves, numbers, strict=True)) for numbers in chosen]
    quotients = np.array([rows.square(s) for s in starts])
    found = [lowered(rows, starts[n]) for n in np.argsort(quotients)[:IMPROVED]]
    sigma2, edges = min(found, key=lambda f: f[0])
    function = Separable(
        tuple(w.axis for w in waves), tuple(e @ w.transform.T for e, w in zip(edges, waves, strict=True))
    )
    return Mode(float(np.sqrt(max(sigma2, 0.0))), function)


def lowered(rows: Quadratic, edges: tuple[Array, ...], sweeps: int = SWEEPS) -> tuple[float, tuple[Array, ...]]:
    """The square of the quotient and the factors, each of norm one, after sweeps over all of them.

    A factor in its turn is moved to the smallest eigenvector by inverse iteration, from where it stands.
    """
    value = before = np.inf
    for _ in range(sweeps):
        for k in range(len(edges)):
            matrix, _ = rows.alone(edges, k)
            value, factor = _smallest(matrix, edges[k][0])
            edges = (*edges[:k], factor[None], *edges[k + 1 :])
        if not value < (1.0 - SETTLED) * before:
            break
        before = value
    return value, edges


def nearest(model: Model, waves: Sequence[Waves], looked: int) -> np.ndarray:
    """Numbers of waves (product, coordinate), so many, of which the symbol of a linear equation is least."""
    (low, high), many = np.array(model.problem.box.ranges).T, int(MOST_TOLD ** (1.0 / len(waves)))
    ((jets, slopes),) = frozen(model.equations, None, low + (high - low) * sobol(SEED)(POINTS, len(waves)))
    numbers = [_wave_numbers(w)[: max(2, min(many, int(HELD * w.count)))] for w in waves]
    total = np.zeros([len(n) for n in numbers], dtype=np.complex128)
    for jet, coefficient in zip(jets, slopes.mean(0), strict=True):
        parts = ((1j * n) ** k for n, k in zip(numbers, jet.order, strict=True))
        total += coefficient * reduce(np.multiply.outer, parts)
    least = np.argsort(np.abs(total), axis=None)[:looked]
    return np.stack(np.unravel_index(least, total.shape), -1)


def _wave_numbers(waves: Waves) -> Array:
    """The wave numbers, 1 / length: root mean square slopes."""
    slope = waves.axis.rooted(1) @ waves.transform
    return np.asarray(np.sqrt((slope**2).sum(0) / float(np.ptp(waves.axis.breaks))))


def _smallest(matrix: Array, start: Array) -> tuple[float, Array]:
    """An eigenvalue near the smallest, and its vector.

    In waves the matrix is graded: scaled to a unit diagonal its Cholesky factor keeps what is small, which a
    decomposition would lose beside its largest eigenvalue (Barlow, Demmel 1990).
    """
    vector = start / np.linalg.norm(start)
    for _ in range(INVERSE):
        vector = solve(matrix, vector)
        vector = vector / np.linalg.norm(vector)
    return float(vector @ matrix @ vector), vector


def _drawn(counts: Sequence[int], looked: int, seed: int) -> np.ndarray:
    """Which wave of each coordinate: (product, coordinate), the slowest of all among them, each product once.

    The fastest wave of a product is drawn evenly in its logarithm, so that slow products are not lost among the many
    fast ones.
    """
    rng = np.random.default_rng(seed)
    most = np.maximum(1, (HELD * np.array(counts)).astype(int))
    highest = np.exp(np.log(most.max()) * rng.random((looked, 1)))
    drawn = np.floor(rng.random((looked, len(counts))) * np.minimum(highest + 1.0, most)).astype(int)
    drawn[0] = 0
    return np.unique(drawn, axis=0)
