"""The smallest singular value of the rows against the L2 norm, in the solved space and in the halved one.

With rows J and the mass matrix M, sigma = min |J v| / |v|_M is the stability constant that knots can hold: an error e
has a residual of sigma |e| at least. Where it has settled between the two spaces, a correction is the error of what
the knots miss; where it goes on falling, the error can be anything: the knots are too coarse for what the equations
leave nearly free, or nothing holds it at all (method.md, section 5). Its vector is found with the solver of the last
step as a preconditioner, and |J v| is evaluated directly, so that ratios below the root of the rounding unit are seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch

from pinnkan.assembly.integral_rows import as_seen
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.mass import Mass
from pinnkan.solver.linear.solver import UNIT, LinearSolver, Seen
from pinnkan.solver.verify.images import missing, roughness, size_of

#: Vectors: two values next to each other would take one alone many steps. At most so many steps, until one leaves
#: CHANGE of the value. None is taken that by the preconditioner lowers its square by a share of LITTLE or less: in 337
#: searches of shipped problems and traps 338 steps were left of 693, and values differed by 0.1 % at most.
BLOCK, STEPS, CHANGE, LITTLE = 2, 12, 0.95, 1e-4
#: Rows from which on the vectors are first sought with J^T J v, fewer numbers than J v, and then looked at with these:
#: the same values to 13 digits in half of the time in the plane, a third in space; of 20,736 to 12.
SQUARED_FROM = 20_000
#: Share by which the two may differ.
AGREE = 0.1
#: Of squares of singular values: the ratio below which rounding hides the smallest.
HIDDEN = 1e-12
#: A value has settled when the halved space has no less than this share of it. Growth by e^8 along a line falls to 0.5
#: on knots that see nothing of it, a singular point (x^0.3) to 0.8 for ever, layers and waves to 0.98.
SETTLED = 2.0 / 3.0
#: What least-squares residuals of unresolved functions have outside of the space itself is above UNRESOLVED; what is
#: left of the image of a resolved one is below SMOOTH. Helmholtz's equation with k = 100 falls from 288 to 2.1, and its
#: true value, when the waves are resolved: 0.78 and 0.10. The value then falls below FALLEN at once; the Cauchy problem
#: of Laplace's equation falls to 0.2 to 0.4, now with a rough image, now with a smooth one.
#: What a transport carries around a circle for ever has a smooth image, too, of less than TINY of its terms at last.
UNRESOLVED, SMOOTH, FALLEN, TINY = 0.5, 0.2, 0.05, 1e-8


@dataclass(frozen=True, eq=False)
class Null:
    """The function of size one with the least residual, ``sigma``; ``rough`` tells the share of that outside the space.

    ``missing``: how much of it a step has left to be added; ``noise``: how much rounding of the residual makes of it.
    Of none that the arithmetic can tell, sigma is zero. ``function``: its coefficients; ``share``: of its terms that
    sigma is.
    """

    sigma: float
    rough: Callable[[], float]
    missing: float = 0.0
    noise: float = 0.0
    function: Array | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Stability:
    """``solved`` and ``halved``: the smallest singular values in the two spaces.

    ``settled``: whether they agree, or (``at_once``) the second is the first that is resolved.
    """

    solved: float
    halved: float
    settled: bool
    at_once: bool


def stability(solved: Null, halved: Null) -> Stability:
    """What two spaces, one with the intervals of the other halved, say of the stability constant."""
    agree = halved.sigma >= SETTLED * solved.sigma
    falls = halved.sigma < FALLEN * solved.sigma and halved.share > TINY
    at_once = not agree and falls and solved.rough() > UNRESOLVED and halved.rough() < SMOOTH
    return Stability(solved.sigma, halved.sigma, halved.sigma > 0.0 and (agree or at_once), at_once)


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
    look = (_Squared if many else _Seen)(equations, weigh)
    vector, sigma = look.found(start)
    if known is not None:
        begun = known.reshape(-1)[free][:, None]
        if look.sigma_of(begun) < SETTLED * sigma:
            vector, sigma = look.found(np.concatenate([begun, start], 1))
    function = np.zeros(space.size)
    function[free] = vector
    if not sigma > equations.floor(vector):
        return Null(0.0, lambda: 1.0, function=function.reshape(space.shape), share=UNIT)
    noise = equations.floor(at.reshape(-1)[free]) / np.sqrt(len(free)) / sigma
    seen = _as_seen(equations)
    left = 0.0 if step is None else missing(seen, vector, step.reshape(-1)[free]) / sigma**2
    share = UNIT * sigma / equations.floor(vector)
    rough = cache(partial(roughness, seen, vector))
    return Null(sigma, rough, left, float(noise), function.reshape(space.shape), share)


class _Seen:
    """Columns of vectors v stacked upon M v and J v, so that a combination of them is one of all three."""

    def __init__(self, equations: LinearSolver, weigh: Mass) -> None:
        self.equations, self.weigh, self.size = equations, weigh, equations.ordering.size

    def found(self, start: Array) -> tuple[Array, float]:
        """The vector of size one with the least residual, and the size of that."""
        vectors, sigma = self.descended(start)
        return vectors[: self.size, 0], sigma

    def sigma_of(self, vector: Array) -> float:
        """What the rows see of a vector, of size one."""
        size = float((vector * self.weigh(vector)).sum())
        return size_of(_as_seen(self.equations), vector[:, 0]) / max(size, 1e-300) ** 0.5

    def descended(self, start: Array) -> tuple[Array, float]:
        """Stacks of vectors of size one, least residual first, and that: block conjugate gradients (Knyazev 2001).

        The solver is only the preconditioner, and the images J v are not squared: where J^T J has lost its smallest
        eigenvalues to rounding, inverse iteration with its factor would not find them.
        """
        size, count, vectors = self.size, start.shape[1], self.orthonormal(self.of(start))
        values, turn = self.least(vectors, count)
        vectors, sigma = vectors @ turn, float(values[-1])
        moved, falls = vectors[:, :0], True
        for _ in range(STEPS):
            self.equations.clock.check()
            wrong = self.wrong(vectors)
            towards = self.equations.precondition(wrong)
            if float(wrong[:, 0] @ towards[:, 0]) <= LITTLE * sigma**2:
                break
            basis = self.orthonormal(np.concatenate([vectors, self.of(towards), moved], 1))
            values, turn = self.least(basis, count)
            if not values[-1] < sigma:  # rounding of vectors that the rows see far more of
                break
            following = basis @ turn
            moved = following - vectors @ (vectors[:size].T @ following[size : 2 * size])
            before, falls = falls, values[-1] <= CHANGE * sigma
            vectors, sigma = following, float(values[-1])
            if not (before or falls):
                break
        return vectors, sigma

    def of(self, vectors: Array) -> Array:
        """The stack of vectors (free coefficient, vector), scaled to size one."""
        weighed = self.weigh(vectors)
        scale = np.sqrt(np.maximum((vectors * weighed).sum(0), 1e-300))
        return np.concatenate([vectors, weighed, *self.seen(vectors)]) / scale

    def seen(self, vectors: Array) -> list[Array]:
        """J v, by block of rows."""
        return [i.reshape(-1, vectors.shape[1]).cpu().numpy() for i in _as_seen(self.equations).apply(vectors)]

    def wrong(self, stack: Array) -> Array:
        """What keeps vectors from being singular: J^T J v - sigma^2 M v."""
        square = (stack[2 * self.size :] ** 2).sum(0)
        return _as_seen(self.equations).gradient(self.images(stack)) - square * stack[self.size : 2 * self.size]

    def least(self, stack: Array, count: int) -> tuple[Array, Array]:
        """The ``count`` smallest singular values, falling, and right singular vectors (column, value), smallest first.

        By the products of columns, unless rounding hides the smallest value in these.
        """
        images = stack[2 * self.size :]
        squares, turn = np.linalg.eigh(images.T @ images)
        if squares[0] > HIDDEN * squares[-1]:
            return np.sqrt(squares[:count][::-1]), turn[:, :count]
        _, values, rows = np.linalg.svd(np.linalg.qr(images, mode="r"))
        return values, rows[::-1][:count].T

    def images(self, stack: Array) -> list[torch.Tensor]:
        """J v of a stack, by block of rows."""
        out, first = [], 2 * self.size
        for block in self.equations.rows:
            shape = block.residual.shape[:-1]
            part = stack[first : first + shape.numel()]
            out.append(torch.from_numpy(np.ascontiguousarray(part)).to(block.residual).reshape(*shape, -1))
            first += shape.numel()
        return out

    def orthonormal(self, stack: Array) -> Array:
        """The stack of vectors of size one that span the same, without what is nearly a combination of the others."""
        for _ in range(2):  # the second time for what rounding left
            size, turn = np.linalg.eigh(stack[: self.size].T @ stack[self.size : 2 * self.size])
            kept = size > 1e-12 * size[-1]
            stack = stack @ (turn[:, kept] / np.sqrt(size[kept]))
        return stack


class _Squared(_Seen):
    """The same with J^T J v in place of J v, which are many more numbers: as good until rounding hides the smallest."""

    def found(self, start: Array) -> tuple[Array, float]:
        """See :class:`_Seen`, which takes over where J v itself is not as large as J^T J says."""
        vectors, sigma = self.descended(start)
        size = size_of(_as_seen(self.equations), vectors[: self.size, 0])
        if abs(size - sigma) <= AGREE * sigma:
            return vectors[: self.size, 0], size
        return _Seen(self.equations, self.weigh).found(vectors[: self.size])

    def seen(self, vectors: Array) -> list[Array]:
        """J^T J v."""
        return [_normal(self.equations, vectors)]

    def wrong(self, stack: Array) -> Array:
        """See :class:`_Seen`."""
        vectors, weighed, squared = np.split(stack, 3)
        return squared - (vectors * squared).sum(0) * weighed

    def least(self, stack: Array, count: int) -> tuple[Array, Array]:
        """See :class:`_Seen`."""
        squares, turn = np.linalg.eigh(stack[: self.size].T @ stack[2 * self.size :])
        return np.sqrt(np.maximum(squares[:count][::-1], 0.0)), turn[:, :count]


def _as_seen(equations: LinearSolver) -> Seen:
    """The rows as :func:`pinnkan.assembly.integral_rows.as_seen`."""
    return Seen([as_seen(block) for block in equations.rows], equations.ordering)


def _normal(equations: LinearSolver, vectors: Array) -> Array:
    """J^T J v, (free coefficient, vector)."""
    if all(as_seen(block) is block for block in equations.rows):
        return equations.normal(vectors)
    return _as_seen(equations).normal(vectors)
