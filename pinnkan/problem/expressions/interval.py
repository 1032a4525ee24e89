"""Interval arithmetic on arrays of boxes.

The result of every operation holds all values of the operation at arguments from the operands, where it is defined
(Moore, Kearfott, Cloud 2009, Introduction to Interval Analysis, chapter 2). Ends are rounded outwards: by one float64
for arithmetic and roots, by FUNCTION_ERROR for functions that the library does not round correctly; an end that is
exactly zero stays zero. An interval on which nothing is defined is (nan, nan); a pole inside gives infinite ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.rounding import EPS

Array = NDArray[np.float64]

#: Relative error of the functions of numpy and scipy: at most four units in the last place (numpy's own tests).
FUNCTION_ERROR = 4.0 * EPS
#: Largest argument of periodic functions; beyond it float64 does not tell one period from the next.
_LARGEST_ANGLE = 1e15
#: A constant that is no multiple of 1/_SHORT, or not below _LARGE, may be the rounded value of another number.
_SHORT, _LARGE = 2.0**20, 2.0**53
_LOGARITHM = 745.2  # largest |log x| of a float64
_LEAST = float(np.nextafter(0.0, 1.0))  # least positive float64


@dataclass(frozen=True, eq=False, slots=True)
class Interval:
    """The intervals [lo, hi], one per box; ``lo`` and ``hi`` are arrays of one shape that broadcast against others."""

    lo: Array
    hi: Array

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.lo + other.lo, self.hi + other.hi)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: Interval) -> Interval:
        return self + (-other)

    def __mul__(self, other: Interval) -> Interval:
        pairs = [(x, y) for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
        ends = [x * y for x, y in pairs]
        lo, hi = reduce(np.fmin, ends), reduce(np.fmax, ends)
        if lo.all() and hi.all() and not np.isnan(sum(ends)).any():
            return _outward(lo, hi)
        exact = [(x == 0.0) | (y == 0.0) for x, y in pairs]  # 0 * inf is 0: every value is finite
        low = [np.where(zero, 0.0, np.nextafter(end, -np.inf)) for zero, end in zip(exact, ends, strict=True)]
        high = [np.where(zero, 0.0, np.nextafter(end, np.inf)) for zero, end in zip(exact, ends, strict=True)]
        void = np.isnan(self.lo) | np.isnan(other.lo)
        return Interval(*(np.where(void, np.nan, x) for x in (reduce(np.minimum, low), reduce(np.maximum, high))))

    def __truediv__(self, other: Interval) -> Interval:
        return self * other.reciprocal()

    def reciprocal(self) -> Interval:
        """1/x: the whole line where zero is inside, a half-line where zero is an end."""
        holds, is_zero = (self.lo <= 0.0) & (self.hi >= 0.0), self.lo == self.hi
        low = np.where(holds & ((self.lo < 0.0) | is_zero), -np.inf, 1.0 / self.hi)
        high = np.where(holds & ((self.hi > 0.0) | is_zero), np.inf, 1.0 / self.lo)
        return _outward(low, high)

    def magnitude(self) -> Array:
        """The largest absolute value."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi))

    def mignitude(self) -> Array:
        """The smallest absolute value."""
        return np.maximum(np.maximum(self.lo, -self.hi), 0.0)


Ends = tuple[float, float]
IntervalFunction = Callable[[Interval], Interval]
_LINE: Ends = (-np.inf, np.inf)


def point_interval(value: float) -> Interval:
    """The interval [value, value]."""
    return Interval(np.asarray(value), np.asarray(value))


def _outward(lo: Array, hi: Array) -> Interval:
    """Round the ends outwards by one float64. An end of zero must be exact: sums of float64 do not underflow."""
    low, high = (np.where(x == 0.0, x, np.nextafter(x, to)) for x, to in ((lo, -np.inf), (hi, np.inf)))
    return Interval(low, high)


def _widened(lo: Array, hi: Array) -> Interval:
    less, more = 1.0 - FUNCTION_ERROR, 1.0 + FUNCTION_ERROR
    return _outward(np.minimum(less * lo, more * lo), np.maximum(less * hi, more * hi))


def _within(x: Interval, low: float, high: float) -> Interval:
    """The part of an interval in [low, high]; nan where it is empty."""
    void = (x.hi < low) | (x.lo > high)
    return Interval(np.where(void, np.nan, np.maximum(x.lo, low)), np.where(void, np.nan, np.minimum(x.hi, high)))


def _rising(function: Callable[[Array], Array], values: Ends = _LINE, domain: Ends = _LINE) -> IntervalFunction:
    """The interval extension of an increasing function on ``domain`` with range ``values``."""

    def enclose(x: Interval) -> Interval:
        x = _within(x, *domain)
        return _within(_widened(function(x.lo), function(x.hi)), *values)

    return enclose


def _holds(x: Interval, place: float, period: float) -> np.ndarray:
    """Whether ``place`` plus a multiple of the period may lie in the interval."""
    slack = FUNCTION_ERROR * (2.0 + x.magnitude() / period)
    return np.ceil((x.lo - place) / period - slack) <= np.floor((x.hi - place) / period + slack)


def _wave(function: Callable[[Array], Array], top: float) -> IntervalFunction:
    """The interval extension of sin or cos, whose maximum 1 is at ``top``."""

    def enclose(x: Interval) -> Interval:
        a, b = function(x.lo), function(x.hi)
        y = _widened(np.minimum(a, b), np.maximum(a, b))
        unknown = ~(x.magnitude() < _LARGEST_ANGLE) & ~np.isnan(x.lo)
        least = unknown | _holds(x, top + np.pi, 2.0 * np.pi)
        most = unknown | _holds(x, top, 2.0 * np.pi)
        return Interval(np.where(least, -1.0, np.maximum(y.lo, -1.0)), np.where(most, 1.0, np.minimum(y.hi, 1.0)))

    return enclose


def _erf(x: Array) -> Array:
    from scipy.special import erf  # imported late: `check` and `list` do without

    return np.asarray(erf(x))


sin, cos = _wave(np.sin, 0.5 * np.pi), _wave(np.cos, 0.0)
sinh, tanh, arctan = _rising(np.sinh), _rising(np.tanh, (-1.0, 1.0)), _rising(np.arctan)
erf = _rising(_erf, (-1.0, 1.0))
arcsin, log = _rising(np.arcsin, domain=(-1.0, 1.0)), _rising(np.log, domain=(0.0, np.inf))
heaviside = _rising(lambda x: 0.5 * (np.sign(x) + 1.0), (0.0, 1.0))


def exp(x: Interval) -> Interval:
    """The exponential, whose upper end is positive also on underflow."""
    y = _widened(np.exp(x.lo), np.exp(x.hi))
    return Interval(np.maximum(y.lo, 0.0), np.maximum(y.hi, _LEAST))


def tan(x: Interval) -> Interval:
    """The tangent; the whole line where a pole may be inside."""
    y = _widened(np.tan(x.lo), np.tan(x.hi))
    pole = _holds(x, 0.5 * np.pi, np.pi) | (~(x.magnitude() < _LARGEST_ANGLE) & ~np.isnan(x.lo))
    return Interval(np.where(pole, -np.inf, y.lo), np.where(pole, np.inf, y.hi))


def arccos(x: Interval) -> Interval:
    """The arc cosine on the part in [-1, 1]."""
    part = _within(x, -1.0, 1.0)
    return _widened(np.arccos(part.hi), np.arccos(part.lo))


def sqrt(x: Interval) -> Interval:
    """The square root on the non-negative part."""
    part = _within(x, 0.0, np.inf)
    y = _outward(np.sqrt(part.lo), np.sqrt(part.hi))
    return Interval(np.maximum(y.lo, 0.0), y.hi)


def cosh(x: Interval) -> Interval:
    """The hyperbolic cosine."""
    y = _widened(np.cosh(x.mignitude()), np.cosh(x.magnitude()))
    return Interval(np.maximum(y.lo, 1.0), y.hi)


def absolute(x: Interval) -> Interval:
    """The absolute value, without rounding."""
    return Interval(np.where(np.isnan(x.lo), np.nan, x.mignitude()), x.magnitude())


def sign(x: Interval) -> Interval:
    """The sign, without rounding."""
    return Interval(np.sign(x.lo), np.sign(x.hi))


def maximum(a: Interval, b: Interval) -> Interval:
    """The larger of two."""
    return Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def minimum(a: Interval, b: Interval) -> Interval:
    """The smaller of two."""
    return Interval(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi))


def power(x: Interval, exponent: float) -> Interval:
    """x**exponent; on the non-negative part unless the exponent is whole."""
    if exponent < 0.0:
        return power(x, -exponent).reciprocal()
    if exponent != int(exponent):
        x = _within(x, 0.0, np.inf)
    elif exponent % 2.0 == 0.0:
        x = absolute(x)
    y = _widened(x.lo**exponent, x.hi**exponent)
    if exponent * _SHORT % 1.0 != 0.0:  # a rounded exponent moves x**exponent by |log x| times its error
        off = _LOGARITHM * FUNCTION_ERROR * exponent
        y = Interval(y.lo * (1.0 - off), y.hi * (1.0 + off))
    low = np.where(x.lo < 0.0, np.minimum(y.lo, -_LEAST), np.maximum(y.lo, 0.0))
    return Interval(low, np.where(x.hi > 0.0, np.maximum(y.hi, _LEAST), y.hi))


#: Functions of one argument under their names in :mod:`pinnkan.problem.expressions.tape`.
UNARY: dict[str, IntervalFunction] = {
    "sin": sin, "cos": cos, "tan": tan, "arcsin": arcsin, "arccos": arccos, "arctan": arctan,
    "sinh": sinh, "cosh": cosh, "tanh": tanh, "exp": exp, "log": log, "sqrt": sqrt, "erf": erf,
    "abs": absolute, "sign": sign, "heaviside": heaviside,
}  # fmt: skip


def apply_instruction(name: str, arguments: Sequence[Interval], value: float) -> Interval:
    """The result of one tape instruction ``name`` with its number ``value``."""
    if name == "constant":
        is_exact = value * _SHORT % 1.0 == 0.0 and abs(value) < _LARGE
        return point_interval(value) if is_exact else _outward(*[np.asarray(value)] * 2)
    if name == "power":
        x, *exponents = arguments
        return exp(exponents[0] * log(x)) if exponents else power(x, value)
    if name in UNARY:
        return UNARY[name](arguments[0])
    if name == "near":  # enclosures are those of the formula itself
        return arguments[-1]
    return reduce(_JOINS[name], arguments)


_JOINS: dict[str, Callable[[Interval, Interval], Interval]] = {
    "add": Interval.__add__,
    "multiply": Interval.__mul__,
    "maximum": maximum,
    "minimum": minimum,
}
