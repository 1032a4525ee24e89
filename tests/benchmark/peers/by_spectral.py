"""Chebyshev and Fourier codes as somebody writes them who knows the problem: a page of numpy and scipy each.

poisson, helmholtz   Chebyshev collocation, both directions diagonalised (Haidvogel, Zang, J. Comput. Phys. 30, 1979)
burgers              sine series (odd, period 2), ETDRK4
allen_cahn           cosine series (even about 0 and 1), ETDRK4
cavity               stream function, (1 - x^2)^2 T_k(x) both ways, Newton's method from rest, collocation at the Gauss
                     points of weight (1 - x^2)^2, where it is Galerkin's method but for quadrature (at Chebyshev's
                     points 28 x 28 functions were off by 7e-4)
heat2d_lt            sine series in the plane, ETDRK4: the method of the reference, with fewer modes and longer steps
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from protocol import Array, Run, main
from scipy.fft import dct, idct, idst
from scipy.interpolate import BarycentricInterpolator
from scipy.special import roots_jacobi

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from reference.etdrk4 import march
from reference.heat_long_time import heat_long_time

pi, sin = np.pi, np.sin


def points_and_slopes(n: int) -> tuple[Array, Array]:
    """n + 1 Chebyshev points on [-1, 1] and the matrix of the second derivative at the inner ones."""
    x = np.cos(pi * np.arange(n + 1) / n)
    c = np.r_[2, np.ones(n - 1), 2] * (-1.0) ** np.arange(n + 1)
    slopes = np.outer(c, 1 / c) / (x[:, None] - x + np.eye(n + 1))
    slopes -= np.diag(slopes.sum(axis=1))
    return x, (slopes @ slopes)[1:-1, 1:-1]


def elliptic(run: Run, low: float, waves: tuple[float, float], k2: float, sizes: list[tuple[int, int]]) -> None:
    """lap u + k2 u = f with u = sin(a pi x) sin(b pi y), zero on the sides of [low, 1]^2."""
    scale = (1 - low) / 2
    for sizes_xy in sizes:
        run.restart()
        (x, xx), (y, yy) = (points_and_slopes(n) for n in sizes_xy)
        x, y = (low + scale * (p + 1) for p in (x, y))
        f = (k2 - pi**2 * (waves[0] ** 2 + waves[1] ** 2)) * np.outer(sin(waves[0] * pi * x), sin(waves[1] * pi * y))
        (lx, vx), (ly, vy) = (np.linalg.eig(m / scale**2) for m in (xx, yy))
        right = np.linalg.solve(vx, f[1:-1, 1:-1]) @ np.linalg.inv(vy).T
        u = np.zeros(f.shape)
        u[1:-1, 1:-1] = (vx @ (right / (lx[:, None] + ly + k2)) @ vy.T).real
        table = u, x, y
        run.report(f"{sizes_xy[0]} x {sizes_xy[1]} Chebyshev", lambda p, table=table: interpolated(*table, p))


def interpolated(u: Array, x: Array, y: Array, points: Array) -> Array:
    """Values (x, y) of a tensor grid at points (point, 2)."""
    left, right = (BarycentricInterpolator(n, np.eye(n.size))(p) for n, p in ((x, points[:, 0]), (y, points[:, 1])))
    return np.einsum("pi,ij,pj->p", left, u, right, optimize=True)


def poisson(run: Run) -> None:
    """On the unit square."""
    elliptic(run, 0.0, (1, 1), 0.0, [(n, n) for n in (4, 6, 8, 10, 12, 14, 16)])


def helmholtz(run: Run) -> None:
    """One wave by four."""
    elliptic(run, -1.0, (1, 4), 1.0, [(n, 2 * n) for n in (8, 10, 12, 14, 16, 18, 20)])


def in_time(run: Run, waves: Callable[[Array, Array], Array], solve: Callable[[Array], Array], words: str) -> None:
    """One march through the times of the grid; `waves(x, coefficients)` evaluates at places x."""
    run.restart()
    times, where = np.unique(run.points[:, -1], return_inverse=True)
    states = solve(times)

    def predict(points: Array) -> Array:
        values = np.empty(len(points))
        for row in range(times.size):
            values[where == row] = waves(points[where == row, 0], states[row])
        return values

    run.report(words, predict)


def burgers(run: Run) -> None:
    """u = sum of a_k sin(k pi x); (u^2)_x by cosines."""
    for modes, longest in ((127, 5e-3), (255, 2e-3), (511, 1e-3), (767, 5e-4), (1023, 2.5e-4), (1535, 1.25e-4)):
        k = pi * np.arange(1, modes + 1)

        def bent(a: Array, modes: int = modes, k: Array = k) -> Array:
            u = idst(a, 1, norm="forward")
            squared = dct(np.r_[0, u**2, 0], 1, norm="forward")[1:-1] * 2
            return k * squared / 2 / 2

        def solve(times: Array, k: Array = k, bent: Callable[[Array], Array] = bent, longest: float = longest) -> Array:
            start = np.zeros(k.size)
            start[0] = -0.5
            return march(-0.01 / pi * k**2, bent, start, list(times), longest)

        def waves(x: Array, a: Array, k: Array = k) -> Array:
            return 2 * sin(np.outer(x, k)) @ a

        in_time(run, waves, solve, f"{modes} sines, steps {longest:g}")


def allen_cahn(run: Run) -> None:
    """u = sum of a_k cos(k pi x)."""
    for modes, longest in (
        (128, 0.02),
        (256, 0.01),
        (512, 5e-3),
        (1024, 2.5e-3),
        (2048, 1.25e-3),
        (4096, 1e-3),
        (16384, 5e-4),
    ):
        k = pi * np.arange(modes + 1)

        def solve(times: Array, k: Array = k, longest: float = longest) -> Array:
            x = np.arange(k.size) / (k.size - 1)

            def reaction(a: Array) -> Array:
                u = idct(a, 1, norm="forward")
                return dct(5 * (u - u**3), 1, norm="forward")

            return march(-1e-4 * k**2, reaction, dct(x**2 * np.cos(pi * x), 1, norm="forward"), list(times), longest)

        def waves(x: Array, a: Array, k: Array = k) -> Array:
            twice = np.r_[1, np.full(k.size - 2, 2), 1]
            return np.cos(np.outer(x, k)) @ (twice * a)

        in_time(run, waves, solve, f"{modes} cosines, steps {longest:g}")


def heat2d_lt(run: Run) -> None:
    """With the function of the reference, and no use made of the symmetry in x."""
    shapes = (((63, 47), 0.05), ((127, 95), 0.02), ((191, 127), 0.01), ((255, 191), 5e-3), ((383, 255), 2.5e-3))
    for modes, longest in shapes:
        run.restart()
        x, y, times = (np.unique(run.points[:, i]) for i in range(3))
        series = heat_long_time(tuple(times), modes, longest, 1)

        def predict(points: Array, series: object = series, axes: tuple[Array, ...] = (x, y, times)) -> Array:
            table = series.on_grid(axes[0], axes[1])
            at = [np.searchsorted(a, points[:, i]) for i, a in enumerate(axes)]
            return table[at[2], at[0], at[1]]

        run.report(f"{modes[0]} x {modes[1]} sines, steps {longest:g}", predict)


def clamped(n: int, x: Array) -> list[Array]:
    """(1 - z^2)^2 T_k(z), z = 2 x - 1, and its derivatives by x up to the fourth: (order)(point, function)."""
    bubble = Chebyshev([1]) * Polynomial([1, 0, -2, 0, 1])(Chebyshev([0, 1]))
    functions = [bubble * Chebyshev.basis(k) for k in range(n)]
    return [
        2**order * np.stack([(f.deriv(order) if order else f)(2 * x - 1) for f in functions], axis=1)
        for order in range(5)
    ]


def cavity(run: Run) -> None:
    """lap lap psi / Re = psi_y lap psi_x - psi_x lap psi_y at n x n points, u = psi_y, v = -psi_x."""
    for n in (6, 8, 10, 12, 16, 20, 24, 28, 36, 44):
        run.restart()
        a = stream(n)

        def velocity(points: Array, a: Array = a, n: int = n) -> Array:
            (bx, bx1, *_), (by, by1, *_) = clamped(n, points[:, 0]), clamped(n, points[:, 1])
            known = lift(points[:, 0], points[:, 1])
            u, v = (np.einsum("pi,ij,pj->p", p, a, q, optimize=True) for p, q in ((bx, by1), (bx1, by)))
            return np.stack([u + known(0, 1), -v - known(1, 0)])

        run.report(f"{n} x {n} functions", velocity)


def lift(x: Array, y: Array) -> Callable[[int, int], Array]:
    """16 x^2 (1 - x)^2 y^2 (y - 1), which has the lid; differentiated i times by x, j times by y."""
    along, across = Polynomial([0, 0, 16, -32, 16]), Polynomial([0, 0, -1, 1])
    return lambda i, j: along.deriv(i)(x) * across.deriv(j)(y)


def stream(n: int) -> Array:
    """Coefficients (n, n), by Newton's method."""
    node = (1 + roots_jacobi(n, 2, 2)[0]) / 2
    b = clamped(n, node)
    known = lift(*(g.ravel() for g in np.meshgrid(node, node, indexing="ij")))
    both = {(i, j): np.kron(b[i], b[j]) for i in range(5) for j in range(5) if i + j <= 4}
    lap = {d: both[d[0] + 2, d[1]] + both[d[0], d[1] + 2] for d in ((0, 0), (1, 0), (0, 1))}
    bilap = both[4, 0] + 2 * both[2, 2] + both[0, 4]
    bilap_known = known(4, 0) + 2 * known(2, 2) + known(0, 4)
    a = np.zeros(n * n)
    for _ in range(20):
        p = {d: both[d] @ a + known(*d) for d in ((1, 0), (0, 1))}
        w = {d: lap[d] @ a + known(d[0] + 2, d[1]) + known(d[0], d[1] + 2) for d in ((1, 0), (0, 1))}
        residual = (bilap @ a + bilap_known) / 100 - p[0, 1] * w[1, 0] + p[1, 0] * w[0, 1]
        jacobian = bilap / 100 - w[1, 0][:, None] * both[0, 1] - p[0, 1][:, None] * lap[1, 0]
        jacobian += w[0, 1][:, None] * both[1, 0] + p[1, 0][:, None] * lap[0, 1]
        step = np.linalg.solve(jacobian, residual)
        a -= step
        if np.linalg.norm(step) < 1e-11 * np.linalg.norm(a):
            break
    return a.reshape(n, n)


if __name__ == "__main__":
    problems = (poisson, helmholtz, burgers, allen_cahn, cavity, heat2d_lt)
    main({problem.__name__: problem for problem in problems}, ("numpy", "scipy"))
