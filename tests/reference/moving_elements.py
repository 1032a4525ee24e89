"""Quartic triangles in space, Radau collocation in time, for a front that moves: error and time for the benchmark.

    u_t + w . grad u = eps lap u in a square,    u = exact on its boundary and at the start

The stages of one step are the values of a polynomial that solves the equation at the Radau points: order 2 s - 1 for s
of them (Hairer, Wanner 1996, Solving Ordinary Differential Equations II, section IV.5). The matrix of their
coefficients is diagonalised (ibid., section IV.8), so that a step of s stages takes s solutions of the size of the
mesh, half of them complex conjugates of the others. Neither mesh nor step changes: every matrix is factorised once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import skfem
from numpy.typing import NDArray
from scipy.special import erf, roots_jacobi
from skfem.helpers import dot, grad

from .error import relative_l2
from .finite_elements import DEGREE, QUADRATURE, Array, Result, factorised, warm

STAGES = 5


@dataclass(frozen=True)
class Moving:
    """u_t + wind . grad u = eps lap u from t = 0 to 1; `exact(x, y, t)`, `wind(x, y)` and the front, in turning axes.

    `distance(x, y, t)` is the signed distance to the middle of the front.
    """

    exact: Callable[[Array, Array, float], Array]
    wind: Callable[[Array, Array], tuple[Array, Array]]
    distance: Callable[[Array, Array, float], Array]
    eps: float


def turning(eps: float = 1e-4, spin: float = np.pi / 4, age: float = 0.5) -> Moving:
    """Return turning_front: an error function across a line that turns from 30 degrees by `spin`, and widens."""

    def distance(x: Array, y: Array, t: float) -> Array:
        angle = np.pi / 6 + spin * t
        return np.asarray(np.cos(angle) * x + np.sin(angle) * y)

    def exact(x: Array, y: Array, t: float) -> Array:
        return np.asarray(erf(distance(x, y, t) / np.sqrt(4 * eps * (t + age))))

    return Moving(exact, lambda x, y: (-spin * y, spin * x), distance, eps)


def even_mesh(halvings: int) -> Any:
    """Return 2 * 4^halvings even triangles on [-0.5, 0.5]^2."""
    return skfem.MeshTri().translated((-0.5, -0.5)).refined(halvings)


def path_mesh(moving: Moving, finest: float, reach: float, times: int = 60) -> Any:
    """Return triangles no longer than `finest` wherever the front comes nearer than `reach` at one of the `times`."""
    mesh = even_mesh(3)
    while True:
        corners = mesh.p[:, mesh.t]  # (coordinate, corner, triangle)
        size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=0).max(axis=0)
        nearest = np.full(size.shape, np.inf)
        for t in np.linspace(0, 1, times):
            s = moving.distance(*corners, float(t))
            crossed = s.min(axis=0) * s.max(axis=0) <= 0
            nearest = np.minimum(nearest, np.where(crossed, 0.0, np.abs(s).min(axis=0)))
        split = np.flatnonzero((size > finest) & (nearest < np.maximum(reach, size / 4)))
        if split.size == 0:
            return mesh
        mesh = mesh.refined(split)


def collocation(stages: int) -> tuple[Array, Array]:
    """Return the Radau points c (stage,) of [0, 1], 1 the last, and the integrals a_ij of their polynomials to c_i."""
    c = np.append((roots_jacobi(stages - 1, 1, 0)[0] + 1) / 2, 1.0)
    powers = np.arange(1, stages + 1)
    return c, (c[:, None] ** powers / powers) @ np.linalg.inv(np.vander(c, stages, increasing=True))


def march(moving: Moving, make_mesh: Callable[[], Any], steps: int, stages: int = STAGES) -> Result:
    """Return error and time of `steps` even steps; error in L2 of space and time, by trapezoids over the steps."""
    warm(True)
    began = time.perf_counter()
    basis = skfem.Basis(make_mesh(), skfem.ElementTriP4(), intorder=2 * DEGREE)
    stepper = Stepper(moving, basis, 1.0 / steps, stages)
    states = [moving.exact(*basis.doflocs, 0.0)]
    for n in range(steps):
        states.append(stepper.step(states[-1], n / steps))
    seconds = time.perf_counter() - began
    return Result(_error(moving, basis.mesh, states), seconds, stepper.free.size)


class Stepper:
    """One step of `dt`, its matrices factorised.

    With A = (a_ij), the stages Z = U - u solve (A^-1 / dt x M + K) Z = -K u; in the eigenvectors of A^-1 that is one
    system (lambda / dt M + K) per eigenvalue lambda. What is known on the boundary goes to the right.
    """

    def __init__(self, moving: Moving, basis: Any, dt: float, stages: int) -> None:
        self.moving, self.dt = moving, dt
        self.c, integrals = collocation(stages)
        self.inverse = np.linalg.inv(integrals)
        values, self.vectors = np.linalg.eig(self.inverse)
        self.chosen = np.flatnonzero(values.imag >= 0)
        self.to_vectors = np.linalg.inv(self.vectors)[self.chosen]
        stiffness, mass = _matrices(moving, basis)
        self.known = basis.get_dofs().flatten()
        self.free = basis.complement_dofs(self.known)
        self.rows = stiffness[self.free]
        self.known_rows = self.rows[:, self.known], mass[self.free][:, self.known]
        self.places = basis.doflocs[:, self.known]
        k, m = self.rows[:, self.free], mass[self.free][:, self.free]
        self.is_real = [bool(values[i].imag == 0) for i in self.chosen]
        shifts = [values[i].real if real else values[i] for i, real in zip(self.chosen, self.is_real, strict=True)]
        self.factors = [factorised(k + shift / dt * m) for shift in shifts]

    def step(self, u: Array, t: float) -> Array:
        """Return the coefficients at t + dt."""
        ends = np.stack([self.moving.exact(*self.places, t + c * self.dt) for c in self.c])  # (stage, known)
        known = ends - u[self.known]
        k, m = self.known_rows
        right = -(self.rows @ u)[:, None] - k @ known.T - m @ (self.inverse @ known / self.dt).T  # (free, stage)
        change = np.zeros(self.free.size)
        turned = right @ self.to_vectors.T
        for i, real, factors, part in zip(self.chosen, self.is_real, self.factors, turned.T, strict=True):
            if real:
                change += factors.solve(np.ascontiguousarray(part.real)) * self.vectors[-1, i].real
            else:  # and its conjugate
                change += 2 * (factors.solve(np.ascontiguousarray(part)) * self.vectors[-1, i]).real
        after = u.copy()
        after[self.free] += change
        after[self.known] = ends[-1]
        return after


def _matrices(moving: Moving, basis: Any) -> tuple[Any, Any]:
    """Return stiffness and mass, compressed by rows."""

    @skfem.BilinearForm
    def stiffness(u: Any, v: Any, w: Any) -> Any:
        slope, (wind_x, wind_y) = grad(u), moving.wind(*w.x)
        return (wind_x * slope[0] + wind_y * slope[1]) * v + moving.eps * dot(slope, grad(v))

    @skfem.BilinearForm
    def mass(u: Any, v: Any, _: Any) -> Any:
        return u * v

    return stiffness.assemble(basis).tocsr(), mass.assemble(basis).tocsr()


def _error(moving: Moving, mesh: Any, states: list[NDArray[np.float64]]) -> float:
    fine = skfem.Basis(mesh, skfem.ElementTriP4(), intorder=QUADRATURE)
    places = np.asarray(fine.global_coordinates())
    weights = np.full(len(states), 1.0 / (len(states) - 1))
    weights[[0, -1]] /= 2
    squares = norms = 0.0
    for u, t, weight in zip(states, np.linspace(0, 1, len(states)), weights, strict=True):
        exact = moving.exact(*places, float(t))
        norm = weight * float((fine.dx * exact**2).sum())
        squares += norm * relative_l2(np.asarray(fine.interpolate(u)), exact, fine.dx) ** 2
        norms += norm
    return float(np.sqrt(squares / norms))
