"""BACOLI by bacoli_py: B-spline collocation whose error is controlled in space and time; parabolic, one dimension.

Solver(kcol=...) and solve(..., atol, rtol) as in the package's tutorial (the Burgers example of its documentation); the
callbacks are Python. Degrees kcol + 1: 4 collocation points an interval as by default, and 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bacoli_py import ProblemDefinition, Solver
from protocol import Array, Run, main

ONE_DIMENSION = "parabolic equations in one dimension of space"
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
#: Collocation points an interval.
POINTS = (4, 8)
#: An initial mesh that both solvers refine; most intervals of a mesh.
MESH, MOST = np.linspace(-1, 1, 21), 2000


def solver(definition: Any, dirichlet: bool) -> Callable[[Run], None]:
    """One solve a tolerance and degree."""

    def solve(run: Run) -> None:
        (places, x_at), (times, t_at) = (np.unique(run.points[:, i], return_inverse=True) for i in (0, 1))
        for tolerance in TOLERANCES:
            for points in POINTS:
                run.restart()
                found = Solver(nint_max=MOST, kcol=points).solve(
                    definition, 0.0, MESH, times, places, tolerance, tolerance, dirichlet=dirichlet
                )
                values: Array = np.asarray(found.u)[0][t_at, x_at]
                run.report(f"tolerance {tolerance:.0e}, {points} points an interval", lambda _, u=values: u)

    return solve


def burgers_rate(t: Any, x: Any, u: Array, ux: Array, uxx: Array, out: Array) -> None:
    """u_t."""
    out[0] = 0.01 / np.pi * uxx[0] - u[0] * ux[0]


def allen_cahn_rate(t: Any, x: Any, u: Array, ux: Array, uxx: Array, out: Array) -> None:
    """u_t."""
    out[0] = 1e-4 * uxx[0] + 5 * (u[0] - u[0] ** 3)


def value(t: Any, u: Array, ux: Array, out: Array) -> None:
    """u = 0."""
    out[0] = u[0]


def even(t: Any, u: Array, ux: Array, out: Array) -> None:
    """u_x = 0: the period of Allen-Cahn, whose data are even about 0 and 1."""
    out[0] = ux[0]


def wave(x: Any, out: Array) -> None:
    """-sin(pi x)."""
    out[0] = -np.sin(np.pi * x)


def dip(x: Any, out: Array) -> None:
    """x^2 cos(pi x)."""
    out[0] = x**2 * np.cos(np.pi * x)


if __name__ == "__main__":
    main(
        {
            "poisson": ONE_DIMENSION,
            "helmholtz": ONE_DIMENSION,
            "burgers": solver(ProblemDefinition(1, burgers_rate, value, value, wave), True),
            "allen_cahn": solver(ProblemDefinition(1, allen_cahn_rate, even, even, dip), False),
            "cavity": ONE_DIMENSION,
            "heat2d_lt": ONE_DIMENSION,
        },
        ("bacoli_py", "numpy"),
    )
