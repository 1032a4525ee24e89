"""Linear least squares by the normal equations: banded or full Cholesky factor, refined with the residual.

min |J d + r| over the free coefficients. J^T J is banded with the longest coordinate outermost and periodic ones in the
order 0, n-1, 1, n-2, ... Columns of J are scaled to unit length. Each solution is refined with the residual J d + r
itself (corrected seminormal equations, Bjorck 1987), since J^T J squares the condition number.
"""

from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.sparse
import torch

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.clock import Clock
from pinnkan.assembly.device import is_host
from pinnkan.assembly.integral_rows import stack_rows
from pinnkan.assembly.normal_matrix.full_matrix import full_matrix
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import MIN_FULL_SIZE, Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.solver.linear.orthogonal_factor import banded_qr_factor
from pinnkan.solver.linear.scaled_system import factorise_shifted
from pinnkan.solver.linear.solver import ROUNDING_UNIT, LinearSolver, require_finite
from pinnkan.solver.linear.triangular_inverse import Inverse, inverse_of_band, inverse_of_triangles
from pinnkan.solver.predicted_work import is_factored_as_full

#: Most refinements, and the default accuracy. A first one that changes the share q of the step leaves about q^2: the
#: last if that is below the accuracy. Poisson, degree 9: error 2e-11 after none, 3e-13 after two.
MAX_REFINEMENTS, DEFAULT_ACCURACY = 2, 1e-20
#: Conjugate gradients follow where a second refinement changes more than SLOW_RATIO of the first and LEAST of the step:
#: at most MAX_CG_STEPS steps, until one changes less than LEAST, or STALLED_STEPS have not lowered the smallest gain.
SLOW_RATIO, LEAST_CHANGE, MAX_CG_STEPS, STALLED_STEPS = 0.1, 1e-13, 300, 30
#: Multiplications by a band that bound the number of these steps (some seconds), and the fewest steps in any case.
CG_WORK, FEWEST_CG_STEPS = 1e9, 20
#: Singular values of J with columns of length one that J^T J loses to rounding, and the most multiplications of an
#: orthogonal factor of J (some tenths of a second).
LOST_SINGULAR_VALUE, MAX_ORTHOGONAL_WORK = 1e-6, 5e8
#: Rows of a full matrix that are copied at once.
COPIED_ROWS = 256


class NormalEquations(LinearSolver):
    """The factor of J^T J + damping * its diagonal (Marquardt), for any right-hand side of the same rows.

    ``shift``: multiple of the identity added to the scaled matrix because of rounding; ``solution_error``: error of the
    last solution. Raises numpy.linalg.LinAlgError where the rows do not determine the coefficients, and OutOfTimeError
    where the factor could not end in time by the ``clock``.
    """

    def __init__(
        self, rows: Sequence[Rows], ordering: Ordering, damping: float = 0.0, clock: Clock | None = None
    ) -> None:
        super().__init__(rows, ordering, clock)
        self.damping = damping
        n = ordering.size
        self.bandwidth = max(r.bandwidth(ordering) for r in rows)
        self._dense = is_factored_as_full(self.bandwidth, n)
        self.clock.check_factor(n * min((self.bandwidth + 1.0) ** 2, n**2 / 3.0))
        self.shift = 0.0
        self._orthogonal_basis: Array | None = None
        if self._dense:
            is_large = n >= MIN_FULL_SIZE
            matrix = full_matrix(rows, ordering).cpu().numpy() if is_large else full_from_band(self._assemble(rows))
            self._factor, self.shift = self._factorise_full(matrix)
        else:
            self._factor, self.shift = self._factorise_band(self._assemble(rows))
        self._use_orthogonal_factor()

    def _set_column_norms(self, matrix: Array, diagonal: Array) -> None:
        """Set the lengths of the columns of J from J^T J and its diagonal; raise NotFiniteError for nan and inf."""
        require_finite(matrix)
        self.column_norms = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
        self._scale = 1.0 / self.column_norms

    def _assemble(self, rows: Sequence[Rows]) -> Array:
        """Return the band of J^T J: (diagonal, column)."""
        n, width = self.ordering.size, self.bandwidth
        band = torch.zeros(1 + (width + 1) * n, dtype=torch.float64, device=self.ordering.position.device)
        for block in rows:
            for place, value in block.gram(self.ordering):
                band.scatter_add_(0, place, value)
        return band[1:].reshape(width + 1, n).cpu().numpy()

    def _factorise_band(self, lower: Array) -> tuple[Array, float]:
        """Return the factor of a band, scaled, and the shift."""
        self._set_column_norms(lower, lower[0])
        below = np.concatenate([self._scale, np.ones(self.bandwidth)])
        lower *= self._scale  # in turn: the product of the two factors would be as large as the band
        lower *= np.lib.stride_tricks.sliding_window_view(below, self.ordering.size)

        def factorise(shift: float) -> Array | None:
            shifted = column_major_band(torch.from_numpy(lower))
            shifted[0] += self.damping + shift
            return factorise_band(shifted)

        return factorise_shifted(factorise)

    def _factorise_full(self, matrix: Array) -> tuple[Array, float]:
        """Return the factor of a full matrix, scaled, in one of its halves, and the shift.

        The other half is kept until that has succeeded.
        """
        self._set_column_norms(matrix, matrix.diagonal())
        matrix *= self._scale[:, None]
        matrix *= self._scale
        diagonal = matrix.diagonal().copy()

        def factorise(shift: float) -> Array | None:
            np.fill_diagonal(matrix, diagonal + self.damping + shift)
            factor, failed = scipy.linalg.lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
            if not failed:
                return np.asarray(factor)
            for start in range(0, len(matrix), COPIED_ROWS):
                part, after = slice(start, start + COPIED_ROWS), slice(start + COPIED_ROWS, None)
                kept = np.tril(matrix[part, part], -1)
                matrix[part, part], matrix[part, after] = kept + kept.T, matrix[after, part].T
            return None

        return factorise_shifted(factorise)

    def _use_orthogonal_factor(self) -> None:
        """Replace the factor by an orthogonal one of J where J^T J has lost small singular values to rounding.

        Thin beams have too many for conjugate gradients. No change where J is large, or they are rounding in J itself.
        """
        count, n = sum(r.residual[..., 0].numel() for r in self.rows), self.ordering.size
        is_small, root = count * n**2 <= MAX_ORTHOGONAL_WORK, float(np.sqrt(self.damping))
        cells = [] if is_small or count * (2.0 * self.bandwidth) ** 2 > MAX_ORTHOGONAL_WORK else self._cells()
        if not (is_small or cells) or not self._is_ill_conditioned():
            return
        if cells:
            band = banded_qr_factor(cells, self.ordering, self._scale, root, self.bandwidth)
            if np.abs(band[0]).min() > ROUNDING_UNIT * count:
                self._factor, self.shift = band, 0.0
            return
        matrix = np.concatenate([stack_rows(self.apply(np.diag(self._scale))), root * np.eye(n)])
        basis, triangle = np.linalg.qr(matrix)
        if np.abs(np.diag(triangle)).min() > ROUNDING_UNIT * count:
            self._factor, self._dense, self.shift, self._orthogonal_basis = triangle.T, True, 0.0, basis[:count]

    def _cells(self) -> list[CellRows]:
        """Return the rows written out by cell; none where some have several coordinates."""
        written = [r.to_cell_rows() if type(r) is TensorRows and len(r.tables) == 1 else r for r in self.rows]
        cells = [r for r in written if isinstance(r, CellRows)]
        return cells if len(cells) == len(written) else []

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """Return (J^T J + damping)^-1 ``gradient`` (free coefficient, rhs); raises NotFiniteError."""
        scaled = require_finite(gradient * self._scale[:, None])
        if self._dense:
            solved = scipy.linalg.cho_solve((self._factor, True), scaled, check_finite=False)
        else:
            solved = scipy.linalg.cho_solve_banded((self._factor, True), scaled, check_finite=False)
        return solved * self._scale[:, None]

    def inverse(self) -> Inverse:
        """Return :meth:`backsolve` as a function of tensors on the device of the rows."""
        device = self.ordering.position.device
        if is_host(device):
            return lambda right: torch.from_numpy(self.backsolve(right.numpy()))
        scale = torch.from_numpy(self._scale[:, None]).to(device)
        if self._dense:
            of_all = inverse_of_triangles([self._factor], device)
            return lambda right: scale * of_all((scale * right).unsqueeze(0)).squeeze(0)
        of_band = inverse_of_band(self._factor, self.ordering.size, device)
        return lambda right: scale * of_band(scale * right)

    def solve(
        self, residuals: Sequence[torch.Tensor], accuracy: float = DEFAULT_ACCURACY, base_size: float = 0.0
    ) -> Array:
        """Return the minimiser of |J d + r|^2 + damping |d / scale|^2: (free coefficient, rhs).

        ``accuracy``: the relative error of the coefficients at which refinement ends. ``rounding`` is set to the last
        change times q / (1 - q), where q <= 0.9 is the ratio of the last two changes: the sum of those to come.
        """
        if self._orthogonal_basis is not None:
            return self._solve_orthogonal(residuals)
        step = -self.backsolve(self.gradient(residuals))
        changes = [float(np.abs(step).max(initial=0.0))]
        for _ in range(MAX_REFINEMENTS):
            left = [r + a for r, a in zip(residuals, self.apply(step), strict=True)]
            damped = self.damping * step / self._scale[:, None] ** 2
            change = self.backsolve(self.gradient(left) + damped)
            changes.append(float(np.abs(change).max(initial=0.0)))
            step = step - change
            if changes[-1] <= accuracy**0.5 * changes[0]:
                break
        q = min(changes[-1] / changes[-2], 0.9) if changes[-2] > 0.0 else 0.0
        self.solution_error = changes[-1] * q / (1.0 - q)
        if q > SLOW_RATIO and self.damping == 0.0 and changes[-1] > LEAST_CHANGE * changes[0]:
            step, self.solution_error = self._conjugate_gradients(residuals, step)
        return step

    def _is_ill_conditioned(self) -> bool:
        """Whether the smallest singular value of the scaled J is below LOST, by one step of inverse iteration."""
        start = np.random.default_rng(0).standard_normal((self.ordering.size, 1))
        grown = self.backsolve(start / self._scale[:, None]) / self._scale[:, None]
        return float(np.abs(grown).max()) > float(np.abs(start).max()) / LOST_SINGULAR_VALUE**2

    def _solve_orthogonal(self, residuals: Sequence[torch.Tensor]) -> Array:
        """Return the minimiser -R^-1 Q^T r by the orthogonal factor J = Q R, as accurate as J itself."""
        assert self._orthogonal_basis is not None
        triangle = self._factor.T
        step = (
            -scipy.linalg.solve_triangular(triangle, require_finite(self._orthogonal_basis.T @ stack_rows(residuals)))
            * self._scale[:, None]
        )
        size = np.abs(np.diag(triangle))
        self.solution_error = ROUNDING_UNIT * float(size.max() / size.min() * np.abs(step).max(initial=0.0))
        return step

    def _conjugate_gradients(self, residuals: Sequence[torch.Tensor], step: Array) -> tuple[Array, float]:
        """Improve ``step`` by conjugate gradients (CGLS, Bjorck 1996, section 7.4); return it and its estimated error.

        The factor is the preconditioner. Rounding hides singular values below 1e-8 of the largest from it: the
        eigenvalues away from one, which conjugate gradients find one by one. They end where a step lowers the residual
        by rounding only, its change being the error, or where gains no longer fall: the largest of the last changes.
        """
        left = [r + a for r, a in zip(residuals, self.apply(step), strict=True)]
        gradient = self.gradient(left)
        towards = self.backsolve(gradient)
        direction, slope, least, changes = -towards, (gradient * towards).sum(0), [np.inf], [np.inf]
        most = int(np.clip(CG_WORK / (len(step) * (self.bandwidth + 1)), FEWEST_CG_STEPS, MAX_CG_STEPS))
        while len(changes) <= most and (len(least) <= STALLED_STEPS or least[-1] < least[-1 - STALLED_STEPS]):
            self.clock.check()
            image = self.apply(direction)
            square = _squares(image)
            length = np.divide(slope, square, out=np.zeros_like(slope), where=square > 0.0)
            changes.append(float(np.abs(length * direction).max(initial=0.0)))
            if (length * slope <= ROUNDING_UNIT * _squares(left)).all():
                return step, changes[-1]
            least.append(min(least[-1], float((length * slope).max())))
            step = step + length * direction
            left = [r + torch.from_numpy(length).to(r.device) * i for r, i in zip(left, image, strict=True)]
            gradient = self.gradient(left)
            towards, before = self.backsolve(gradient), slope
            slope = (gradient * towards).sum(0)
            if changes[-1] <= LEAST_CHANGE * float(np.abs(step).max(initial=0.0)):
                return step, changes[-1]
            direction = -towards + np.divide(slope, before, out=np.zeros_like(slope), where=before > 0.0) * direction
        return step, max(changes[1:][-STALLED_STEPS:])


def column_major_band(bands: torch.Tensor) -> Array:
    """Return bands (.., diagonal, column), one after the other, as a copy (diagonal, column) in the order of LAPACK."""
    out = torch.empty((*bands.shape[:-2], bands.shape[-1], bands.shape[-2]), dtype=bands.dtype)
    return out.copy_(bands.transpose(-2, -1)).flatten(0, -2).numpy().T


def full_from_band(lower: Array) -> Array:
    """Return the symmetric matrix of a band (diagonal, column)."""
    half = scipy.sparse.dia_array((lower, -np.arange(len(lower))), shape=(lower.shape[1],) * 2).toarray()
    return np.asarray(half + np.tril(half, -1).T)


def factorise_band(lower: Array) -> Array | None:
    """Return the factor of a finite band in its place; None where it is not positive definite."""
    factor, failed = scipy.linalg.lapack.dpbtrf(lower, lower=1, overwrite_ab=1)
    return None if failed else np.asarray(factor)


def _squares(rows: Sequence[torch.Tensor]) -> Array:
    """The sum of the squares of rows (row, rhs) by right-hand side."""
    return np.asarray(sum((r**2).flatten(0, -2).sum(0).cpu().numpy() for r in rows))
