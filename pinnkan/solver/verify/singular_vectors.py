"""Near-null functions of least-squares rows: vectors v with the least |J v| / |v|, the norm of v that of L2.

By block conjugate gradients on the Rayleigh quotient (Knyazev 2001), preconditioned by the solver of the last step.
"""

import numpy as np
import torch

from pinnkan.assembly.integral_rows import integral_form
from pinnkan.kan.field import Array
from pinnkan.solver.linear.mass_matrix import MassMatrix
from pinnkan.solver.linear.solver import LinearSolver, RowProducts
from pinnkan.solver.verify.images import image_norm

#: Vectors iterated together, since close values would take one many steps; most steps; the search ends after two steps
#: that each leave this share of the value, or where the preconditioner can lower its square by the last share at most,
#: which saved 338 of 693 steps and changed values by 0.1 % at most.
BLOCK_SIZE, MAX_STEPS, STALL_RATIO, MIN_PREDICTED_FALL = 2, 12, 0.95, 1e-4
#: The last three for conjugate gradients and several unknowns, preconditioned one by one: 12 steps had 0.07, 60 4e-4.
SEVERAL_UNKNOWNS = 100, 0.99, 1e-6
#: Relative difference of |J v| from the value found with J^T J that is allowed.
NORM_TOLERANCE = 0.1
#: Functions of up to this times the least residual are near-null too; most of them. Waves of a square come in pairs.
NEAR_FACTOR, MAX_NEAR_VECTORS = 3.0, 16
#: Entries of J up to which it is written out as a matrix: 5,184 rows and 484 functions take 0.3 s.
MAX_DENSE_ENTRIES = 10_000_000
#: Ratio of squared singular values below which rounding hides the smallest.
ROUNDED_RATIO = 1e-12


class SingularVectorSearch:
    """The search for near-null functions of ``solver`` with a mass matrix ``mass``.

    It works on stacks: each column is a vector v above M v and J v, so that combinations of stacks are stacks.
    """

    def __init__(self, solver: LinearSolver, mass: MassMatrix) -> None:
        self.solver, self.mass, self.size = solver, mass, solver.ordering.size
        is_joint = solver.iterations > 0 and mass.space.unknowns > 1
        self._steps, self._stall_ratio, self._min_predicted_fall = (
            SEVERAL_UNKNOWNS if is_joint else (MAX_STEPS, STALL_RATIO, MIN_PREDICTED_FALL)
        )

    @property
    def is_dense_affordable(self) -> bool:
        """Whether J is small enough for a dense matrix."""
        return (
            self.size * sum(b.residual.shape[:-1].numel() for b in stability_rows(self.solver).rows)
            <= MAX_DENSE_ENTRIES
        )

    def dense_smallest(self) -> Array:
        """Return the block of least singular vectors of J as a dense matrix, exact to rounding of its largest value."""
        unit = np.eye(self.size)
        mass, image = self.mass(unit), np.concatenate(self.image_blocks(unit))
        scale = np.sqrt(mass.diagonal())
        root = np.linalg.cholesky(mass / np.outer(scale, scale)) * scale[:, None]
        _, _, rows = np.linalg.svd(np.linalg.qr(np.linalg.solve(root, image.T).T, mode="r"))
        return np.linalg.solve(root.T, rows[-BLOCK_SIZE:].T)

    def find_smallest(self, start: Array) -> tuple[Array, float]:
        """Return the vector of size one with the least residual, and that residual, from vectors to ``start`` with."""
        vectors, sigma = self.minimise_block(start)
        return vectors[: self.size, 0], sigma

    def find_several(self, count: int) -> tuple[Array, float]:
        """Return up to ``count`` vectors (free coefficient, vector) of size one with least residuals, and the least."""
        start = np.random.default_rng(0).standard_normal((self.size, min(count, self.size)))
        for _ in range(2):
            start = np.linalg.qr(self.solver.precondition(self.mass(start)))[0]
        vectors, least = self.minimise_block(start, start.shape[1])
        return vectors[: self.size], least

    def rayleigh_root(self, vector: Array) -> float:
        """The ratio |J v| / |v| of a vector (free coefficient, 1)."""
        size = float((vector * self.mass(vector)).sum())
        return image_norm(stability_rows(self.solver), vector[:, 0]) / max(size, 1e-300) ** 0.5

    def find_near_smallest(self, start: Array, least: Array) -> list[tuple[Array, float]]:
        """Return the ``least`` vector and those of similar residual, orthonormal, each with its residual."""
        block, before = np.concatenate([least, start], 1), 0
        while True:
            self.solver.clock.check()
            vectors = self.minimise_block(block, len(block.T))[0][: self.size]
            sizes = [image_norm(stability_rows(self.solver), v) for v in vectors.T]
            near = [size <= NEAR_FACTOR * sizes[0] for size in sizes]
            # further vectors of small residual may exist while all of the block have one
            if not all(near) or len(near) <= before or len(near) >= min(MAX_NEAR_VECTORS, self.size // 2):
                return [(v, size) for v, size, is_near in zip(vectors.T, sizes, near, strict=True) if is_near]
            more, before = np.random.default_rng(len(near)).standard_normal((self.size, len(near))), len(near)
            block = np.concatenate([vectors, self.solver.precondition(self.mass(more))], 1)

    def minimise_block(self, start: Array, watched_count: int = 1) -> tuple[Array, float]:
        """Return stacks of vectors of size one, by rising residual, and the least residual (Knyazev 2001).

        It ends when the first ``watched_count`` fall no further. Images J v are not squared: inverse iteration with a
        factor of J^T J does not find eigenvalues that rounding hides.
        """
        size, count, vectors = self.size, start.shape[1], self.orthonormal(self.stack_of(start))
        values, turn = self.ritz_pairs(vectors, count)
        vectors, sigmas = vectors @ turn, values[::-1]
        moved, falls = vectors[:, :0], True
        for _ in range(self._steps):
            self.solver.clock.check()
            wrong = self.eigen_residual(vectors)
            towards = self.solver.precondition(wrong)
            lowered = (wrong * towards).sum(0)[:watched_count]
            if (lowered <= self._min_predicted_fall * sigmas[: len(lowered)] ** 2).all():
                break
            basis = self.orthonormal(np.concatenate([vectors, self.stack_of(towards), moved], 1))
            values, turn = self.ritz_pairs(basis, count)
            watched_count = min(watched_count, len(values), len(sigmas))
            if not (values[::-1][:watched_count] < sigmas[:watched_count]).any():  # rounding only
                break
            following = basis @ turn
            moved = following - vectors @ (vectors[:size].T @ following[size : 2 * size])
            before, falls = (
                falls,
                bool((values[::-1][:watched_count] <= self._stall_ratio * sigmas[:watched_count]).any()),
            )
            vectors, sigmas = following, values[::-1]
            if not (before or falls):
                break
        return vectors, float(sigmas[0])

    def stack_of(self, vectors: Array) -> Array:
        """The stack of vectors (free coefficient, vector), scaled to size one."""
        weighed = self.mass(vectors)
        scale = np.sqrt(np.maximum((vectors * weighed).sum(0), 1e-300))
        return np.concatenate([vectors, weighed, *self.image_blocks(vectors)]) / scale

    def image_blocks(self, vectors: Array) -> list[Array]:
        """The images J v, by block of rows."""
        return [i.reshape(-1, vectors.shape[1]).cpu().numpy() for i in stability_rows(self.solver).apply(vectors)]

    def eigen_residual(self, stack: Array) -> Array:
        """The residual of the eigenvalue problem, J^T J v - sigma^2 M v, for each column of a stack."""
        square = (stack[2 * self.size :] ** 2).sum(0)
        return (
            stability_rows(self.solver).gradient(self.stacked_images(stack)) - square * stack[self.size : 2 * self.size]
        )

    def ritz_pairs(self, stack: Array, count: int) -> tuple[Array, Array]:
        """The singular values on the span of a stack, falling, and vectors of the ``count`` smallest, those first.

        From the Gram matrix of the images, or by QR and SVD where rounding hides the smallest value in that.
        """
        images = stack[2 * self.size :]
        squares, turn = np.linalg.eigh(images.T @ images)
        if squares[0] > ROUNDED_RATIO * squares[-1]:
            return np.sqrt(squares[:count][::-1]), turn[:, :count]
        _, values, rows = np.linalg.svd(np.linalg.qr(images, mode="r"))
        return values, rows[::-1][:count].T

    def stacked_images(self, stack: Array) -> list[torch.Tensor]:
        """The images J v of a stack, by block of rows."""
        out, first = [], 2 * self.size
        for block in self.solver.rows:
            shape = block.residual.shape[:-1]
            part = stack[first : first + shape.numel()]
            out.append(torch.from_numpy(np.ascontiguousarray(part)).to(block.residual).reshape(*shape, -1))
            first += shape.numel()
        return out

    def orthonormal(self, stack: Array) -> Array:
        """The stack with orthonormal vectors of the same span; columns that nearly depend on others are left out."""
        for _ in range(2):  # the second time for what rounding left
            size, turn = np.linalg.eigh(stack[: self.size].T @ stack[self.size : 2 * self.size])
            kept = size > 1e-12 * size[-1]
            stack = stack @ (turn[:, kept] / np.sqrt(size[kept]))
        return stack


class NormalSingularVectorSearch(SingularVectorSearch):
    """The same search with J^T J v in place of J v: fewer numbers, and as good until rounding hides the smallest."""

    def find_smallest(self, start: Array) -> tuple[Array, float]:
        """See :class:`SingularVectorSearch`, which takes over where |J v| is not what J^T J says."""
        vectors, sigma = self.minimise_block(start)
        size = image_norm(stability_rows(self.solver), vectors[: self.size, 0])
        if abs(size - sigma) <= NORM_TOLERANCE * sigma:
            return vectors[: self.size, 0], size
        if self.solver.use_pointwise_products():
            return self.find_smallest(vectors[: self.size])
        return SingularVectorSearch(self.solver, self.mass).find_smallest(vectors[: self.size])

    def find_near_smallest(self, start: Array, least: Array) -> list[tuple[Array, float]]:
        """See :class:`SingularVectorSearch`, which takes over where rounding of squares has lost the least vector."""
        plain = SingularVectorSearch(self.solver, self.mass)
        found, size = super().find_near_smallest(start, least), plain.rayleigh_root(least)
        if found[0][1] <= (1.0 + NORM_TOLERANCE) * size:
            return found
        return (
            self.find_near_smallest(start, least)
            if self.solver.use_pointwise_products()
            else plain.find_near_smallest(start, least)
        )

    def image_blocks(self, vectors: Array) -> list[Array]:
        """The products J^T J v."""
        return [_normal(self.solver, vectors)]

    def eigen_residual(self, stack: Array) -> Array:
        """See :class:`SingularVectorSearch`."""
        vectors, weighed, squared = np.split(stack, 3)
        return squared - (vectors * squared).sum(0) * weighed

    def ritz_pairs(self, stack: Array, count: int) -> tuple[Array, Array]:
        """See :class:`SingularVectorSearch`."""
        squares, turn = np.linalg.eigh(stack[: self.size].T @ stack[2 * self.size :])
        return np.sqrt(np.maximum(squares[:count][::-1], 0.0)), turn[:, :count]


def stability_rows(solver: LinearSolver) -> RowProducts:
    """Return the rows of a solver, each as :func:`pinnkan.assembly.integral_rows.integral_form` has it."""
    return RowProducts([integral_form(block) for block in solver.rows], solver.ordering)


def _normal(solver: LinearSolver, vectors: Array) -> Array:
    """The products J^T J v, (free coefficient, vector)."""
    if all(integral_form(block) is block for block in solver.rows):
        return solver.normal_product(vectors)
    return stability_rows(solver).normal_product(vectors)
