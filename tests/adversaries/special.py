"""Problems whose source is plain and whose solution is not: by closed form, series, or scipy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy
from scipy.integrate import solve_bvp, solve_ivp

from adversaries.adversary import AgainError, Array, Draw, Stated, Truth, X, Y, exact, printed, shared, truth_of

UNIT = {"x": (0.0, 1.0)}


def resonance(d: Draw) -> Stated:
    """Next to an eigenvalue, a mode of any size that the residual hardly sees."""
    delta = d.sign() * d.log(1e-9, 1e-1)
    n, m = d.one([1, 2, 3, 5, 7]), d.one([1, 2, 3, 4])
    size, plane, beam = exact(d.log(1e-2, 2)), d.chance(0.5), d.chance(0.35)
    mode = sympy.sin(n * sympy.pi * X) * (sympy.sin(m * sympy.pi * Y) if plane else 1)
    other = d.one([X, sympy.exp(X), sympy.cos(3 * X) + X * Y if plane else X**2, sympy.sin(2 * X)])
    v = other + size * mode
    squares = n * n + (m * m if plane else 0)
    functions: dict[str, str]
    if beam:
        level = sympy.pi**4 * squares**2 + exact(delta)
        lap = lambda u: sympy.diff(u, X, 2) + sympy.diff(u, Y, 2)  # noqa: E731
        text, source = f"lap(lap(u)) - ({printed(level)})*u", lap(lap(v)) - level * v
        functions, f = shared(sympy.expand(source), "g")
        sides = [("left", X, 0), ("right", X, 1), *([("bottom", Y, 0), ("top", Y, 1)] if plane else [])]
        conditions = [(w, f"u = {printed(v.subs(s, end))}") for w, s, end in sides]
        conditions += [(w, f"u_{s}{s} = {printed(sympy.diff(v, s, 2).subs(s, end))}") for w, s, end in sides]
    else:
        level = sympy.pi**2 * squares + exact(delta)
        text = f"lap(u) + ({printed(level)})*u"
        functions, f = shared(sympy.expand(sympy.diff(v, X, 2) + sympy.diff(v, Y, 2) + level * v), "g")
        conditions = [("boundary", f"u = {printed(v)}")]
    ranges = {"x": (0.0, 1.0), "y": (0.0, 1.0)} if plane else UNIT
    return Stated(
        "beam near resonance" if beam else "Helmholtz near resonance", ranges, f"{text} = {f}", conditions,
        truth_of(v, [X, Y] if plane else [X]), "constant", f"resonance {delta:.0e}", functions=functions,
    )  # fmt: skip


def growth(d: Draw) -> Stated:
    """Initial values along x, a small part of which grows."""
    rate, small = d.log(2, 25), d.one([0.0, d.log(1e-8, 1e-2)])
    kind = d.one(["first", "second", "periodic", "chirp"])
    start = 1.0 + small
    if kind == "first":
        v = 1 + (sympy.Rational(start) - 1) * sympy.exp(exact(rate) * X)  # of the number that the file holds
        return _line("growth", f"u_x = {rate!r}*(u - 1)", [("left", f"u = {start!r}"), ("right", "none")],
                     truth_of(v, [X]), f"growth e^{rate:.0f}")  # fmt: skip
    if kind == "second":
        v = sympy.cos(2 * X) + exact(small) * sympy.sinh(exact(rate) * X) / exact(rate)
        square = exact(rate) ** 2
        equation = f"u_xx - ({printed(square)})*u = {printed(sympy.expand(sympy.diff(v, X, 2) - square * v))}"
        return _line("growth", equation, [("left", "u = 1"), ("left", f"u_x = {small!r}"), ("right", "none")],
                     truth_of(v, [X]), f"growth e^{rate:.0f}")  # fmt: skip
    if kind == "periodic":
        equation = f"u_xx = -({rate!r})**2*(0.2 + cos({2 * rate:.3g}*x))*u"
        found = _ivp(lambda x, y: [y[1], -(rate**2) * (0.2 + np.cos(float(f"{2 * rate:.3g}") * x)) * y[0]], [1.0, 0.0])
        return _line("Mathieu", equation, [("left", "u = 1"), ("left", "u_x = 0"), ("right", "none")], found, "growth")
    bend = d.log(10, 3000)
    found = _ivp(lambda x, y: [y[1], -bend * (x - 0.4) * y[0]], [1.0, 0.0])
    return _line("Airy", f"u_xx = -{bend!r}*(x - 0.4)*u", [("left", "u = 1"), ("left", "u_x = 0"), ("right", "none")],
                 found, "turning point")  # fmt: skip


def _line(kind: str, equation: str, conditions: Sequence[tuple[str, str]], truth: Truth, feature: str,
          coefficients: str = "constant", spots: Sequence[tuple[float, float]] = ()) -> Stated:  # fmt: skip
    return Stated(kind, UNIT, equation, conditions, truth, coefficients, feature, spots={"x": tuple(spots)})


def _ivp(right: Callable[[float, Array], Sequence[float]], start: Sequence[float]) -> Truth:
    found = solve_ivp(right, (0.0, 1.0), start, "DOP853", rtol=1e-12, atol=1e-14, dense_output=True)
    if not found.success:
        raise AgainError
    return lambda points: found.sol(points[0])[0]


def layered(d: Draw) -> Stated:
    """eps u'' + b(x) u' - c(x) u = f, values given: layers anywhere, turning points, a plain source; by collocation."""
    eps, place = d.log(1e-4, 0.3), d.even(0.1, 0.9)
    wind = d.one(["1", "-1", f"(x - {place!r})", f"-(x - {place!r})", "0", f"(x - {place!r})**2",
                  f"(1 + 3*heaviside(x - {place!r}))"])  # fmt: skip
    reaction = d.one(
        [
            "1",
            "0",
            "1e-6",
            f"{d.log(1, 1e3)!r}",
            f"(1 + 20*heaviside(x - {place!r}))",
            "x",
            f"{d.log(10, 1e3)!r}*exp(-((x - {place!r})/{d.log(1e-3, 0.05)!r})**2)",
        ]
    )
    if reaction == "0" and wind == "0":
        reaction = "1"
    source = d.one(["1", "0", f"heaviside(x - {place!r})", f"exp(-((x - {place!r})/0.01)**2)", "sin(9*x)", "x"])
    ends = d.one([(0.0, 1.0), (1.0, -1.0), (2.0, 2.0), (0.0, 0.0)])
    if ends == (0.0, 0.0) and source == "0":
        ends = (1.0, 3.0)
    at = {k: _function(text) for k, text in (("b", wind), ("c", reaction), ("f", source))}
    truth = _collocated(
        lambda x, y: np.stack([y[1], (at["f"](x) - at["b"](x) * y[1] + at["c"](x) * y[0]) / eps]), ends, [place]
    )
    equation = f"{eps!r}*u_xx + {wind}*u_x - ({reaction})*u = {source}"
    conditions = [("left", f"u = {ends[0]!r}"), ("right", f"u = {ends[1]!r}")]
    spots = [(0.0, eps), (1.0, eps), (place, eps), (place, eps**0.5), (0.0, eps**0.5), (1.0, eps**0.5)]
    jumps = "jumping" if "heaviside" in wind + reaction + source else "smooth"
    return _line("layers by collocation", equation, conditions, truth, "layer", jumps, spots)


def _function(text: str) -> Callable[[Array], Array]:
    names = {"heaviside": lambda x: np.heaviside(x, 0.5), "exp": np.exp, "sin": np.sin}
    return lambda x: eval(text, names | {"x": x}) + 0.0 * x


def _collocated(right: Callable[[Array, Array], Array], ends: tuple[float, float], places: Sequence[float]) -> Truth:
    graded = [p + s * np.geomspace(1e-6, 1, 60) for p in (0.0, 1.0, *places) for s in (-1, 1)]
    mesh = np.unique(np.clip(np.concatenate([np.linspace(0, 1, 401), *graded]), 0, 1))
    start = np.stack([np.linspace(*ends, len(mesh)), np.full(len(mesh), ends[1] - ends[0])])
    with np.errstate(all="ignore"):
        found = solve_bvp(right, lambda a, b: np.array([a[0] - ends[0], b[0] - ends[1]]), mesh, start, tol=1e-9,
                          max_nodes=40_000)  # fmt: skip
    if not found.success:
        raise AgainError
    return lambda points: found.sol(points[0])[0]


def eikonal(d: Draw) -> Stated:
    """c u'^2 - eps u'' = c, zero at the ends: u = -eps log cosh((x - 1/2)/eps) + ..; minus it nearly solves it."""
    eps = d.log(1e-3, 0.5)

    def truth(points: Sequence[Array]) -> Array:
        inner = np.abs(points[0] - 0.5) / eps
        logcosh = inner + np.log1p(np.exp(-2 * inner))
        end = 0.5 / eps + np.log1p(np.exp(-1 / eps))
        return -eps * (logcosh - end)

    conditions = [("boundary", "u = 0")]
    return _line("eikonal", f"u_x**2 - {eps!r}*u_xx = 1", conditions, truth, "spurious minimum", spots=[(0.5, eps)])


def shock(d: Draw) -> Stated:
    """u u' = nu u'' from a to b < a: a shock held by its ends, by exp(-a/(2 nu)) where b = -a."""
    nu, lean = d.log(5e-3, 0.3), d.one([0.0, d.sign() * d.log(1e-3, 0.2)])
    ends = 1.0 + lean, -1.0

    def right(x: Array, y: Array) -> Array:
        return np.stack([y[1], y[0] * y[1] / nu])

    if lean == 0.0:
        speed = _shock_speed(nu)
        truth: Truth = lambda points: -speed * np.tanh(speed * (points[0] - 0.5) / (2 * nu))  # noqa: E731
    else:
        truth = _collocated(right, ends, [0.5])
    conditions = [("left", f"u = {ends[0]!r}"), ("right", "u = -1")]
    return _line("shock", f"u*u_x = {nu!r}*u_xx", conditions, truth, "near-translation", spots=[(0.5, nu)])


def _shock_speed(nu: float) -> float:
    speed = 1.0
    for _ in range(200):
        speed = 1.0 / np.tanh(speed / (4 * nu))
    return float(speed)


def interface(d: Draw) -> Stated:
    """-(k u')' = f in flux form with a k that jumps: u bends there, in closed form."""
    place, k1, k2, f = d.even(0.1, 0.9), d.log(1e-2, 1e2), d.log(1e-2, 1e2), d.log(0.3, 3)
    # u' = (c - f x)/k; u(0) = 0, u(1) = 0
    ones = place / k1 + (1 - place) / k2
    firsts = place**2 / 2 / k1 + (1 - place**2) / 2 / k2
    c = f * firsts / ones

    def truth(points: Sequence[Array]) -> Array:
        x = points[0]
        left, right = np.minimum(x, place), np.maximum(x, place) - place
        first = (np.maximum(x, place) ** 2 - place**2) / 2
        return (c * left - f * left**2 / 2) / k1 + (c * right - f * first) / k2

    equation = f"-dx(({k1!r} + {k2 - k1!r}*heaviside(x - {place!r}))*dx(u)) = {f!r}"
    return _line("interface", equation, [("boundary", "u = 0")], truth, "jump", "jumping", [(place, 1e-3)])


def given_on_a_side(d: Draw) -> Stated:
    """Laplace with a pulse or a jump on one side, by its sine series."""
    place, width, n = d.even(0.2, 0.8), d.log(2e-3, 0.1), np.arange(1, 1501)
    kind = d.one(["pulse", "pulse", "jump"])
    data = {"pulse": f"exp(-((x - {place!r})/{width!r})**2)", "jump": f"heaviside(x - {place!r})*(1 - x)"}[kind]
    ends = np.unique(np.clip([*np.linspace(0, 1, 3001), place, *(place + width * np.linspace(-8, 8, 161))], 0, 1))
    x, w = np.polynomial.legendre.leggauss(6)
    half = 0.5 * np.diff(ends)[:, None]
    nodes, weights = (0.5 * (ends[1:] + ends[:-1])[:, None] + half * x).ravel(), (half * w).ravel()
    share = 2 * np.sin(np.pi * np.outer(n, nodes)) @ (weights * _function(data)(nodes))

    def truth(points: Sequence[Array]) -> Array:
        x, y = points[0].ravel(), points[1].ravel()[:, None]
        fades = np.exp(n * np.pi * (y - 1))
        grown = fades * (1 - np.exp(-2 * n * np.pi * y)) / (1 - np.exp(-2 * n * np.pi))
        if kind == "pulse":
            return np.sin(np.pi * np.outer(x, n)) @ (share * grown).T
        slow = 2 * (1 - place) * np.cos(n * np.pi * place) / (n * np.pi)  # in closed form: its tail was 4e-4 of u
        r, turns = np.exp(np.pi * (y.T - 1)), (np.pi * (x[:, None] + shift) for shift in (place, -place))
        whole = sum(np.arctan2(r * np.sin(turn), 1 - r * np.cos(turn)) for turn in turns) * (1 - place) / np.pi
        return whole + np.sin(np.pi * np.outer(x, n)) @ (share * grown - slow * fades).T

    conditions = [("top", f"u = {data}"), ("[left, right, bottom]", "u = 0")]
    spots = {"x": ((place, width), (place, 0.01)), "y": ((1.0, width), (1.0, 0.003))}
    return Stated("Laplace", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, "lap(u) = 0", conditions, truth,
                  feature=f"{kind} on a side", spots=spots, tolerances=(-4, -2))  # fmt: skip


def in_other_units(d: Draw) -> Stated:
    """Diffusion, reaction and a source on lengths and sizes far from one."""
    length, size, waves = d.log(1e-7, 1e7), d.log(1e-12, 1e12), d.one([1, 3, 10])
    v = exact(size) * (sympy.sin(waves * sympy.pi * X / exact(length)) + X / exact(length))
    reaction = exact(float(f"{d.log(1e-2, 1e3) / length**2:.3g}"))
    functions, f = shared(-sympy.diff(v, X, 2) + reaction * v, "g")
    conditions = [("left", "u = 0"), ("right", f"u = {size!r}")]
    return Stated("other units", {"x": (0.0, length)}, f"-u_xx + ({printed(reaction)})*u = {f}", conditions,
                  truth_of(v, [X]), "large and tiny", "oscillation", functions=functions)  # fmt: skip


def askew(d: Draw) -> Stated:
    """A front across the axes, which coordinates of its own can follow, and something else that they do not see."""
    angle, width, place = d.even(0.2, 1.4), d.log(2e-3, 3e-2), d.even(0.3, 0.9)
    inner = (exact(d.even(0.3, 1)) * X + exact(d.even(0.3, 1)) * Y - exact(place)) / exact(width)
    beside = d.one(["nothing", "wave", "spike", "mode", "growth"])
    size, x0, y0, w = exact(d.log(1e-3, 1)), exact(d.even(0.1, 0.9)), exact(d.even(0.1, 0.9)), exact(d.log(0.01, 0.1))
    extra = {
        "nothing": sympy.Integer(0), "wave": sympy.sin(exact(d.log(5, 40)) * (X - Y * exact(angle))),
        "spike": sympy.exp(-(((X - x0) / w) ** 2) - ((Y - y0) / w) ** 2),
        "growth": sympy.exp(exact(d.log(2, 9)) * (X - 1)),
        "mode": sympy.sin(3 * sympy.pi * X) * sympy.sin(2 * sympy.pi * Y),
    }[beside]  # fmt: skip
    v = sympy.tanh(inner) + size * extra
    lap = sympy.diff(v, X, 2) + sympy.diff(v, Y, 2)
    eps, level = exact(d.log(1e-3, 0.1)), 13 * sympy.pi**2 + exact(d.log(1e-5, 1))
    kind = d.one(["-lap(u)", "resonance", "convection", "reaction"])
    left, source = {
        "-lap(u)": ("-lap(u)", -lap), "resonance": (f"lap(u) + ({printed(level)})*u", lap + level * v),
        "convection": (f"-({printed(eps)})*lap(u) + u_x + 2*u_y", -eps * lap + sympy.diff(v, X) + 2 * sympy.diff(v, Y)),
        "reaction": (f"-({printed(eps)})*lap(u) + u", -eps * lap + v),
    }[kind]  # fmt: skip
    functions, f = shared(source, "g")
    spots = {c: tuple((i / 40, 0.02) for i in range(41)) for c in "xy"}
    return Stated("front across the axes", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, f"{left} = {f}",
                  [("boundary", f"u = {printed(v)}")], truth_of(v, [X, Y]), kind.strip("-"), f"front and {beside}",
                  spots=spots, functions=functions, tolerances=(-3, -2), max_time=6.0)  # fmt: skip


SPECIAL = (given_on_a_side, in_other_units, resonance, resonance, growth, growth, layered, layered, layered, eikonal,
           shock, interface)  # fmt: skip
