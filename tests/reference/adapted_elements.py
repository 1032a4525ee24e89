"""Quartic triangles for a layer: refined where their own solution asks for it, or fitted to the layer by hand.

The first needs no knowledge of the solution and pays for all its meshes; the second is what somebody draws who knows
where the layer is: long triangles along it, thin ones across. Both are opponents of the benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import skfem

from .error import graded_edges
from .finite_elements import DEGREE, Array, Elliptic, Result, error_of, solution, solve, warm

#: The share of the indicator that is refined in one pass. At 0.95 a layer of 1e-3 took a pass more to the same error.
BULK = 0.99


def adapted(problem: Elliptic, most: int, bulk: float = BULK) -> Iterator[Result]:
    """Yield the result of each pass until it has `most` unknowns; its seconds include all passes before it.

    A pass splits the triangles with the largest part of u that is not cubic there, in the local L2 norm, until they
    make `bulk` of its square (Doerfler 1996): for a smooth u that part falls as the error does, one order later.
    """
    warm(True)
    mesh, spent, cubics = skfem.MeshTri().refined(3), 0.0, _cubics()
    while True:
        began = time.perf_counter()
        basis, u, unknowns = solution(problem, mesh)
        weighted = np.asarray(basis.interpolate(u)) * np.sqrt(basis.dx)  # (triangle, point)
        spent += time.perf_counter() - began
        yield Result(error_of(problem, mesh, u), spent, unknowns)
        if unknowns > most:
            return
        began = time.perf_counter()
        quartic = ((weighted - (weighted @ cubics) @ cubics.T) ** 2).sum(axis=1)
        falling = np.argsort(quartic)[::-1]
        sums = np.cumsum(quartic[falling])
        mesh = mesh.refined(np.sort(falling[: int(np.searchsorted(sums, bulk * sums[-1])) + 1]))
        spent += time.perf_counter() - began


def _cubics() -> Array:
    """Return an orthonormal basis (point, 10) of the cubics on a triangle, at the points of the assembly."""
    points, weights = skfem.quadrature.get_quadrature(skfem.MeshTri.elem.refdom, 2 * DEGREE)
    powers = [points[0] ** i * points[1] ** j for i in range(DEGREE) for j in range(DEGREE - i)]
    basis: Array = np.linalg.qr(np.sqrt(weights)[:, None] * np.array(powers).T)[0]
    return basis


def fitted(problem: Elliptic, along: int, finest: float, ratio: float) -> Result:
    """Return error and time on the mesh fitted to the stream line through the middle."""
    warm(True)
    began = time.perf_counter()
    mesh = fitted_mesh(problem.wind[1] / problem.wind[0], along, finest, ratio)
    drawn = time.perf_counter() - began
    found = solve(problem, mesh)
    return replace(found, seconds=found.seconds + drawn)


def fitted_mesh(slope: float, along: int, finest: float, ratio: float) -> skfem.MeshTri:
    """Return triangles on the unit square with edges on the line of `slope` through its middle.

    In x there are `along` even strips; in y they grow by `ratio` from `finest` at the line to at most 0.1.
    """
    fractions = graded_edges(0.0, 1.0, 0.5, finest, 0.1, ratio)
    mesh = skfem.MeshQuad.init_tensor(np.linspace(0, 1, along + 1), fractions)
    x, fraction = mesh.p
    line = 0.5 + slope * (x - 0.5)
    y = np.where(fraction <= 0.5, 2 * fraction * line, 1 - 2 * (1 - fraction) * (1 - line))
    return skfem.MeshQuad(np.array([x, y]), mesh.t).to_meshtri()
