"""The stability constant: the smallest singular value of the rows against the L2 norm, in a space and the halved one.

With rows J and the mass matrix M, sigma = min |J v| / |v|_M, so that an error e has a residual of sigma |e| at least.
Where two spaces agree on sigma, a correction is the error of what the knots miss. Where it falls further the error can
be anything: knots are too coarse for what equations leave nearly free, or nothing determines it (method.md, section 5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np

from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.mass_matrix import MassMatrix
from pinnkan.solver.linear.solver import ROUNDING_UNIT, LinearSolver
from pinnkan.solver.verify.images import residual_product, roughness, rounding_product
from pinnkan.solver.verify.singular_vectors import (
    BLOCK_SIZE,
    NormalSingularVectorSearch,
    SingularVectorSearch,
    stability_rows,
)

#: A function whose residual is below this share of its terms is free on any knots: that is hardly more than rounding.
FREE_SHARE = 1e-13
#: Rows from which on vectors are sought with J^T J v first: the same values in half of the time in the plane.
MIN_SQUARED_ROWS = 20_000
#: A value has settled when the halved space has no less than this share: singular points fall to 0.8 on every level.
SETTLED_RATIO = 2.0 / 3.0
#: A vector is unresolved if more than the first share of J v lies outside the spline space, resolved if less than the
#: second; its value drops at once below the third share of the coarser one, as for waves of Helmholtz's equation,
#: unless it is below the last share of its terms, as for waves that a transport carries around a circle.
UNRESOLVED_ROUGHNESS, RESOLVED_ROUGHNESS, DROP_RATIO, TRANSPORT_SHARE = 0.5, 0.2, 0.05, 1e-8
#: Residual over terms below which preconditioned iteration may miss the least vector: 2e-9, by a dense matrix 1.5e-10.
DOUBTFUL_SHARE = 1e-8
#: Most multiplications of a factor that is made for a closer search then: some seconds.
MAX_FACTOR_WORK = 5e10
#: Residual over terms above which one closer solve also finds what a step has missed of similar vectors; below it J^T J
#: does not see these, and they are sought, which takes as long as all before.
SQUARED_VISIBLE_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class MissedPart:
    """What a step has not found: the ``norm`` and coefficients of that ``coefficients``."""

    norm: float = 0.0
    coefficients: Array | None = None


@dataclass(frozen=True, eq=False)
class MissedPartSearch:
    """The search for what a step has missed of the near-null vector and others, with its residual.

    ``share``: of its terms; ``vector_search``: where it was found, from vectors ``start_vectors``; ``free_indices``:
    numbers of coefficients.
    """

    vector_search: SingularVectorSearch
    near_null: tuple[Array, float]
    share: float
    start_vectors: Array
    free_indices: np.ndarray

    @property
    def is_iterative(self) -> bool:
        """Whether conjugate gradients have solved."""
        return self.vector_search.solver.iterations > 0

    @cached_property
    def near_null_vectors(self) -> list[tuple[Array, float]]:
        """The least determined vector, and similar ones that J^T J does not see, orthonormal, with residuals."""
        if not self.is_iterative or self.share > SQUARED_VISIBLE_SHARE:
            return [self.near_null]
        return self.vector_search.find_near_smallest(self.start_vectors, self.near_null[0][:, None])

    def find_missed_part(self, step: Array) -> MissedPart:
        """Return what a ``step`` has missed of the least determined vectors and, by a closer solve, of all others.

        Steps of conjugate gradients end small where the preconditioner takes a residual for solved: of cos(26 pi x - 16
        pi y) in u_x + 1.618 u_y + u / 100 an eighth of the solution was missing.
        """
        equations, function, own = self.vector_search.solver, np.zeros(step.size), step.reshape(-1)[self.free_indices]
        found, seen = np.zeros(len(own)), stability_rows(equations)
        for vector, size in self.near_null_vectors:
            found -= residual_product(seen, vector, own) / size**2 * vector
        if self.is_iterative:
            images = equations.apply((own + found)[:, None])
            residuals = [r.residual[..., :1] + i for r, i in zip(equations.rows, images, strict=True)]
            found -= equations.solve_remainder(equations.gradient(residuals))[:, 0]
        function[self.free_indices] = found
        return MissedPart(float(self.vector_search.mass.norms(found[:, None])[0]), function.reshape(step.shape))


@dataclass(frozen=True, eq=False)
class NearNull:
    """The near-null function of a space: of size one, with the least residual, ``sigma``; zero if that is rounding.

    ``image_roughness``: the share of its image outside the space; ``rounding_noise``: a bound of the multiple of it
    that rounding of the residual makes; ``rounding_noise_by_row``: the same estimated row by row; ``coefficients``: its
    coefficients; ``term_share``: sigma over its terms; ``missed_part_search``: finds what the ``step`` has missed,
    ``missed_part``.
    """

    sigma: float
    image_roughness: Callable[[], float]
    rounding_noise: float = 0.0
    coefficients: Array | None = None
    term_share: float = 1.0
    missed_part_search: MissedPartSearch | None = None
    step: Array | None = None
    rounding_noise_by_row: Callable[[], float] = lambda: 0.0

    @cached_property
    def missed_part(self) -> MissedPart:
        """What is to be added to the step; nothing where the function is free."""
        is_free = self.term_share < FREE_SHARE
        return (
            MissedPart()
            if is_free or self.missed_part_search is None or self.step is None
            else self.missed_part_search.find_missed_part(self.step)
        )


@dataclass(frozen=True)
class StabilityComparison:
    """The smallest singular values in two spaces: ``solved_sigma`` and ``halved_sigma``.

    ``is_settled``: whether they agree, or (``has_dropped``) the second has dropped because its function is resolved for
    the first time; ``is_newly_resolved``: whether they are not settled and either of these holds, so that a finer space
    may settle.
    """

    solved_sigma: float
    halved_sigma: float
    is_settled: bool
    has_dropped: bool
    is_newly_resolved: bool = False


def compare_stability(solved_near_null: NearNull, halved_near_null: NearNull) -> StabilityComparison:
    """Compare the near-null functions of a space and of the one with its intervals halved."""
    agree = halved_near_null.sigma >= SETTLED_RATIO * solved_near_null.sigma
    falls = (
        halved_near_null.sigma < DROP_RATIO * solved_near_null.sigma and halved_near_null.term_share > TRANSPORT_SHARE
    )
    resolved = (
        not agree
        and solved_near_null.image_roughness() > UNRESOLVED_ROUGHNESS
        and halved_near_null.image_roughness() < RESOLVED_ROUGHNESS
    )
    settled = halved_near_null.sigma > 0.0 and (agree or (falls and resolved))
    return StabilityComparison(
        solved_near_null.sigma, halved_near_null.sigma, settled, falls and resolved, not settled and (resolved or falls)
    )


def find_near_null(
    solver: LinearSolver,
    space: Space,
    coefficients: Array,
    step: Array | None = None,
    near_null_start: Array | None = None,
    unknown_weights: Sequence[float] | None = None,
) -> NearNull:
    """Return the near-null function of a space, zero where fixed, for rows at ``coefficients``.

    ``step``: the one solved for with these rows; ``near_null_start``: such a function of a coarser space, to start from
    as well; ``unknown_weights``: the weights of the unknowns in the norm, else one.

    Raises:
        OutOfTimeError: by the clock of the solver, it could not end in time.
    """
    count = sum(r.count for r in solver.rows if isinstance(r, TensorRows))
    with solver.clock.time_work(f"stability by {type(solver).__name__}", max(count, 1)):
        return _find_near_null(
            solver, space, coefficients, step, near_null_start, unknown_weights, count > MIN_SQUARED_ROWS
        )


def _find_near_null(
    solver: LinearSolver,
    space: Space,
    coefficients: Array,
    step: Array | None,
    near_null_start: Array | None,
    unknown_weights: Sequence[float] | None,
    many: bool,
) -> NearNull:
    """The same; with ``many`` rows by J^T J v."""
    free = solver.ordering.free.cpu().numpy()
    weigh = MassMatrix(space, free, np.ones(space.unknowns) if unknown_weights is None else np.square(unknown_weights))
    start = np.random.default_rng(0).standard_normal((len(free), min(BLOCK_SIZE, len(free))))
    for _ in range(2):
        start = solver.precondition(weigh(start))
        size = float(np.abs(start).max())
        if not 0.0 < size < np.inf:  # of exp(u_xx) = 0 the rows are nothing at last
            return NearNull(0.0, lambda: 1.0, term_share=ROUNDING_UNIT)
        start /= size
    look = (NormalSingularVectorSearch if many else SingularVectorSearch)(solver, weigh)
    vector, sigma = look.find_smallest(start)
    if near_null_start is not None:
        begun = near_null_start.reshape(-1)[free][:, None]
        if look.rayleigh_root(begun) < SETTLED_RATIO * sigma:
            vector, sigma = look.find_smallest(np.concatenate([begun, start], 1))
    closer, floor = SingularVectorSearch(solver, weigh), solver.image_rounding(vector)
    if floor < sigma < DOUBTFUL_SHARE / ROUNDING_UNIT * floor and closer.is_dense_affordable:
        vector, sigma = closer.find_smallest(np.concatenate([vector[:, None], closer.dense_smallest()], 1))
        floor = solver.image_rounding(vector)
    elif floor < sigma < DOUBTFUL_SHARE / ROUNDING_UNIT * floor and solver.use_factor(MAX_FACTOR_WORK):
        vector, sigma = look.find_smallest(np.concatenate([vector[:, None], start], 1))
        floor = solver.image_rounding(vector)
    return _near_null(look, space, coefficients, step, start, (vector, sigma), floor)


def _near_null(
    vector_search: SingularVectorSearch,
    space: Space,
    coefficients: Array,
    step: Array | None,
    start_vectors: Array,
    near_null: tuple[Array, float],
    floor: float,
) -> NearNull:
    """The description of the ``near_null`` determined vector, where rounding leaves ``floor`` of its image."""
    (vector, sigma), equations = near_null, vector_search.solver
    free = equations.ordering.free.cpu().numpy()
    function = np.zeros(space.size)
    function[free] = vector
    if not sigma > floor:
        return NearNull(0.0, lambda: 1.0, coefficients=function.reshape(space.shape), term_share=ROUNDING_UNIT)
    share = ROUNDING_UNIT * sigma / floor
    own, seen = coefficients.reshape(-1)[free], stability_rows(equations)
    noise = float(equations.image_rounding(own) / np.sqrt(len(free)) / sigma)
    rough = cache(partial(roughness, seen, vector))
    search = None if step is None else MissedPartSearch(vector_search, near_null, share, start_vectors, free)

    def by_row() -> float:
        rows = sum(block.residual.shape[:-1].numel() for block in seen.rows)
        return min(noise, float(np.sqrt(rows / len(free))) * rounding_product(seen, own, vector) / sigma**2)

    return NearNull(sigma, rough, noise, function.reshape(space.shape), share, search, step, by_row)
