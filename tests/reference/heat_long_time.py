"""PINNacle's Heat2d-LT: sine series in the plane and ETDRK4 in time.

    u_t = 0.001 lap u + 5 sin(u^2) (1 + 2 sin(pi t / 4)) sin(4 pi x) sin(2 pi y),    u = 0 on the unit square,
    u = sin(4 pi x) sin(3 pi y) at t = 0

Hao et al. (2023), PINNacle, appendix B. sin(u^2) is even and the factor odd in x and y, so that an odd periodic u stays
one: a sine series converges faster than any power. Data and factor repeat after half of the square in x and are odd
about x = 1/4, so that every fourth mode in x is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dstn, idstn

from .etdrk4 import Step, step_of

Array = NDArray[np.float64]
DIFFUSION = 1e-3


@dataclass(frozen=True)
class SineSeries:
    """Coefficients (time, mode in x, mode in y) at saved times; x has the modes fold, 2 fold, ..."""

    times: tuple[float, ...]
    coefficients: Array
    fold: int

    def on_grid(self, x: Array, y: Array) -> Array:
        """Values (time, x, y) on a tensor grid."""
        modes_x, modes_y = (np.arange(1, n + 1) for n in self.coefficients.shape[1:])
        left, right = np.sin(np.pi * np.outer(x, self.fold * modes_x)), np.sin(np.pi * np.outer(y, modes_y))
        return np.asarray(left @ self.coefficients @ right.T)


def growth(t: float) -> float:
    """The factor of sin(4 pi x) sin(2 pi y) sin(u^2) at time t."""
    return float(5 * (1 + 2 * np.sin(np.pi * t / 4)))


@lru_cache
def heat_long_time(
    times: tuple[float, ...], modes: tuple[int, int] = (127, 319), longest: float = 0.00125, fold: int = 4
) -> SineSeries:
    """Return the solution at `times`, equal steps <= `longest` between them; modes in x are multiples of `fold`."""
    x, y = (np.arange(1, n + 1) / (n + 1) / m for n, m in zip(modes, (fold, 1), strict=True))
    shape = np.sin(4 * np.pi * x)[:, None] * np.sin(2 * np.pi * y)
    kx, ky = (np.arange(1, n + 1) * m * np.pi for n, m in zip(modes, (fold, 1), strict=True))
    rates = -DIFFUSION * np.add.outer(kx**2, ky**2).ravel()

    def source(v: Array, t: float) -> Array:
        u = idstn(v.reshape(modes), 1, norm="forward")
        return dstn(growth(t) * shape * np.sin(u**2), 1, norm="forward").ravel()

    v, now, saved = dstn(np.sin(4 * np.pi * x)[:, None] * np.sin(3 * np.pi * y), 1, norm="forward").ravel(), 0.0, []
    for stop in times:
        count = int(np.ceil((stop - now) / longest * (1 - 1e-12)))
        length = (stop - now) / count
        step = step_of(rates, length)
        for n in range(count):
            v = _advance(step, source, v, now + n * length, length)
        now = stop
        saved.append(v.reshape(modes) * 4)
    return SineSeries(times, np.array(saved), fold)


def heat2d_lt(x: Array, y: Array, t: Array) -> Array:
    """Values of problems/heat2d_lt.yaml at points (point) of a tensor grid; all its times are saved ones."""
    (edge_x, edge_y, now) = (np.unique(a) for a in (x, y, t))
    table = heat_long_time(tuple(now)).on_grid(edge_x, edge_y)
    return np.asarray(table[np.searchsorted(now, t), np.searchsorted(edge_x, x), np.searchsorted(edge_y, y)])


def _advance(step: Step, source: Callable[[Array, float], Array], v: Array, t: float, length: float) -> Array:
    """Return v one step later; as `etdrk4.advance`, for a nonlinear part that depends on time."""
    at_v = source(v, t)
    a = step.half * v + step.stage * at_v
    at_a = source(a, t + length / 2)
    at_b = source(step.half * v + step.stage * at_a, t + length / 2)
    at_c = source(step.half * a + step.stage * (2 * at_b - at_v), t + length)
    return np.asarray(step.whole * v + step.first * at_v + step.middle * (at_a + at_b) + step.last * at_c)
