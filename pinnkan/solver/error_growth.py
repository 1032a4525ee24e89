"""The growth of errors in a pass through time, and the local tolerances of the next pass.

The linearised equation carries errors on. Local tolerances in inverse proportion to the growth to come let every slab
add as much to the final error.
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array

#: A next pass aims at this share of the tolerance; no local tolerance is multiplied by less than MIN_CUT.
TARGET_SHARE, MIN_CUT = 0.3, 1e-4
#: After a pass that was given up, errors are taken to grow at this share of their rate so far. Heuristic: those of
#: Kuramoto and Sivashinsky's equation grow by e^5 until t = 0.3, by e^8 after it.
FUTURE_RATE_SHARE = 0.5
#: The largest logarithm of a growth: more is merely too large.
MAX_LOG_GROWTH = 100.0
#: Relative errors below this are rounding: their growth says nothing of the equation.
ROUNDING_ERROR = 1e-15
#: The number of parts of the time after the last slab of a pass.
FUTURE_PARTS = 16
#: Iterations for the positive root of x = log(1 + s x): exact to a thousandth for s = e.
ITERATIONS = 30


@dataclass(frozen=True, eq=False)
class LocalTolerance:
    """The local tolerance as a step function of time: ``largest * shares[k]`` from ``times[k]`` on."""

    scale: float
    times: Array
    shares: Array

    @classmethod
    def constant(cls, tolerance: float) -> "LocalTolerance":
        """Return a local tolerance that is constant in time."""
        return cls(tolerance, np.zeros(1), np.ones(1))

    def value_at(self, time: float) -> float:
        """The local tolerance of a slab that begins at ``time``."""
        k = int(np.searchsorted(self.times, time, side="right")) - 1
        return self.scale * float(self.shares[max(k, 0)])


@dataclass(frozen=True, eq=False)
class ErrorGrowth:
    """The errors of the slabs of a pass; ``ends``: times (slab + 1,) between them.

    Root mean squares (slab,) over that of the solution: ``error_rms``, of the estimate; ``carried_rms``, of its part
    from earlier slabs.
    """

    ends: Array
    error_rms: Array
    carried_rms: Array

    @property
    def lengths(self) -> Array:
        """The lengths of the slabs (slab,)."""
        return np.diff(self.ends)

    @property
    def log_factors(self) -> Array:
        """Logarithms (slab,) of the growth in each slab of the error at its start; 0 for the first."""
        errors, carried = np.maximum(self.error_rms, ROUNDING_ERROR), np.maximum(self.carried_rms, ROUNDING_ERROR)
        return np.append(0.0, np.log(carried[1:] / errors[:-1]))

    @property
    def twice_log_growth(self) -> float:
        """Twice the logarithm of the growth of the first error until now, had that been exponential.

        The root x of (e^x - 1)/x = s, with s the mean squared growth of that error, since growth may be large for an
        instant.
        """
        square = min(float(self.growth_so_far(self.ends[-1])[0]) ** 2, np.exp(MAX_LOG_GROWTH))
        x = 2.0 * np.log(square)
        for _ in range(ITERATIONS):
            x = np.log1p(square * x)
        return float(x)

    @property
    def future_rate(self) -> float:
        """The rate at which errors are taken to grow after the pass: FUTURE_RATE_SHARE times the mean rate so far."""
        return FUTURE_RATE_SHARE * 0.5 * self.twice_log_growth / float(self.ends[-1] - self.ends[0])

    def growth_so_far(self, end: float) -> Array:
        """Growth (slab,) from each slab to the last one, root mean square over the time until ``end``, at least 1."""
        return self._growth_after_slabs(0.0, end - self.ends[0])

    def growth_until(self, end: float) -> tuple[Array, Array]:
        """Return times (slab beginnings, then PARTS more) and the root mean square growth from each until ``end``."""
        last, total = self.ends[-1], end - self.ends[0]
        after = np.linspace(last, end, FUTURE_PARTS + 1)[:-1] if last < end else np.empty(0)
        later = np.sqrt(np.maximum([self._future_squared_growth(end - t) / total for t in after], 1.0))
        return np.append(self.ends[:-1], after), np.append(
            self._growth_after_slabs(self._future_squared_growth(end - last), total), later
        )

    def _future_squared_growth(self, time: float) -> float:
        """The integral over a duration of the square of exp(:attr:`rate` t)."""
        x = min(2.0 * self.future_rate * time, 2.0 * MAX_LOG_GROWTH)
        return time * float(np.expm1(x) / x if x > 0.0 else 1.0)

    def _growth_after_slabs(self, later: float, total: float) -> Array:
        """The growth (slab,) after each slab, root mean square over the time ``total``.

        ``later``: integral after the last slab of the square of an error of one there. Growth continues from its mean,
        since a passing front makes an error large for an instant only. An error counts no less than one made later.
        """
        integral, out, most = 0.0, np.empty(len(self.error_rms)), total * np.exp(2.0 * MAX_LOG_GROWTH)
        for i in reversed(range(len(out))):
            integral = min(integral + self.lengths[i], most)
            out[i] = integral * (1.0 + later / (self.ends[-1] - self.ends[i])) / total
            integral *= np.exp(min(2.0 * self.log_factors[i], 2.0 * MAX_LOG_GROWTH))
        return np.maximum.accumulate(np.sqrt(np.maximum(out, 1.0))[::-1])[::-1]

    def predicted_error(self, end: float) -> float:
        """The root mean square error until ``end``: that so far, continued by an exponential with the same mean."""
        squares, total = float(self.error_rms**2 @ self.lengths), self.ends[-1] - self.ends[0]
        now = squares / total * max(self.twice_log_growth, 1.0)
        return float(np.sqrt((squares + now * self._future_squared_growth(end - self.ends[-1])) / (end - self.ends[0])))


def next_local_tolerance(previous: LocalTolerance, growth: ErrorGrowth, end: float, tolerance: float) -> LocalTolerance:
    """Return the local tolerance of the pass after one with ``previous``, for an error of TARGET_SHARE * ``tolerance``.

    It is lowered by as much as the predicted error is too large, in inverse proportion to the growth to come, and is at
    most ``tolerance`` over the growth within the pass.
    """
    cut = max(TARGET_SHARE * tolerance / max(growth.predicted_error(end), tolerance), MIN_CUT)
    times, to_come = growth.growth_until(end)
    lengths = np.diff(np.append(times, end))
    mean = np.sqrt(float(to_come**2 @ lengths) / float(lengths.sum()))
    local = np.array([previous.value_at(t) for t in times])
    lower = local * np.minimum(1.0, cut * mean / to_come)
    seen = growth.growth_so_far(end)
    most = np.append(tolerance / seen, np.full(len(times) - len(seen), tolerance))
    allowed = np.minimum(lower, np.maximum(most, MIN_CUT * local))
    return LocalTolerance(previous.scale, times, allowed / previous.scale)
