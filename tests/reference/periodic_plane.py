"""Systems in the plane by Fourier series and ETDRK4, periodic in both coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .etdrk4 import Modes, march
from .saved import Array

Nonlinear = Callable[[Array], Sequence[Array]]  # unknowns (unknown, x, y) -> what is added to their rates


@dataclass(frozen=True)
class PlaneSeries:
    """Unknowns of a system at saved times: `coefficients` (time, unknown, mode in x, mode in y >= 0), by rfft2."""

    left: float
    length: float
    times: Array
    coefficients: Modes

    def __call__(self, x: ArrayLike, y: ArrayLike, t: ArrayLike) -> Array:
        """Return all unknowns (unknown, point) at points, each at a saved time, by trigonometric interpolation."""
        x, y, t = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (x, y, t)))
        out = np.empty((self.coefficients.shape[1], x.size))
        for row, time in enumerate(self.times):
            mine = np.flatnonzero(np.isclose(t, time, rtol=1e-9))
            for part in np.array_split(mine, 1 + mine.size // 4096):
                out[:, part] = self._at(row, x[part], y[part])
        return out

    def _at(self, row: int, x: Array, y: Array) -> Array:
        c = self.coefficients[row]
        modes = c.shape[1]
        k, m = np.fft.fftfreq(modes, 1 / modes), np.arange(c.shape[2])
        wave = 2j * np.pi / self.length
        along_x = np.exp(wave * np.multiply.outer(x - self.left, k))  # (point, mode)
        along_y = np.exp(wave * np.multiply.outer(y - self.left, m)) * np.where((m == 0) | (2 * m == modes), 1, 2)
        return np.stack([((along_x @ of_unknown) * along_y).real.sum(1) for of_unknown in c]) / modes**2


def reacting_in_the_plane(
    rates: Sequence[Callable[[Array], Array]],
    nonlinear: Nonlinear,
    initial: Callable[[Array, Array], Sequence[Array]],
    interval: tuple[float, float],
    times: Sequence[float],
    modes: int,
    longest: float,
) -> PlaneSeries:
    """Return the solution of y_j' = L_j y_j + N_j(y), where L_j multiplies waves of squared number q by rates[j](q)."""
    left, right = interval
    wave = 2 * np.pi / (right - left)
    k, m = wave * np.fft.fftfreq(modes, 1 / modes), wave * np.arange(modes // 2 + 1)
    square = k[:, None] ** 2 + m**2
    x = left + (right - left) / modes * np.arange(modes, dtype=np.float64)
    start = np.fft.rfft2(np.stack(np.broadcast_arrays(*initial(x[:, None], x))))

    def added(v: Modes) -> Modes:
        values = np.fft.irfft2(v.reshape(start.shape), (modes, modes))
        return np.fft.rfft2(np.stack(list(nonlinear(values)))).ravel()

    linear = np.concatenate([rate(square).ravel() for rate in rates])
    states = march(linear, added, start.ravel(), times, longest).reshape(-1, *start.shape)
    return PlaneSeries(left, right - left, np.array(times), states)


@lru_cache
def fitzhugh_nagumo2d(times: tuple[float, ...], modes: int = 96, longest: float = 5e-3) -> PlaneSeries:
    """Return u and v of problems/fitzhugh_nagumo2d.yaml."""
    spot = lambda x, y: np.exp(-6 * (np.sin(np.pi * x / 20) ** 2 + np.sin(np.pi * y / 20) ** 2))  # noqa: E731
    return reacting_in_the_plane(
        (lambda q: -q, lambda q: np.full(q.shape, -0.064)),
        lambda y: (y[0] - y[0] ** 3 / 3 - y[1], 0.08 * (y[0] + 0.7)),
        lambda x, y: (-1.2 + 2.5 * spot(x, y), np.full(np.broadcast(x, y).shape, -0.62)),
        (-10.0, 10.0),
        times,
        modes,
        longest,
    )


@lru_cache
def gray_scott2d(times: tuple[float, ...], modes: int = 96, longest: float = 0.05) -> PlaneSeries:
    """Return u and v of problems/gray_scott2d.yaml (F = 0.04, k = 0.06)."""
    heap = lambda x, y: np.exp(-6 * (np.sin(np.pi * x / 2) ** 2 + np.sin(np.pi * y / 2) ** 2))  # noqa: E731
    return reacting_in_the_plane(
        (lambda q: -2e-3 * q - 0.04, lambda q: -1e-3 * q - 0.1),
        lambda y: (0.04 - y[0] * y[1] ** 2, y[0] * y[1] ** 2),
        lambda x, y: (1 - 0.5 * heap(x, y), 0.5 * heap(x, y)),
        (-1.0, 1.0),
        times,
        modes,
        longest,
    )
