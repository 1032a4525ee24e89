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
from pinnkan.solver.linear.mass import Mass
from pinnkan.solver.linear.solver import UNIT, LinearSolver
from pinnkan.solver.verify.images import missing, roughness, rounding_along
from pinnkan.solver.verify.least_seen import BLOCK, LeastSeen, LeastSeenSquared, seen_by

#: A function whose residual is below this share of its terms is free on any knots: that is hardly more than rounding.
LOST = 1e-13
#: Rows from which on vectors are sought with J^T J v first: the same values in half of the time in the plane.
SQUARED_FROM = 20_000
#: A value has settled when the halved space has no less than this share: singular points fall to 0.8 on every level.
SETTLED = 2.0 / 3.0
#: A vector is unresolved if more than the first share of J v lies outside the spline space, resolved if less than the
#: second; its value drops at once below the third share of the coarser one, as for waves of Helmholtz's equation,
#: unless it is below the last share of its terms, as for waves that a transport carries around a circle.
UNRESOLVED, SMOOTH, FALLEN, TINY = 0.5, 0.2, 0.05, 1e-8
#: Residual over terms below which preconditioned iteration may miss the least vector: 2e-9, by a dense matrix 1.5e-10.
DOUBTFUL = 1e-8
#: Most multiplications of a factor that is made for a closer search then: some seconds.
DEAR = 5e10
#: Residual over terms above which one closer solve also finds what a step has missed of similar vectors; below it J^T J
#: does not see these, and they are sought, which takes as long as all before.
KNOWN = 1e-6


@dataclass(frozen=True, eq=False)
class Left:
    """What a step has not found: the ``size`` and coefficients of that ``function``."""

    size: float = 0.0
    function: Array | None = None


@dataclass(frozen=True, eq=False)
class LeftBySteps:
    """The search for what a step has missed of the ``least`` determined vector and others; it comes with its residual.

    ``share``: of its terms; ``look``: where it was found, from vectors ``start``; ``free``: numbers of coefficients.
    """

    look: LeastSeen
    least: tuple[Array, float]
    share: float
    start: Array
    free: np.ndarray

    @property
    def are_iterated(self) -> bool:
        """Whether conjugate gradients have solved."""
        return self.look.equations.iterations > 0

    @cached_property
    def vectors(self) -> list[tuple[Array, float]]:
        """The least determined vector, and similar ones that J^T J does not see, orthonormal, with residuals."""
        if not self.are_iterated or self.share > KNOWN:
            return [self.least]
        return self.look.alike(self.start, self.least[0][:, None])

    def left(self, step: Array) -> Left:
        """Return what a ``step`` has missed of the least determined vectors and, by a closer solve, of all others.

        Steps of conjugate gradients end small where the preconditioner takes a residual for solved: of cos(26 pi x - 16
        pi y) in u_x + 1.618 u_y + u / 100 an eighth of the solution was missing.
        """
        equations, function, own = self.look.equations, np.zeros(step.size), step.reshape(-1)[self.free]
        found, seen = np.zeros(len(own)), seen_by(equations)
        for vector, size in self.vectors:
            found -= missing(seen, vector, own) / size**2 * vector
        if self.are_iterated:
            images = equations.apply((own + found)[:, None])
            residuals = [r.residual[..., :1] + i for r, i in zip(equations.rows, images, strict=True)]
            found -= equations.closer(equations.gradient(residuals))[:, 0]
        function[self.free] = found
        return Left(float(self.look.weigh.norms(found[:, None])[0]), function.reshape(step.shape))


@dataclass(frozen=True, eq=False)
class Null:
    """The near-null function of a space: of size one, with the least residual, ``sigma``; zero if that is rounding.

    ``rough``: the share of its image outside the space; ``noise``: a bound of the multiple of it that rounding of the
    residual makes; ``noise_by_row``: the same estimated row by row; ``function``: its coefficients; ``share``: sigma
    over its terms; ``search``: finds what the ``step`` has missed, ``left``.
    """

    sigma: float
    rough: Callable[[], float]
    noise: float = 0.0
    function: Array | None = None
    share: float = 1.0
    search: LeftBySteps | None = None
    step: Array | None = None
    noise_by_row: Callable[[], float] = lambda: 0.0

    @cached_property
    def left(self) -> Left:
        """What is to be added to the step; nothing where the function is free."""
        is_free = self.share < LOST
        return Left() if is_free or self.search is None or self.step is None else self.search.left(self.step)


@dataclass(frozen=True)
class Stability:
    """The smallest singular values in two spaces: ``solved`` and ``halved``.

    ``settled``: whether they agree, or (``at_once``) the second has dropped because its function is resolved for the
    first time; ``is_fresh``: whether they are not settled and either of these holds, so that a finer space may settle.
    """

    solved: float
    halved: float
    settled: bool
    at_once: bool
    is_fresh: bool = False


def stability(solved: Null, halved: Null) -> Stability:
    """Compare the near-null functions of a space and of the one with its intervals halved."""
    agree = halved.sigma >= SETTLED * solved.sigma
    falls = halved.sigma < FALLEN * solved.sigma and halved.share > TINY
    resolved = not agree and solved.rough() > UNRESOLVED and halved.rough() < SMOOTH
    settled = halved.sigma > 0.0 and (agree or (falls and resolved))
    return Stability(solved.sigma, halved.sigma, settled, falls and resolved, not settled and (resolved or falls))


def least_determined(
    equations: LinearSolver,
    space: Space,
    at: Array,
    step: Array | None = None,
    known: Array | None = None,
    counted: Sequence[float] | None = None,
) -> Null:
    """Return the near-null function of a space, zero where conditions fix it, for rows made at coefficients ``at``.

    ``step``: the one solved for with these rows; ``known``: such a function of a coarser space, to start from as well;
    ``counted``: the weights of the unknowns in the norm, else one.

    Raises:
        OutOfTimeError: by the clock of the solver, it could not end in time.
    """
    count = sum(r.count for r in equations.rows if isinstance(r, TensorRows))
    with equations.clock.working(f"stability by {type(equations).__name__}", max(count, 1)):
        return _least_determined(equations, space, at, step, known, counted, count > SQUARED_FROM)


def _least_determined(
    equations: LinearSolver,
    space: Space,
    at: Array,
    step: Array | None,
    known: Array | None,
    counted: Sequence[float] | None,
    many: bool,
) -> Null:
    """The same; with ``many`` rows by J^T J v."""
    free = equations.ordering.free.cpu().numpy()
    weigh = Mass(space, free, np.ones(space.unknowns) if counted is None else np.square(counted))
    start = np.random.default_rng(0).standard_normal((len(free), min(BLOCK, len(free))))
    for _ in range(2):
        start = equations.precondition(weigh(start))
        size = float(np.abs(start).max())
        if not 0.0 < size < np.inf:  # of exp(u_xx) = 0 the rows are nothing at last
            return Null(0.0, lambda: 1.0, share=UNIT)
        start /= size
    look = (LeastSeenSquared if many else LeastSeen)(equations, weigh)
    vector, sigma = look.found(start)
    if known is not None:
        begun = known.reshape(-1)[free][:, None]
        if look.sigma_of(begun) < SETTLED * sigma:
            vector, sigma = look.found(np.concatenate([begun, start], 1))
    closer, floor = LeastSeen(equations, weigh), equations.floor(vector)
    if floor < sigma < DOUBTFUL / UNIT * floor and closer.is_small:
        vector, sigma = closer.found(np.concatenate([vector[:, None], closer.of_all()], 1))
        floor = equations.floor(vector)
    elif floor < sigma < DOUBTFUL / UNIT * floor and equations.sharpen(DEAR):
        vector, sigma = look.found(np.concatenate([vector[:, None], start], 1))
        floor = equations.floor(vector)
    return _null(look, space, at, step, start, (vector, sigma), floor)


def _null(
    look: LeastSeen,
    space: Space,
    at: Array,
    step: Array | None,
    start: Array,
    least: tuple[Array, float],
    floor: float,
) -> Null:
    """The description of the ``least`` determined vector, where rounding leaves ``floor`` of its image."""
    (vector, sigma), equations = least, look.equations
    free = equations.ordering.free.cpu().numpy()
    function = np.zeros(space.size)
    function[free] = vector
    if not sigma > floor:
        return Null(0.0, lambda: 1.0, function=function.reshape(space.shape), share=UNIT)
    share = UNIT * sigma / floor
    own, seen = at.reshape(-1)[free], seen_by(equations)
    noise = float(equations.floor(own) / np.sqrt(len(free)) / sigma)
    rough = cache(partial(roughness, seen, vector))
    search = None if step is None else LeftBySteps(look, least, share, start, free)

    def by_row() -> float:
        rows = sum(block.residual.shape[:-1].numel() for block in seen.rows)
        return min(noise, float(np.sqrt(rows / len(free))) * rounding_along(seen, own, vector) / sigma**2)

    return Null(sigma, rough, noise, function.reshape(space.shape), share, search, step, by_row)
