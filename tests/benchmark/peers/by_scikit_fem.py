"""scikit-fem: quartic elements on even meshes, finer and finer (documentation, examples 1, 9, 27 with P4).

Steps of the marches (implicit diffusion, order 3) are halved and more with the mesh so that neither is far behind.
"""

from __future__ import annotations

import numpy as np
import skfem
from elements import ALLEN_CAHN, BURGERS, HEAT, Moving, basis_of, cavity, march, report_march, waves
from protocol import Array, Run, main


def square(n: int, low: float = 0.0, tall: int = 1) -> skfem.MeshTri:
    """n x tall n squares of two triangles each on [low, 1]^2."""
    return skfem.MeshTri.init_tensor(np.linspace(low, 1, n + 1), np.linspace(low, 1, tall * n + 1))


def elliptic(run: Run, numbers: tuple[float, float], k2: float, low: float, tall: int, sizes: tuple[int, ...]) -> None:
    """A ladder of meshes for a product of sines."""
    waves(basis_of(square(2)), (1, 1), 0.0)  # first calls
    for n in sizes:
        run.restart()
        basis = basis_of(square(n, low, tall))
        u = waves(basis, numbers, k2)
        run.report(f"{n} x {tall * n} squares of two P4", lambda p, b=basis, u=u: b.probes(p.T) @ u)


def poisson(run: Run) -> None:
    """On the unit square."""
    elliptic(run, (1, 1), 0.0, 0.0, 1, (1, 2, 4, 8, 16, 24, 32, 48))


def helmholtz(run: Run) -> None:
    """One wave by four."""
    elliptic(run, (1, 4), 1.0, -1.0, 2, (2, 4, 8, 16, 24, 32, 48, 64))


def line(run: Run, moving: Moving, ladder: tuple[tuple[int, float], ...]) -> None:
    """Even meshes of [-1, 1]."""
    times = np.unique(run.points[:, -1])
    for n, longest in ladder:
        run.restart()
        basis = basis_of(skfem.MeshLine(np.linspace(-1, 1, n + 1)))
        report_march(run, f"{n} P4, steps {longest:g}", basis, march(moving, basis, times, longest))


def burgers(run: Run) -> None:
    """The front is 0.01 wide."""
    line(run, BURGERS, ((32, 1e-2), (64, 5e-3), (128, 2e-3), (256, 5e-4), (512, 1.5e-4), (1024, 5e-5)))


def allen_cahn(run: Run) -> None:
    """u_x = 0 at both ends: the data are even about 0 and 1."""
    line(run, ALLEN_CAHN, ((32, 5e-2), (64, 2e-2), (128, 1e-2), (256, 2e-3), (512, 1e-3), (1024, 2.5e-4)))


def cavity_flow(run: Run) -> None:
    """Taylor-Hood P4, P3."""
    for n in (4, 8, 12, 16, 24, 32):
        run.restart()
        basis, u = cavity(square(n))

        def predict(points: Array, basis: skfem.Basis = basis, u: Array = u) -> Array:
            return (basis.probes(points.T) @ u).reshape(2, -1)

        run.report(f"{n} x {n} squares of two P4-P3", predict)


def heat2d_lt(run: Run) -> None:
    """PINNacle's, to t = 8."""
    times = np.unique(run.points[:, -1])
    for n, longest in ((8, 0.05), (16, 0.02), (24, 0.01), (32, 5e-3), (48, 2.5e-3)):
        run.restart()
        basis = basis_of(square(n))
        report_march(run, f"{n} x {n} squares of two P4, steps {longest:g}", basis, march(HEAT, basis, times, longest))


if __name__ == "__main__":
    problems = (poisson, helmholtz, burgers, allen_cahn, heat2d_lt)
    main({p.__name__: p for p in problems} | {"cavity": cavity_flow}, ("scikit-fem", "numpy", "scipy"))
