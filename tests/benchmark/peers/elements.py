"""What the two scripts of scikit-fem share: stationary solves, a march, the cavity, values at points.

Quartic elements on triangles and lines; sparse LU (SuperLU) as in tests/reference/finite_elements.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import skfem
from protocol import Array, Run
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu
from skfem.helpers import ddot, div, dot, grad

DEGREE = 4
pi, sin = np.pi, np.sin


def factorised(matrix: Any) -> Any:
    """SuperLU's factors, the pattern symmetric."""
    options = {"SymmetricMode": True}
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options=options)


def basis_of(mesh: Any, order: int = 2 * DEGREE) -> Any:
    """P4 on triangles or lines."""
    element = skfem.ElementTriP4() if isinstance(mesh, skfem.MeshTri) else skfem.ElementLinePp(DEGREE)
    return skfem.Basis(mesh, element, intorder=order)


@skfem.BilinearForm
def stiffness(u: Any, v: Any, _: Any) -> Any:
    """grad u . grad v."""
    return dot(grad(u), grad(v))


@skfem.BilinearForm
def mass(u: Any, v: Any, _: Any) -> Any:
    """u v."""
    return u * v


def waves(basis: Any, numbers: tuple[float, float], k2: float) -> Array:
    """Coefficients of lap u + k2 u = f, u = sin(a pi x) sin(b pi y), zero on the boundary."""
    a, b = numbers
    factor = pi**2 * (a**2 + b**2) - k2

    @skfem.LinearForm
    def load(v: Any, w: Any) -> Any:
        return factor * sin(a * pi * w.x[0]) * sin(b * pi * w.x[1]) * v

    matrix = stiffness.assemble(basis) - k2 * mass.assemble(basis)
    free, u = basis.complement_dofs(basis.get_dofs()), np.zeros(basis.N)
    u[free] = factorised(matrix[free][:, free]).solve(load.assemble(basis)[free])
    return u


@dataclass(frozen=True)
class Moving:
    """u_t = diffusion lap u + source(u, slope along x, places, t), u = start at t = 0; zero around if `fixed`."""

    diffusion: float
    source: Callable[[Array, Array, Array, float], Array]
    start: Callable[[Array], Array]
    fixed: bool


#: Ascher, Ruuth, Spiteri (1997), Appl. Numer. Math. 25, (4, 4, 3): stiff part implicit, order 3, one matrix.
IMPLICIT = np.array([[1 / 2, 0, 0, 0], [1 / 6, 1 / 2, 0, 0], [-1 / 2, 1 / 2, 1 / 2, 0], [3 / 2, -3 / 2, 1 / 2, 1 / 2]])
EXPLICIT = np.array(
    [[1 / 2, 0, 0, 0], [11 / 18, 1 / 18, 0, 0], [5 / 6, -5 / 6, 1 / 2, 0], [1 / 4, 7 / 4, 3 / 4, -7 / 4]]
)
TIMES = np.array([0, 1 / 2, 2 / 3, 1 / 2])


def tables(basis: Any) -> tuple[Any, Any, Array]:
    """Matrices from coefficients to values and to slopes along x at the quadrature points; weights of those."""
    count, points = basis.dx.shape
    shape = (count * points, basis.N)
    rows = np.arange(count * points).reshape(count, points)
    made = []
    for slopes in (False, True):
        total = coo_matrix(shape).tocsr()
        for i, dofs in enumerate(basis.element_dofs):
            field = basis.basis[i][0]
            values = np.broadcast_to(field.grad[0] if slopes else np.asarray(field), (count, points))
            columns = np.broadcast_to(dofs[:, None], (count, points))
            total = total + coo_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape).tocsr()
        made.append(total)
    return made[0], made[1], basis.dx.ravel()


def march(moving: Moving, basis: Any, times: Array, longest: float) -> list[Array]:
    """Coefficients at `times`, equal steps <= `longest` between them."""
    M, K = mass.assemble(basis).tocsr(), moving.diffusion * stiffness.assemble(basis).tocsr()
    free = basis.complement_dofs(basis.get_dofs()) if moving.fixed else np.arange(basis.N)
    values, slopes, weights = tables(basis)
    places = np.asarray(basis.global_coordinates()).reshape(basis.mesh.dim(), -1)
    test = values[:, free].T.tocsr()
    u, now, states = np.zeros(basis.N), 0.0, []
    u[free] = factorised(M[free][:, free]).solve(test @ (weights * moving.start(places)))
    values, slopes, M, K = values[:, free], slopes[:, free], M[free][:, free], K[free][:, free]

    def source(w: Array, t: float) -> Array:
        return np.asarray(test @ (weights * moving.source(values @ w, slopes @ w, places, t)))

    last, factors, w = 0.0, None, u[free]
    for stop in times:
        count = int(np.ceil((stop - now) / longest * (1 - 1e-12)))
        h = (stop - now) / count
        if factors is None or abs(h - last) > 1e-12 * h:
            last, factors = h, factorised(M + h / 2 * K)
        for n in range(count):
            w = _step(w, M, K, factors, source, now + n * h, h)
        now = stop
        u = np.zeros(basis.N)
        u[free] = w
        states.append(u)
    return states


def _step(w: Array, M: Any, K: Any, factors: Any, source: Callable[[Array, float], Array], t: float, h: float) -> Array:
    before, pulls, pushes, stage = M @ w, [], [], w
    for i in range(4):
        pushes.append(source(stage, t + TIMES[i] * h))
        right = before + h * sum(a * f for a, f in zip(EXPLICIT[i], pushes, strict=False))
        right -= h * sum(a * k for a, k in zip(IMPLICIT[i], pulls, strict=False))
        stage = factors.solve(right)
        pulls.append(K @ stage)
    return stage


BURGERS = Moving(0.01 / pi, lambda u, slope, x, t: -u * slope, lambda x: -sin(pi * x[0]), True)
ALLEN_CAHN = Moving(1e-4, lambda u, slope, x, t: 5 * (u - u**3), lambda x: x[0] ** 2 * np.cos(pi * x[0]), False)
HEAT = Moving(
    1e-3,
    lambda u, slope, x, t: 5 * sin(u**2) * (1 + 2 * sin(pi * t / 4)) * sin(4 * pi * x[0]) * sin(2 * pi * x[1]),
    lambda x: sin(4 * pi * x[0]) * sin(3 * pi * x[1]),
    True,
)


def report_march(run: Run, words: str, basis: Any, states: list[Array]) -> None:
    """Values of the states at the points of their times."""
    where = np.unique(run.points[:, -1], return_inverse=True)[1]

    def predict(points: Array) -> Array:
        values = np.empty(len(points))
        for i, u in enumerate(states):
            values[where == i] = basis.probes(points[where == i, :-1].T) @ u
        return values

    run.report(words, predict)


def cavity(mesh: Any) -> tuple[Any, Array]:
    """Steady Navier-Stokes at Re 100: the basis of velocities P4^2 and their coefficients, pressure P3, by Newton."""
    velocity = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP4()), intorder=11)
    pressure = velocity.with_element(skfem.ElementTriP3())

    @skfem.BilinearForm
    def moving(u: Any, v: Any, w: Any) -> Any:
        before = w.before
        carried = np.einsum("ij...,j...->i...", grad(u), before) + np.einsum("ij...,j...->i...", grad(before), u)
        return ddot(grad(u), grad(v)) / 100 + dot(carried, v)

    @skfem.LinearForm
    def twice(v: Any, w: Any) -> Any:
        return dot(np.einsum("ij...,j...->i...", grad(w.before), w.before), v)

    @skfem.BilinearForm
    def continuity(u: Any, q: Any, _: Any) -> Any:
        return -div(u) * q

    B = continuity.assemble(velocity, pressure)
    x, y = velocity.doflocs
    sides = velocity.get_dofs()
    known = np.concatenate([sides.all(), [velocity.N]])  # and one value of the pressure
    state = np.zeros(velocity.N + pressure.N)
    lid = sides.all("u^1")
    state[lid] = np.where(y[lid] > 1 - 1e-12, 16 * x[lid] ** 2 * (1 - x[lid]) ** 2, 0.0)
    u = state[: velocity.N].copy()
    for _ in range(12):
        before = velocity.interpolate(u)
        A = moving.assemble(velocity, before=before)
        right = np.concatenate([twice.assemble(velocity, before=before), np.zeros(pressure.N)])
        matrix = skfem.utils.bmat([[A, B.T], [B, None]], "csc")
        new = skfem.solve(*skfem.condense(matrix, right, x=state.copy(), D=known))[: velocity.N]
        step, u = np.linalg.norm(new - u), new
        if step < 1e-10 * np.linalg.norm(u):
            break
    return velocity, u
