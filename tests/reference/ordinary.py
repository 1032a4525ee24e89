"""Ordinary systems without a formula, by scipy's Runge-Kutta methods at the smallest tolerances that they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

Array = NDArray[np.float64]
Rate = Callable[[float, Array], Sequence[float]]


def lotka_volterra(_: float, y: Array) -> Sequence[float]:
    """Prey and predators, rates 3/2, 1, 1, 3."""
    return y[0] * (1.5 - y[1]), y[1] * (y[0] - 3)


def lorenz(_: float, y: Array) -> Sequence[float]:
    """Lorenz (1963): sigma = 10, rho = 28, beta = 8/3."""
    return 10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]


def robertson(_: float, y: Array) -> Sequence[float]:
    """Robertson (1966)."""
    slow, fast = 0.04 * y[0] - 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return -slow, slow - fast, fast


def van_der_pol(_: float, y: Array) -> Sequence[float]:
    """Van der Pol, mu = 1000: u and u_t."""
    return y[1], 1000 * (1 - y[0] ** 2) * y[1] - y[0]


@dataclass(frozen=True)
class System:
    """y' = rate(t, y), y(0) = start, until `end`; `method` of scipy, absolute tolerance."""

    rate: Rate
    start: tuple[float, ...]
    end: float
    method: str = "DOP853"
    absolute: tuple[float, ...] | float = 1e-13


SYSTEMS = {
    "lotka_volterra": System(lotka_volterra, (1.0, 1.0), 10.0),
    "lorenz": System(lorenz, (1.0, 1.0, 1.0), 10.0),
    "robertson": System(robertson, (1.0, 0.0, 0.0), 40.0, "Radau", (1e-13, 1e-18, 1e-13)),
    "van_der_pol": System(van_der_pol, (2.0, 0.0), 2000.0, "Radau"),
}


@lru_cache
def ordinary(name: str, method: str = "") -> Callable[[ArrayLike], Array]:
    """Return t (..) -> y (unknown, ..) of a system; `method` instead of its own.

    Relative tolerance 3e-14 of each step. Dense output is an order below the method, which the many short steps make up
    for: what is seen between two methods stands in test_systems.py.
    """
    of = SYSTEMS[name]
    options = {"dense_output": True, "rtol": 3e-14, "atol": of.absolute}
    found = solve_ivp(of.rate, (0.0, of.end), of.start, method or of.method, **options)
    if not found.success:
        raise ValueError(found.message)
    return lambda t: found.sol(np.ravel(np.asarray(t, dtype=np.float64))).reshape(len(of.start), *np.shape(t))
