"""Four to six coordinates: sums, products, couplings, spikes, resonances."""

from __future__ import annotations

from itertools import pairwise

import sympy

from adversaries.adversary import Draw, Stated, exact, printed, shared, truth_of


def many(d: Draw) -> Stated:
    """-lap u + c u, or Helmholtz near a resonance, or a cubic, with a drawn solution of four to six coordinates."""
    count = d.one([4, 4, 4, 5, 6])
    x = sympy.symbols(f"x1:{count + 1}", real=True)
    feature, v = _solution(d, x)
    kind = d.one(["Poisson", "reaction", "Helmholtz", "cubic", "resonance"])
    lap = sum(sympy.diff(v, s, 2) for s in x)
    level = exact(d.log(0.5, 60))
    if kind == "resonance":
        numbers = [d.one([1, 2, 3]) for _ in x]
        level = sympy.pi**2 * sum(n * n for n in numbers) + exact(d.sign() * d.log(1e-3, 1))
        mode = sympy.prod([sympy.sin(n * sympy.pi * s) for n, s in zip(numbers, x, strict=True)])
        v += mode * exact(d.log(0.1, 1))
        lap = sum(sympy.diff(v, s, 2) for s in x)
    left, source = {
        "Poisson": ("-lap(u)", -lap), "reaction": (f"-lap(u) + ({printed(level)})*u", -lap + level * v),
        "cubic": ("-lap(u) + u**3", -lap + v**3),
    }.get(kind, (f"lap(u) + ({printed(level)})*u", lap + level * v))  # fmt: skip
    functions, f = shared(source, "g")
    spots = {str(s): ((0.4, 0.03),) if "spike" in feature else () for s in x}
    return Stated(kind, {str(s): (0.0, 1.0) for s in x}, f"{left} = {f}", [("boundary", f"u = {printed(v)}")],
                  truth_of(v, x), feature=feature, spots=spots, functions=functions, family=f"{count} coordinates",
                  tolerances=(-4, -2), max_time=6.0)  # fmt: skip


def _solution(d: Draw, x: tuple[sympy.Symbol, ...]) -> tuple[str, sympy.Expr]:
    kind = d.one(["sum", "product", "couplings", "spike", "composition"])
    if kind == "sum":
        return kind, sum(sympy.sin(exact(d.log(0.5, 9)) * s) for s in x)
    if kind == "product":
        n = d.one([1, 2])
        return kind, sympy.prod([sympy.sin(n * sympy.pi * s) for s in x])
    if kind == "couplings":
        return kind, sum(sympy.sin(exact(d.log(0.5, 4)) * (a + b)) for a, b in pairwise(x))
    if kind == "spike":
        some = x[: d.one([1, 2, len(x)])]
        width = exact(d.log(0.01, 0.2))
        return kind, x[0] + sympy.exp(-sum(((s - exact(0.4)) / width) ** 2 for s in some))
    return kind, sympy.exp(-sum(s**2 for s in x) / 2)
