"""Gauss-Newton for the outer coefficients of a product network.

A linear equation takes one step, as many as settle its signs and steps where these depend on the solution; a nonlinear
one a few, each damped (Levenberg-Marquardt) only when the loss would rise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.state import Newton, Step
from pinnkan.verdict.records import Iteration

#: A step is taken for one of a quadratic iteration if it is below this share of the one before, and the next one for
#: CAUTION times what it then would be. Without: one step more, of 1e-10 to 1e-14, in nearly every slab.
NEAR, CAUTION = 0.1, 4.0
#: Relative accuracy of a step, times the size of the one before where that is below one: a share of what an iteration
#: that is quadratic leaves anyway (Eisenstat, Walker 1996). An iterative solver then takes a third of its steps.
FORCED = 0.03
#: The same share of the tolerance over what the step is expected to be, a tenth of the one before, where that is more.
SHARE = 0.3
#: Of a loss no larger than this nothing is known.
LEAST = 1e-28
#: Steps after which an iteration that still moves is given up. From far off it leads on if its loss has been halved by
#: each of the last so many, none damped.
MAX_STEPS, LEADING = 30, 8
#: A residual of which a step leaves less than this share of the square is no rounding, however small beside its terms:
#: where a diode is about to lead its exponential is 1e20 too large, and each step of Newton takes a factor e off.
FALLEN = 0.5
#: What a step leaves of the loss, at most, where no sign or step of the solution has turned by it. Of a_tt = 1 - 0.5 *
#: sign(a_t) from a_t = 0 the first one takes a sign of zero and leaves a fourth.
SETTLED = 1e-3
#: Damping beyond which a step is given up: the gradient alone is no longer followed.
FIRMEST = 1e8


class LeastSquares(Protocol):
    """What :func:`gauss_newton` minimises: a system on the axes, or one in inner coordinates."""

    @property
    def model(self) -> Model:
        """The equations."""

    def loss(self, coefficients: Array) -> float:
        """Sum of the weighted squares of all rows."""

    @property
    def left(self) -> float:
        """What the last steps left out, relative to the largest coefficient."""

    @property
    def floor(self) -> float:
        """What rounding leaves of the residual, a norm, as far as the last steps know."""

    def steps(
        self,
        coefficients: Array,
        targets: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Gauss-Newton steps, one per target, to a relative ``accuracy`` at least."""

    def chord(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """A step with the residual at ``coefficients`` and the matrix of the last one; None where it was not kept."""

    def where_not_finite(self, coefficients: Array) -> str:
        """The first place where a row is not finite, in words."""


@dataclass(frozen=True, eq=False)
class Converged:
    """Coefficients at a stationary point of the loss (when ``stationary``) and the steps that led there."""

    coefficients: Array
    steps: tuple[Step, ...]
    stationary: bool


def relative_size(step: Array, coefficients: Array) -> float:
    """Root mean square of a step over that of the coefficients, a proxy of the relative change of the function."""
    scale = float(np.sqrt(np.mean(coefficients**2)))
    return float(np.sqrt(np.mean(step**2))) / (scale if scale > 0.0 else 1.0)


def contraction(history: Sequence[Iteration]) -> float:
    """The largest size of a step over the square of the one before, of those that shrink; infinite where none do."""
    steps = [(a.step, b.step) for a, b in pairwise(history) if b.iteration == a.iteration + 1]
    return max((b / a**2 for a, b in steps if 0.0 < b < NEAR * a), default=np.inf)


def gauss_newton(
    system: LeastSquares,
    start: Array,
    fixed: np.ndarray,
    tolerance: float,
    monitor: Monitor | None = None,
    known: float = np.inf,
    firmest: float = FIRMEST,
    most: int = MAX_STEPS,
) -> Converged:
    """Minimise the loss over the free coefficients; fixed ones keep their values in ``start``.

    A step that leads to values that are not finite, or to a larger loss, is rejected and damped until it does not.
    Stops when the step, or for quadratically shrinking steps the next one, falls below ``tolerance`` relative to the
    coefficients, and what it has left out does, and after a step from a residual that is rounding and stays.
    ``known`` is the :func:`contraction` of steps nearby. ``monitor`` is told of every step and may know where an
    interrupted iteration stood. No step is damped more than ``firmest``; there are up to ``most`` while all lead on.

    Raises SolverError: values are not finite at the start, or no damping gives a step with a finite, smaller loss;
    OutOfTimeError: the time limit is over.
    """
    begun = (monitor.newton() if monitor else None) or Newton(start)
    c, previous, steps, loss = begun.coefficients, begun.previous, list(begun.steps), _finite(system, begun)
    if system.model.is_linear:
        return _linear(system, fixed, begun, loss, monitor)
    while len(steps) < min(most, MAX_STEPS) or (len(steps) < most and _leads_on(steps)):
        c = np.ascontiguousarray(c)
        if monitor:
            monitor.stepping(Newton(c, tuple(steps), previous))
        step, damping = _step(system, c, fixed, previous, tolerance)
        check = (lambda: monitor.check_step(steps)) if monitor else (lambda: None)
        step, taken = _damped(system, c, fixed, (step, damping), loss, tolerance, check, firmest)
        was_rounding = loss <= system.floor**2 and taken.loss > FALLEN * loss
        c, loss, size = c + step, taken.loss, taken.size
        steps.append(taken)
        is_exact, expected = taken.damping == 0.0 and system.left <= tolerance, _next(size, previous, known)
        if is_exact and (was_rounding or min(size, expected) <= tolerance):
            return Converged(c, tuple(steps), True)
        ends = is_exact and _after_chord(size, previous, known) <= tolerance
        last = _chord(system, c, fixed, loss, expected) if ends else None
        if last is not None:
            return Converged(c + last[0], (*steps, last[1]), True)
        previous = size
    return Converged(c, tuple(steps), False)


def _linear(system: LeastSquares, fixed: np.ndarray, begun: Newton, loss: float, monitor: Monitor | None) -> Converged:
    """The step of a linear problem, or as many as turn signs of the solution that count."""
    c, steps = begun.coefficients, list(begun.steps)
    while len(steps) < MAX_STEPS:
        c = np.ascontiguousarray(c)
        if monitor:
            monitor.stepping(Newton(c, tuple(steps), begun.previous))
        step, _ = _step(system, c, fixed, np.inf, 0.0)
        after, before = system.loss(c + step), loss
        if steps and after >= before:  # signs go to and fro
            break
        steps.append(Step(after, relative_size(step, c + step), 0.0))
        c, loss = c + step, after
        is_still = after <= SETTLED * before or (len(steps) > 1 and after > FALLEN * before)
        if is_still or not system.model.may_have_others:
            break
    return Converged(c, tuple(steps), True)


def _leads_on(steps: Sequence[Step]) -> bool:
    """Whether the last steps have each left less than half of the loss, and none was damped."""
    last = steps[-1 - LEADING :]
    return len(last) > LEADING and all(b.loss < 0.5 * a.loss and b.damping == 0.0 for a, b in pairwise(last))


def _finite(system: LeastSquares, begun: Newton) -> float:
    """The loss at the start; raises SolverError where it is not finite."""
    loss = system.loss(begun.coefficients)
    if not np.isfinite(loss):
        where = system.where_not_finite(begun.coefficients)
        raise SolverError(f"the residual is not finite {where}", "not_finite")
    return loss


def _damped(
    system: LeastSquares,
    c: Array,
    fixed: np.ndarray,
    first: tuple[Array, float],
    loss: float,
    tolerance: float,
    check: Callable[[], None],
    firmest: float,
) -> tuple[Array, Step]:
    """The ``first`` step and damping, damped more until the loss is finite and no larger; ``check`` before each try."""
    step, damping = first
    size, after = relative_size(step, c + step), system.loss(c + step)
    while not np.isfinite(after) or (after > loss * (1.0 + 1e-6) + max(LEAST, system.floor**2) and size > tolerance):
        damping = max(1e-6, 8.0 * damping)
        if damping > firmest:
            raise _no_step(system, c + step, after)
        check()
        step = system.steps(c, [c], fixed, damping, FORCED)[0]
        size, after = relative_size(step, c + step), system.loss(c + step)
    return step, Step(after, size, damping)


def _next(size: float, previous: float, known: float) -> float:
    """What the next step is expected to be at most: quadratically smaller, as far as the last steps shrank at all."""
    if size >= NEAR * previous or size >= NEAR:
        return np.inf
    shown = max(size / previous**2, known if np.isfinite(known) else 0.0)
    return CAUTION * shown * size**2 if shown > 0.0 else np.inf


def _after_chord(size: float, previous: float, known: float) -> float:
    """What is left at most after a step with the matrix of the last one: as much of the next as that was of it."""
    following = _next(size, previous, known)
    return following * following / size if size > 0.0 else np.inf


def _chord(
    system: LeastSquares, c: Array, fixed: np.ndarray, loss: float, expected: float
) -> tuple[Array, Step] | None:
    """The last step, a tenth of the work of another; None unless it is as small as expected and raises no loss."""
    step = system.chord(c, fixed)
    if step is None:
        return None
    size, after = relative_size(step, c + step), system.loss(c + step)
    if not np.isfinite(after) or size > expected or after > loss * (1.0 + 1e-6) + max(LEAST, system.floor**2):
        return None
    return step, Step(after, size, 0.0)


def _forced(previous: float, tolerance: float) -> float:
    """Relative accuracy of a step after one of size ``previous``: what it then leaves is below the ``tolerance``."""
    expected = NEAR * min(1.0, previous)
    return min(FORCED, max(FORCED * min(1.0, previous), SHARE * tolerance / max(expected, 1e-300)))


def _step(system: LeastSquares, c: Array, fixed: np.ndarray, previous: float, tolerance: float) -> tuple[Array, float]:
    damping, accuracy = 0.0, 0.0 if system.model.is_linear else _forced(previous, tolerance)
    while True:
        try:
            return system.steps(c, [c], fixed, damping, accuracy)[0], damping
        except np.linalg.LinAlgError as error:
            damping = max(1e-8, 100.0 * damping)
            if damping > 1.0:  # with so much on the diagonal only numbers that are not finite are left
                reason = f"the derivatives of the equations are not finite {system.where_not_finite(c)}"
                raise SolverError(reason, "not_finite") from error


def _no_step(system: LeastSquares, tried: Array, loss: float) -> SolverError:
    if np.isfinite(loss):
        return SolverError("no Gauss-Newton step lowers the residual")
    where = system.where_not_finite(tried)
    return SolverError(f"every Gauss-Newton step makes the residual not finite, the last one {where}", "not_finite")
