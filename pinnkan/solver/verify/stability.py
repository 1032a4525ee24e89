"""The smallest singular value of the rows against the L2 norm, in the solved space and in the halved one.

With rows J and the mass matrix M, sigma = min |J v| / |v|_M is the stability constant that knots can hold: an error e
has a residual of sigma |e| at least. Where it has settled between the two spaces, a correction is the error of what
the knots miss; where it goes on falling, the error can be anything: the knots are too coarse for what the equations
leave nearly free, or nothing holds it at all (method.md, section 5). Its vector is found with the solver of the last
step as a preconditioner, and |J v| is evaluated directly, so that ratios below the root of the rounding unit are seen.
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

#: A function whose residual is this share of the terms it is made of may be added freely, on any knots: that is hardly
#: more than their rounding.
LOST = 1e-13
#: Rows from which on the vectors are first sought with J^T J v, fewer numbers than J v, and then looked at with these:
#: the same values to 13 digits in half of the time in the plane, a third in space; of 20,736 to 12.
SQUARED_FROM = 20_000
#: A value has settled when the halved space has no less than this share of it. Growth by e^8 along a line falls to 0.5
#: on knots that see nothing of it, a singular point (x^0.3) to 0.8 for ever, layers and waves to 0.98.
SETTLED = 2.0 / 3.0
#: What least-squares residuals of unresolved functions have outside of the space itself is above UNRESOLVED; what is
#: left of the image of a resolved one is below SMOOTH. Helmholtz's equation with k = 100 falls from 288 to 2.1, and its
#: true value, when the waves are resolved: 0.78 and 0.10. The value then falls below FALLEN at once; the Cauchy problem
#: of Laplace's equation falls to 0.2 to 0.4, now with a rough image, now with a smooth one.
#: What a transport carries around a circle for ever has a smooth image, too, of less than TINY of its terms at last.
UNRESOLVED, SMOOTH, FALLEN, TINY = 0.5, 0.2, 0.05, 1e-8
#: Where so small a share of its terms is left of a function, a preconditioner hardly knows which are seen least: with
#: u = 0 on two opposite sides u_xxy + u had 2.1e-9 and again 2.0e-9 on knots twice as many, by all functions 1.5e-10.
DOUBTFUL = 1e-8
#: Multiplications of a factor that is made to look for it then, some seconds: a wave 3e-9 off its resonance, with a
#: coefficient that varies, had 1.4e-5 on 96 x 96 intervals and again 1.4e-4 on 102 x 222: half of it was missing.
DEAR = 5e10
#: Where more of its terms is left of the least determined vector a closer solve finds what a step has left of others
#: like it as well; of less J^T J knows nothing, and they are looked for, which takes as long as all before. Waves in
#: space: 8.0 s with that, 3.2 without.
KNOWN = 1e-6


@dataclass(frozen=True, eq=False)
class Left:
    """What a step has left: its ``size``, and its coefficients."""

    size: float = 0.0
    function: Array | None = None


@dataclass(frozen=True, eq=False)
class LeftBySteps:
    """The ``least`` determined vector, with the size of its image, a ``share`` of its terms, and where it was found.

    ``start``: where the search began; ``free``: which coefficients they are of.
    """

    look: LeastSeen
    least: tuple[Array, float]
    share: float
    start: Array
    free: np.ndarray

    @property
    def are_iterated(self) -> bool:
        """Whether it was conjugate gradients that solved."""
        return self.look.equations.iterations > 0

    @cached_property
    def vectors(self) -> list[tuple[Array, float]]:
        """That and those like it of which J^T J knows nothing, orthogonal as are their images, with sizes of these."""
        if not self.are_iterated or self.share > KNOWN:
            return [self.least]
        return self.look.alike(self.start, self.least[0][:, None])

    def left(self, step: Array) -> Left:
        """What a step has left: of the least determined vectors, and of all else that a closer solve finds.

        The last steps of conjugate gradients are small where a preconditioner takes a residual for settled. Around two
        circles u_x + 1.618 u_y + u / 100 hardly sees cos(26 pi x - 16 pi y), and what tells coordinates apart made
        next to nothing of its residual: an eighth of the solution was left, with 1e-3 estimated.
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
    """The function of size one with the least residual, ``sigma``; ``rough`` tells the share of that outside the space.

    ``noise``: how much rounding of the residual makes of it at most, ``noise_by_row``: with rows counted for what they
    see of it. Of none that the arithmetic can tell, sigma is zero.
    ``function``: its coefficients; ``share``: of its terms that sigma is; ``search``: where it was found, which
    tells what a ``step`` has ``left``.
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
        """What is to be added to the step; nothing where anything may be."""
        is_free = self.share < LOST
        return Left() if is_free or self.search is None or self.step is None else self.search.left(self.step)


@dataclass(frozen=True)
class Stability:
    """``solved`` and ``halved``: the smallest singular values in the two spaces.

    ``settled``: whether they agree, or (``at_once``) the second is the first that is resolved; ``is_fresh``: whether
    they do not, and the second is the first that is resolved all the same, or falls as what is not resolved does.
    """

    solved: float
    halved: float
    settled: bool
    at_once: bool
    is_fresh: bool = False


def stability(solved: Null, halved: Null) -> Stability:
    """What two spaces, one with the intervals of the other halved, say of the stability constant."""
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
    """The function of the space, zero where conditions fix it, that the rows see least.

    ``at``: coefficients at which the rows were made, ``step`` the one that has been solved for with them; ``known``:
    such a function of a coarser space; ``counted``: how much of each unknown its size is of, else all. What only
    preconditions leaves out what it is to find: waves that any transport around a circle leaves free had 1 on 44 x 44
    knots, 1e-8 on 22 x 22, and 1e-10 when begun with these.

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
    """What is told of the vector that is seen ``least``, and of which rounding leaves ``floor`` of its image."""
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
