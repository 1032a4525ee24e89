"""Arithmetic on sympy expressions with bounded numbers.

Integers and fractions of up to four digits are exact, all others float64. Values not finite or not real are refused.
"""

import ast
import math

import sympy

from pinnkan.problem.expressions.functions import TINY, Larger, Smaller
from pinnkan.problem.expressions.operators import OperatorError

MAX_EXACT = 10_000  # largest numerator or denominator kept exact
MAX_EXPONENT = 100  # largest absolute exponent of a symbolic power
_UNREAL = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I)


def sympy_number(value: object) -> sympy.Expr:
    """The sympy number: exact if whole and at most MAX_EXACT, else float64. Raises OverflowError if not finite."""
    if isinstance(value, int) and abs(value) <= MAX_EXACT:
        return sympy.Integer(value)
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise OverflowError
    whole = number == int(number) and abs(number) <= MAX_EXACT
    return sympy.Integer(int(number)) if whole else sympy.Float(number)


def combine(op: type[ast.operator], a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """``a op b`` for one of + - * / and power.

    Raises ValueError, OverflowError, TypeError: no finite real value; ZeroDivisionError: a division by zero;
    OperatorError: an exponent above MAX_EXPONENT.
    """
    if op is ast.Pow:
        return _power(a, b)
    if op is ast.Add:
        return round_long_numbers(a + b)
    if op is ast.Sub:
        return round_long_numbers(a - b)
    if op is ast.Mult:
        return round_long_numbers(a * b)
    if b == 0:
        raise ZeroDivisionError
    return round_long_numbers(a / b)


def _power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if base.is_number and exponent.is_number and not (base is sympy.pi and exponent.is_Integer and abs(exponent) < 10):
        if base == 0 and float(exponent) < 0:
            raise ZeroDivisionError
        value = float(base) ** float(exponent)
        if base.is_Integer and exponent.is_Integer and exponent.is_nonnegative and abs(value) <= MAX_EXACT:
            return sympy.Integer(round(value))
        return sympy_number(value)
    if base.is_number and float(base) <= 0:
        raise ValueError  # real for whole exponents only
    if exponent.is_number and abs(float(exponent)) > MAX_EXPONENT:
        raise OperatorError(f"an exponent above {MAX_EXPONENT}", "write a smaller power")
    return round_long_numbers(sympy.Pow(base, exponent))


def round_long_numbers(e: sympy.Expr) -> sympy.Expr:
    """The expression with a long exact coefficient as a float64.

    Raises ValueError: a part is infinite, undefined or complex; OperatorError: an exponent is above MAX_EXPONENT.
    """
    e = _regularise_roots(e)
    for part in (e, *e.args):
        if part in _UNREAL:
            raise ValueError
        if isinstance(part, sympy.Pow) and part.exp.is_number and abs(float(part.exp)) > MAX_EXPONENT:
            raise OperatorError(f"an exponent above {MAX_EXPONENT}", "write a smaller power")
    if e.is_number:
        return sympy_number(float(e)) if e.has(sympy.Float) or (e.is_Rational and max(abs(e.p), e.q) > MAX_EXACT) else e
    coefficient, rest = e.as_coeff_Mul()
    if coefficient.is_Rational and max(abs(coefficient.p), coefficient.q) > MAX_EXACT:
        return sympy_number(coefficient) * rest
    if coefficient.is_Float:
        sympy_number(coefficient)
    return e


def _regularise_roots(e: sympy.Expr) -> sympy.Expr:
    """Replace max(a, 0) by max(a, TINY) inside fractional powers below two: the slope for a < 0 is 0, not 0/0."""
    if isinstance(e, sympy.Mul):
        return e.func(*map(_regularise_roots, e.args)) if any(isinstance(x, sympy.Pow) for x in e.args) else e
    if not isinstance(e, sympy.Pow) or not e.exp.is_number or e.exp.is_Integer or not 0.0 < float(e.exp) < 2.0:
        return e
    zero, one = sympy.S.Zero, sympy.Float(TINY)
    base = e.base.replace(Larger, lambda a, b: Larger(*(one if x == zero else x for x in (a, b))))
    base = base.replace(Smaller, lambda a, b: Smaller(*(-one if x == zero else x for x in (a, b))))
    return sympy.Pow(base, e.exp)


def is_real(e: sympy.Expr) -> bool:
    """Whether no part of an expression is infinite, undefined or the imaginary unit."""
    return not e.has(*_UNREAL)
