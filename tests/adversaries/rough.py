"""Problems in one closed form each: kinks, jumps, singular points in data and coefficients, fast oscillations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import erfc

from adversaries.adversary import Array, Draw, Stated

LINE = {"x": (0.0, 1.0)}


def homogenised(d: Draw) -> Stated:
    """-(k u')' = 1 with k = 1/(2 + a sin(2 pi n x)): a coarse mean of k is not what u sees."""
    n, a = d.even(5, 150), d.even(0.5, 1.9)
    w = 2 * np.pi * n
    # u' = (c - x)(2 + a sin(w x)); u(0) = u(1) = 0
    full = lambda x: 2 * x - a * (np.cos(w * x) - 1) / w  # noqa: E731
    first = lambda x: x**2 + a * (np.sin(w * x) / w**2 - x * np.cos(w * x) / w)  # noqa: E731
    c = first(1.0) / full(1.0)
    equation = f"-dx(dx(u)/(2 + {a!r}*sin({2 * n!r}*pi*x))) = 1"
    return Stated("homogenisation", LINE, equation, [("boundary", "u = 0")],
                  lambda points: c * full(points[0]) - first(points[0]), "oscillating", "oscillation")  # fmt: skip


def singular_point(d: Draw) -> Stated:
    """x u'' + (1 - a) u' = 0: u = x^a."""
    a = d.even(0.2, 2.6)
    conditions = [("left", "u = 0"), ("right", "u = 1")]
    spots = {"x": tuple((0.0, 10.0**-k) for k in range(1, 9))}
    return Stated("singular point", LINE, f"x*u_xx + {1 - a!r}*u_x = 0", conditions,
                  lambda points: points[0] ** a, "vanishing", f"x^{a:g}", spots=spots, tolerances=(-4, -2))  # fmt: skip


def corner(d: Draw) -> Stated:
    """Laplace with the data of Re z^a, which is not smooth at a corner."""
    a = d.even(0.4, 2.5)
    conditions = [
        ("bottom", f"u = x**{a!r}"), ("left", f"u = cos({a!r}*pi/2)*y**{a!r}"),
        ("right", f"u = (1 + y**2)**{a / 2!r}*cos({a!r}*atan(y))"),
        ("top", f"u = (1 + x**2)**{a / 2!r}*cos({a!r}*(pi/2 - atan(x)))"),
    ]  # fmt: skip
    spots = {c: tuple((0.0, 10.0**-k) for k in range(1, 6)) for c in "xy"}
    return Stated("Laplace", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, "lap(u) = 0", conditions,
                  lambda points: np.real((points[0] + 1j * points[1]) ** a), feature=f"corner r^{a:g}", spots=spots,
                  tolerances=(-4, -2))  # fmt: skip


def plucked(d: Draw) -> Stated:
    """A string let go from a hat or a narrow bell, by d'Alembert with mirror images."""
    place, speed, end = d.even(0.1, 0.9), d.log(0.3, 2), d.log(0.2, 5)
    width = d.log(0.02, 0.1)
    kind = d.one(["hat", "bell"])
    text = {"hat": f"min(x/{place!r}, (1 - x)/(1 - {place!r}))", "bell": f"exp(-((x - {place!r})/{width!r})**2)"}[kind]

    def shape(x: Array) -> Array:
        if kind == "hat":
            return np.minimum(x / place, (1 - x) / (1 - place))
        return np.exp(-(((x - place) / width) ** 2))

    def odd(x: Array) -> Array:
        x = np.mod(x + 1, 2) - 1
        return np.sign(x) * shape(np.abs(x))

    def truth(points: Sequence[Array]) -> Array:
        x, t = points
        return 0.5 * (odd(x - speed * t) + odd(x + speed * t))

    conditions = [("initial", f"u = {text}"), ("initial", "u_t = 0"), ("boundary", "u = 0")]
    return Stated("wave", {"x": (0.0, 1.0), "t": (0.0, end)}, f"u_tt = {speed**2!r}*u_xx", conditions, truth,
                  feature=f"plucked {kind}", tolerances=(-4, -2))  # fmt: skip


def switched_side(d: Draw) -> Stated:
    """A heat equation one side of which is switched on at a time, while the other is still far away."""
    start, end, diffusion = d.even(0.0, 0.6), 1.0, d.log(1e-3, 0.015)

    def truth(points: Sequence[Array]) -> Array:
        x, t = points
        gone = np.maximum(t - start, 1e-300)
        return np.where(t > start, erfc(x / np.sqrt(4 * diffusion * gone)), 0.0)

    conditions = [("initial", "u = 0"), ("left", f"u = heaviside(t - {start!r})"), ("right", "u = 0")]
    conditions = [("initial", "u = 0"), ("left", "u = 1"), ("right", "u = 0")] if start == 0.0 else conditions
    spots = {"t": ((start, 1e-3), (start, 0.02)), "x": ((0.0, 0.01),)}
    return Stated("heat", {"x": (0.0, 1.0), "t": (0.0, end)}, f"u_t = {diffusion!r}*u_xx", conditions, truth,
                  feature="switched side", spots=spots, tolerances=(-3, -2))  # fmt: skip


def steepening(d: Draw) -> Stated:
    """u_t + x (1 - x) u_x = 0: what is smooth at first is pressed into a layer exp(-t) wide; no side wants data."""
    end, waves = d.log(0.5, 5), d.log(1, 8)

    def truth(points: Sequence[Array]) -> Array:
        x, t = points
        return np.sin(waves * x / (x + (1 - x) * np.exp(t)))

    conditions = [("initial", f"u = sin({waves!r}*x)"), ("left", "none"), ("right", "none")]
    spots = {"x": ((1.0, float(np.exp(-end))), (0.0, float(np.exp(-end))))}
    return Stated("transport", {"x": (0.0, 1.0), "t": (0.0, end)}, "u_t + x*(1 - x)*u_x = 0", conditions, truth,
                  "vanishing", "steepening", spots=spots, tolerances=(-5, -2))  # fmt: skip


ROUGH = (homogenised, homogenised, singular_point, corner, plucked, switched_side, steepening)
