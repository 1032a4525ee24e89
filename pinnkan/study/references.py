"""Solutions to measure true errors against, by methods that share nothing with the networks.

Burgers: Cole (1951) and Hopf (1950) with Gauss-Hermite quadrature. Allen-Cahn: a cosine series in space, exponential
time differencing of fourth order in time (Cox and Matthews 2002; coefficients by contour integrals, Kassam and
Trefethen 2005).
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.fft import dct, idct

from pinnkan.kan.field import Array

#: Gauss-Hermite nodes: at nu = 0.01 the solution is then exact to 1e-13; smaller nu need more.
NODES = 100
#: Cosine modes and time steps of the Allen-Cahn reference. The kink of the initial data at x = +-1 costs most: 2e-6.
MODES, STEPS = 1024, 500
#: Points of the contour integrals.
CONTOUR = 32


def burgers(x: Array, t: Array, nu: float) -> Array:
    """u(x, t) of ``u_t + u u_x = nu u_xx``, ``u(x, 0) = -sin(pi x)``, period 2; in the broadcast shape, t >= 0.

    ``u = -int sin(pi y) E dy / int E dy`` with ``E = exp(-cos(pi y)/(2 pi nu) - (x - y)^2/(4 nu t))`` (Basdevant et al.
    1986); the largest exponent is subtracted.
    """
    s, weights = np.polynomial.hermite.hermgauss(NODES)
    x, t = (a[..., None] for a in np.broadcast_arrays(x, t))
    angle = np.pi * (x - np.sqrt(4.0 * nu * t) * s)  # (..., node)
    exponent = -np.cos(angle) / (2.0 * np.pi * nu)
    kernel = weights * np.exp(exponent - exponent.max(-1, keepdims=True))
    return -(np.sin(angle) * kernel).sum(-1) / kernel.sum(-1)


def allen_cahn(x: Array, times: Sequence[float], diffusion: float = 1e-4, reaction: float = 5.0) -> Array:
    """u (time, x) of ``u_t = D u_xx + r (u - u^3)``, ``u(x, 0) = x^2 cos(pi x)``, period 2, at increasing ``times``.

    The data are even about 0 and about 1, so that [0, 1] with u_x = 0 at both ends is the whole problem.
    """
    nodes = (np.arange(MODES) + 0.5) / MODES
    linear: Array = -diffusion * (np.pi * np.arange(MODES, dtype=np.float64)) ** 2
    u = dct(nodes**2 * np.cos(np.pi * nodes), norm="forward")

    def nonlinear(v: Array) -> Array:
        values = idct(v, norm="forward")
        return dct(reaction * (values - values**3), norm="forward")

    place = np.abs(np.remainder(x + 1.0, 2.0) - 1.0)
    table = np.cos(np.pi * np.arange(MODES) * place[:, None]) * np.where(np.arange(MODES) == 0, 1.0, 2.0)
    rows, now = [], 0.0
    for time in times:
        count = int(np.ceil((time - now) * STEPS))
        if count:
            u = _march(u, linear, nonlinear, (time - now) / count, count)
        rows.append(table @ u)
        now = time
    return np.stack(rows)


def _march(u: Array, linear: Array, nonlinear: Callable[[Array], Array], h: float, count: int) -> Array:
    """``count`` steps of ETDRK4 of length ``h``."""
    whole, half = np.exp(h * linear), np.exp(0.5 * h * linear)
    z = h * linear[:, None] + np.exp(1j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)

    def mean(values: np.ndarray) -> Array:
        return h * values.mean(1).real

    first = mean((np.exp(0.5 * z) - 1.0) / z)
    a = mean((-4.0 - z + np.exp(z) * (4.0 - 3.0 * z + z**2)) / z**3)
    b = mean((2.0 + z + np.exp(z) * (z - 2.0)) / z**3)
    c = mean((-4.0 - 3.0 * z - z**2 + np.exp(z) * (4.0 - z)) / z**3)
    for _ in range(count):
        n0 = nonlinear(u)
        k1 = half * u + first * n0
        n1 = nonlinear(k1)
        k2 = half * u + first * n1
        n2 = nonlinear(k2)
        n3 = nonlinear(half * k1 + first * (2.0 * n2 - n0))
        u = whole * u + a * n0 + 2.0 * b * (n1 + n2) + c * n3
    return u
