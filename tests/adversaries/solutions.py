"""Drawn solutions: sums of products of pieces, with places where they are narrow."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from adversaries.adversary import SYMBOLS, Draw, Expr, T, X, exact


class Solution:
    """A sum of one to three products of pieces, what they are called, and where they are narrow."""

    def __init__(self, d: Draw, ranges: Mapping[str, tuple[float, float]], order: int, periodic: bool) -> None:
        self.d, self.ranges, self.order, self.periodic = d, ranges, order, periodic
        self.names: list[str] = []
        self.spots: dict[str, list[tuple[float, float]]] = {c: [] for c in ranges}
        self.many = len(ranges) > 1

    def drawn(self, is_linear: bool) -> Expr:
        """The solution; of a linear equation it may be of any size."""
        d = self.d
        terms = [self._term() for _ in range(d.one([1, 1, 2, 3]))]
        sizes = [d.sign() * d.log(0.3, 1), *[d.sign() * d.log(1e-3, 1) for _ in terms[1:]]]
        scale = 1 if not is_linear or d.chance(0.6) else exact(d.log(1e-3, 1e3))
        return scale * sum(exact(s) * t for s, t in zip(sizes, terms, strict=True))

    def _term(self) -> Expr:
        space = [c for c in self.ranges if c != "t"]
        if "t" in self.ranges and space == ["x"] and not self.periodic and self.d.chance(0.25):
            return self._moving()
        out = sympy.Integer(1)
        for c in space:
            out *= self._wave() if self.periodic else self._piece(c)
        return out * self._in_time() if "t" in self.ranges else out

    def _wave(self) -> Expr:
        low, high = self.ranges["x"]
        n = self.d.one([1, 1, 2, 3, 5])
        return sympy.sin(2 * n * sympy.pi * (X - exact(low)) / exact(round(high - low, 6)) + exact(self.d.even(0, 3)))

    def _piece(self, c: str) -> Expr:
        d, (low, high), s = self.d, self.ranges[c], SYMBOLS[c]
        length, centre = high - low, d.even(low, high)
        kind = d.one(["oscillation", "oscillation", "spike", "layer", "boundary layer", "polynomial", "growth", "chirp",
                      "kink"])  # fmt: skip
        self.names.append(kind)
        narrow = 3e-2 if self.many else 1e-3
        width = float(f"{length * d.log(narrow, 0.2):.3g}")
        if kind == "oscillation":
            waves = d.log(0.5, 6 if self.many else (30 if d.chance(0.8) else 150))
            return sympy.sin(exact(float(f"{3.14159 * waves / length:.4g}")) * (s - exact(centre)))
        if kind == "polynomial":
            return (s - exact(centre)) ** d.one([1, 2, 3, 4]) + exact(d.even(0.01, 1))
        if kind == "growth":
            rate = d.sign() * d.log(1, 8 if self.many else 25) / length
            return sympy.exp(exact(float(f"{rate:.3g}")) * (s - exact(low if rate < 0 else high)))
        if kind == "chirp":
            return sympy.sin(
                exact(float(f"{d.log(3, 20 if self.many else 100) / length**2:.3g}")) * (s - exact(low)) ** 2
            )
        if kind == "kink":
            self.spots[c].append((centre, 1e-3 * length))
            return sympy.Max(s - exact(centre), 0) ** (self.order + d.one([0, 1])) + exact(d.even(0.01, 1))
        if kind == "boundary layer":
            end, sign = d.one([(low, -1), (high, 1)])
            self.spots[c].append((end, width))
            return sympy.exp(sign * (s - exact(end)) / exact(width))
        self.spots[c].append((centre, width))
        inner = (s - exact(centre)) / exact(width)
        return sympy.exp(-(inner**2)) if kind == "spike" else sympy.tanh(inner)

    def _in_time(self) -> Expr:
        d, end = self.d, self.ranges["t"][1]
        kind = d.one(["steady", "oscillation in time", "pulse", "growth in time", "decay", "switch", "half wave"])
        self.names.append(kind)
        if kind == "pulse":
            centre, width = d.even(0, end), float(f"{end * d.log(3e-3, 0.2):.3g}")
            self.spots["t"].append((centre, width))
            return exact(d.even(0, 1)) + sympy.exp(-(((T - exact(centre)) / exact(width)) ** 2))
        if kind == "switch":
            start = d.even(0.05 * end, 0.9 * end)
            self.spots["t"].append((start, 1e-3 * end))
            return exact(d.even(0, 1)) + sympy.Max(T - exact(start), 0) ** d.one([1, 2, 3])
        if kind == "half wave":
            return sympy.sin(sympy.pi * d.one([1, 2]) * T / exact(end)) + exact(d.even(0, 0.1))
        if kind == "oscillation in time":
            return sympy.cos(exact(float(f"{d.log(1, 40) / end:.3g}")) * T + exact(d.even(0, 3)))
        rate = {"steady": 0.0, "growth in time": 1.0, "decay": -1.0}[kind] * d.log(0.5, 12) / end
        return sympy.exp(exact(float(f"{rate:.3g}")) * T)

    def _moving(self) -> Expr:
        d, (low, high), end = self.d, self.ranges["x"], self.ranges["t"][1]
        self.names.append("moving layer")
        centre, speed = d.even(low, high), float(f"{d.even(-1, 1) * (high - low) / end:.3g}")
        width = float(f"{(high - low) * d.log(0.03, 0.3):.3g}")
        self.spots["x"] += [(centre + speed * end * s / 6, width) for s in range(7)]
        inner = (X - exact(centre) - exact(speed) * T) / exact(width)
        return d.one([sympy.tanh(inner), sympy.exp(-(inner**2))])
