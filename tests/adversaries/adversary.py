"""An adversary: a problem file's text, an independent truth, and where that has features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import sympy

Array = np.ndarray
V = TypeVar("V")
#: Values of the solution at coordinates that broadcast.
Truth = Callable[[Sequence[Array]], Array]
#: Where a function of one coordinate is narrow: (centre, width).
Spots = tuple[tuple[float, float], ...]

X, Y, Z, T = sympy.symbols("x y z t", real=True)
SYMBOLS = {"x": X, "y": Y, "z": Z, "t": T}
Expr = sympy.Expr
#: Names of the ends of each coordinate of space.
SIDES = {"x": ("left", "right"), "y": ("bottom", "top"), "z": ("front", "back")}


@dataclass(frozen=True, eq=False)
class Adversary:
    """What is asked of the program, in words and as text; ``truth``: the solution, None where only refusal is right.

    ``spots``: by coordinate, where the truth is narrow.
    """

    number: int
    kind: str
    coefficients: str
    feature: str
    family: str
    conditions: str
    text: str
    truth: Truth | None
    spots: tuple[Spots, ...]


@dataclass(frozen=True, eq=False)
class Stated:
    """The parts of a problem file, before its settings are drawn."""

    kind: str
    ranges: Mapping[str, tuple[float, float]]
    equation: str
    conditions: Sequence[tuple[str, str]]
    truth: Truth | None
    coefficients: str = "constant"
    feature: str = "smooth"
    posed: str = "right"
    spots: Mapping[str, Spots] | None = None
    functions: Mapping[str, str] | None = None
    periodic: str = ""
    family: str = "auto"
    tolerances: tuple[int, int] = (-6, -2)
    max_time: float = 5.0

    def text(self, name: str, solver: Sequence[str]) -> str:
        """The problem file."""
        lines = [f"name: {name}", "domain:"]
        lines += [f"  {c}: [{low!r}, {high!r}]" for c, (low, high) in self.ranges.items()]
        lines += [f"  periodic: [{self.periodic}]"] if self.periodic else []
        lines += ["functions:", *(f'  {k}: "{v}"' for k, v in self.functions.items())] if self.functions else []
        lines += ["unknowns: [u]", "equations:", f'  - "{self.equation}"', "conditions:"]
        for where, equation in self.conditions:
            lines += [f"  - where: {where}", f'    equation: "{equation}"']
        return "\n".join([*lines, "solver:", *(f"  {line}" for line in solver)]) + "\n"


class AgainError(Exception):
    """The independent method did not get there: another problem is drawn."""


class Draw:
    """Random numbers as they are wanted: in decades, rounded to three digits so that texts hold them exactly."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.rng = np.random.default_rng(seed)

    def log(self, low: float, high: float) -> float:
        """Evenly distributed in its logarithm."""
        return rounded(float(np.exp(self.rng.uniform(np.log(low), np.log(high)))))

    def even(self, low: float, high: float) -> float:
        """Evenly distributed."""
        return rounded(float(self.rng.uniform(low, high)))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < share)

    def one(self, choices: Sequence[V]) -> V:
        """One of them."""
        return choices[int(self.rng.integers(len(choices)))]

    def sign(self) -> int:
        """Plus or minus one."""
        return 1 if self.chance(0.5) else -1


def rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")


def exact(value: float) -> sympy.Rational:
    """The decimal number that prints as ``value``."""
    return sympy.Rational(repr(value))


class _Printer(sympy.printing.str.StrPrinter):
    """Expressions in the grammar of problem files."""

    def _print_Heaviside(self, e: sympy.Expr) -> str:  # noqa: N802
        return f"heaviside({self._print(e.args[0])})"

    def _print_Max(self, e: sympy.Expr) -> str:  # noqa: N802
        return f"max({', '.join(self._print(a) for a in e.args)})"

    def _print_Abs(self, e: sympy.Expr) -> str:  # noqa: N802
        return f"abs({self._print(e.args[0])})"

    def _print_Exp1(self, e: sympy.Expr) -> str:  # noqa: N802
        return "exp(1)"


def printed(expression: sympy.Expr) -> str:
    """The expression as a problem file says it."""
    return str(_Printer().doprint(expression))


def shared(expression: sympy.Expr, name: str) -> tuple[dict[str, str], str]:
    """Named functions for what occurs more than once, and the expression in them: no text grows too long."""
    parts, (last,) = sympy.cse(expression, sympy.numbered_symbols(name))
    return {str(symbol): printed(part) for symbol, part in parts}, printed(last)


def truth_of(expression: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> Truth:
    """The expression as a function of coordinates that broadcast."""
    function = sympy.lambdify(list(coordinates), expression, "numpy")

    def values(points: Sequence[Array]) -> Array:
        with np.errstate(all="ignore"):
            return np.broadcast_to(function(*points), np.broadcast_shapes(*(p.shape for p in points)))

    return values
