"""Quartic finite elements (scikit-fem), error and time: the side-by-side figures of the benchmark.

    -div(k grad u) + b . grad u + c u = q in a rectangle,    u = exact on its boundary

Quadrilaterals carry the tensor elements Q4, triangles P4. The time is assembly, factorisation and solution with one
refinement, and the mesh where it is a graded one, after a first small solve so that imports and caches are warm; the
error is relative L2, with quadrature of order 12. SuperLU is told that the pattern is symmetric: with scipy's default
ordering the same solutions take two to six times longer, and the comparison would flatter pinnkan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import skfem
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

from . import closed_form
from .error import graded_edges, relative_l2

Array = NDArray[np.float64]
Function = Callable[[Array, Array], Array]

DEGREE = 4
QUADRATURE = 12  # order for the error; assembly takes 2 * DEGREE


@dataclass(frozen=True)
class Result:
    """What one solve reached: relative L2 error, seconds, number of unknowns."""

    error: float
    seconds: float
    unknowns: int


@dataclass(frozen=True)
class Elliptic:
    """-div(eps grad u) + wind . grad u + reaction u = source, with the exact solution for the error.

    u is exact on the sides where `fixed` (of the midpoint of an edge) holds, None meaning all; the flux is zero on the
    others. On quadrilaterals, whose basis is not nodal, u must be zero on the fixed sides. (The names left, right that
    skfem can give are no use here: its tolerance takes in thin elements next to a side.)
    """

    exact: Function
    source: Function
    eps: float | Function = 1.0
    wind: tuple[float, float] = (0.0, 0.0)
    reaction: float = 0.0
    fixed: Callable[[Array], Array] | None = None


def element_of(mesh: Any) -> Any:
    """Return P4 on triangles, Q4 on quadrilaterals."""
    return skfem.ElementTriP4() if isinstance(mesh, skfem.MeshTri) else skfem.ElementQuadP(DEGREE)


def solve(problem: Elliptic, mesh: Any) -> Result:
    """Return error and time of quartic elements on `mesh`."""
    began = time.perf_counter()
    _, u, unknowns = solution(problem, mesh)
    seconds = time.perf_counter() - began
    return Result(error_of(problem, mesh, u), seconds, unknowns)


def solution(problem: Elliptic, mesh: Any) -> tuple[Any, Array, int]:
    """Return the basis on `mesh`, the coefficients of the solution, and how many of them were unknown."""
    basis = skfem.Basis(mesh, element_of(mesh), intorder=2 * DEGREE)
    eps, (wind_x, wind_y), reaction = problem.eps, problem.wind, problem.reaction

    @skfem.BilinearForm
    def operator(u: Any, v: Any, w: Any) -> Any:
        slope = grad(u)
        return (eps(*w.x) if callable(eps) else eps) * dot(slope, grad(v)) + (
            wind_x * slope[0] + wind_y * slope[1] + reaction * u
        ) * v

    @skfem.LinearForm
    def load(v: Any, w: Any) -> Any:
        return problem.source(*w.x) * v

    known = basis.get_dofs(problem.fixed)
    u = problem.exact(*basis.doflocs) if isinstance(mesh, skfem.MeshTri) else np.zeros(basis.N)
    matrix, right, u, free = skfem.condense(operator.assemble(basis), load.assemble(basis), x=u, D=known)
    matrix = matrix.tocsc()
    factors = factorised(matrix)
    u[free] = factors.solve(right)
    u[free] += factors.solve(right - matrix @ u[free])
    return basis, u, free.size


def factorised(matrix: Any) -> Any:
    """Return SuperLU's factors with minimum degree on A + A^T, diagonal pivots preferred."""
    options = {"SymmetricMode": True}
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options=options)


def error_of(problem: Elliptic, mesh: Any, u: Array) -> float:
    """Return the relative L2 error of coefficients `u` on `mesh`."""
    fine = skfem.Basis(mesh, element_of(mesh), intorder=QUADRATURE)
    places = np.asarray(fine.global_coordinates())
    return relative_l2(np.asarray(fine.interpolate(u)), problem.exact(*places), fine.dx)


@lru_cache
def warm(triangles: bool) -> None:
    """Solve something tiny once, so that no timing pays for imports."""
    mesh = skfem.MeshTri().refined(1) if triangles else skfem.MeshQuad().refined(1)
    solve(Elliptic(closed_form.sines, closed_form.sines), mesh)


def poisson(intervals: int = 16) -> Result:
    """Return Q4 for -lap u = 2 pi^2 sin(pi x) sin(pi y) on the unit square, `intervals` per side."""
    warm(False)
    edges = np.linspace(0, 1, intervals + 1)
    problem = Elliptic(closed_form.sines, lambda x, y: 2 * np.pi**2 * closed_form.sines(x, y))
    return solve(problem, skfem.MeshQuad.init_tensor(edges, edges))


def poisson_multiscale(intervals: int = 64, waves: tuple[float, ...] = (4, 8, 12, 16)) -> Result:
    """Return Q4 for -lap u = q on the unit square, u the mean of sin(w pi x) sin(w pi y)."""
    warm(False)
    edges = np.linspace(0, 1, intervals + 1)

    def source(x: Array, y: Array) -> Array:
        each = [2 * (w * np.pi) ** 2 * closed_form.sines(x, y, waves=(w, w)) for w in waves]
        return np.asarray(np.mean(each, axis=0))

    problem = Elliptic(lambda x, y: closed_form.multiscale(x, y, waves), source)
    return solve(problem, skfem.MeshQuad.init_tensor(edges, edges))


def poisson_varying(intervals: int = 64) -> Result:
    """Return Q4 for -div(k grad u) = q on the unit square, k = 1 + 0.9 sin(4 pi x) cos(4 pi y)."""
    warm(False)
    edges = np.linspace(0, 1, intervals + 1)
    problem = Elliptic(closed_form.conducted, closed_form.conducted_source, closed_form.conductivity)
    return solve(problem, skfem.MeshQuad.init_tensor(edges, edges))


def helmholtz(
    intervals: tuple[int, int] = (24, 96), waves: tuple[float, float] = (1, 4), wave_number: float = 1.0
) -> Result:
    """Return Q4 for lap u + k^2 u = q on [-1, 1]^2, u = sin(a pi x) sin(b pi y), (a, b) = waves."""
    warm(False)
    mesh = skfem.MeshQuad.init_tensor(*(np.linspace(-1, 1, n + 1) for n in intervals))
    factor = np.pi**2 * (waves[0] ** 2 + waves[1] ** 2) - wave_number**2
    problem = Elliptic(
        lambda x, y: closed_form.sines(x, y, waves=waves),
        lambda x, y: factor * closed_form.sines(x, y, waves=waves),
        reaction=-(wave_number**2),
    )
    return solve(problem, mesh)


def convection_layer(eps: float = 0.01, ratio: float = 1.5, across: int = 2) -> Result:
    """Return Q4 for -eps lap u + u_x = 1 on the unit square, the layer of `closed_form.boundary_layer` at x = 1.

    The solution does not depend on y, where `across` elements and zero flux do; in x elements grow by `ratio` from eps.
    """
    warm(False)
    edges = graded_edges(0.0, 1.0, 1.0, eps, 0.25, ratio)
    problem = Elliptic(
        lambda x, y: closed_form.boundary_layer(x, eps),
        lambda x, y: np.ones_like(x),
        eps,
        wind=(1.0, 0.0),
        fixed=lambda x: (x[0] == 0) | (x[0] == 1),
    )
    return solve(problem, skfem.MeshQuad.init_tensor(edges, np.linspace(0, 1, across + 1)))


def oblique(angle: float = np.pi / 6, width: float = 1e-3, eps: float = 1e-3) -> Elliptic:
    """Return -eps lap u + b . grad u = q of `closed_form.oblique_layer`, b = (cos angle, sin angle)."""

    def exact(x: Array, y: Array) -> Array:
        return closed_form.oblique_layer(x, y, angle, width)

    def source(x: Array, y: Array) -> Array:
        u = exact(x, y)
        return 2 * eps / width**2 * u * (1 - u**2)

    return Elliptic(exact, source, eps, wind=(float(np.cos(angle)), float(np.sin(angle))))


def oblique_layer(
    angle: float = np.pi / 6, width: float = 1e-3, eps: float = 1e-3, finest: float = 1.0, reach: float = 6.0
) -> Result:
    """Return P4 for `oblique` on triangles refined towards the front.

    A triangle longer than finest * width and nearer to the front than `reach` widths, or than its own length, is split.
    """
    warm(True)
    problem = oblique(angle, width, eps)
    began = time.perf_counter()
    mesh = front_mesh(problem.wind, finest * width, reach * width)
    drawn = time.perf_counter() - began
    found = solve(problem, mesh)
    return replace(found, seconds=found.seconds + drawn)


def front_mesh(direction: tuple[float, float], finest: float, reach: float) -> Any:
    """Return triangles on the unit square, sides <= `finest` near the line along `direction` through its middle."""
    mesh = skfem.MeshTri().refined(2)
    while True:
        corners = mesh.p[:, mesh.t]  # (coordinate, corner, triangle)
        size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=0).max(axis=0)
        across = -(corners[0] - 0.5) * direction[1] + (corners[1] - 0.5) * direction[0]  # (corner, triangle)
        distance = np.where(across.min(axis=0) * across.max(axis=0) <= 0, 0.0, np.abs(across).min(axis=0))
        split = np.flatnonzero((size > finest) & (distance < np.maximum(reach, size / 4)))
        if split.size == 0:
            return mesh
        mesh = mesh.refined(split)
