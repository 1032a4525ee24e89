"""Problems that nothing, or next to nothing, determines: refused, or right where the truth is known all the same."""

from __future__ import annotations

import numpy as np
import sympy

from adversaries import series
from adversaries.adversary import Draw, Stated, X, Y, exact, printed, truth_of

PLANE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def cauchy(d: Draw) -> Stated:
    """Laplace or Helmholtz with u and u_y given at the bottom; a small wave in the data grows like exp(n pi y)."""
    n, m, height = d.one([1, 2]), d.one([4, 5, 7, 9]), d.one([1.0, d.even(0.3, 2)])
    small, shift = d.one([0.0, d.log(1e-7, 1e-2)]), d.one([0.0, d.log(1, 50)])
    k1, k2 = sympy.sqrt(n * n * sympy.pi**2 - exact(shift)), sympy.sqrt(m * m * sympy.pi**2 - exact(shift))
    v = sympy.sin(n * sympy.pi * X) * sympy.sinh(k1 * Y) / k1
    v += exact(small) * sympy.sin(m * sympy.pi * X) * sympy.sinh(k2 * Y) / k2
    truth = truth_of(sympy.re(v), [X, Y])
    conditions = [("bottom", "u = 0"), ("bottom", f"u_y = sin({n}*pi*x) + {small!r}*sin({m}*pi*x)"),
                  ("[left, right]", "u = 0"), ("top", "none")]  # fmt: skip
    return Stated("Cauchy", {"x": (0.0, 1.0), "y": (0.0, height)}, f"lap(u) + {shift!r}*u = 0", conditions,
                  lambda points: np.real(truth(points)), feature=f"growth of {small:.0e}",
                  posed="ill-posed")  # fmt: skip


def heat_backwards(d: Draw) -> Stated:
    """u_y = -D u_xx from y = 0 up, in the plane or in time."""
    n, m, small, rate = d.one([1, 2]), d.one([3, 4, 5, 7]), d.one([0.0, d.log(1e-7, 1e-2)]), d.log(0.02, 0.3)
    upward = d.one(["y", "t"])
    grow = lambda k: sympy.exp(exact(rate) * (k * sympy.pi) ** 2 * Y)  # noqa: E731
    v = sympy.sin(n * sympy.pi * X) * grow(n) + exact(small) * sympy.sin(m * sympy.pi * X) * grow(m)
    start, end = ("bottom", [("top", "none")]) if upward == "y" else ("initial", [])
    conditions = [(start, f"u = {printed(v.subs(Y, 0))}"), ("[left, right]", "u = 0"), *end]
    return Stated("heat backwards", {"x": (0.0, 1.0), upward: (0.0, 1.0)}, f"u_{upward} = -{rate!r}*u_xx", conditions,
                  truth_of(v, [X, Y]), feature=f"growth of {small:.0e}", posed="ill-posed")  # fmt: skip


def data_all_around(d: Draw) -> Stated:
    """A wave equation with values on all sides: undetermined where the sides are commensurable, else hardly."""
    p, q, source = d.one([1, 2, 3, 5, 7, 19, 31]), d.one([1, 2, 3, 4, 8, 29]), d.one(["0", "1", "sin(3*x)*y"])
    conditions = [("boundary", "u = x*y")] if source == "0" else [("boundary", "u = 0")]
    return Stated("waves in the plane", {"x": (0.0, 1.0), "y": (0.0, float(q) / p)}, f"u_xx - u_yy = {source}",
                  conditions, None, feature=f"data all around, {q}/{p}", posed="ill-posed")  # fmt: skip


def elliptic_in_time(d: Draw) -> Stated:
    """u_tt = -c u_xx or u_t = -c u_xxxx with initial data: a small wave in them grows at its own rate."""
    n, m, small, c = d.one([1, 2]), d.one([3, 4, 5, 7, 11]), d.one([0.0, d.log(1e-9, 1e-2)]), d.log(0.1, 1)
    end = d.log(0.3, 2)
    v = lambda k: sympy.sin(k * sympy.pi * X) * sympy.cosh(k * sympy.pi * sympy.sqrt(exact(c)) * Y)  # noqa: E731
    truth = truth_of(v(n) + exact(small) * v(m), [X, Y])
    conditions = [("initial", f"u = sin({n}*pi*x) + {small!r}*sin({m}*pi*x)"), ("initial", "u_t = 0"),
                  ("[left, right]", "u = 0")]  # fmt: skip
    return Stated("elliptic in time", {"x": (0.0, 1.0), "t": (0.0, end)}, f"u_tt = -{c!r}*u_xx", conditions, truth,
                  feature=f"growth of {small:.0e}", posed="ill-posed")  # fmt: skip


def hyperbolic_inside(d: Draw) -> Stated:
    """Values on all sides of an equation that is of hyperbolic type in all or a part of the box, by a sine series in y.

    Its divisors come near to zero: what is right is right by chance, and refusal is right too.
    """
    height, place, c = d.one([1.0, d.even(0.4, 2), 1.2083333]), d.even(0.3, 0.7), d.log(0.3, 3)
    left, c0, c1, c2 = d.one([(f"u_xx + (x - {place!r})*u_yy", -place, 1.0, 0.0), (f"u_xx - {c!r}*u_yy", -c, 0.0, 0.0),
                              (f"u_xx - {c!r}*u_yy + 3*u", -c, 0.0, 3.0)])  # fmt: skip
    coefficients = series.separated(c0, c1, c2, height)
    return Stated("hyperbolic inside", {"x": (0.0, 1.0), "y": (0.0, height)}, f"{left} = x", [("boundary", "u = 0")],
                  lambda points: series.summed(coefficients, height, points), feature="data all around",
                  posed="ill-posed", tolerances=(-3, -2))  # fmt: skip


def ill_posed_in_space(d: Draw) -> Stated:
    """Three coordinates: waves with data all around, a Cauchy problem, an eigenvalue."""
    cube = {c: (0.0, 1.0) for c in "xyz"}
    kind = d.one(["waves", "Cauchy", "eigenvalue"])
    if kind == "waves":
        equation, conditions = f"u_xx + u_yy - {d.one(['2', '3.1', '0.7'])}*u_zz = x", [("boundary", "u = 0")]
    elif kind == "Cauchy":
        equation = "lap(u) = 0"
        conditions = [("front", "u = 0"), ("front", f"u_z = sin(pi*x)*sin(pi*y) + {d.log(1e-5, 1e-2)!r}*sin(5*pi*x)*y"),
                      ("back", "none"), ("[left, right, bottom, top]", "u = 0")]  # fmt: skip
    else:
        equation, conditions = f"lap(u) + {d.one([3, 6, 9, 11])}*pi**2*u = x*y", [("boundary", "u = 0")]
    return Stated(kind, cube, equation, conditions, None, feature="in space", posed="ill-posed", max_time=6.0,
                  tolerances=(-3, -2))  # fmt: skip


def only_slopes(d: Draw) -> Stated:
    """Slopes alone, with a reaction that float64 cannot see, or none."""
    tiny, plane = d.one(["0", "0", "1e-14", "1e-16"]), d.chance(0.5)
    equation = f"-lap(u) + {tiny}*u = cos(pi*x)" if plane else f"-u_xx + {tiny}*u = cos({d.one([1, 2])}*pi*x)"
    return Stated("Poisson", PLANE if plane else {"x": (0.0, 1.0)}, equation, [("boundary", "dn(u) = 0")], None,
                  feature="constant", posed="ill-posed")  # fmt: skip


def eigenvalue(d: Draw) -> Stated:
    """At an eigenvalue: no solution, or many."""
    n, m, plane = d.one([1, 2, 3, 6]), d.one([1, 2, 3]), d.chance(0.5)
    level = f"{n}**2*pi**2" + (f" + {m}**2*pi**2" if plane else "")
    source = d.one(["1", "sin(2.3*x)", "0", f"sin({n + 1}*pi*x)" + ("*sin(pi*y)" if plane else "")])
    data = "x" if source == "0" else "0"
    if not plane and d.chance(0.3):
        return Stated("Helmholtz", {"x": (0.0, 1.0)}, f"u_xx + 4*{n}**2*pi**2*u = 1", [], None, feature="eigenvalue",
                      posed="ill-posed", periodic="x")  # fmt: skip
    if not plane and d.chance(0.4):
        level = f"{n}**4*pi**4"
        conditions = [("boundary", f"u = {data}"), ("boundary", "u_xx = 0")]
        return Stated("beam", {"x": (0.0, 1.0)}, f"u_xxxx - {level}*u = {source}", conditions, None,
                      feature="eigenvalue", posed="ill-posed")  # fmt: skip
    return Stated("Helmholtz", PLANE if plane else {"x": (0.0, 1.0)}, f"lap(u) + ({level})*u = {source}",
                  [("boundary", f"u = {data}")], None, feature="eigenvalue", posed="ill-posed")  # fmt: skip


def outflow(d: Draw) -> Stated:
    """A layer that no condition holds, or a first-order equation with data where it flows out as well."""
    eps, place = d.log(1e-3, 0.1), d.even(0.2, 0.8)
    if d.chance(0.5):
        conditions = [("left", "u = 0"), ("right", "none")]
        return Stated("convection-diffusion", {"x": (0.0, 1.0)}, f"-{eps!r}*u_xx + u_x = 1", conditions, None,
                      feature="layer", posed="too few")  # fmt: skip
    sign = d.one(["", "-"])
    conditions = [("left", "u = 1"), ("right", "u = 3")] if sign else [("left", "none"), ("right", "none")]
    posed = "contradictory" if sign else "too few"  # towards the point where the wind turns, or away from it
    source, truth, spots = d.one(["0", "x"]), None, None
    if sign and source == "0":  # where both winds meet the solution jumps
        posed, truth = "right", lambda points: np.where(points[0] < place, 1.0, 3.0)
        spots = {"x": ((place, 1e-9),)}
    return Stated("advection", {"x": (0.0, 1.0)}, f"{sign}(x - {place!r})*u_x = {source}", conditions, truth,
                  feature="turning wind", posed=posed, spots=spots)  # fmt: skip


def overdetermined(d: Draw) -> Stated:
    """u_x = f with values at both ends that f does not join."""
    conditions = [("left", "u = 0"), ("right", f"u = {d.even(0.5, 0.9)!r}")]
    return Stated("ODE of first order", {"x": (0.0, 1.0)}, f"u_x = {d.one(['1', 'u + 1', 'cos(x)'])}", conditions, None,
                  feature="two ends", posed="contradictory")  # fmt: skip


ILL_POSED = (cauchy, cauchy, heat_backwards, elliptic_in_time, data_all_around, hyperbolic_inside, hyperbolic_inside,
             ill_posed_in_space, only_slopes, eigenvalue, eigenvalue, outflow, overdetermined)  # fmt: skip
