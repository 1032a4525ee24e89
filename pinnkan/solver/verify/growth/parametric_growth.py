"""Growth caused by coefficients that change with time, which rates frozen at an instant do not show.

A string whose tension oscillates with twice its frequency, or a rotating matrix whose eigenvalues all decay (Vinograd
1952; Coppel 1978, Dichotomies in Stability Theory, section 1), grows exponentially. So the equations of one wave, with
coefficients averaged over space, are integrated over the remaining time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Complex, DerivativeFunction
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.symbol import FrozenEquations, frozen_equations

#: Points in space of an average; times at which coefficients are compared; relative difference that is a change.
PLACES, MOMENTS, MIN_CHANGE = 8, 31, 1e-6
#: Largest angle, in radians, by which a wave oscillates in a step: 1e-5 of it is lost.
MAX_STEP_ANGLE = 0.4
#: Fewest and most steps; systems that need more are not integrated.
MIN_STEPS, MAX_STEPS = 256, 16384
#: Condition number from which on coefficients do not determine the highest derivatives; smallest divisor.
MAX_CONDITION, TINY = 1e8, 1e-300


@dataclass(frozen=True, eq=False)
class ParametricGrowth:
    """The equations of a problem from a time ``start_time`` to the end.

    ``linearised_at``: at which they are linearised, with its values at ``start_time``; None for linear equations.
    """

    model: Model
    linearised_at: DerivativeFunction | None
    start_time: float

    @property
    def has_varying_coefficients(self) -> bool:
        """Whether coefficients change with time, in a system of more than one first derivative in time."""
        if sum(self.model.problem.orders_in_time) < 2:
            return False
        for _, weights in self._mean_coefficients(self._times(MOMENTS)):
            size = np.abs(weights).max(initial=0.0)
            if (np.ptp(weights, axis=0) > MIN_CHANGE * size).any():
                return True
        return False

    def rates(self, direction: Sequence[float], numbers: Sequence[float]) -> Complex:
        """The growth rates of waves exp(i k n . x), k one of the ``numbers``, n the ``direction``: (number,).

        Real part: log of the spectral radius of the propagator to the end, over the time; imaginary part: the largest
        angular frequency. Zero where a system cannot be integrated in the steps allowed.
        """
        return np.array([self._rate(direction, number) for number in numbers])

    def _rate(self, direction: Sequence[float], number: float) -> complex:
        steps, turning = MIN_STEPS, np.inf
        while steps <= MAX_STEPS:
            matrices = self._matrices(steps, direction, number)
            if matrices is None:
                return 0.0
            turning = float(np.abs(np.linalg.eigvals(matrices[:: steps // MIN_STEPS]).imag).max())
            if turning * self.remaining_time <= MAX_STEP_ANGLE * steps:
                return (
                    _log_spectral_radius(_propagators(matrices * (self.remaining_time / steps))) / self.remaining_time
                    + 1j * turning
                )
            steps = 2 ** int(np.ceil(np.log2(turning * self.remaining_time / MAX_STEP_ANGLE)))
        return 0.0

    @property
    def remaining_time(self) -> float:
        """The remaining time."""
        return self.model.problem.box.ranges[-1][1] - self.start_time

    def _times(self, count: int) -> Array:
        return self.start_time + self.remaining_time * (np.arange(count) + 0.5) / count

    def _mean_coefficients(self, times: Array) -> FrozenEquations:
        """The derivatives dF/djet, averaged over space: (time, jet) for each equation."""
        ranges = np.array(self.model.problem.box.ranges)
        places = kronecker_points(PLACES, len(ranges) - 1)
        inside = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * places
        points = np.column_stack([np.tile(inside, (len(times), 1)), np.repeat(times, len(places))])
        found = frozen_equations(
            self.model.equations, None if self.linearised_at is None else self._frozen_field, points
        )
        return [(jets, own.reshape(len(times), len(places), -1).mean(1)) for jets, own in found]

    def _frozen_field(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """The function frozen at ``begin``, at points of any time: (point, unknown, order)."""
        assert self.linearised_at is not None
        first = points.copy()
        first[:, -1] = self.start_time
        return self.linearised_at(first, orders)

    def _matrices(self, steps: int, direction: Sequence[float], number: float) -> Complex | None:
        """The matrix A of y' = A y at the middle of each step (step, row, column), or None where it is singular.

        y: all derivatives in time of the unknowns below the highest.
        """
        orders = self.model.problem.orders_in_time
        starts, size = np.cumsum([0, *orders]), sum(orders)
        weights = self._mean_coefficients(self._times(steps))
        top = np.zeros((steps, len(weights), len(orders)), dtype=np.complex128)
        rest = np.zeros((steps, len(weights), size), dtype=np.complex128)
        for row, (jets, slopes) in enumerate(weights):
            for jet, slope in zip(jets, slopes.T, strict=True):
                waves = [(1j * number * n) ** a for n, a in zip(direction, jet.order[:-1], strict=True)]
                is_top = jet.order[-1] == orders[jet.unknown]
                entry = top[:, row, jet.unknown] if is_top else rest[:, row, starts[jet.unknown] + jet.order[-1]]
                entry += slope * np.prod(waves)
        scale = np.abs(top).max(2, keepdims=True)
        if (
            len(weights) != len(orders)
            or not (scale > 0.0).all()
            or (np.linalg.cond(top / scale) > MAX_CONDITION).any()
        ):
            return None
        highest = -np.linalg.solve(top / scale, rest / scale)
        out = np.zeros((steps, size, size), dtype=np.complex128)
        for u, order in enumerate(orders):
            for here in range(starts[u], starts[u] + order):
                is_last = here == starts[u] + order - 1
                out[:, here] = highest[:, u] if is_last else np.eye(size)[here + 1]
        return out


def _propagators(a: Complex) -> Complex:
    """The exponentials of small matrices by the Pade approximation (2, 2), which keeps neutral modes neutral."""
    one, square = np.eye(a.shape[-1]), a @ a / 12.0
    return np.asarray(np.linalg.solve(one - a / 2.0 + square, one + a / 2.0 + square))


def _log_spectral_radius(factors: Complex) -> float:
    """The logarithm of the spectral radius of the product of 2^n ``factors`` (step, row, column)."""
    logarithm = 0.0
    while True:
        size = np.maximum(np.abs(factors).max((1, 2), keepdims=True), TINY)
        logarithm += float(np.log(size).sum())
        factors = factors / size
        if len(factors) == 1:
            return logarithm + float(np.log(max(np.abs(np.linalg.eigvals(factors[0])).max(), TINY)))
        factors = factors[1::2] @ factors[::2]
