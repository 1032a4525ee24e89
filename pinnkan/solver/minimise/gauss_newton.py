"""Gauss-Newton iteration for the outer coefficients of a product network.

A linear problem takes one step, or a few where signs or steps depend on the solution. A nonlinear one takes a few, each
damped (Levenberg-Marquardt) only where the loss would rise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.solver.minimise.descent import Iterate, descend, is_small_or_lowers
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.solver_state import NewtonState, Step
from pinnkan.verdict.records import Iteration

#: A step below QUADRATIC_RATIO times the one before is one of a quadratic iteration, and PREDICTION_FACTOR times the
#: extrapolation bounds the next. This spares one step in nearly every slab.
QUADRATIC_RATIO, PREDICTION_FACTOR = 0.1, 4.0
#: Relative accuracy of a step, times the size of the one before where that is below one (Eisenstat, Walker 1996). An
#: iterative solver then takes a third of its steps.
FORCING_TERM = 0.03
#: A relative accuracy of this share of the tolerance over the expected step is enough (heuristic).
TOLERANCE_SHARE = 0.3
#: Most steps of an iteration; if allowed, more while each of the last PROGRESS_STEPS steps has halved the loss,
#: undamped.
MAX_STEPS, PROGRESS_STEPS = 30, 8
#: A loss that a step makes less than this share of itself is no rounding, however small it is beside its terms.
ROUNDING_LOSS_RATIO = 0.5
#: A step of a linear problem that leaves at most this share of the loss has changed no sign in the rows.
SETTLED_LOSS_RATIO = 1e-3
#: The first damping, its growth, and that beyond which a step is given up: it is a tiny multiple of the gradient by
#: then.
LEAST_DAMPING, DAMPING_GROWTH, MAX_DAMPING = 1e-6, 8.0, 1e8


class LeastSquares(Protocol):
    """The least-squares problem that :func:`gauss_newton` minimises."""

    @property
    def model(self) -> Model:
        """The equations."""

    def loss(self, coefficients: Array) -> float:
        """The sum of the squares of all weighted rows."""

    @property
    def iteration_error(self) -> float:
        """The relative error of the last steps of an iterative solver; 0 for a factor."""

    @property
    def residual_rounding(self) -> float:
        """The norm of the rounding error of the residual, 0 where the last steps do not give it."""

    def gauss_newton_steps(
        self,
        coefficients: Array,
        targets: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return Gauss-Newton steps, one per target; ``accuracy``: the allowed relative error."""

    def chord_step(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """Return a step with the residual at ``coefficients`` and the last matrix; None where it was not kept."""

    def where_not_finite(self, coefficients: Array) -> str:
        """Describe the first place where a row is not finite."""


@dataclass(frozen=True, eq=False)
class GaussNewtonResult:
    """The coefficients, the steps that led there, and whether they are a stationary point of the loss."""

    coefficients: Array
    steps: tuple[Step, ...]
    is_stationary: bool


def relative_step_size(step: Array, coefficients: Array) -> float:
    """The root mean square of a step over that of the coefficients: about the relative change of the function."""
    scale = float(np.sqrt(np.mean(coefficients**2)))
    return float(np.sqrt(np.mean(step**2))) / (scale if scale > 0.0 else 1.0)


def contraction_constant(history: Sequence[Iteration]) -> float:
    """The largest size of a step over the square of the one before, among those that shrink; infinite for none."""
    steps = [(a.step, b.step) for a, b in pairwise(history) if b.iteration == a.iteration + 1]
    return max((b / a**2 for a, b in steps if 0.0 < b < QUADRATIC_RATIO * a), default=np.inf)


def gauss_newton(
    system: LeastSquares,
    start: Array,
    fixed: np.ndarray,
    tolerance: float,
    monitor: Monitor | None = None,
    contraction: float = np.inf,
    max_damping: float = MAX_DAMPING,
    max_steps: int = MAX_STEPS,
) -> GaussNewtonResult:
    """Minimise the loss over the free coefficients; fixed ones keep their values in ``start``.

    A step to a larger loss or one that is not finite is damped until it is neither. The iteration ends when a step, or
    the next one predicted by quadratic convergence, is below ``tolerance`` relative to the coefficients, and so is the
    error of the linear solver; also after a step from a residual that is rounding. ``contraction``: the
    :func:`contraction_constant` of other iterations; ``max_damping``: largest damping; ``max_steps``: most steps,
    beyond MAX_STEPS only while each halves the loss. ``monitor`` gets every step, and may give the state of an
    interrupted iteration. Raises SolverError where values are not finite at the start, or no damping gives a smaller
    loss; OutOfTimeError where the time limit is over.
    """
    begun = (monitor.take_newton() if monitor else None) or NewtonState(start)
    loss = _finite_loss(system, begun)
    if system.model.is_linear:
        return _solve_linear(system, fixed, begun, loss, monitor)
    run = _NonlinearIteration(system, fixed, tolerance, monitor, contraction, max_damping, max_steps, list(begun.steps))
    first = Iterate(begun.coefficients, loss, begun.previous_size)
    end, rejected = descend(first, run.linearise, run.control, run.is_over, accepts=run.accepts)
    if rejected is not None:
        raise _no_step_error(system, rejected)
    return run.result or GaussNewtonResult(end.point, tuple(run.steps), False)


@dataclass
class _NonlinearIteration:
    """The steps, their control and the end of :func:`gauss_newton` for nonlinear equations."""

    system: LeastSquares
    fixed: np.ndarray
    tolerance: float
    monitor: Monitor | None
    contraction: float
    max_damping: float
    max_steps: int
    steps: list[Step]
    result: GaussNewtonResult | None = None

    def linearise(self, now: Iterate[Array]) -> Callable[[float], Iterate[Array]]:
        """Return the function from dampings to steps; without damping one as accurate as the last one asks for."""
        c, monitor = np.ascontiguousarray(now.point), self.monitor
        if monitor:
            monitor.before_step(NewtonState(c, tuple(self.steps), now.size))

        def try_step(damping: float) -> Iterate[Array]:
            if damping == 0.0:
                return self._after(c, *_solve_step(self.system, c, self.fixed, now.size, self.tolerance))
            if monitor:
                monitor.check_time_if_usable(self.steps)
            return self._after(c, self.system.gauss_newton_steps(c, [c], self.fixed, damping, FORCING_TERM)[0], damping)

        return try_step

    def _after(self, c: Array, step: Array, damping: float) -> Iterate[Array]:
        return Iterate(c + step, self.system.loss(c + step), relative_step_size(step, c + step), damping)

    def accepts(self, now: Iterate[Array], tried: Iterate[Array]) -> bool:
        return is_small_or_lowers(now, tried, self.tolerance, self.system.residual_rounding)

    def control(self, now: Iterate[Array], tried: Iterate[Array], rejections: int) -> float | None:
        """No damping first, then ever more."""
        damping = max(LEAST_DAMPING, DAMPING_GROWTH * tried.control) if rejections else 0.0
        return damping if damping <= self.max_damping else None

    def is_over(self, before: Iterate[Array], now: Iterate[Array]) -> bool:
        """Whether there are enough steps, or the last one, or a chord step after it, has led to the ``result``."""
        if now is not before:
            self.steps.append(Step(now.loss, now.size, now.control))
            self.result = self._stationary_result(before, now)
        count, most = len(self.steps), self.max_steps
        goes_on = count < min(most, MAX_STEPS) or (count < most and _makes_progress(self.steps))
        return self.result is not None or not goes_on

    def _stationary_result(self, before: Iterate[Array], now: Iterate[Array]) -> GaussNewtonResult | None:
        if now.control > 0.0 or not self.system.iteration_error <= self.tolerance:
            return None
        rounding = self.system.residual_rounding
        was_rounding = before.loss <= rounding**2 and now.loss > ROUNDING_LOSS_RATIO * before.loss
        expected = _next_step_bound(now.size, before.size, self.contraction)
        if was_rounding or min(now.size, expected) <= self.tolerance:
            return GaussNewtonResult(now.point, tuple(self.steps), True)
        if not expected * expected / now.size <= self.tolerance:  # a bound of the error after a chord step
            return None
        step = self.system.chord_step(now.point, self.fixed)
        last = None if step is None else self._after(now.point, step, 0.0)
        if last is None or last.size > expected or not is_small_or_lowers(now, last, -1.0, rounding):
            return None
        return GaussNewtonResult(last.point, (*self.steps, Step(last.loss, last.size, 0.0)), True)


def _solve_linear(
    system: LeastSquares, fixed: np.ndarray, newton: NewtonState, loss: float, monitor: Monitor | None
) -> GaussNewtonResult:
    """Take the step of a linear problem, or as many as change signs of the solution in the rows."""
    c, steps = newton.coefficients, list(newton.steps)
    while len(steps) < MAX_STEPS:
        c = np.ascontiguousarray(c)
        if monitor:
            monitor.before_step(NewtonState(c, tuple(steps), newton.previous_size))
        step, _ = _solve_step(system, c, fixed, np.inf, 0.0)
        after, before = system.loss(c + step), loss
        if steps and after >= before:  # signs alternate
            break
        steps.append(Step(after, relative_step_size(step, c + step), 0.0))
        c, loss = c + step, after
        is_still = after <= SETTLED_LOSS_RATIO * before or (len(steps) > 1 and after > ROUNDING_LOSS_RATIO * before)
        if is_still or not system.model.may_have_other_solutions:
            break
    return GaussNewtonResult(c, tuple(steps), True)


def _makes_progress(steps: Sequence[Step]) -> bool:
    """Whether each of the last PROGRESS_STEPS steps has more than halved the loss without damping."""
    last = steps[-1 - PROGRESS_STEPS :]
    return len(last) > PROGRESS_STEPS and all(b.loss < 0.5 * a.loss and b.damping == 0.0 for a, b in pairwise(last))


def _finite_loss(system: LeastSquares, newton: NewtonState) -> float:
    """Return the loss at the start; raise SolverError where it is not finite."""
    loss = system.loss(newton.coefficients)
    if not np.isfinite(loss):
        where = system.where_not_finite(newton.coefficients)
        raise SolverError(f"the residual is not finite {where}", "not_finite")
    return loss


def _next_step_bound(size: float, previous: float, contraction: float) -> float:
    """A bound of the next step by quadratic convergence; infinite where the last steps did not shrink so."""
    if size >= QUADRATIC_RATIO * previous or size >= QUADRATIC_RATIO:
        return np.inf
    shown = max(size / previous**2, contraction if np.isfinite(contraction) else 0.0)
    return PREDICTION_FACTOR * shown * size**2 if shown > 0.0 else np.inf


def _step_accuracy(previous: float, tolerance: float) -> float:
    """Return the relative accuracy of a step after one of size ``previous``.

    Its error is a share of what a quadratic iteration leaves, or of the ``tolerance`` if that is more.
    """
    expected = QUADRATIC_RATIO * min(1.0, previous)
    return min(
        FORCING_TERM, max(FORCING_TERM * min(1.0, previous), TOLERANCE_SHARE * tolerance / max(expected, 1e-300))
    )


def _solve_step(
    system: LeastSquares, c: Array, fixed: np.ndarray, previous: float, tolerance: float
) -> tuple[Array, float]:
    damping, accuracy = 0.0, 0.0 if system.model.is_linear else _step_accuracy(previous, tolerance)
    while True:
        try:
            return system.gauss_newton_steps(c, [c], fixed, damping, accuracy)[0], damping
        except np.linalg.LinAlgError as error:
            damping = max(1e-8, 100.0 * damping)
            if damping > 1.0:  # so much damping fails only where rows are not finite
                reason = f"the derivatives of the equations are not finite {system.where_not_finite(c)}"
                raise SolverError(reason, "not_finite") from error


def _no_step_error(system: LeastSquares, rejected: Iterate[Array]) -> SolverError:
    if np.isfinite(rejected.loss):
        return SolverError("no Gauss-Newton step lowers the residual")
    where = system.where_not_finite(rejected.point)
    return SolverError(f"every Gauss-Newton step makes the residual not finite, the last one {where}", "not_finite")
