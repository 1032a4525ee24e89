"""Problems made from their solution: drawn features under a drawn operator, the source derived by sympy.

Conditions are right, too few (one is left out where every operator here needs it) or contradictory (one says that u is
larger by a tenth, or a side that wants none has one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import sympy

from adversaries.adversary import SIDES, SYMBOLS, Draw, Expr, Stated, T, X, Y, exact, printed, shared, truth_of
from adversaries.solutions import Solution

Condition = tuple[str, str, Callable[[Expr], Expr]]


@dataclass(frozen=True, eq=False)
class Operator:
    """An equation L(u) = f: its text in u, itself, and what it wants of the ends of its coordinates.

    ``needs``: "values" (one condition per side, any kind), "inflow" (left, bottom only), "initial" (u and its slope at
    the left), "clamped", "evolution" (bottom is the start of a march), "periodic".
    """

    name: str
    text: str
    apply: Callable[[Expr], Expr]
    needs: str = "values"
    coefficients: str = "constant"
    order: int = 2
    nonlinear: bool = False


def manufactured(d: Draw, coordinates: str) -> Stated:
    """A problem in these coordinates, ``"x"``, ``"xy"``, ``"xt"``, .."""
    ranges = {c: _range(d, c) for c in coordinates}
    operator = (_in_time if "t" in coordinates else _steady)(d, coordinates, ranges)
    solution = Solution(d, ranges, operator.order, operator.needs == "periodic")
    v = solution.drawn(not operator.nonlinear)
    source = operator.apply(v).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    functions, f = shared(source, "g")
    posed, conditions = _conditions(d, operator, ranges, v)
    truth = truth_of(v, [SYMBOLS[c] for c in coordinates]) if posed == "right" else None
    return Stated(
        operator.name, ranges, f"{operator.text} = {f}", conditions, truth, operator.coefficients,
        " ".join(dict.fromkeys(solution.names)), posed, {c: tuple(s) for c, s in solution.spots.items()}, functions,
        "x" if operator.needs == "periodic" else "",
    )  # fmt: skip


def _range(d: Draw, c: str) -> tuple[float, float]:
    if c == "t":
        return 0.0, d.log(0.1, 4)
    low = 0.0 if d.chance(0.6) else d.even(-1, 1)
    return low, round(low + (1.0 if d.chance(0.5) else d.log(0.3, 4)), 6)


# ------------------------------------------------------------------------------------------------------- coefficients


def coefficient(d: Draw, variable: Expr, low: float, high: float) -> tuple[str, Expr]:
    """A positive function of one coordinate, and its kind."""
    kind = d.one(["constant", "smooth", "jumping", "vanishing", "large", "tiny"])
    place = exact(d.even(low + 0.1 * (high - low), high - 0.1 * (high - low)))
    if kind == "smooth":
        return kind, 1 + exact(d.even(0.1, 0.9)) * sympy.sin(exact(d.log(1, 12)) * variable)
    if kind == "jumping":
        return kind, exact(d.log(0.03, 3)) + exact(d.log(0.1, 100)) * sympy.Heaviside(variable - place)
    if kind == "vanishing":
        return kind, (variable - place) ** 2
    if kind == "large":
        return kind, exact(d.log(1e3, 1e6))
    return kind, exact(d.log(1e-5, 1e-2) if kind == "tiny" else d.log(0.1, 10))


def _steady(d: Draw, coordinates: str, ranges: Mapping[str, tuple[float, float]]) -> Operator:
    c = d.one(coordinates)
    kind, k = coefficient(d, SYMBOLS[c], *ranges[c])
    other, r = coefficient(d, SYMBOLS[c], *ranges[c])
    eps, nu, b = exact(d.log(1e-4, 1)), exact(d.log(0.02, 1)), [exact(d.log(0.2, 5)) for _ in coordinates]
    variables = [SYMBOLS[n] for n in coordinates]

    def lap(u: Expr) -> Expr:
        return sum(sympy.diff(u, s, 2) for s in variables)

    def drift(u: Expr) -> Expr:
        return sum(w * sympy.diff(u, s) for w, s in zip(b, variables, strict=True))

    wind = " + ".join(f"{printed(w)}*u_{n}" for w, n in zip(b, coordinates, strict=True))
    wave, pk, pr = exact(d.log(1, 30 if len(coordinates) == 1 else 12)), printed(k), printed(r)
    smooth = kind not in ("jumping", "vanishing")
    choices = [
        Operator("elliptic", f"-({pk})*lap(u) + ({pr})*u", lambda u: -k * lap(u) + r * u,
                 coefficients=f"{kind} {other}")
        if kind != "vanishing"
        else Operator("elliptic", f"-lap(u) + ({pk})*u", lambda u: -lap(u) + k * u, coefficients=kind),
        Operator("Helmholtz", f"lap(u) + ({printed(wave)})**2*u", lambda u: lap(u) + wave**2 * u),
        Operator(
            "convection-diffusion", f"-({printed(eps)})*lap(u) + {wind} + ({pr})*u",
            lambda u: -eps * lap(u) + drift(u) + r * u, coefficients=other,
        ),
        Operator("advection", f"{wind} + ({pr})*u", lambda u: drift(u) + r * u, "inflow", other, 1),
        Operator("cubic", f"-lap(u) + ({pr})*u**3", lambda u: -lap(u) + r * u**3, coefficients=other, nonlinear=True),
        Operator("exponential", "-lap(u) + exp(u)", lambda u: -lap(u) + sympy.exp(u), nonlinear=True),
        Operator(
            "steady Burgers", f"-({printed(nu)})*lap(u) + u*u_x", lambda u: -nu * lap(u) + u * sympy.diff(u, X),
            "dirichlet", nonlinear=True,
        ),
    ]  # fmt: skip
    if smooth:
        text = "-(" + " + ".join(f"d{n}(({pk})*d{n}(u))" for n in coordinates) + f") + ({pr})*u"
        flux = lambda u: -sum(sympy.diff(k * sympy.diff(u, s), s) for s in variables) + r * u  # noqa: E731
        choices.append(Operator("flux form", text, flux, coefficients=f"{kind} {other}"))
    if coordinates == "x":
        rate, damping = exact(d.sign() * d.log(0.5, 25)), exact(d.log(0.1, 10))
        choices += [
            Operator("beam", f"u_xxxx + ({pr})*u", lambda u: sympy.diff(u, X, 4) + r * u, "clamped", other, 4),
            Operator("ODE of first order", f"u_x - ({printed(rate)})*u", lambda u: sympy.diff(u, X) - rate * u,
                     "inflow", order=1),
            Operator("ODE of second order", f"u_xx + ({printed(damping)})*u_x - ({printed(rate)})*u",
                     lambda u: sympy.diff(u, X, 2) + damping * sympy.diff(u, X) - rate * u, "initial"),
            Operator("singular ODE", f"(x - ({ranges['x'][0]!r}))*u_x + (1 + {pr})*u",
                     lambda u: (X - exact(ranges["x"][0])) * sympy.diff(u, X) + (1 + r) * u, "none", other, 1),
        ]  # fmt: skip
    if coordinates == "xy":
        speed = exact(d.log(0.3, 3))
        choices += [
            Operator("heat in the plane", f"u_y - ({printed(eps)})*u_xx + ({pr})*u",
                     lambda u: sympy.diff(u, Y) - eps * sympy.diff(u, X, 2) + r * u, "evolution", other),
            Operator("waves in the plane", f"u_yy - ({printed(speed)})*u_xx",
                     lambda u: sympy.diff(u, Y, 2) - speed * sympy.diff(u, X, 2), "evolution 2"),
            Operator("plate", "lap(lap(u))", lambda u: lap(lap(u)), "clamped", order=4),
        ]  # fmt: skip
    return d.one(choices)


def _in_time(d: Draw, coordinates: str, ranges: Mapping[str, tuple[float, float]]) -> Operator:
    space = coordinates[:-1]
    kind, k = coefficient(d, X, *ranges["x"])
    other, r = coefficient(d, *((T, *ranges["t"]) if d.chance(0.5) else (X, *ranges["x"])))
    variables = [SYMBOLS[n] for n in space]
    eps, speed, a = exact(d.log(1e-3, 1)), exact(d.log(0.3, 3)), exact(d.log(0.3, 5))
    pe, ps, pa, pr = printed(eps), printed(speed), printed(a), printed(r)

    def lap(u: Expr) -> Expr:
        return sum(sympy.diff(u, s, 2) for s in variables)

    def dt(u: Expr, n: int = 1) -> Expr:
        return sympy.diff(u, T, n)

    choices = [
        Operator("heat", f"u_t - ({pe})*lap(u) + ({pr})*u", lambda u: dt(u) - eps * lap(u) + r * u, "time", other),
        Operator("growth in time", f"u_t - ({pe})*lap(u) - ({pa})*u", lambda u: dt(u) - eps * lap(u) - a * u, "time"),
        Operator("convection in time", f"u_t + ({ps})*u_x - ({pe})*lap(u)",
                 lambda u: dt(u) + speed * sympy.diff(u, X) - eps * lap(u), "time"),
        Operator("wave", f"u_tt - ({ps})*lap(u)", lambda u: dt(u, 2) - speed * lap(u), "time 2"),
        Operator("Klein-Gordon", f"u_tt - lap(u) + ({pa})*u**3", lambda u: dt(u, 2) - lap(u) + a * u**3, "time 2",
                 nonlinear=True),
        Operator("Burgers", f"u_t + u*u_x - ({pe})*lap(u)", lambda u: dt(u) + u * sympy.diff(u, X) - eps * lap(u),
                 "time", nonlinear=True),
        Operator("Allen-Cahn", f"u_t - ({pe})*lap(u) + ({pa})*(u**3 - u)",
                 lambda u: dt(u) - eps * lap(u) + a * (u**3 - u), "time", nonlinear=True),
    ]  # fmt: skip
    if kind != "vanishing":
        choices.append(
            Operator("variable heat", f"u_t - ({printed(k)})*lap(u)", lambda u: dt(u) - k * lap(u), "time", kind)
        )
    if space == "x":
        choices += [
            Operator("transport", f"u_t + ({ps})*u_x + ({pr})*u", lambda u: dt(u) + speed * sympy.diff(u, X) + r * u,
                     "time inflow", other, 1),
            Operator("vibrating beam", f"u_tt + ({pe})*u_xxxx", lambda u: dt(u, 2) + eps * sympy.diff(u, X, 4),
                     "time 2 clamped", order=4),
            Operator("KdV", f"u_t + u*u_x + ({pe})*u_xxx",
                     lambda u: dt(u) + u * sympy.diff(u, X) + eps * sympy.diff(u, X, 3), "periodic", order=3,
                     nonlinear=True),
        ]  # fmt: skip
    return d.one(choices)


# ---------------------------------------------------------------------------------------------------------- conditions


def _conditions(
    d: Draw, operator: Operator, ranges: Mapping[str, tuple[float, float]], v: Expr
) -> tuple[str, list[tuple[str, str]]]:
    """Whether they are right, and what they are."""
    wanted = list(_wanted(d, operator, ranges))
    posed = d.one(["right"] * 12 + ["too few"] + ["contradictory"]) if operator.needs != "none" else "right"
    if posed == "too few":
        gone = d.one([i for i, c in enumerate(wanted) if c[1] != "none"])
        where = wanted[gone][0]
        left = [c for i, c in enumerate(wanted) if i != gone]
        wanted = left if where == "initial" or any(c[0] == where for c in left) else [*left, (where, "none", 0, None)]
    out, wrong = [], d.one([i for i, c in enumerate(wanted) if c[1] != "none"] or [0])
    for i, (where, text, order, side) in enumerate(wanted):
        if text == "none":
            extra = posed == "contradictory" and operator.needs == "inflow"
            out.append((where, f"u = {_data(v, side, 0)} + 0.1" if extra else "none"))
        else:
            out.append((where, f"{text} = {_data(v, side, order)}"))
            if posed == "contradictory" and operator.needs != "inflow" and i == wrong:
                out.append((where, f"{text} = {_data(v, side, order)} + 0.1"))
    return posed, out


def _wanted(d: Draw, operator: Operator, ranges: Mapping[str, tuple[float, float]]):
    """Conditions as (place, left side, order of derivative in its normal, (symbol, end))."""
    needs = operator.needs
    if "t" in ranges:
        start = (T, 0.0)
        yield "initial", "u", 0, start
        if "2" in needs:
            yield "initial", "u_t", 1, start
    first = True
    for c, (low, high) in ranges.items():
        for where, end in zip(SIDES.get(c, ()), (low, high), strict=False):
            side, is_low = (SYMBOLS[c], end), end == low
            if needs == "periodic":
                continue
            if needs == "none" or ("inflow" in needs and not is_low):
                yield where, "none", 0, side
            elif needs == "initial" or (needs.startswith("evolution") and c == "y"):
                if not is_low:
                    yield where, "none", 0, side
                    continue
                yield where, "u", 0, side
                if needs in ("initial", "evolution 2"):
                    yield where, f"u_{c}", 1, side
            elif "clamped" in needs:
                yield where, "u", 0, side
                yield where, f"u_{c}", 1, side
            else:
                slope = not first and needs in ("values", "time") and d.chance(0.3)
                first = False
                yield where, f"u_{c}" if slope else "u", int(slope), side


def _data(v: Expr, side: tuple[sympy.Symbol, float], order: int) -> str:
    symbol, end = side
    value = sympy.diff(v, symbol, order).subs(symbol, exact(end))
    value = value.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    return printed(value if value.free_symbols else sympy.Float(value.evalf(25), 17))


def stated_in(d: Draw, coordinates: str, **changes: object) -> Stated:
    """A manufactured problem with other settings."""
    return replace(manufactured(d, coordinates), **changes)  # type: ignore[arg-type]
