"""Laplace's equation in a square with four round holes, u = 1 on the square and 0 on the holes (PINNacle, Poisson2d-C).

1 - u continues oddly across the sides of the square, so that its singularities lie in the holes and in their mirror
images. A sum of multipoles there and of a harmonic polynomial is fitted to the boundary values by least squares
(Trefethen 2018, Series solution of Laplace problems, ANZIAM J. 60).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Centers of the holes and of their nearest mirror images along one coordinate; the radius of a hole.
CENTERS, RADIUS = (-0.7, -0.3, 0.3, 0.7), 0.1
#: Highest powers of multipoles and of the polynomial; points on a side and on a hole.
MULTIPOLES, POLYNOMIAL, POINTS = 14, 40, 200


def _functions(x: Array, y: Array) -> Array:
    """The harmonic functions at points: (point, function)."""
    z = x + 1j * y
    powers = [z**k for k in range(POLYNOMIAL + 1)]
    columns = [part for p in powers for part in (p.real, p.imag)]
    for a in CENTERS:
        for b in CENTERS:
            w = z - (a + 1j * b)
            columns.append(np.log(np.abs(w)))
            columns += [
                part for k in range(1, MULTIPOLES + 1) for p in [(RADIUS / w) ** k] for part in (p.real, p.imag)
            ]
    return np.stack(columns, -1)


@lru_cache(maxsize=1)
def _coefficients() -> tuple[Array, float]:
    t = 0.5 * np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    half = np.full(POINTS, 0.5)
    sides = [(t, half), (t, -half), (half, t), (-half, t)]
    angle = 2.0 * np.pi * np.arange(POINTS) / POINTS
    holes = [(a + RADIUS * np.cos(angle), b + RADIUS * np.sin(angle)) for a in (-0.3, 0.3) for b in (-0.3, 0.3)]
    x, y = (np.concatenate([p[i] for p in (*sides, *holes)]) for i in (0, 1))
    values = np.concatenate([np.ones(4 * POINTS), np.zeros(4 * POINTS)])
    matrix = _functions(x, y)
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0.0] = 1.0
    found = np.linalg.lstsq(matrix / size, values, rcond=1e-14)[0] / size
    return found, float(np.abs(matrix @ found - values).max())


def mismatch() -> float:
    """The largest difference to the boundary values, which bounds the error (maximum principle)."""
    return _coefficients()[1]


def four_disks(x: Array, y: Array) -> Array:
    """Return u at points outside of the holes."""
    return np.asarray(_functions(x, y) @ _coefficients()[0])
