"""Systems in one dimension by Fourier series and ETDRK4; mirrored at walls where dn(u) = 0, they are periodic too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from .etdrk4 import Modes, march
from .periodic import FourierSolution
from .saved import Array

Nonlinear = Callable[[Array], Sequence[Array]]  # unknowns (unknown, point) -> what is added to their rates


def reacting(
    rates: Sequence[Callable[[Array], Array]],
    nonlinear: Nonlinear,
    initial: Callable[[Array], Sequence[Array]],
    interval: tuple[float, float],
    times: Sequence[float],
    modes: int,
    longest: float,
    power: int = 0,
) -> tuple[FourierSolution, ...]:
    """Return the solution of y_j' = L_j y_j + (d/dx)^power N_j(y), L_j exp(ikx) = rates[j](k) exp(ikx), per unknown."""
    left, right = interval
    k = 2 * np.pi / (right - left) * np.arange(modes // 2 + 1, dtype=np.float64)
    slope = (1j * k) ** power
    slope[-1] = slope[-1] if power % 2 == 0 else 0.0  # odd derivatives of the last mode are not representable
    x = left + (right - left) / modes * np.arange(modes, dtype=np.float64)
    start = np.fft.rfft(np.stack(np.broadcast_arrays(*initial(x), x)[:-1]))
    shape = start.shape

    def added(v: Modes) -> Modes:
        values = np.fft.irfft(v.reshape(shape), modes)
        return (slope * np.fft.rfft(np.stack(list(nonlinear(values))))).ravel()

    linear = np.concatenate([rate(k) for rate in rates])
    states = march(linear, added, start.ravel(), times, longest).reshape(-1, *shape) / modes
    states[..., 1:-1] *= 2
    return tuple(FourierSolution(left, right - left, np.array(times), states[:, j]) for j in range(len(rates)))


@lru_cache
def fitzhugh_nagumo(times: tuple[float, ...], modes: int = 512, longest: float = 2e-3) -> tuple[FourierSolution, ...]:
    """Return u and v of problems/fitzhugh_nagumo.yaml, mirrored at x = 0."""
    return reacting(
        (lambda k: -(k**2), lambda k: np.full(k.size, -0.064)),
        lambda y: (y[0] - y[0] ** 3 / 3 - y[1], 0.08 * (y[0] + 0.7)),
        lambda x: (-1.2 + 2.5 * np.exp(-(x**2) / 4), np.full(x.size, -0.62)),
        (-20.0, 20.0),
        times,
        modes,
        longest,
    )


@lru_cache
def gray_scott(times: tuple[float, ...], modes: int = 1024, longest: float = 0.02) -> tuple[FourierSolution, ...]:
    """Return u and v of problems/gray_scott.yaml (F = 0.04, k = 0.06)."""
    bump = lambda x: np.exp(-20 * np.sin(np.pi * x / 2) ** 2)  # noqa: E731  (used once, twice in a line)
    return reacting(
        (lambda k: -1e-4 * k**2 - 0.04, lambda k: -1e-5 * k**2 - 0.1),
        lambda y: (0.04 - y[0] * y[1] ** 2, y[0] * y[1] ** 2),
        lambda x: (1 - 0.5 * bump(x), 0.25 * bump(x)),
        (-1.0, 1.0),
        times,
        modes,
        longest,
    )


@lru_cache
def shallow_water(times: tuple[float, ...], modes: int = 256, longest: float = 1e-4) -> tuple[FourierSolution, ...]:
    """Return the depth h and the discharge q of problems/shallow_water.yaml: nothing is stiff, ETDRK4 is RK4 here."""
    nothing = lambda k: np.zeros(k.size)  # noqa: E731
    return reacting(
        (nothing, nothing),
        lambda y: (-y[1], -(y[1] ** 2) / y[0] - y[0] ** 2 / 2),
        lambda x: (1 + 0.1 * np.exp(-5 * np.sin(np.pi * (x - 0.5)) ** 2), np.zeros(x.size)),
        (0.0, 1.0),
        times,
        modes,
        longest,
        power=1,
    )


@lru_cache
def cahn_hilliard(times: tuple[float, ...], modes: int = 128, longest: float = 1e-5) -> tuple[FourierSolution, ...]:
    """Return the concentration u of problems/cahn_hilliard.yaml (eps = 0.1), mirrored at x = 0."""
    return reacting(
        (lambda k: k**2 - 0.01 * k**4,),
        lambda y: (y[0] ** 3,),
        lambda x: (0.5 * np.cos(2 * np.pi * x) + 0.1 * np.cos(np.pi * x),),
        (-1.0, 1.0),
        times,
        modes,
        longest,
        power=2,
    )
