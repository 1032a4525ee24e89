"""Flow in a cavity with a moving lid: its stream function in Legendre polynomials, by Galerkin's method and Newton's.

With u = psi_y, v = -psi_x: lap(lap(psi))/Re = psi_y lap(psi)_x - psi_x lap(psi)_y, psi and its gradient given all
around. The basis has both zero there (Shen, SIAM J. Sci. Comput. 15 (1994), section 3); the lid is in a lift
(:mod:`lids`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.legendre import Legendre, leggauss
from scipy.linalg import lu_factor, lu_solve

from .lids import Lift
from .saved import Array

#: Functions in each direction while the Reynolds number grows, and up to which Newton's method converges from rest.
FEW, FROM_REST = 20, 200.0
#: A Jacobian is kept as long as each step is so much shorter than the one before: made anew, it costs 100 of them.
KEPT = 0.1
Fields = tuple[Array, Array]
#: Speeds of lids by name: smooth at the corners, and with a slope that the walls beside them contradict.
LIDS = {"smooth": Polynomial([0, 0, 16, -32, 16]), "parabola": Polynomial([0, 4, -4])}


def clamped(number: int, x: Array) -> list[Array]:
    """Return the basis and its first two derivatives (point, function) on [0, 1]: value and slope zero at both ends."""
    z, out = 2 * x - 1, []
    for order in range(3):
        columns = []
        for k in range(number):
            c = np.zeros(k + 5)
            c[[k, k + 2, k + 4]] = 1, -2 * (2 * k + 5) / (2 * k + 7), (2 * k + 3) / (2 * k + 7)
            f = Legendre(c / np.sqrt(2 * (2 * k + 3) ** 2 * (2 * k + 5)))
            columns.append(2**order * (f.deriv(order) if order else f)(z))
        out.append(np.stack(columns, 1))
    return out


@lru_cache
def lid_driven(reynolds: float = 100.0, number: int = 28, lid: str = "smooth") -> Callable[[Array, Array], Fields]:
    """Return (x, y) -> (u, v) of the steady flow, `number` functions in each direction.

    Seen at Re = 100: 28 and 36 functions agree to the figure in test_systems.py.
    """
    lift, coefficients = Lift(LIDS[lid]), stream_function(reynolds, number, lid)

    def velocity(x: Array, y: Array) -> Fields:
        """u and v at points (point,)."""
        (bx, bx1, _), (by, by1, _) = clamped(number, x), clamped(number, y)
        known = lift(x, y)
        u = np.einsum("pi,ij,pj->p", bx, coefficients, by1, optimize=True) + known["y"]
        v = np.einsum("pi,ij,pj->p", bx1, coefficients, by, optimize=True) + known["x"]
        return u, -v

    return velocity


@lru_cache
def stream_function(reynolds: float, number: int, lid: str) -> Array:
    """Coefficients (number, number) of psi less its lift, by Newton's method from the flow at half the Reynolds number.

    On the way no more than FEW functions: those of more begin with the same.
    """
    a, few = np.zeros((number, number)), min(number, FEW)
    if number > few:
        a[:few, :few] = stream_function(reynolds, few, lid)
    elif reynolds > FROM_REST:
        a[:few, :few] = stream_function(reynolds / 2, few, lid)
    node, weight = leggauss(2 * number)
    x = (node + 1) / 2
    b, b1, b2 = clamped(number, x)
    size = (x.size**2, number**2)
    dx, dy = (np.einsum("pi,qj->pqij", *pair).reshape(size) for pair in ((b1, b), (b, b1)))
    lap = (np.einsum("pi,qj->pqij", b2, b) + np.einsum("pi,qj->pqij", b, b2)).reshape(size)
    fixed = Lift(LIDS[lid])(*(g.ravel() for g in np.meshgrid(x, x, indexing="ij")))
    w = np.multiply.outer(weight, weight).ravel() / 4
    stiff = lap.T @ (w[:, None] * lap) / reynolds
    a, last, factors = a.ravel(), 0.0, None
    for _ in range(40):
        p_x, p_y, p_lap = dx @ a + fixed["x"], dy @ a + fixed["y"], lap @ a + fixed["lap"]
        flux = w * (p_lap + fixed["harmonic"])
        residual = lap.T @ (w * p_lap) / reynolds + dx.T @ (flux * p_y) - dy.T @ (flux * p_x)
        if factors is None:
            along = w[:, None] * (dx * p_y[:, None] - dy * p_x[:, None])
            turned = dx.T @ (flux[:, None] * dy)
            factors = lu_factor(stiff + along.T @ lap + turned - turned.T)
        step = lu_solve(factors, residual)
        a -= step
        size = np.linalg.norm(step)
        if size < 1e-12 * np.linalg.norm(a):
            return a.reshape(number, number)
        if size > KEPT * last:
            factors = None
        last = size
    raise ValueError(f"Newton's method does not converge at Reynolds number {reynolds:g}")
