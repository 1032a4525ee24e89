"""Eigenfunctions and cycles by methods without splines: special functions, Chebyshev collocation, Runge-Kutta."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.linalg
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.integrate import OdeSolution, solve_ivp
from scipy.special import mathieu_a, mathieu_cem

Array = NDArray[np.float64]
#: Chebyshev polynomials of an Orr-Sommerfeld mode: its number agrees with Orszag's eight digits.
POLYNOMIALS = 80


def mathieu(x: Array) -> Array:
    """ce_0(x, 5) with the integral one of its square over a quarter of a turn."""
    return np.asarray(mathieu_cem(0, 5.0, np.degrees(x))[0] * np.sqrt(4 / np.pi))


@lru_cache(maxsize=1)
def _cycle() -> tuple[float, float, OdeSolution]:
    """The period and the amplitude of van der Pol's cycle (mu = 1), and the motion from its largest deflection on."""

    def top(_: float, y: Array) -> float:
        return float(y[1])

    top.direction = -1.0  # type: ignore[attr-defined]
    rate = lambda _, y: (y[1], (1 - y[0] ** 2) * y[1] - y[0])  # noqa: E731
    options = {"method": "DOP853", "rtol": 3e-14, "atol": 1e-14, "dense_output": True, "events": top}
    settled = solve_ivp(rate, (0, 200), (2.0, 0.0), **options)
    start = settled.y_events[0][-1]
    found = solve_ivp(rate, (0, 7), start, **options)
    return float(found.t_events[0][-1]), float(start[0]), found.sol


def limit_cycle(x: Array) -> dict[str, Array]:
    """Deflection and speed of van der Pol's cycle over one period."""
    period, _, motion = _cycle()
    return dict(zip("qv", motion(period * x), strict=True))


def _integrated(order: int) -> Array:
    """Chebyshev coefficients of the derivatives of the functions whose fourth ones are polynomials, and of cubics."""
    n = POLYNOMIALS
    integrals, cubics = np.eye(n), np.zeros((n + 4 - order, 4))
    if order < 4:
        integrals = chebyshev.chebint(integrals, 4 - order, axis=0)
        cubics[: 4 - order] = chebyshev.chebder(np.eye(4), order, axis=0)
    return np.hstack([integrals, cubics])


@lru_cache(maxsize=1)
def _orr_sommerfeld() -> tuple[complex, NDArray[np.complex128]]:
    """The speed of the wave that grows (Reynolds number 10,000, alpha = 1), and its Chebyshev coefficients.

    The fourth derivative is expanded: integrals keep the digits that derivatives of polynomials lose.
    """
    y = np.cos(np.pi * (np.arange(POLYNOMIALS) + 0.5) / POLYNOMIALS)[:, None]
    at = lambda points, k: chebyshev.chebvander(np.ravel(points), POLYNOMIALS + 3 - k) @ _integrated(k)  # noqa: E731
    flow, curl = 1 - y**2, at(y, 2) - at(y, 0)
    left = (at(y, 4) - 2 * at(y, 2) + at(y, 0)) / 1e4j - flow * curl - 2 * at(y, 0)
    ends = np.vstack([at([-1, 1], 0), at([-1, 1], 1)])
    speeds, modes = scipy.linalg.eig(np.vstack([left, ends]), np.vstack([-curl, 0 * ends]))
    best = int(np.argmin(np.abs(speeds - (0.2375 + 0.0037j))))
    mode = _integrated(0) @ modes[:, best]
    return complex(speeds[best]), mode / chebyshev.chebval(0.0, mode)


def orr_sommerfeld(y: Array) -> dict[str, Array]:
    """Real and imaginary part of the stream function, which is one at y = 0."""
    values = chebyshev.chebval(y, _orr_sommerfeld()[1])
    return {"a": values.real, "b": values.imag}


def numbers(name: str) -> dict[str, float]:
    """The numbers of a shipped problem: eigenvalues, a period, an amplitude."""
    speed, (period, amplitude, _) = _orr_sommerfeld()[0], _cycle()
    return {
        "membrane": {"lam": 2 * np.pi**2},
        "mathieu": {"a": float(mathieu_a(0, 5.0))},
        "limit_cycle": {"T": period, "A": amplitude},
        "orr_sommerfeld": {"cr": speed.real, "ci": speed.imag},
    }[name]
