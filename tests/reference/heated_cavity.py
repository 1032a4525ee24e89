"""A square of fluid heated from one side: stream function and temperature in Legendre polynomials (Galerkin).

With u = psi_y, v = -psi_x, in units of the square and of the diffusion of heat (de Vahl Davis 1983):
Pr lap(lap(psi)) = psi_y lap(psi)_x - psi_x lap(psi)_y - Ra Pr T_x, lap(T) = psi_y T_x - psi_x T_y. The flow is the same
turned by half a turn, so that of all products half are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import Legendre, leggauss

from .cavity import clamped
from .saved import Array

PRANDTL = 0.71
#: Newton's method converges from rest at this Rayleigh number, and from one to STEP times it.
FROM_REST, STEP = 1e4, 4.0
#: Functions in each direction while the Rayleigh number grows.
FEW = 24


def free(number: int, x: Array) -> list[Array]:
    """Legendre polynomials and their slopes (point, function) on [0, 1]: no value is given at the ends."""
    basis = [Legendre.basis(k) for k in range(number)]
    return [np.stack([f(2 * x - 1) for f in basis], 1), np.stack([2 * f.deriv()(2 * x - 1) for f in basis], 1)]


def zero(number: int, x: Array) -> list[Array]:
    """Those that vanish at both ends, and their slopes."""
    return [values[:, :-2] - values[:, 2:] for values in free(number + 2, x)]


@dataclass(frozen=True)
class HeatedCavity:
    """The coefficients of psi and of the temperature less 1 - x, (number, number) each."""

    stream: Array
    heat: Array

    def __call__(self, x: Array, y: Array) -> dict[str, Array]:
        """Velocity and temperature at points (point,)."""
        number = len(self.stream)
        (bx, bx1, _), (by, by1, _) = clamped(number, x), clamped(number, y)

        def product(in_x: Array, coefficients: Array, in_y: Array) -> Array:
            return np.einsum("pi,ij,pj->p", in_x, coefficients, in_y, optimize=True)

        heat = product(zero(number, x)[0], self.heat, free(number, y)[0])
        return {"u": product(bx, self.stream, by1), "v": -product(bx1, self.stream, by), "T": 1 - x + heat}

    @property
    def nusselt(self) -> float:
        """The heat that passes the hot side, over what would without a flow."""
        slope = zero(len(self.heat), np.zeros(1))[1][0]
        return float(1 - slope @ self.heat[:, 0])


@lru_cache
def heated_cavity(rayleigh: float, number: int) -> HeatedCavity:
    """The steady flow with `number` functions in each direction, by Newton's method from that of a lower Ra."""
    few, before = min(number, FEW), None
    if number > few:
        before = heated_cavity(rayleigh, few)
    elif rayleigh > FROM_REST:
        before = heated_cavity(rayleigh / STEP, few)
    even = np.add.outer(np.arange(number), np.arange(number)) % 2 == 0
    psi, theta = np.zeros((number, number)), np.zeros((number, number))
    if before is not None:
        psi[: len(before.stream), : len(before.stream)] = before.stream
        theta[: len(before.heat), : len(before.heat)] = before.heat
    node, weight = leggauss(2 * number)
    x = (node + 1) / 2
    w = np.multiply.outer(weight, weight).ravel() / 4

    def products(in_x: Array, in_y: Array, kept: Array) -> Array:
        return np.einsum("pi,qj->pqij", in_x, in_y).reshape(len(x) ** 2, -1)[:, kept.ravel()]

    (b, b1, b2), (s, s1), (f, f1) = clamped(number, x), zero(number, x), free(number, x)
    dx, dy = products(b1, b, even), products(b, b1, even)
    lap = products(b2, b, even) + products(b, b2, even)
    heat, heat_x, heat_y = products(s, f, ~even), products(s1, f, ~even), products(s, f1, ~even)
    straight = np.repeat(1 - x, len(x))
    stiff, buoyant = PRANDTL * lap.T @ (w[:, None] * lap), rayleigh * PRANDTL * dx.T * w
    conducting = heat_x.T @ (w[:, None] * heat_x) + heat_y.T @ (w[:, None] * heat_y)
    a, c = psi[even], theta[~even]
    for _ in range(30):
        p_x, p_y, p_lap, t_x, t_y = dx @ a, dy @ a, w * (lap @ a), heat_x @ c - 1, heat_y @ c
        momentum = stiff @ a + dx.T @ (p_lap * p_y) - dy.T @ (p_lap * p_x) + buoyant @ (straight + heat @ c)
        energy = conducting @ c - heat_x.T @ w + heat.T @ (w * (p_y * t_x - p_x * t_y))
        along = w[:, None] * (dx * p_y[:, None] - dy * p_x[:, None])
        turned = dx.T @ (p_lap[:, None] * dy)
        by_flow = heat.T @ (w[:, None] * (dy * t_x[:, None] - dx * t_y[:, None]))
        moved = heat.T @ (w[:, None] * (p_y[:, None] * heat_x - p_x[:, None] * heat_y))
        jacobian = np.block(
            [[stiff + along.T @ lap + turned - turned.T, buoyant @ heat], [by_flow, conducting + moved]]
        )
        step = np.linalg.solve(jacobian, np.concatenate([momentum, energy]))
        a, c = a - step[: len(a)], c - step[len(a) :]
        if np.linalg.norm(step[: len(a)]) < 1e-11 * np.linalg.norm(a):
            psi[even], theta[~even] = a, c
            return HeatedCavity(psi, theta)
    raise ValueError(f"Newton's method does not converge at Rayleigh number {rayleigh:g}")
