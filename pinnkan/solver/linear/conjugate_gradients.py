"""Linear least squares without a matrix: preconditioned conjugate gradients on J^T J.

Each step takes one product with J^T J (:mod:`pinnkan.assembly.normal_matrix.matrix_free`), and memory for the rows and
some vectors. Two to ten steps where the operator separates; about twenty for a coefficient that varies by a factor 19,
on 48 to 192 intervals (:mod:`pinnkan.solver.linear.preconditioners`). Hestenes, Stiefel 1952; Bjorck 1996, section 7.4.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.integral_rows import SurrogateRows, integral_form
from pinnkan.assembly.normal_matrix.shared_matrix import normal_matrix
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.solver.linear.capacitance import is_known_indefinite
from pinnkan.solver.linear.coarse_space import FactoredSpace
from pinnkan.solver.linear.convergence import convergence_rate, is_at_rounding, is_stagnant, reaches_target, safe_ratio
from pinnkan.solver.linear.mass_matrix import FunctionSizes
from pinnkan.solver.linear.preconditioners import Inverse, TwoLevelInverse, preconditioner_options, step_work
from pinnkan.solver.linear.solver import NotFiniteError, RowProducts
from pinnkan.verdict.records import Reason

#: Most steps with one preconditioner. Later rounds take at least so many, or that share of those so far: after one step
#: alone an error of 1.2e-4 was estimated as 3e-6.
MAX_STEPS, FEWEST_LATER_STEPS, LATER_STEPS_SHARE = 300, 10, 0.125
#: Multiplications of a factor that is made to estimate the remaining error: some tenths of a second.
CHEAP_FACTOR_WORK = 5e9
#: The estimated error after MAX_STEPS steps, over the target, up to which it is accepted and reported.
REPORTED_EXCESS = 100.0
#: Most rounds. Each begins with a residual computed anew, since the updated one drifts by rounding.
MAX_ROUNDS = 3
#: Relative errors: smallest target, of :meth:`backsolve`, of :meth:`closer`, largest reduction that is accepted.
LEAST_ERROR, BACKSOLVE_ACCURACY, REMAINDER_ACCURACY, MAX_REDUCTION = 1e-13, 1e-4, 1e-2, 3e-2
#: The preconditioned residual is the error within this factor.
ESTIMATE_FACTOR = 10.0
#: The error after a round, over its step, from which on products with J^T J are computed as J^T (J d).
INEXACT_PRODUCT_SHARE = 1e-3
#: Relative error from which on rounding of the updated residual does not matter.
LOOSE_ACCURACY = 1e-4
#: Least factor by which the coarse correction added last reduces the error.
COARSE_GAIN = 3.0


class ConjugateGradients(RowProducts):
    """Solve with J^T J of rows on grids, never formed, for any right-hand side of the same rows.

    ``damping`` adds that multiple of the diagonal (Marquardt). ``share``: allowed error over the function that a step
    is added to; ``most``: bound of the error over the step. ``known``: a factor of the same rows in a coarse space.
    Every step asks the ``clock``. Raises LinAlgError: rows are not finite; SolverError: no preconditioner converges.
    """

    def __init__(
        self,
        rows: Sequence[TensorRows],
        ordering: Ordering,
        damping: float = 0.0,
        error_share: float = 0.0,
        clock: Clock | None = None,
        max_step_error: float = np.inf,
        coarse_factor: FactoredSpace | None = None,
    ) -> None:
        seen = [integral_form(r) if isinstance(r, SurrogateRows) else r for r in rows]
        super().__init__(seen, ordering, clock)
        self._space, self.damping, self.share = rows[0].space, damping, max(error_share, LEAST_ERROR)
        self._most = max_step_error
        self._matrix = normal_matrix([r for r in rows if not isinstance(r, SurrogateRows)])
        self._integrals = [r.integral for r in rows if isinstance(r, SurrogateRows)]
        whole = self._matrix.diagonal()
        self._diagonal = whole.reshape(-1, 1)[ordering.free]
        if not bool(torch.isfinite(self._diagonal).all()):
            raise NotFiniteError
        self._sizes = FunctionSizes(self._space, ordering.free)
        self.lengths = self._diagonal[:, 0].sqrt().cpu().numpy()
        self.rounding, self._is_exact = 0.0, False
        self._inverse: Inverse | None
        self._sharp: Inverse | None = None
        self._ladder = preconditioner_options(rows, ordering, whole, damping, coarse_factor)
        self._rung, self._inverse = 0, None
        self._bounds, self._of_a_step = (MAX_STEPS, np.inf), step_work(rows)

    @property
    def words(self) -> str:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return f"conjugate gradients, {self.iterations} steps"

    @property
    def coarse(self) -> FactoredSpace | None:
        """The factor in a coarse space that the preconditioner in use contains; None without one."""
        return self._inverse.coarse.factored if isinstance(self._inverse, TwoLevelInverse) else None

    @property
    def inverse(self) -> Inverse:
        """The preconditioner in use, made when it is first asked for."""
        if self._inverse is None:
            self.clock.factor(self._ladder[self._rung].work)
            self._inverse = self._ladder[self._rung].make()
        return self._inverse

    def size_of(self, coefficients: Array) -> float:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return super().size_of(coefficients) if self._space.unknowns > 1 else float(self._space.norm(coefficients)[0])

    def normal(self, step: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self._normal(self._put(step)).cpu().numpy()

    def _normal(self, step: torch.Tensor) -> torch.Tensor:
        values = self.ordering.spread(step).reshape(*self._space.shape, -1)
        out = self._matrix(values).reshape(self._space.size, -1)[self.ordering.free]
        for integral in self._integrals:
            out += integral.transpose(self.ordering, integral.apply(self.ordering, step))
        return out

    def go_by_points(self) -> bool:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        is_new = self._matrix.go_by_points()
        self._is_exact = self._is_exact or is_new
        return is_new

    def _times(self, step: torch.Tensor) -> torch.Tensor:
        """Return (J^T J + damping) d."""
        return self._normal(step) + self.damping * self._diagonal * step

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self._descend(self._put(gradient), max(accuracy, BACKSOLVE_ACCURACY), 0.0)[0].cpu().numpy()

    def closer(self, gradient: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`.

        By a factor if its work is at most CHEAP_FACTOR_WORK.
        """
        if self.sharpen(CHEAP_FACTOR_WORK):
            return self.precondition(gradient)
        self._bounds = max(FEWEST_LATER_STEPS, self.iterations), self.iterations * self._of_a_step
        try:
            return self.backsolve(gradient, REMAINDER_ACCURACY)
        finally:
            self._bounds = MAX_STEPS, np.inf

    def sharpen(self, max_work: float) -> bool:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        if self._sharp is None and (factor := self._ladder[-1]).is_exact and factor.work <= max_work:
            self.clock.factor(factor.work)
            self._sharp = factor.make()
        return self._sharp is not None

    def precondition(self, gradient: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return (self._sharp or self.inverse)(self._put(gradient)).cpu().numpy()

    def _put(self, values: Array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.ordering.position.device)

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self._solve(lambda step: self._gradient(residuals, step), accuracy, base_size)

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`; fleeting rows are taken a few intervals at a time."""
        if not any(isinstance(r, RecomputedRows) for r in rows):
            return self.solve([r.residual for r in rows], accuracy, base_size)
        return self._solve(lambda step: self._gradient_of(rows, step), accuracy, base_size)

    def _gradient(self, residuals: Sequence[torch.Tensor], step: torch.Tensor | None) -> torch.Tensor:
        """Return J^T (r + J d) for residuals r and a step d; None for no step."""
        if step is not None:
            residuals = [r + a for r, a in zip(residuals, self.apply(step.cpu().numpy()), strict=True)]
        return self._put(self.gradient(residuals))

    def _gradient_of(self, rows: Sequence[Rows], step: torch.Tensor | None) -> torch.Tensor:
        """Return J^T (r + J d) for the residuals r of ``rows`` and a step d; None for no step."""
        total: torch.Tensor | float = 0.0
        for block, own in zip(self.rows, rows, strict=True):
            if isinstance(own, RecomputedRows):
                total = total + own.gradient_after(self.ordering, step)
                continue
            left = own.residual if step is None else own.residual + block.apply(self.ordering, step)
            total = total + block.transpose(self.ordering, left)
        assert isinstance(total, torch.Tensor)
        return total

    def _solve(
        self, gradient: Callable[[torch.Tensor | None], torch.Tensor], accuracy: float, base_size: float
    ) -> Array:
        """Solve in up to MAX_ROUNDS rounds; ``gradient``, computed anew and preconditioned, estimates the error."""
        right = -gradient(None)
        step, before, begun = torch.zeros_like(right), np.inf, self.iterations
        for _ in range(MAX_ROUNDS):
            least = min(FEWEST_LATER_STEPS, int(LATER_STEPS_SHARE * (self.iterations - begun)))
            found, self.rounding = self._descend(right, max(accuracy, self.share), self.share * base_size, least)
            step = step + found
            if accuracy >= LOOSE_ACCURACY:
                break
            right = -gradient(step) - self.damping * self._diagonal * step
            largest, missing = self._sizes(step, self.inverse(right))
            self.rounding = max(self.rounding, missing)
            target = min(max(accuracy * largest, self.share * max(largest, base_size)), self._most * largest)
            if self.rounding <= (ESTIMATE_FACTOR if self.iterations - begun < MAX_STEPS else REPORTED_EXCESS) * target:
                break
            if missing > INEXACT_PRODUCT_SHARE * self._sizes(found)[0] and self.go_by_points():
                continue
            if self.rounding > 0.5 * before:
                break
            before = self.rounding
        return step.cpu().numpy()

    def _descend(
        self, right: torch.Tensor, accuracy: float, max_error: float, min_steps: int = 0
    ) -> tuple[torch.Tensor, float]:
        """Return the solution and its estimated error, by the first preconditioner that converges."""
        while True:
            step, fall, missing = self._steps(right, accuracy, max_error, min_steps)
            fall = None if is_known_indefinite(self.inverse) else fall
            if fall is not None and (fall <= max(accuracy, MAX_REDUCTION) or missing <= ESTIMATE_FACTOR * max_error):
                return step, missing
            if self._is_rounded(step) and self.go_by_points():
                continue
            if self._is_last:
                if self._rung + 1 < len(self._ladder):
                    return step, missing
                raise SolverError(
                    "conjugate gradients lead nowhere, and a factor needs more memory or time than there is; ask for "
                    "fewer knots, shorter slabs of time or a larger tolerance",
                    Reason.STALLED,
                )
            self._rung, self._inverse = self._rung + 1, None

    def _is_rounded(self, step: torch.Tensor) -> bool:
        """Whether rounding of products with J^T J changes the step by more than the share COARSE."""
        exact = self._put(super().normal(step.cpu().numpy()))
        off, size = self._sizes(self.inverse(exact - self._normal(step)), step)
        return off > INEXACT_PRODUCT_SHARE * size

    def _steps(
        self, right: torch.Tensor, accuracy: float, max_error: float, min_steps: int = 0
    ) -> tuple[torch.Tensor, float | None, float]:
        """Return the solution, the reduction of the gradient, and the estimated error, by one preconditioner.

        It ends at a relative error of ``accuracy`` or an error of ``max_error``, after at least ``min_steps`` steps.
        The sum of all moves bounds the solution. The reduction is None for another preconditioner, 0 for none.
        """
        given, step, towards = right, torch.zeros_like(right), self.inverse(right)
        direction, slope = towards, (right * towards).sum(0)
        if float(slope.max()) <= 0.0:
            return step, 0.0, 0.0
        start, falls, missing, reach = slope.clamp_min(1e-300), [1.0], 0.0, 0.0
        coarse = self.inverse.coarse if isinstance(self.inverse, TwoLevelInverse) and self.damping == 0.0 else None
        mended = COARSE_GAIN if coarse else 1.0
        while len(falls) <= min(MAX_STEPS, self._bounds[0]):
            self.clock.check()
            image = self._times(direction)
            curvature = (direction * image).sum(0)
            if bool(((curvature < 0.0) & (slope > accuracy**2 * start)).any()):  # negative curvature: rounding of J^T J
                if self.go_by_points():
                    return self._steps(given, accuracy, max_error, min_steps)
                break
            length = safe_ratio(slope, curvature)
            step, right = step + length * direction, right - length * image
            towards, before = self.inverse(right), slope
            slope = (right * towards).sum(0).clamp_min(0.0)
            self.iterations += 1
            falls.append(float((slope / start).max().sqrt()))
            (last,), rate = self._sizes(length * direction), convergence_rate(falls)
            missing, reach, rests = last * rate / (1.0 - rate), reach + last, is_at_rounding(falls)
            if self._is_exact and is_stagnant(falls):
                return step, 0.0, max(missing, self._sizes(towards)[0])
            allowed = mended * min(max(accuracy * reach, max_error), self._most * reach)
            is_told = len(falls) > min_steps and missing <= allowed
            if is_told or rests or len(falls) > self._ladder[self._rung].looked_at:
                size, seen = self._sizes(step, towards)
                target = min(max(accuracy, max_error / max(size, 1e-300)), self._most)
                if (falls[-1] <= target and max(missing, seen / ESTIMATE_FACTOR) <= mended * target * size) or rests:
                    break
                if self._leads_nowhere(falls, target):
                    return step, None, missing
            direction = towards + safe_ratio(slope, before) * direction
        step = step + coarse(right) if coarse else step
        return step, falls[-1], max(missing, self._sizes(towards)[0]) / mended

    @property
    def _is_last(self) -> bool:
        """Whether there is no next preconditioner within the allowed work."""
        following = self._ladder[self._rung + 1 : self._rung + 2]
        return not any(rung.work <= self._bounds[1] for rung in following)

    def _leads_nowhere(self, falls: Sequence[float], target: float) -> bool:
        """Whether this preconditioner promises more steps to the target than allowed, and there is a next one."""
        rung = self._ladder[self._rung]
        return (
            len(falls) - 1 == rung.looked_at and not self._is_last and not reaches_target(falls, target, rung.promised)
        )
