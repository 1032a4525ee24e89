"""What a moving lid asks of the stream function: functions with its values and slopes all around the square.

A lid whose speed has a slope a at a corner meets a wall that holds the fluid: psi there is a r^2 f(angle), with the
Stokes flow f, whose vorticity jumps from side to side. That is subtracted in closed form, as polynomials would see it
to few digits; what is left on the sides is smooth, and blended into the square (Coons, cubics for values and slopes).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from .saved import Array

#: Degree of the smooth data on sides: arc tangents with poles one side away, to rounding.
DEGREE = 26
#: On [0, 1]: value one at the lower and the upper end, slope one at the lower and the upper end, the others zero.
CUBICS = [Polynomial(c) for c in ([1, 0, -3, 2], [0, 0, 3, -2], [0, 1, -2, 1], [0, 0, -1, 1])]


def corner(along: Array, below: Array, slope: float) -> dict[str, Array]:
    """Biharmonic psi of a lid of speed `slope` times the way `along` it from a wall, seen from `below` it.

    With its derivatives by both, and its Laplacian, which is harmonic.
    """
    angle, square = np.arctan2(below, along), along**2 + below**2
    a = slope / 4
    return {
        "psi": a * (np.pi * below**2 - 2 * square * angle - 2 * along * below),
        "along": -4 * a * along * angle,
        "below": a * (2 * np.pi * below - 4 * below * angle - 4 * along),
        "lap": a * (2 * np.pi - 8 * angle),
    }


class Lift:
    """psi with psi_y = `lid` on the upper side, and no other value or slope all around: derivatives at points.

    x, y: by the coordinates; lap: the Laplacian of its smooth part; harmonic: that of the corners.
    """

    def __init__(self, lid: Polynomial) -> None:
        first, last = lid.deriv()(0.0), -lid.deriv()(1.0)
        self.slopes = first, last

        def side(of: Callable[[Array], Array]) -> Chebyshev:
            return Chebyshev.interpolate(of, DEGREE, domain=[0, 1])

        def left(key: str, x: Array, y: Array) -> Array:
            return corner(x, 1 - y, first)[key]

        def right(key: str, x: Array, y: Array) -> Array:
            return corner(1 - x, 1 - y, last)[key]

        # what is still wanted: values at both ends, then derivatives, each (0, side) and (1, side)
        self.along_y = [
            side(lambda y: -right("psi", 0 * y, y)),
            side(lambda y: -left("psi", 0 * y + 1, y)),
            side(lambda y: right("along", 0 * y, y)),
            side(lambda y: -left("along", 0 * y + 1, y)),
        ]
        self.along_x = [
            side(lambda x: -left("psi", x, 0 * x) - right("psi", x, 0 * x)),
            side(lambda x: 0 * x),
            side(lambda x: left("below", x, 0 * x) + right("below", x, 0 * x)),
            side(lambda x: lid(x) - first * x - last * (1 - x)),
        ]

    def blended(self, x: Array, y: Array, i: int, j: int) -> Array:
        """D_x^i D_y^j of the smooth part."""
        in_x, in_y = ([c.deriv(k)(z) for c in CUBICS] for k, z in ((i, x), (j, y)))
        out = sum(h * s.deriv(j)(y) for h, s in zip(in_x, self.along_y, strict=True))
        out = out + sum(h * s.deriv(i)(x) for h, s in zip(in_y, self.along_x, strict=True))
        for h, s in zip(in_x, self.along_y, strict=True):
            ends = s(0.0), s(1.0), s.deriv()(0.0), s.deriv()(1.0)
            out = out - sum(h * g * end for g, end in zip(in_y, ends, strict=True))
        return np.asarray(out)

    def __call__(self, x: Array, y: Array) -> dict[str, Array]:
        """The derivatives at points (point,)."""
        first, last = corner(x, 1 - y, self.slopes[0]), corner(1 - x, 1 - y, self.slopes[1])
        return {
            "x": self.blended(x, y, 1, 0) + first["along"] - last["along"],
            "y": self.blended(x, y, 0, 1) - first["below"] - last["below"],
            "lap": self.blended(x, y, 2, 0) + self.blended(x, y, 0, 2),
            "harmonic": first["lap"] + last["lap"],
        }
