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
from pinnkan.solver.linear.solver import LinearSolver, require_finite
from pinnkan.verdict.records import Reason

#: Most steps with one preconditioner. Later rounds take at least so many, or that share of those so far: after one step
#: alone an error of 1.2e-4 was estimated as 3e-6.
MAX_STEPS, FEWEST_LATER_STEPS, LATER_STEPS_SHARE = 300, 10, 0.125
#: Multiplications of a factor that is made to estimate the remaining error: some tenths of a second.
CHEAP_FACTOR_WORK = 5e9
#: The preconditioned residual is the error within the first factor; after MAX_STEPS an estimated error of so many
#: targets is accepted and reported.
ESTIMATE_FACTOR, REPORTED_EXCESS = 10.0, 100.0
#: Most rounds, each with a residual computed anew: the updated one drifts by rounding.
MAX_ROUNDS = 3
#: Relative errors: smallest target, of backsolve and solve_remainder, largest reduction that is accepted.
LEAST_ERROR, BACKSOLVE_ACCURACY, REMAINDER_ACCURACY, MAX_REDUCTION = 1e-13, 1e-4, 1e-2, 3e-2
#: The error after a round, over its step, from which on products with J^T J are computed as J^T (J d).
INEXACT_PRODUCT_SHARE = 1e-3
#: Relative error from which on rounding of the updated residual does not matter.
LOOSE_ACCURACY = 1e-4
#: Least factor by which the coarse correction added last reduces the error.
COARSE_GAIN = 3.0
#: Text where no preconditioner converges.
STALLED_TEXT = (
    "conjugate gradients lead nowhere, and a factor needs more memory or time than there is; ask for fewer knots, "
    "shorter slabs of time or a larger tolerance"
)


class ConjugateGradients(LinearSolver):
    """Solve with J^T J of rows on grids, never formed, for any right-hand side of the same rows.

    ``damping`` adds that multiple of the diagonal (Marquardt). ``error_share``: allowed error over the function that a
    step is added to; ``most``: bound of the error over the step. ``known``: a factor of the same rows in a coarse
    space. Every step asks the ``clock``. Raises LinAlgError: rows are not finite; SolverError: no preconditioner
    converges.
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
        self._space, self.damping, self.error_share = rows[0].space, damping, max(error_share, LEAST_ERROR)
        self._max_step_error = max_step_error
        self._matrix = normal_matrix([r for r in rows if not isinstance(r, SurrogateRows)])
        self._integrals = [r.integral for r in rows if isinstance(r, SurrogateRows)]
        whole = self._matrix.diagonal()
        self._diagonal = require_finite(whole.reshape(-1, 1)[ordering.free])
        self._sizes = FunctionSizes(self._space, ordering.free)
        self.column_norms = self._diagonal[:, 0].sqrt().cpu().numpy()
        self._uses_pointwise_products = False
        self._preconditioner: Inverse | None
        self._factor_inverse: Inverse | None = None
        self._candidates = preconditioner_options(rows, ordering, whole, damping, coarse_factor)
        self._candidate, self._preconditioner = 0, None
        self._step_and_work_limits, self._step_work = (MAX_STEPS, np.inf), step_work(rows)

    @property
    def coarse_factor(self) -> FactoredSpace | None:
        """The factor in a coarse space that the preconditioner in use contains; None without one."""
        inverse = self._preconditioner
        return inverse.coarse_inverse.factored_space if isinstance(inverse, TwoLevelInverse) else None

    @property
    def preconditioner(self) -> Inverse:
        """The preconditioner in use, made when it is first asked for."""
        if self._preconditioner is None:
            self.clock.check_factor(self._candidates[self._candidate].work)
            self._preconditioner = self._candidates[self._candidate].make()
        return self._preconditioner

    def function_size(self, coefficients: Array) -> float:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        if self._space.unknowns > 1:
            return super().function_size(coefficients)
        return float(self._space.norm(coefficients)[0])

    def normal_product(self, step: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self._normal(self._on_device(step)).cpu().numpy()

    def _normal(self, step: torch.Tensor) -> torch.Tensor:
        values = self.ordering.extend_by_zeros(step).reshape(*self._space.shape, -1)
        out = self._matrix(values).reshape(self._space.size, -1)[self.ordering.free]
        for integral in self._integrals:
            out += integral.transpose(self.ordering, integral.apply(self.ordering, step))
        return out

    def use_pointwise_products(self) -> bool:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        is_new = self._matrix.use_pointwise_products()
        self._uses_pointwise_products = self._uses_pointwise_products or is_new
        return is_new

    def _damped_product(self, step: torch.Tensor) -> torch.Tensor:
        """Return (J^T J + damping) d."""
        return self._normal(step) + self.damping * self._diagonal * step

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        accuracy = max(accuracy, BACKSOLVE_ACCURACY)
        return self._solve_by_candidates(self._on_device(gradient), accuracy, 0.0)[0].cpu().numpy()

    def solve_remainder(self, gradient: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`; by a factor if that is cheap."""
        if self.use_factor(CHEAP_FACTOR_WORK):
            return self.precondition(gradient)
        self._step_and_work_limits = max(FEWEST_LATER_STEPS, self.iterations), self.iterations * self._step_work
        try:
            return self.backsolve(gradient, REMAINDER_ACCURACY)
        finally:
            self._step_and_work_limits = MAX_STEPS, np.inf

    def use_factor(self, max_work: float) -> bool:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        if self._factor_inverse is None and (factor := self._candidates[-1]).is_exact and factor.work <= max_work:
            self.clock.check_factor(factor.work)
            self._factor_inverse = factor.make()
        return self._factor_inverse is not None

    def precondition(self, gradient: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return (self._factor_inverse or self.preconditioner)(self._on_device(gradient)).cpu().numpy()

    def _on_device(self, values: Array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.ordering.position.device)

    def solve(self, residuals: Sequence[torch.Tensor], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self._solve(lambda step: self._gradient_of_residuals(residuals, step), accuracy, base_size)

    def solve_rows(self, rows: Sequence[Rows], accuracy: float = 0.0, base_size: float = 0.0) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`; fleeting rows are taken a few intervals at a time."""
        return self._solve(lambda step: self._gradient_of_rows(rows, step), accuracy, base_size)

    def _gradient_of_residuals(self, residuals: Sequence[torch.Tensor], step: torch.Tensor | None) -> torch.Tensor:
        """Return J^T (r + J d) for residuals r and a step d; None for no step."""
        if step is not None:
            residuals = [r + a for r, a in zip(residuals, self.apply(step.cpu().numpy()), strict=True)]
        return self._on_device(self.gradient(residuals))

    def _gradient_of_rows(self, rows: Sequence[Rows], step: torch.Tensor | None) -> torch.Tensor:
        """Return J^T (r + J d) for the residuals r of ``rows`` and a step d; None for no step."""
        total: torch.Tensor | float = 0.0
        for block, own in zip(self.rows, rows, strict=True):
            if isinstance(own, RecomputedRows):
                total = total + own.gradient_after_step(self.ordering, step)
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
            relative, absolute = max(accuracy, self.error_share), self.error_share * base_size
            found, self.solution_error = self._solve_by_candidates(right, relative, absolute, least)
            step = step + found
            if accuracy >= LOOSE_ACCURACY:
                break
            right = -gradient(step) - self.damping * self._diagonal * step
            largest, missing = self._sizes(step, self.preconditioner(right))
            self.solution_error = max(self.solution_error, missing)
            target = max(accuracy * largest, self.error_share * max(largest, base_size))
            excess = ESTIMATE_FACTOR if self.iterations - begun < MAX_STEPS else REPORTED_EXCESS
            if self.solution_error <= excess * min(target, self._max_step_error * largest):
                break
            if missing > INEXACT_PRODUCT_SHARE * self._sizes(found)[0] and self.use_pointwise_products():
                continue
            if self.solution_error > 0.5 * before:
                break
            before = self.solution_error
        return step.cpu().numpy()

    def _solve_by_candidates(
        self, right: torch.Tensor, accuracy: float, max_error: float, min_steps: int = 0
    ) -> tuple[torch.Tensor, float]:
        """Return the solution and its estimated error, by the first preconditioner that converges."""
        while True:
            step, fall, missing = self._iterate(right, accuracy, max_error, min_steps)
            fall = None if is_known_indefinite(self.preconditioner) else fall
            if fall is not None and (fall <= max(accuracy, MAX_REDUCTION) or missing <= ESTIMATE_FACTOR * max_error):
                return step, missing
            if self._has_inexact_products(step) and self.use_pointwise_products():
                continue
            if self._is_last_candidate:
                if self._candidate + 1 < len(self._candidates):
                    return step, missing
                raise SolverError(STALLED_TEXT, Reason.STALLED)
            self._candidate, self._preconditioner = self._candidate + 1, None

    def _has_inexact_products(self, step: torch.Tensor) -> bool:
        """Whether rounding of products with J^T J changes the step by more than INEXACT_PRODUCT_SHARE."""
        exact = self._on_device(super().normal_product(step.cpu().numpy()))
        off, size = self._sizes(self.preconditioner(exact - self._normal(step)), step)
        return off > INEXACT_PRODUCT_SHARE * size

    def _iterate(
        self, right: torch.Tensor, accuracy: float, max_error: float, min_steps: int = 0
    ) -> tuple[torch.Tensor, float | None, float]:
        """Return the solution, the reduction of the gradient (None: try another inverse), and the estimated error."""
        inverse = self.preconditioner
        given, step, towards = right, torch.zeros_like(right), inverse(right)
        direction, slope = towards, (right * towards).sum(0)
        if float(slope.max()) <= 0.0:
            return step, 0.0, 0.0
        start, falls, missing, reach = slope.clamp_min(1e-300), [1.0], 0.0, 0.0
        coarse = inverse.coarse_inverse if isinstance(inverse, TwoLevelInverse) and self.damping == 0.0 else None
        mended = COARSE_GAIN if coarse else 1.0
        while len(falls) <= min(MAX_STEPS, self._step_and_work_limits[0]):
            self.clock.check()
            image = self._damped_product(direction)
            curvature = (direction * image).sum(0)
            if bool(((curvature < 0.0) & (slope > accuracy**2 * start)).any()):  # rounding of J^T J
                if not self.use_pointwise_products():
                    break
                return self._iterate(given, accuracy, max_error, min_steps)
            length = safe_ratio(slope, curvature)
            step, right = step + length * direction, right - length * image
            towards, before = inverse(right), slope
            slope = (right * towards).sum(0).clamp_min(0.0)
            self.iterations += 1
            falls.append(float((slope / start).max().sqrt()))
            (last,), rate = self._sizes(length * direction), convergence_rate(falls)
            missing, reach, rests = last * rate / (1.0 - rate), reach + last, is_at_rounding(falls)
            if self._uses_pointwise_products and is_stagnant(falls):
                return step, 0.0, max(missing, self._sizes(towards)[0])
            allowed = mended * min(max(accuracy * reach, max_error), self._max_step_error * reach)
            is_small, trial = len(falls) > min_steps and missing <= allowed, self._candidates[self._candidate]
            if is_small or rests or len(falls) > trial.trial_steps:
                size, seen = self._sizes(step, towards)
                target = min(max(accuracy, max_error / max(size, 1e-300)), self._max_step_error)
                if (falls[-1] <= target and max(missing, seen / ESTIMATE_FACTOR) <= mended * target * size) or rests:
                    break
                if self._converges_too_slowly(falls, target):
                    return step, None, missing
            direction = towards + safe_ratio(slope, before) * direction
        step = step + coarse(right) if coarse else step
        return step, falls[-1], max(missing, self._sizes(towards)[0]) / mended

    @property
    def _is_last_candidate(self) -> bool:
        """Whether there is no next preconditioner within the allowed work."""
        following = self._candidates[self._candidate + 1 : self._candidate + 2]
        return not any(rung.work <= self._step_and_work_limits[1] for rung in following)

    def _converges_too_slowly(self, falls: Sequence[float], target: float) -> bool:
        """Whether this preconditioner promises more steps to the target than allowed, and there is a next one."""
        rung = self._candidates[self._candidate]
        is_judged = len(falls) - 1 == rung.trial_steps and not self._is_last_candidate
        return is_judged and not reaches_target(falls, target, rung.max_steps)
