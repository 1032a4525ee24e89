"""Solutions with a formula: u of the coordinates, arrays in, an array of their broadcast shape out.

Each equation stands in the docstring and is checked by finite differences in test_closed_form.py. Accuracy: rounding,
unless the docstring says otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, expit

Array = NDArray[np.float64]


def _arrays(*values: ArrayLike) -> list[Array]:
    return [np.asarray(value, dtype=float) for value in values]


# ------------------------------------------------------------------------------------------------ Poisson, Helmholtz


def sines(*coordinates: ArrayLike, waves: tuple[float, ...] | None = None) -> Array:
    """Return prod_i sin(waves_i pi x_i), one wave each unless told: -lap u = pi^2 |waves|^2 u.

    poisson2d, poisson3d: no waves; helmholtz2d: waves=(1, 4); lap u + k^2 u = (k^2 - pi^2 |waves|^2) u.
    """
    waves = waves or (1.0,) * len(coordinates)
    factors = [np.sin(wave * np.pi * x) for wave, x in zip(waves, _arrays(*coordinates), strict=True)]
    return np.asarray(np.prod(np.broadcast_arrays(*factors), axis=0))


def multiscale(x: ArrayLike, y: ArrayLike, waves: tuple[float, ...] = (4, 8, 12, 16)) -> Array:
    """Return the mean over w of sin(w pi x) sin(w pi y): -lap u = mean of 2 pi^2 w^2 sin(w pi x) sin(w pi y)."""
    return np.asarray(np.mean([sines(x, y, waves=(w, w)) for w in waves], axis=0))


def conductivity(x: ArrayLike, y: ArrayLike) -> Array:
    """Return k = 1 + 0.9 sin(4 pi x) cos(4 pi y), which varies 19 times."""
    return np.asarray(1 + 0.9 * np.sin(4 * np.pi * np.asarray(x)) * np.cos(4 * np.pi * np.asarray(y)))


def conducted(x: ArrayLike, y: ArrayLike) -> Array:
    """Return u = sin(pi x) sin(pi y) / k with the :func:`conductivity` k."""
    return sines(x, y) / conductivity(x, y)


def conducted_source(x: ArrayLike, y: ArrayLike) -> Array:
    """Return -div(k grad u) of :func:`conducted`: k u = s, so it is -lap s + div(s grad k / k)."""
    x, y, k, s = np.asarray(x), np.asarray(y), conductivity(x, y), sines(x, y)
    w = 4 * np.pi
    kx, ky = 0.9 * w * np.cos(w * x) * np.cos(w * y), -0.9 * w * np.sin(w * x) * np.sin(w * y)
    sx, sy = np.pi * np.cos(np.pi * x) * np.sin(np.pi * y), np.pi * np.sin(np.pi * x) * np.cos(np.pi * y)
    lap_k = -2 * w**2 * (k - 1)
    return np.asarray(2 * np.pi**2 * s + (sx * kx + sy * ky + s * lap_k) / k - s * (kx**2 + ky**2) / k**2)


def cosine_sum(points: ArrayLike) -> Array:
    """Return sum_i cos(pi x_i) of points (..., coordinate): -lap u = pi^2 u. Poisson in five dimensions."""
    return np.asarray(np.cos(np.pi * np.asarray(points, dtype=float)).sum(axis=-1))


def pair_sum(points: ArrayLike) -> Array:
    """Return x1 x2 + x3 x4 + ... of points (..., coordinate), an even number of them: lap u = 0. Ten dimensions."""
    points = np.asarray(points, dtype=float)
    return np.asarray((points[..., 0::2] * points[..., 1::2]).sum(axis=-1))


def gaussian(points: ArrayLike) -> Array:
    """Return exp(-|x|^2 / 2) of points (..., coordinate): -lap u = (d - |x|^2) u. Poisson in d = 5 dimensions."""
    return np.asarray(np.exp(-(np.asarray(points, dtype=float) ** 2).sum(axis=-1) / 2))


# --------------------------------------------------------------------------------------------- layers and fronts


def boundary_layer(x: ArrayLike, eps: float) -> Array:
    """Return x - (e^((x-1)/eps) - e^(-1/eps)) / (1 - e^(-1/eps)): -eps u'' + u' = 1, u(0) = u(1) = 0."""
    (x,) = _arrays(x)
    return np.asarray(x - np.exp((x - 1) / eps) * np.expm1(-x / eps) / np.expm1(-1 / eps))


def oblique_layer(x: ArrayLike, y: ArrayLike, angle: float = np.pi / 6, width: float = 1e-3) -> Array:
    """Return tanh(s / width), s = -(x - 1/2) sin(angle) + (y - 1/2) cos(angle): a front along b = (cos, sin)(angle).

    -eps lap u + b . grad u = q on the unit square with q = (2 eps / width^2) u (1 - u^2), since b . grad u = 0.
    """
    x, y = _arrays(x, y)
    return np.asarray(np.tanh((-(x - 0.5) * np.sin(angle) + (y - 0.5) * np.cos(angle)) / width))


def mixing_layer(
    x: ArrayLike,
    y: ArrayLike,
    eps: float = 1e-6,
    angle: float = np.pi / 6,
    source: tuple[float, float] = (-0.25, 0.15),
) -> Array:
    """Return erf(s / sqrt(2 eps (r + |x|))), r along b = (cos, sin)(angle) and s across it, from the `source`.

    -eps lap u + b . grad u = 0: in parabolic coordinates about the source, eta = s / sqrt(r + |x|), it reads
    u'' = -(eta / eps) u' for a function of eta alone.
    """
    x, y = _arrays(x, y)
    along = (x - source[0]) * np.cos(angle) + (y - source[1]) * np.sin(angle)
    across = (y - source[1]) * np.cos(angle) - (x - source[0]) * np.sin(angle)
    return np.asarray(erf(across / np.sqrt(2 * eps * (along + np.hypot(along, across)))))


def burgers_front(
    x: ArrayLike, t: ArrayLike, nu: float, speed: float = 0.5, height: float = 0.5, start: float = 0.0
) -> Array:
    """Return speed - height tanh(height (x - start - speed t) / (2 nu)): u_t + u u_x = nu u_xx."""
    x, t = _arrays(x, t)
    return np.asarray(speed - height * np.tanh(height * (x - start - speed * t) / (2 * nu)))


def burgers_oblique_front(x: ArrayLike, y: ArrayLike, t: ArrayLike, nu: float) -> Array:
    """Return 1 / (1 + exp((x + y - t) / (2 nu))): u_t + u u_x + u u_y = nu lap u, a front that moves obliquely."""
    x, y, t = _arrays(x, y, t)
    return np.asarray(expit(-(x + y - t) / (2 * nu)))


def rotating_front(
    x: ArrayLike, y: ArrayLike, t: ArrayLike, eps: float, spin: float = 2 * np.pi, age: float = 1.0
) -> Array:
    """Return erf(s / sqrt(4 eps (t + age))), s = x cos(spin t) + y sin(spin t), a front that turns about the origin.

    u_t + spin (-y u_x + x u_y) = eps lap u: the wind turns the plane rigidly; in turning axes, the heat equation.
    """
    x, y, t = _arrays(x, y, t)
    across = x * np.cos(spin * t) + y * np.sin(spin * t)
    return np.asarray(erf(across / np.sqrt(4 * eps * (t + age))))


def bistable_front(
    x: ArrayLike, t: ArrayLike, diffusion: float, rate: float, threshold: float = 0.25, start: float = 0.0
) -> Array:
    """Return 1 / (1 + exp((x - start - c t) sqrt(r/(2D)))), c = sqrt(r D / 2) (1 - 2 threshold), a reaction front.

    u_t = D u_xx + r u (1 - u) (u - threshold) (Nagumo; Murray, Mathematical Biology I, section 13.5).
    """
    x, t = _arrays(x, t)
    speed = np.sqrt(rate * diffusion / 2) * (1 - 2 * threshold)
    return np.asarray(expit(-(x - start - speed * t) * np.sqrt(rate / (2 * diffusion))))


def fisher_front(x: ArrayLike, t: ArrayLike, diffusion: float, rate: float, start: float = 0.0) -> Array:
    """Return (1 + exp((x - start - c t) sqrt(r/(6D))))^-2, c = 5 sqrt(r D / 6): u_t = D u_xx + r u (1 - u).

    Ablowitz & Zeppetella, Bull. Math. Biol. 41 (1979).
    """
    x, t = _arrays(x, t)
    speed = 5 * np.sqrt(rate * diffusion / 6)
    return np.asarray(expit(-(x - start - speed * t) * np.sqrt(rate / (6 * diffusion))) ** 2)


# --------------------------------------------------------------------------------------------- waves and decay


def heat_mode(*coordinates: ArrayLike, diffusion: float) -> Array:
    """Return exp(-d D pi^2 t) prod_i sin(pi x_i) of (x_1, ..., x_d, t): u_t = D lap u. heat1d (0.1), heat2d (0.05)."""
    *places, t = coordinates
    decay = np.exp(-len(places) * diffusion * np.pi**2 * np.asarray(t, dtype=float))
    return np.asarray(decay * sines(*places))


def heat_spot(
    x: ArrayLike, y: ArrayLike, z: ArrayLike, t: ArrayLike, diffusion: float = 0.05, width: float = 0.2
) -> Array:
    """Return (w/W)^(3/2) exp(-|r - (0.4, 0.5, 0.6)|^2 / W), W = w + 4 D t: u_t = D lap u. heat3d."""
    x, y, z, t = _arrays(x, y, z, t)
    wide = width + 4 * diffusion * t
    squares = (x - 0.4) ** 2 + (y - 0.5) ** 2 + (z - 0.6) ** 2
    return np.asarray((width / wide) ** 1.5 * np.exp(-squares / wide))


def cube_modes(x: ArrayLike, y: ArrayLike, z: ArrayLike, t: ArrayLike) -> Array:
    """Return the sum of two modes of a cube, (1, 1, 1) and half of (2, 1, 1): u_tt = lap u. wave3d."""
    first, second = sines(x, y, z), sines(x, y, z, waves=(2, 1, 1))
    (t,) = _arrays(t)
    return np.asarray(np.cos(np.sqrt(3) * np.pi * t) * first + np.sin(np.sqrt(6) * np.pi * t) * second / 2)


def standing_wave(x: ArrayLike, t: ArrayLike, waves: float = 1.0, speed: float = 1.0, mass: float = 0.0) -> Array:
    """Return sin(k x) cos(omega t), k = waves pi, omega^2 = speed^2 k^2 + mass^2: u_tt = speed^2 u_xx - mass^2 u.

    The wave equation (mass 0; one period is 2 / (waves speed)) and the linear Klein-Gordon equation.
    """
    x, t = _arrays(x, t)
    omega = np.hypot(speed * waves * np.pi, mass)
    return np.asarray(np.sin(waves * np.pi * x) * np.cos(omega * t))


def klein_gordon(x: ArrayLike, t: ArrayLike) -> Array:
    """Return x cos(5 pi t) + (x t)^3, the manufactured solution of klein_gordon.yaml: u_tt - u_xx + u^3 = q."""
    x, t = _arrays(x, t)
    return np.asarray(x * np.cos(5 * np.pi * t) + (x * t) ** 3)


def two_solitons(
    x: ArrayLike,
    t: ArrayLike,
    numbers: tuple[float, float] = (16.0, 24.0),
    starts: tuple[float, float] = (0.0, -0.4),
    dispersion: float = 0.0025,
) -> Array:
    """Return 12 delta (ln F)_xx of u_t + u u_x + delta u_xxx = 0 on the line (Hirota, Phys. Rev. Lett. 27 (1971)).

    F = 1 + e^a + e^b + ((k1 - k2)/(k1 + k2))^2 e^(a + b), a = k1 (x - start1) - k1^3 delta t, likewise b with k2.
    A single soliton is 3 delta k^2 high and moves at delta k^2. (ln F)_xx is the variance of the exponents' slopes
    under the weights of the four terms, which neither overflows nor cancels.
    """
    x, t = np.broadcast_arrays(*_arrays(x, t))
    (k1, k2), (x1, x2) = numbers, starts
    a = k1 * (x - x1) - k1**3 * dispersion * t
    b = k2 * (x - x2) - k2**3 * dispersion * t
    terms = np.stack([np.zeros_like(a), a, b, a + b + 2 * np.log(abs((k1 - k2) / (k1 + k2)))])  # (term, ...)
    slopes = np.array([0.0, k1, k2, k1 + k2]).reshape(4, *(1,) * a.ndim)
    weights = np.exp(terms - terms.max(axis=0))
    weights /= weights.sum(axis=0)
    mean = (weights * slopes).sum(axis=0)
    return np.asarray(12 * dispersion * (weights * (slopes - mean) ** 2).sum(axis=0))
