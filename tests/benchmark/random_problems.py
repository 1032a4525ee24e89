"""Random problems with a chosen solution: coefficients, solution, domain and conditions are drawn, the text is made.

Each is a pure function of its number. A solution v is a sum of pieces (waves, bumps, interior and boundary layers,
poles near the axis, polynomials; in time growth, decay, oscillation, pulses, motion), scaled by anything from 1e-3 to
1e3; the equation reads L(u) = L(v), and every side has the data of v: values, slopes, Robin mixtures, or periodicity.
Every fourth problem is hard: features ten times narrower, Helmholtz next to an eigenvalue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SEED = 20_261_125
#: What is drawn, in turn: (dimension, has time, network), 20 to a round.
ROUND = (
    *[(1, False, "product")] * 6,
    *[(2, False, "product")] * 4,
    *[(2, True, "product")] * 7,
    (1, False, "deep"),
    (2, False, "product"),
    (2, True, "product"),
)
#: Numbers that are drawn with three coordinates instead, since these take ten seconds each.
THREE = {9: (3, False, "product"), 19: (3, True, "product")}

#: Name, text with {u}, what it needs of the conditions, and the range of scales of the solution.
Operator = tuple[str, str, str, tuple[float, float]]
#: Scales of the solution: of a linear equation, and where terms of different powers balance.
LINEAR, ONE = (1e-3, 1e3), (0.3, 3.0)


@dataclass(frozen=True)
class Drawn:
    """A problem file's text, what it is, and per coordinate where the solution has features: (centre, width) pairs."""

    number: int
    family: str
    solution: str
    text: str
    features: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Piece:
    """A factor of one coordinate: its text, its name, and its feature."""

    text: str
    name: str
    feature: tuple[float, float] | None = None


def draw(number: int) -> Drawn:
    """Problem ``number``."""
    rng = np.random.default_rng([SEED, number])
    turn, place = divmod(number, len(ROUND))
    dimension, has_time, network = THREE[place] if place in THREE and turn % 3 == 0 else ROUND[place]
    if network == "deep" and turn % 2:
        dimension, has_time = 2, bool(turn % 4 == 3)
    return _Draw(rng, number, dimension, has_time, network).problem()


class _Draw:
    """The state of one draw."""

    def __init__(self, rng: np.random.Generator, number: int, dimension: int, has_time: bool, network: str) -> None:
        self.rng, self.number, self.network = rng, number, network
        self.space = "xyz"[: dimension - has_time]
        self.has_time = has_time
        self.coordinates = self.space + "t" * has_time
        self.mild = dimension == 3 or network == "deep"
        self.hard = number % 4 == 3 and not self.mild
        self.ranges: dict[str, tuple[float, float]] = {}
        for c in self.coordinates:
            low = 0.0 if c == "t" or rng.random() < 0.4 else _round(rng.uniform(-2, 2))
            length = _round(10.0 ** rng.uniform(-0.4, 0.4))
            if c == "t":
                length = _round(10.0 ** rng.uniform(-1, 0.3)) if not self.mild else _round(rng.uniform(0.2, 0.6))
            self.ranges[c] = (low, low + length)
        self.features: dict[str, list[tuple[float, float]]] = {c: [] for c in self.coordinates}
        self.kinds: list[str] = []

    def log(self, low: float, high: float) -> float:
        return _round(float(np.exp(self.rng.uniform(np.log(low), np.log(high)))))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def problem(self) -> Drawn:
        family, operator, needs, scale = self.operator()
        self.periodic = "x" if "periodic" in needs or (needs == "" and self.chance(0.12)) else ""
        v = self.solution(scale)
        lines = [f"name: random-{self.number}", "domain:"]
        lines += [f"  {c}: [{self.ranges[c][0]:.6g}, {self.ranges[c][1]:.6g}]" for c in self.coordinates]
        lines += [f"  periodic: [{self.periodic}]"] if self.periodic else []
        lines += ["functions:", f"  v: {v}", "unknowns: [u]", "equations:"]
        lines += [f"  - {operator.format(u='u')} = {operator.format(u='v')}", "conditions:"]
        lines += self.conditions(needs)
        lines += ["exact:", "  u: v", "solver:", *self.settings()]
        spots = tuple(tuple(self.features[c]) for c in self.coordinates)
        kind = " ".join(dict.fromkeys(self.kinds))
        label = f"{'hard ' * self.hard}{family} {len(self.space)}-D" + (" in time" if self.has_time else "")
        label += " periodic" if self.periodic else ""
        label += " deep" if self.network == "deep" else ""
        return Drawn(self.number, label, kind, "\n".join(lines) + "\n", spots)

    # ------------------------------------------------------------------------------------------- the equation

    def operator(self) -> Operator:
        """Name, text with {u}, what it needs of the conditions, and the range of scales of the solution."""
        gradient = " + ".join(f"({self.log(0.3, 3):g})*d{c}({{u}})" for c in self.space)
        eps, r, d = self.log(0.01, 1), self.log(0.1, 100), self.log(0.01, 1)
        varying = f"({1 + self.log(0.05, 1):g} + sin({self.log(0.5, 5):g}*x))"
        choices = self.in_time(gradient, eps, d) if self.has_time else self.steady(gradient, eps, r, varying)
        return choices[int(self.rng.integers(len(choices)))]

    def in_time(self, gradient: str, eps: float, d: float) -> list[Operator]:
        u, lap = "{u}", "lap({u})"
        choices = [
            ("heat", f"dt({u}) - {d}*{lap}", "", LINEAR),
            ("convection-diffusion", f"dt({u}) + {gradient} - {eps}*{lap}", "", LINEAR),
            ("growth", f"dt({u}) - {d}*{lap} - {self.log(0.5, 5)}*{u}", "", LINEAR),
            ("wave", f"dt(dt({u})) - {self.log(0.3, 3)}*{lap}", "velocity", LINEAR),
            ("Klein-Gordon", f"dt(dt({u})) - {lap} + {self.log(0.3, 3)}*{u}**3", "velocity", ONE),
            ("Burgers", f"dt({u}) + {u}*dx({u}) - {self.log(0.02, 1)}*{lap}", "", ONE),
            ("Allen-Cahn", f"dt({u}) - {d}*{lap} + {self.log(0.5, 5)}*({u}**3 - {u})", "", ONE),
            ("Fisher", f"dt({u}) - {d}*{lap} - {self.log(0.5, 3)}*{u}*(1 - {u})", "", ONE),
        ]
        if self.space == "x" and self.network != "deep":
            choices += [
                ("transport", f"dt({u}) + {self.log(0.3, 3)}*dx({u})", "inflow", LINEAR),
                ("KdV", f"dt({u}) + {u}*dx({u}) + {self.log(0.003, 0.1)}*dx(dx(dx({u})))", "periodic", ONE),
                (
                    "fourth order",
                    f"dt({u}) + {u}*dx({u}) + {self.log(0.003, 0.1)}*dx(dx(dx(dx({u}))))",
                    "periodic",
                    ONE,
                ),
            ]
        return choices

    def steady(self, gradient: str, eps: float, r: float, varying: str) -> list[Operator]:
        u, lap = "{u}", "lap({u})"
        wave, helmholtz = self.log(2, 15), ""
        if self.hard:  # an eigenvalue of the box with values given, nearly
            near = 1 + self.log(1e-6, 1e-3)
            squares = [(self.rng.integers(1, 5) / (self.ranges[c][1] - self.ranges[c][0])) ** 2 for c in self.space]
            wave, helmholtz = f"({near:.9g}*pi*{np.sqrt(sum(squares)):.15g})", "values"
        choices = [
            ("Poisson", f"-{lap}", "" if len(self.space) > 1 else "sides", LINEAR),
            ("diffusion", f"-div({varying}*grad({u}))", "sides", LINEAR),
            ("reaction-diffusion", f"-{lap} + {self.log(1, 1e4)}*{u}", "", LINEAR),
            ("Helmholtz", f"{lap} + {wave}**2*{u}", helmholtz, LINEAR),
            ("convection-diffusion", f"-{eps}*{lap} + {gradient}", "values", LINEAR),
            ("cubic", f"-{lap} + {r}*{u}**3", "", ONE),
            ("exponential", f"-{lap} + exp({u})", "", ONE),
            ("steady Burgers", f"-{self.log(0.1, 1)}*{lap} + {u}*dx({u})", "values", ONE),
        ]
        if self.space == "x" and self.network != "deep":
            choices.append(("beam", f"dx(dx(dx(dx({u})))) + {r}*{u}", "clamped", LINEAR))
        return choices

    # ------------------------------------------------------------------------------------------- the solution

    def solution(self, scale: tuple[float, float]) -> str:
        terms = [self.term() for _ in range(int(self.rng.integers(1, 4 - self.mild)))]
        factor = self.log(*scale)
        small = self.chance(0.15) and len(terms) > 1
        if small:
            self.kinds.append("small part")
        parts = [f"{'-' if self.chance(0.5) else ''}{self.log(0.3, 1):g}*{t}" for t in terms[:-1]]
        parts.append(f"{self.log(1e-3, 1e-2) if small else self.log(0.3, 1):g}*{terms[-1]}")
        return f"{factor:g}*(" + " + ".join(p if not p.startswith("-") else f"({p})" for p in parts) + ")"

    def term(self) -> str:
        if len(self.space) > 1 and not self.periodic and self.chance(0.25):
            return self.times(self.oblique())
        factors = [self.piece(c) for c in self.space]
        if self.has_time and not self.periodic and self.space == "x" and self.chance(0.3):
            return self.moving()
        return self.times("*".join(factors))

    def piece(self, c: str) -> str:
        low, high = self.ranges[c]
        length = high - low
        if c == self.periodic:
            waves = int(self.rng.integers(1, 5))
            angle = f"{2 * waves}*pi*({c} - ({low:g}))/{length:.15g}"
            self.kinds.append("periodic waves")
            return f"exp(sin({angle}))" if self.chance(0.3) else f"(sin({angle}) + {self.rng.random():.3g})"
        centre = _round(self.rng.uniform(low, high))
        narrow = (0.1 if self.mild else (0.02 if len(self.coordinates) == 1 else 0.06)) * (0.1 if self.hard else 1.0)
        kind = str(self.rng.choice(["wave", "wave", "bump", "layer", "boundary layer", "pole", "polynomial"]))
        width = _round(length * self.log(narrow, 3 * narrow if self.hard else 0.3))
        self.kinds.append(kind)
        if kind == "wave":
            most = 3 if self.mild else (20 if len(self.coordinates) == 1 else 6)
            return f"sin({np.pi * self.log(0.5, most) / length:.4g}*({c} - ({centre:g})))"
        if kind == "polynomial":
            return f"(({c} - ({centre:g}))**{self.rng.integers(1, 5)} + {self.rng.random():.3g})"
        if kind == "boundary layer":
            width = _round(0.7 * width)
            end, sign = (high, "") if self.chance(0.5) else (low, "-")
            self.features[c].append((end, width))
            return f"exp({sign}({c} - ({end:.6g}))/{width:g})"
        self.features[c].append((centre, width))
        s = f"({c} - ({centre:g}))/{width:g}"
        return {"bump": f"exp(-({s})**2)", "layer": f"tanh({s})", "pole": f"1/(1 + ({s})**2)"}[kind]

    def oblique(self) -> str:
        self.kinds.append("oblique wave")
        most = 3 if self.mild else 8
        waves = [np.pi * self.log(0.3, most) / (self.ranges[c][1] - self.ranges[c][0]) for c in self.space]
        return "sin(" + " + ".join(f"{w:.4g}*{c}" for w, c in zip(waves, self.space, strict=True)) + ")"

    def times(self, space: str) -> str:
        if not self.has_time:
            return space
        low, high = self.ranges["t"]
        kind = str(self.rng.choice(["growth", "decay", "oscillation", "pulse", "linear"]))
        self.kinds.append(kind)
        if kind == "linear":
            return f"{space}*(1 + {self.log(0.3, 3):g}*t)"
        if kind == "oscillation":
            return f"{space}*cos({self.log(1, 12) / (high - low):.4g}*t + {self.rng.random():.3g})"
        if kind == "pulse":
            centre, width = _round(self.rng.uniform(low, high)), _round((high - low) * self.log(0.05, 0.4))
            self.features["t"].append((centre, width))
            return f"{space}*exp(-((t - {centre:g})/{width:g})**2)"
        rate = self.log(0.5, 6) / (high - low)
        return f"{space}*exp({'' if kind == 'growth' else '-'}{rate:.4g}*t)"

    def moving(self) -> str:
        self.kinds.append("moving")
        (low, high), (_, end) = self.ranges["x"], self.ranges["t"]
        centre, speed = _round(self.rng.uniform(low, high)), _round(self.rng.uniform(-1, 1) * (high - low) / end)
        width = _round((high - low) * self.log(0.05, 0.3))
        self.features["x"] += [(centre + speed * s, width) for s in np.linspace(0, end, 7)]
        s = f"(x - ({centre:g}) - ({speed:g})*t)/{width:g}"
        return f"exp(-({s})**2)" if self.chance(0.5) else f"tanh({s})"

    # ----------------------------------------------------------------------------------------- conditions, settings

    def conditions(self, needs: str) -> list[str]:
        rows = []
        if self.has_time:
            rows.append(("initial", "u = v"))
        if needs == "velocity":
            rows.append(("initial", "u_t = dt(v)"))
        names = {"x": ("left", "right"), "y": ("bottom", "top"), "z": ("front", "back")}
        first = True
        for c in self.space:
            for side in () if c == self.periodic else names[c]:
                if needs == "inflow":
                    rows.append((side, "u = v" if side == "left" else "none"))
                    continue
                kind = "value" if first or needs in ("values", "clamped") else str(self.rng.choice(list("vvnr")))
                first = False
                b = self.log(0.3, 3)
                equation = {"n": "dn(u) = dn(v)", "r": f"dn(u) + {b:g}*u = dn(v) + {b:g}*v"}.get(kind[0], "u = v")
                rows.append((side, equation))
                if needs == "clamped":
                    rows.append((side, f"u_{c} = d{c}(v)"))
        return [f"  - where: {where}\n    equation: {equation}" for where, equation in rows]

    def settings(self) -> list[str]:
        three = len(self.coordinates) == 3
        powers = (-3, -4) if three or self.network == "deep" else (-2, -3, -4, -5, -6, -7)
        lines = [f"  tolerance: 1e{self.rng.choice(powers)}"]
        if self.network == "deep":
            width = int(self.rng.integers(2, 5))
            return [*lines, "  network: deep", f"  hidden: [{width}]", "  max_time: 15"]
        if self.chance(0.3) and not three:
            lines.append(f"  degree: {self.rng.integers(5, 9)}")
        if self.chance(0.3):
            lines.append(f"  knots: {self.rng.integers(2, 5 if three else 8)}")
        return [*lines, "  max_time: 12"]


def _round(value: float) -> float:
    """Three significant digits, so that the text holds the value itself."""
    return float(f"{value:.3g}")


def edges(drawn: Drawn, axis: int, low: float, high: float, count: int, knots: Sequence[float]) -> np.ndarray:
    """Ends of the intervals in which the true error is integrated: even ones, graded to each feature, and the knots."""
    marks = [np.linspace(low, high, count + 1), np.asarray(knots, dtype=np.float64)]
    marks += [c + w * np.linspace(-5, 5, 21) for c, w in drawn.features[axis]]
    found = np.unique(np.concatenate(marks))
    found = found[(found >= low) & (found <= high)]
    return found[np.concatenate([[True], np.diff(found) > 1e-9 * (high - low)])]
