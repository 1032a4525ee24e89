"""Lotka and Volterra's numbers of the hares and lynxes of 1900 to 1920: least squares around a Runge-Kutta method."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import OdeSolution, solve_ivp
from scipy.optimize import least_squares

Array = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[2] / "problems" / "data" / "hare_lynx.csv"
#: Passes in which the noise of both animals is estimated anew.
PASSES = 8


def _march(numbers: Array) -> OdeSolution:
    """The populations over time; alpha, gamma, and the logarithms of beta, delta and both starts."""
    a, c, b, d, h, lynx = *numbers[:2], *np.exp(numbers[2:])
    rate = lambda _, y: (a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1])  # noqa: E731
    return solve_ivp(rate, (1900, 1920), (h, lynx), "DOP853", dense_output=True, rtol=1e-11, atol=1e-11).sol


@lru_cache(maxsize=1)
def fitted() -> tuple[Array, Array]:
    """alpha, beta, gamma, delta and both starts, and their standard errors."""
    with DATA.open(encoding="utf-8") as file:
        rows = [[float(row[key]) for key in ("year", "hare", "lynx")] for row in csv.DictReader(file)]
    year, *counts = np.array(rows).T
    noise = np.ones(2)

    def differences(numbers: Array) -> Array:
        return np.concatenate(
            [(np.log(c / y)) / s for c, y, s in zip(counts, _march(numbers)(year), noise, strict=True)]
        )

    found = np.array([0.5, 0.8, *np.log([0.03, 0.03, 30.0, 4.0])])
    for _ in range(PASSES):
        result = least_squares(differences, found, "3-point", xtol=1e-13, ftol=1e-13, gtol=1e-13)
        found, both = result.x, np.split(differences(result.x), 2)
        noise = noise * [np.sqrt(np.mean(part**2) / (1 - 6 / 42)) for part in both]
    result = least_squares(differences, found, "3-point", xtol=1e-13, ftol=1e-13, gtol=1e-13)
    deviations = np.sqrt(np.diag(np.linalg.inv(result.jac.T @ result.jac)))
    values = np.array([*result.x[:2], *np.exp(result.x[2:])])
    deviations[2:] *= values[2:]
    order = [0, 2, 1, 3, 4, 5]
    return values[order], deviations[order]


def hare_lynx(t: Array) -> dict[str, Array]:
    """The populations with the numbers found."""
    (a, b, c, d, h, lynx), _ = fitted()
    hares, lynxes = _march(np.array([a, c, *np.log([b, d, h, lynx])]))(t)
    return {"hares": hares, "lynxes": lynxes}
