"""py-pde: finite differences of second order as its documentation's examples use them, with solve(..., adaptive=True).

poisson     solve_poisson_equation ("Solving Poisson's equation in 1d", "... in 2d")
burgers, allen_cahn, heat2d_lt   PDE with expressions ("Custom PDE using expressions"), adaptive Runge-Kutta steps

Values at the centres of cells go to the points of the comparison by cubic splines through them and the sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pde import PDE, CartesianGrid, MemoryStorage, ScalarField, solve_poisson_equation
from protocol import Array, Run, main
from scipy.interpolate import CubicSpline, RectBivariateSpline

#: Of a step: below what the mesh is off by.
TOLERANCE = 1e-6


def poisson(run: Run) -> None:
    """-lap u = 2 pi^2 sin(pi x) sin(pi y)."""
    for n in (8, 16, 32, 64, 128, 256, 512):
        run.restart()
        grid = CartesianGrid([[0, 1], [0, 1]], n)
        right = ScalarField.from_expression(grid, "-2*pi**2*sin(pi*x)*sin(pi*y)")
        u = solve_poisson_equation(right, bc={"value": 0})
        table = with_sides(np.asarray(u.data)), sides(n)
        run.report(
            f"{n} x {n} cells", lambda p, t=table: RectBivariateSpline(t[1], t[1], t[0])(p[:, 0], p[:, 1], grid=False)
        )


def sides(n: int) -> Array:
    """0, the centres of n cells, 1."""
    return np.r_[0, (np.arange(n) + 0.5) / n, 1]


def with_sides(u: Array) -> Array:
    """Zeros around."""
    return np.pad(u, 1)


def marched(run: Run, grid: Any, right: str, start: str, bc: Any) -> list[Array]:
    """The states at the times of the comparison."""
    times, storage = np.unique(run.points[:, -1]), MemoryStorage()
    state = ScalarField.from_expression(grid, start)
    equation = PDE({"u": right}, bc=bc) if bc is not None else PDE({"u": right})
    equation.solve(
        state,
        t_range=float(times[-1]),
        dt=1e-5,
        solver="runge-kutta",
        adaptive=True,
        tolerance=TOLERANCE,
        tracker=[storage.tracker(list(times))],
    )
    return [np.asarray(storage[i].data) for i in range(len(times))]


def burgers(run: Run) -> None:
    """On [-1, 1], zero at both ends; with 128 cells, two to the width of the front, the march blows up."""
    for n in (512, 1024, 2048, 4096):
        run.restart()
        grid = CartesianGrid([[-1, 1]], n)
        right = "-u * d_dx(u) + 0.01 / pi * laplace(u)"
        states = marched(run, grid, right, "-sin(pi * x)", {"value": 0})
        nodes = 2 * sides(n) - 1
        line(run, n, [CubicSpline(nodes, np.pad(u, 1)) for u in states])


def allen_cahn(run: Run) -> None:
    """Periodic on [-1, 1]."""
    for n in (128, 256, 512, 1024, 2048, 4096):
        run.restart()
        grid = CartesianGrid([[-1, 1]], n, periodic=True)
        right = "1e-4 * laplace(u) + 5 * (u - u**3)"
        states = marched(run, grid, right, "x**2 * cos(pi * x)", None)
        nodes = 2 * (np.arange(-4, n + 4) + 0.5) / n - 1
        line(run, n, [CubicSpline(nodes, np.pad(u, 4, mode="wrap")) for u in states])


def line(run: Run, n: int, splines: list[Any]) -> None:
    """Report one march in one dimension."""
    where = np.unique(run.points[:, -1], return_inverse=True)[1]

    def predict(points: Array) -> Array:
        values = np.empty(len(points))
        for i, spline in enumerate(splines):
            values[where == i] = spline(points[where == i, 0])
        return values

    run.report(f"{n} cells, adaptive Runge-Kutta", predict)


def heat2d_lt(run: Run) -> None:
    """PINNacle's, to t = 8."""
    right = "0.001 * laplace(u) + 5 * sin(u**2) * (1 + 2 * sin(pi * t / 4)) * sin(4 * pi * x) * sin(2 * pi * y)"
    for n in (36, 72, 144, 288):
        run.restart()
        grid = CartesianGrid([[0, 1], [0, 1]], n)
        states = marched(run, grid, right, "sin(4 * pi * x) * sin(3 * pi * y)", {"value": 0})
        where = np.unique(run.points[:, -1], return_inverse=True)[1]
        splines = [RectBivariateSpline(sides(n), sides(n), with_sides(u)) for u in states]

        def predict(points: Array, splines: list[Any] = splines, where: Array = where) -> Array:
            values = np.empty(len(points))
            for i, spline in enumerate(splines):
                values[where == i] = spline(*points[where == i, :2].T, grid=False)
            return values

        run.report(f"{n} x {n} cells, adaptive Runge-Kutta", predict)


if __name__ == "__main__":
    main(
        {
            "poisson": poisson,
            "helmholtz": "solves Poisson's and Laplace's equations, and marches",
            "burgers": burgers,
            "allen_cahn": allen_cahn,
            "cavity": "no pressure",
            "heat2d_lt": heat2d_lt,
        },
        ("py-pde", "numba", "numpy"),
    )
