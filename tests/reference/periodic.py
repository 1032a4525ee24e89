"""Periodic problems by Fourier series in space and ETDRK4 in time (Kassam & Trefethen 2005)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .etdrk4 import Modes, march
from .saved import Array, at_saved_times


@dataclass(frozen=True)
class FourierSolution:
    """u(x, t) = real part of sum_k coefficients[t, k] exp(2 pi i k (x - left) / length), at the saved times.

    `coefficients` (time, mode) are those of a real function: mode 0 once, modes k > 0 doubled, k = 0..modes/2.
    """

    left: float
    length: float
    times: Array
    coefficients: Modes

    def __call__(self, x: ArrayLike, t: ArrayLike) -> Array:
        """Return u in the broadcast shape of x and t, by exact trigonometric interpolation; t must be a saved time."""
        return at_saved_times(self.times, self._series, x, t)

    def _series(self, row: int, x: Array) -> Array:
        return np.concatenate([self._some(row, part) for part in np.array_split(x, 1 + x.size // 2048)])

    def _some(self, row: int, x: Array) -> Array:
        number = np.arange(self.coefficients.shape[1])
        phase = (2 * np.pi / self.length) * np.multiply.outer(x - self.left, number)  # (point, mode)
        c = self.coefficients[row]
        return np.cos(phase) @ c.real - np.sin(phase) @ c.imag

    def tail(self) -> float:
        """Return the largest of the last tenth of the modes over the largest mode: about 1e-15 when x is resolved."""
        size = np.abs(self.coefficients)
        return float(np.max(size[:, -size.shape[1] // 10 :]) / np.max(size))


def advected(
    initial: Callable[[Array], Array],
    rate: Callable[[Array], Modes],
    interval: tuple[float, float],
    times: Sequence[float],
    modes: int,
    longest: float,
) -> FourierSolution:
    """Return the solution of u_t + u u_x = L u, where L exp(ikx) = rate(k) exp(ikx), periodic on `interval`.

    u u_x is taken as (u^2 / 2)_x on `modes` points without dealiasing, so `tail()` of the result must be small.
    """
    left, right = interval
    k = 2 * np.pi / (right - left) * np.arange(modes // 2 + 1, dtype=np.float64)  # (mode,)
    slope = -0.5j * k
    slope[-1] = 0.0  # the derivative of the Nyquist mode is not representable

    def nonlinear(v: Modes) -> Modes:
        return slope * np.fft.rfft(np.fft.irfft(v, modes) ** 2)

    start = np.fft.rfft(initial(left + (right - left) / modes * np.arange(modes, dtype=np.float64)))
    states = march(rate(k), nonlinear, start, times, longest) / modes
    states[:, 1:-1] *= 2
    return FourierSolution(left, right - left, np.array(times), states)


@lru_cache
def korteweg_de_vries(
    times: tuple[float, ...] = (0.5,), dispersion: float = 0.0025, modes: int = 256, longest: float = 5e-5
) -> FourierSolution:
    """Return the solution of u_t + u u_x + dispersion u_xxx = 0, u(x, 0) = cos(pi x), periodic on [-1, 1].

    Zabusky & Kruskal, Phys. Rev. Lett. 15 (1965), with a larger dispersion. Accuracy seen at t <= 0.5: 3e-12 against
    DOP853 and 1e-12 against half the step (fourth order), 1e-14 against twice the modes. About 0.6 s.
    """

    def rate(k: Array) -> Modes:
        return np.where(np.arange(k.size) < k.size - 1, 1j * dispersion * k**3, 0.0)

    return advected(lambda x: np.cos(np.pi * x), rate, (-1.0, 1.0), times, modes, longest)


def kuramoto_sivashinsky(
    initial: Callable[[Array], Array],
    interval: tuple[float, float],
    times: Sequence[float],
    modes: int = 512,
    longest: float = 5e-3,
) -> FourierSolution:
    """Return the solution of u_t = -u u_x - u_xx - u_xxxx, u(x, 0) = initial(x), periodic on `interval`.

    Kassam & Trefethen (2005), section 4: initial cos(x/16) (1 + sin(x/16)) on [0, 32 pi]; there the accuracy seen is
    6e-11 at t = 10 and 2e-9 at t = 50 against half the step, 5e-11 against 256 modes. The motion is chaotic: errors
    grow with t. About 1 s for t = 50.
    """
    return advected(initial, lambda k: k**2 - k**4, interval, times, modes, longest)
