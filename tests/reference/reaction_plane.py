"""A reaction that makes fronts in the unit square: PINNacle's Heat2d-LT (Hao et al., arXiv:2306.08827).

u_t = lap u / 1000 + 5 sin(u^2) (1 + 2 sin(pi t / 4)) sin(4 pi x) sin(2 pi y), u = 0 on the sides and
sin(4 pi x) sin(3 pi y) at first. The solution is odd about x = 0 and 1/4, so sines on [0, 1/4] x [0, 1] hold it; a
third of them is left out of the reaction, in time :mod:`.etdrk4`. Until t = 1/2, 64 x 256 of them are off by 2e-6,
32 x 128 by 3e-4. The last one of the modes is the time itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dstn, idstn

from .etdrk4 import Modes, march

Array = NDArray[np.float64]


def heat2d_lt(modes: tuple[int, int], length: float, times: Array) -> tuple[Array, Array, Array]:
    """x and y inside [0, 1/4] x [0, 1], and u at steps of about ``length`` between ``times``: (time, x, y)."""
    nx, ny = modes
    x, y = np.arange(1, nx) / (4 * nx), np.arange(1, ny) / ny
    kx, ky = np.arange(1, nx)[:, None], np.arange(1, ny)
    kept = (3 * kx < 2 * nx) & (3 * ky < 2 * ny)
    places = 5 * np.sin(4 * np.pi * x)[:, None] * np.sin(2 * np.pi * y)

    def values(v: Modes) -> Array:
        return np.asarray(idstn(v[:-1].reshape(nx - 1, ny - 1), type=1))

    def reaction(v: Modes) -> Modes:
        made = places * np.sin(values(v) ** 2) * (1 + 2 * np.sin(np.pi * v[-1] / 4))
        return np.append((kept * dstn(made, type=1)).ravel(), 1.0)

    rates = np.append((-1e-3 * np.pi**2 * ((4 * kx) ** 2 + ky**2)).ravel(), 0.0)
    start = np.append(dstn(np.sin(4 * np.pi * x)[:, None] * np.sin(3 * np.pi * y), type=1).ravel(), 0.0)
    states = march(rates, reaction, start, times, length)
    return x, y, np.stack([values(v) for v in states])
