"""The functions a user may write: sympy's, or own ones where sympy's leave the real numbers.

sympy differentiates ``Abs`` through complex numbers and ``sign`` into Dirac deltas. The derivatives here are those
almost everywhere: ``abs' = sign``, ``sign' = heaviside' = 0``, ``max'`` and ``min'`` that of the argument taken.
sympy's hyperbolic functions expand their argument into real and imaginary part when asked whether they are real, which
takes minutes for ``tanh(tan(u)**999)``; those here do not. Expressions are printed in the syntax of the user.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy
from sympy.printing.str import StrPrinter


def _function(name: str, *slopes: Callable[..., sympy.Expr]) -> Any:
    """A sympy function class; ``slopes`` are its partial derivatives, one for each argument."""

    def fdiff(self: sympy.Function, argindex: int = 1) -> sympy.Expr:
        return slopes[argindex - 1](*self.args)

    return type(name, (sympy.Function,), {"nargs": (len(slopes),), "fdiff": fdiff})


#: The sign: -1, 0 or 1.
Signum = _function("Signum", lambda x: sympy.S.Zero)
#: The heaviside function: 0 below zero, 1 above, 1/2 at zero.
UnitStep = _function("UnitStep", lambda x: sympy.S.Zero)
#: The absolute value.
Magnitude = _function("Magnitude", lambda x: Signum(x))
#: The larger and the smaller of two; the derivative is the mean of both where they are equal.
Larger = _function("Larger", lambda a, b: UnitStep(a - b), lambda a, b: UnitStep(b - a))
Smaller = _function("Smaller", lambda a, b: UnitStep(b - a), lambda a, b: UnitStep(a - b))
HyperbolicSine: Any = _function("HyperbolicSine", lambda x: HyperbolicCosine(x))
HyperbolicCosine: Any = _function("HyperbolicCosine", lambda x: HyperbolicSine(x))
HyperbolicTangent: Any = _function("HyperbolicTangent", lambda x: 1 - HyperbolicTangent(x) ** 2)


@dataclass(frozen=True)
class LocalPolynomial:
    """The polynomial in w - ``centre``, lowest order first, that replaces a function at ``|w - place| < radius``."""

    centre: float
    radius: float
    coefficients: tuple[float, ...]

    def value(self, distance: Any) -> Any:
        """The polynomial at ``distance`` = w - ``place``, a number or an expression."""
        total: Any = 0.0
        for a in reversed(self.coefficients):
            total = a + distance * total
        return total

    def derivative(self) -> "LocalPolynomial":
        """The derivative by w."""
        return LocalPolynomial(
            self.centre, self.radius, tuple(k * a for k, a in enumerate(self.coefficients))[1:] or (0.0,)
        )


#: The argument in the formula of a :class:`LimitFunction` function.
ARGUMENT = sympy.Dummy("w")


class LimitFunction(sympy.Function):
    """A ``formula`` of ARGUMENT that is 0/0 at some points, replaced near each by a polynomial of ``polynomials``."""

    nargs = (1,)
    formula: sympy.Expr
    polynomials: tuple[LocalPolynomial, ...]

    def __new__(cls, w: sympy.Expr, **options: Any) -> sympy.Expr:
        """The function of an expression; its value where ``w`` is a number."""
        if not w.is_number:
            return super().__new__(cls, w, **options)
        for near in cls.polynomials:
            if abs(float(w) - near.centre) < near.radius:
                return sympy.Float(near.value(float(w) - near.centre))
        return cls.formula.xreplace({ARGUMENT: w})

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative: that of the formula, with the derivatives of the polynomials."""
        slope = limit_function(
            sympy.diff(self.formula, ARGUMENT), tuple(near.derivative() for near in self.polynomials)
        )
        return slope(*self.args)

    def original_formula(self) -> sympy.Expr:
        """The formula at the argument, without the polynomials."""
        return self.formula.xreplace({ARGUMENT: self.args[0]})


@lru_cache(maxsize=1024)
def limit_function(formula: sympy.Expr, polynomials: tuple[LocalPolynomial, ...]) -> Any:
    """The :class:`LimitFunction` function class of a formula and its polynomials; cached."""
    return type("LimitFunction", (LimitFunction,), {"formula": formula, "polynomials": polynomials})


def _tan(x: sympy.Expr) -> sympy.Expr:
    """tan without ``cot``: sympy turns tan(x + pi/2) into a cotangent, whose poles nothing looks for."""
    found = sympy.tan(x)
    return found.replace(sympy.cot, lambda a: 1 / sympy.tan(a)) if found.has(sympy.cot) else found


def _exp(x: sympy.Expr) -> sympy.Expr:
    """exp with decimals in a sum as fractions: sympy would turn exp(x - 1000.0) into exp(x) times 0.0."""
    if not isinstance(x, sympy.Add):
        return sympy.exp(x)
    terms = (sympy.Rational(repr(float(a))) if a.is_Float else a for a in x.args)
    return sympy.exp(sympy.Add(*terms))


# name -> (constructor, value at a number, number of arguments; None for two or more)
FUNCTIONS: dict[str, tuple[Callable[..., sympy.Expr], Callable[..., float], int | None]] = {
    "sin": (sympy.sin, math.sin, 1),
    "cos": (sympy.cos, math.cos, 1),
    "tan": (_tan, math.tan, 1),
    "asin": (sympy.asin, math.asin, 1),
    "acos": (sympy.acos, math.acos, 1),
    "atan": (sympy.atan, math.atan, 1),
    "sinh": (HyperbolicSine, math.sinh, 1),
    "cosh": (HyperbolicCosine, math.cosh, 1),
    "tanh": (HyperbolicTangent, math.tanh, 1),
    "exp": (_exp, math.exp, 1),
    "log": (sympy.log, math.log, 1),
    "sqrt": (sympy.sqrt, math.sqrt, 1),
    "abs": (Magnitude, abs, 1),
    "sign": (Signum, lambda x: float((x > 0) - (x < 0)), 1),
    "heaviside": (UnitStep, lambda x: 0.5 * ((x > 0) - (x < 0) + 1), 1),
    "min": (Smaller, min, None),
    "max": (Larger, max, None),
    "erf": (sympy.erf, math.erf, 1),
}

#: Replaces zero in max(a, 0) under fractional powers. It is negligible beside any number, and the first and second
#: derivatives of the power stay finite.
TINY = 1e-100


def restore_zeros(e: sympy.Expr) -> sympy.Expr:
    """The expression with ``max(a, TINY)`` as ``max(a, 0)`` again, as the user wrote it."""
    return e.xreplace({sympy.Float(sign * TINY): sympy.S.Zero for sign in (1, -1)})


# The name under which each function is printed.
PRINTED_NAMES: dict[Any, str] = {entry[0]: name for name, entry in FUNCTIONS.items()}


_LARGEST = 10_000  # largest numerator or denominator that is printed
_LONGEST = 400  # largest number of characters that are printed


class _Writer(StrPrinter):
    """sympy's printer with the function names of the problem file and ten digits."""

    def _print_Float(self, expr: sympy.Float) -> str:  # noqa: N802
        return f"{float(expr):.10g}"

    def _print_Rational(self, expr: sympy.Rational) -> str:  # noqa: N802
        return f"{expr.p}/{expr.q}" if max(abs(expr.p), expr.q) <= _LARGEST else f"{float(expr):.10g}"

    def _print_Function(self, expr: sympy.Function) -> str:  # noqa: N802
        if isinstance(expr, LimitFunction):
            return f"({self._print(expr.original_formula())})"
        name = PRINTED_NAMES.get(expr.func, expr.func.__name__)
        return f"{name}({self.stringify(expr.args, ', ')})"

    def _print_ExpBase(self, expr: sympy.Expr) -> str:  # noqa: N802
        return f"exp({self._print(expr.args[0])})"


def expression_text(expression: sympy.Expr) -> str:
    """The text of an expression in the syntax of the problem file, cut at ``_LONGEST`` characters."""
    text = str(_Writer().doprint(restore_zeros(expression)))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def switch_arguments(e: sympy.Expr) -> Iterator[sympy.Expr]:
    """The arguments whose sign changes make an expression jump or kink: of heaviside, sign, abs, max and min."""
    yield from (node.args[0] for node in sympy.preorder_traversal(e) if isinstance(node, UnitStep | Signum))
    yield from kink_arguments(e)


def kink_arguments(e: sympy.Expr) -> Iterator[sympy.Expr]:
    """The arguments whose sign changes give an expression a kink: of abs, max and min."""
    return (
        switch_argument(node) for node in sympy.preorder_traversal(e) if isinstance(node, Magnitude | Larger | Smaller)
    )


def switch_argument(node: sympy.Expr) -> sympy.Expr:
    """The expression whose zero is the switch of one of these functions."""
    return node.args[0] - node.args[1] if isinstance(node, Larger | Smaller) else node.args[0]
