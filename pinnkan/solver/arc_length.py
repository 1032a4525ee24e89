"""Continuation by arc length past turning points, where the next milder problem has no solution nearby.

The curve of u and log(1 + mu), with F(u) + mu T(u) = 0, is followed in predictor steps along its tangent and corrector
steps across it (Keller 1977; Allgower and Georg 1990, chapters 4 and 6). With J the Jacobian of the rows the tangent is
-J^+ dF/dlog(1 + mu). A corrector step is one of Gauss-Newton for u and the logarithm: two right sides, one matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor

#: Lengths of steps, of coefficients relative to themselves and of the logarithm: first, least, largest; after at most
#: FEW_CORRECTIONS corrections the next one is STEP_GROWTH times as long. Heuristic.
FIRST_STEP, SHORTEST_STEP, LONGEST_STEP, FEW_CORRECTIONS, STEP_GROWTH = 0.05, 5e-3, 0.5, 2, 1.5
#: Corrections of a step at most, and the length below which they have converged.
MAX_CORRECTIONS, CORRECTOR_TOLERANCE = 5, 1e-4
#: Steps in all by number of coordinates; rise of the logarithm above its minimum at which the curve is given up.
MAX_STEPS, MAX_RETURN = {1: 80, 2: 40}, 3.0
#: How often every interval is halved for the curve; in more than two coordinates it is not followed.
HALVINGS = {1: 2, 2: 1}
#: Largest squared distance of a solution at mu = 0 from its predictor, relative to that of the step.
MAX_DISTANCE = 1.0


@dataclass(frozen=True, eq=False)
class _CurvePoint:
    """A point of the curve: coefficients and the logarithm of 1 + mu, each with its tangent."""

    coefficients: Array
    log_parameter: float
    tangent: Array
    log_tangent: float

    def dot(self, a: Array, b: Array) -> float:
        """Inner product of two changes of coefficients, relative to the squared norm of the coefficients."""
        return float((a * b).sum() / max(float((self.coefficients**2).sum()), 1e-300))


def refine_for_arc_length(space: Space, coefficients: Array) -> tuple[Space, Array] | None:
    """Return a function on the knots for following the curve; None in more than two coordinates."""
    fine = space
    for _ in range(HALVINGS.get(len(space.axes), 0)):
        fine = fine.halved()
    return None if fine is space else (fine, np.ascontiguousarray(space.prolong(coefficients, fine)))


def continue_by_arc_length(
    model_at: Callable[[float], Model], space: Space, coefficients: Array, mu: float, monitor: Monitor
) -> Array | None:
    """Return the coefficients of a solution at mu = 0 reached from that at ``mu``; None if the curve leads to none.

    ``model_at``: the model of the problem with a given mu. Raises OutOfTimeError if the time limit is over.
    """
    fixed = zero_conditions(model_at(0.0).conditions, space)[1]
    try:
        return _SolutionCurve(model_at, space, fixed).follow(coefficients, float(np.log1p(mu)), monitor)
    except (np.linalg.LinAlgError, SolverError):
        return None


@dataclass(frozen=True, eq=False)
class _SolutionCurve:
    """The curve of solutions in one space; ``fixed``: mask of the coefficients that conditions fix."""

    model_at: Callable[[float], Model]
    space: Space
    fixed: np.ndarray

    def follow(self, coefficients: Array, log_parameter: float, monitor: Monitor) -> Array | None:
        """Follow the curve; return the coefficients at mu = 0, None if it does not lead there."""
        here, step = (
            self._with_tangent(_CurvePoint(coefficients, log_parameter, np.zeros_like(coefficients), -1.0)),
            FIRST_STEP,
        )
        least = log_parameter
        for _ in range(MAX_STEPS[len(self.space.axes)]):
            monitor.check_time()
            there = self._next(here, step)
            if there is not None and there[0].log_parameter <= 0.0:
                found = self._at_zero(here, there[0])
                if found is not None:
                    return found
                there = None
            if there is None:
                step *= 0.5
                if step < SHORTEST_STEP:
                    return None
                continue
            here, corrections = there
            least = min(least, here.log_parameter)
            if here.log_parameter > least + MAX_RETURN:
                return None
            step = min(step * (STEP_GROWTH if corrections <= FEW_CORRECTIONS else 1.0), LONGEST_STEP)
        return None

    def _with_tangent(self, at: _CurvePoint) -> _CurvePoint:
        """Return the point with the unit tangent of the curve, in the direction of the tangent it has."""
        along = self._step_and_derivative(at)[1]
        size = float(np.sqrt(at.dot(along, along) + 1.0))
        size *= 1.0 if at.dot(along, at.tangent) + at.log_tangent > 0.0 else -1.0
        return _CurvePoint(at.coefficients, at.log_parameter, along / size, 1.0 / size)

    def _next(self, here: _CurvePoint, length: float) -> tuple[_CurvePoint, int] | None:
        """Return the point ``length`` further along the curve and the corrections it took; None if they diverge."""
        c, mildness, before = (
            here.coefficients + length * here.tangent,
            here.log_parameter + length * here.log_tangent,
            np.inf,
        )
        for count in range(MAX_CORRECTIONS):
            try:
                step, along = self._step_and_derivative(_CurvePoint(c, mildness, here.tangent, here.log_tangent))
            except (np.linalg.LinAlgError, SolverError):
                return None
            change = -here.dot(here.tangent, step) / (here.dot(here.tangent, along) + here.log_tangent)
            step = step + change * along
            c, mildness = c + step, mildness + change
            moved = float(np.sqrt(here.dot(step, step) + change**2))
            if not moved < min(before, 2.0 * length):
                return None
            if moved < CORRECTOR_TOLERANCE:
                return self._with_tangent(_CurvePoint(c, mildness, here.tangent, here.log_tangent)), count
            before = moved
        return None

    def _at_zero(self, here: _CurvePoint, next_point: _CurvePoint) -> Array | None:
        """Return the coefficients at mu = 0, between two points; None if Gauss-Newton leads elsewhere."""
        share, change = (
            here.log_parameter / (here.log_parameter - next_point.log_parameter),
            next_point.coefficients - here.coefficients,
        )
        start = here.coefficients + share * change
        found = gauss_newton(System(self.model_at(0.0), self.space), start, self.fixed, CORRECTOR_TOLERANCE)
        off = found.coefficients - start
        return (
            found.coefficients
            if found.is_stationary and here.dot(off, off) < MAX_DISTANCE * here.dot(change, change)
            else None
        )

    def _step_and_derivative(self, at: _CurvePoint) -> tuple[Array, Array]:
        """Return the Gauss-Newton step at a point, and the derivative of the coefficients by the logarithm."""
        mu = float(np.expm1(at.log_parameter))
        system, milder = (System(self.model_at(m), self.space, keeps_solver=True) for m in (mu, mu + 1.0))
        (step,) = system.gauss_newton_steps(at.coefficients, [at.coefficients], self.fixed)
        c, count = system.tensor(at.coefficients), len(system.model.equations)
        pairs = zip(milder.patches[:count], system.patches[:count], strict=True)
        return step, system.step_for_residuals(
            [(1.0 + mu) * (more.residual(c) - less.residual(c)) for more, less in pairs]
        )
