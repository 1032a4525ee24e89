"""scikit-fem: quartic elements on meshes that refine themselves; the time is that of all meshes so far.

A pass splits the elements with the largest part of the solution that is not cubic there, in the local L2 norm, until
they make 0.99 of its square (hierarchical indicator; Doerfler, SIAM J. Numer. Anal. 33, 1996). Marches run to the end
on each mesh, with steps half as long as before; their indicator is the largest of all saved times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import skfem
from elements import ALLEN_CAHN, BURGERS, DEGREE, HEAT, Moving, basis_of, cavity, march, report_march, waves
from protocol import Array, Run, main

#: The share of the squared indicator that is refined in one pass.
BULK = 0.99
#: Longest steps of the first march of a line and of the plane.
FIRST_LINE, FIRST_PLANE = 2e-2, 5e-2


def cubics(basis: Any) -> Array:
    """An orthonormal basis (point, function) of the cubics on an element, at the points of the quadrature."""
    x = basis.quadrature[0]
    weights = basis.quadrature[1]
    if x.shape[0] == 1:
        powers = [x[0] ** i for i in range(DEGREE)]
    else:
        powers = [x[0] ** i * x[1] ** j for i in range(DEGREE) for j in range(DEGREE - i)]
    return np.linalg.qr(np.sqrt(weights)[:, None] * np.array(powers).T)[0]


def not_cubic(basis: Any, values: Array) -> Array:
    """The squared part of `values` (element, point) that is not cubic, by element."""
    weighted, known = values * np.sqrt(basis.dx), cubics(basis)
    return ((weighted - (weighted @ known) @ known.T) ** 2).sum(axis=1)


def refined(mesh: Any, indicator: Array) -> Any:
    """The mesh with the elements split that make BULK of the indicator."""
    falling = np.argsort(indicator)[::-1]
    sums = np.cumsum(indicator[falling])
    return mesh.refined(np.sort(falling[: int(np.searchsorted(sums, BULK * sums[-1])) + 1]))


def elliptic(run: Run, numbers: tuple[float, float], k2: float, mesh: Any) -> None:
    """Passes for a product of sines."""
    waves(basis_of(skfem.MeshTri().refined(1)), (1, 1), 0.0)  # first calls
    run.restart()
    while True:
        basis = basis_of(mesh)
        u = waves(basis, numbers, k2)
        run.report(f"adaptive, {basis.N} unknowns", lambda p, b=basis, u=u: b.probes(p.T) @ u)
        mesh = refined(mesh, not_cubic(basis, np.asarray(basis.interpolate(u))))


def poisson(run: Run) -> None:
    """On the unit square."""
    elliptic(run, (1, 1), 0.0, skfem.MeshTri().refined(1))


def helmholtz(run: Run) -> None:
    """One wave by four."""
    mesh = skfem.MeshTri.init_tensor(np.linspace(-1, 1, 3), np.linspace(-1, 1, 9))
    elliptic(run, (1, 4), 1.0, mesh)


def marching(moving: Moving, mesh: Any, longest: float) -> Callable[[Run], None]:
    """Passes of a march."""

    def solve(run: Run) -> None:
        times, here, step = np.unique(run.points[:, -1]), mesh, longest
        while True:
            basis = basis_of(here)
            states = march(moving, basis, times, step)
            report_march(run, f"adaptive, {basis.N} unknowns, steps {step:g}", basis, states)
            parts = [not_cubic(basis, np.asarray(basis.interpolate(u))) for u in states]
            here, step = refined(here, np.max(parts, axis=0)), step / 2

    return solve


def cavity_flow(run: Run) -> None:
    """Taylor-Hood P4, P3; the indicator is that of both velocities."""
    mesh = skfem.MeshTri().refined(2)
    while True:
        basis, u = cavity(mesh)

        def predict(points: Array, basis: Any = basis, u: Array = u) -> Array:
            return (basis.probes(points.T) @ u).reshape(2, -1)

        run.report(f"adaptive, {basis.N} velocities", predict)
        mesh = refined(mesh, sum(not_cubic(basis, part) for part in np.asarray(basis.interpolate(u))))


if __name__ == "__main__":
    intervals = skfem.MeshLine(np.linspace(-1, 1, 17))
    main(
        {
            "poisson": poisson,
            "helmholtz": helmholtz,
            "burgers": marching(BURGERS, intervals, FIRST_LINE),
            "allen_cahn": marching(ALLEN_CAHN, intervals, FIRST_LINE),
            "cavity": cavity_flow,
            "heat2d_lt": marching(HEAT, skfem.MeshTri().refined(3), FIRST_PLANE),
        },
        ("scikit-fem", "numpy", "scipy"),
    )
