"""Interval arithmetic on arrays of boxes: what a function does between its samples.

The result of every operation holds the values that it takes for all arguments in the operands, where it is defined
(Moore, Kearfott, Cloud 2009, Introduction to Interval Analysis, chapter 2). Ends are rounded outwards: by one float64
for arithmetic and roots, by FUNCTION_ERROR for functions that the library does not round correctly. An interval on
which nothing is defined is (nan, nan); a pole inside gives infinite ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf as _erf

Array = NDArray[np.float64]

#: Relative error of numpy's and scipy's functions: at most four units in the last place (numpy's own tests).
FUNCTION_ERROR = 4.0 * float(np.finfo(float).eps)
#: Beyond this argument float64 does not tell one period from the next.
_LARGEST_ANGLE = 1e15


@dataclass(frozen=True, eq=False, slots=True)
class Interval:
    """[lo, hi] per box; ``lo`` and ``hi`` are arrays of one shape, or broadcast against others."""

    lo: Array
    hi: Array

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.lo + other.lo, self.hi + other.hi)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: Interval) -> Interval:
        return self + (-other)

    def __mul__(self, other: Interval) -> Interval:
        ends = (self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi)
        lo = np.fmin(np.fmin(ends[0], ends[1]), np.fmin(ends[2], ends[3]))
        hi = np.fmax(np.fmax(ends[0], ends[1]), np.fmax(ends[2], ends[3]))
        if np.isnan(ends[0] + ends[1] + ends[2] + ends[3]).any():  # 0 * inf is 0 here: every value is finite
            void = np.isnan(self.lo) | np.isnan(other.lo)
            some = np.isnan(ends[0]) | np.isnan(ends[1]) | np.isnan(ends[2]) | np.isnan(ends[3])
            lo, hi = np.where(some, np.fmin(lo, 0.0), lo), np.where(some, np.fmax(hi, 0.0), hi)
            lo, hi = np.where(void, np.nan, lo), np.where(void, np.nan, hi)
        return _outward(lo, hi)

    def __truediv__(self, other: Interval) -> Interval:
        return self * other.reciprocal()

    def reciprocal(self) -> Interval:
        """1/x; the whole line where zero is inside, half of it where zero is an end."""
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

    def intersection(self, lo: Array, hi: Array) -> Interval:
        """What also lies in [lo, hi], which is known to hold the values too; nan ends there say nothing."""
        return Interval(np.fmax(self.lo, lo), np.fmin(self.hi, hi))

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(np.minimum(self.lo, other.lo), np.maximum(self.hi, other.hi))


def constant(value: float) -> Interval:
    """The float64 itself."""
    return Interval(np.asarray(value), np.asarray(value))


def _outward(lo: Array, hi: Array) -> Interval:
    return Interval(np.nextafter(lo, -np.inf), np.nextafter(hi, np.inf))


def _widened(lo: Array, hi: Array) -> Interval:
    less, more = 1.0 - FUNCTION_ERROR, 1.0 + FUNCTION_ERROR
    return _outward(np.minimum(less * lo, more * lo), np.maximum(less * hi, more * hi))


def _within(x: Interval, low: float, high: float) -> Interval:
    """The part of an interval in [low, high]."""
    void = (x.hi < low) | (x.lo > high)
    return Interval(np.where(void, np.nan, np.maximum(x.lo, low)), np.where(void, np.nan, np.minimum(x.hi, high)))


def _rising(function: Callable[[Array], Array], low: float = -np.inf, high: float = np.inf) -> Callable[..., Interval]:
    """A function that rises, with its range."""

    def enclose(x: Interval) -> Interval:
        y = _widened(function(x.lo), function(x.hi))
        return Interval(np.maximum(y.lo, low), np.minimum(y.hi, high))

    return enclose


def _holds(x: Interval, place: float, period: float) -> np.ndarray:
    """Whether ``place`` plus a multiple of the period may lie inside."""
    slack = FUNCTION_ERROR * (2.0 + x.magnitude() / period)
    return np.ceil((x.lo - place) / period - slack) <= np.floor((x.hi - place) / period + slack)


def _wave(function: Callable[[Array], Array], top: float) -> Callable[[Interval], Interval]:
    """sin or cos, which is 1 at ``top``."""

    def enclose(x: Interval) -> Interval:
        a, b = function(x.lo), function(x.hi)
        y = _widened(np.minimum(a, b), np.maximum(a, b))
        unknown = ~(x.magnitude() < _LARGEST_ANGLE) & ~np.isnan(x.lo)
        least = unknown | _holds(x, top + np.pi, 2.0 * np.pi)
        most = unknown | _holds(x, top, 2.0 * np.pi)
        return Interval(np.where(least, -1.0, np.maximum(y.lo, -1.0)), np.where(most, 1.0, np.minimum(y.hi, 1.0)))

    return enclose


sin, cos = _wave(np.sin, 0.5 * np.pi), _wave(np.cos, 0.0)
sinh, tanh, arctan = _rising(np.sinh), _rising(np.tanh, -1.0, 1.0), _rising(np.arctan)
exp, erf = _rising(np.exp, 0.0), _rising(_erf, -1.0, 1.0)
heaviside = _rising(lambda x: 0.5 * (np.sign(x) + 1.0), 0.0, 1.0)


def tan(x: Interval) -> Interval:
    """Rises between its poles."""
    y = _widened(np.tan(x.lo), np.tan(x.hi))
    pole = _holds(x, 0.5 * np.pi, np.pi) | (~(x.magnitude() < _LARGEST_ANGLE) & ~np.isnan(x.lo))
    return Interval(np.where(pole, -np.inf, y.lo), np.where(pole, np.inf, y.hi))


def arcsin(x: Interval) -> Interval:
    """On the part in [-1, 1]."""
    part = _within(x, -1.0, 1.0)
    return _widened(np.arcsin(part.lo), np.arcsin(part.hi))


def arccos(x: Interval) -> Interval:
    """On the part in [-1, 1], falling."""
    part = _within(x, -1.0, 1.0)
    return _widened(np.arccos(part.hi), np.arccos(part.lo))


def log(x: Interval) -> Interval:
    """On the part that is not negative."""
    part = _within(x, 0.0, np.inf)
    return _widened(np.log(part.lo), np.log(part.hi))


def sqrt(x: Interval) -> Interval:
    """On the part that is not negative."""
    part = _within(x, 0.0, np.inf)
    y = _outward(np.sqrt(part.lo), np.sqrt(part.hi))
    return Interval(np.maximum(y.lo, 0.0), y.hi)


def cosh(x: Interval) -> Interval:
    """Even."""
    y = _widened(np.cosh(x.mignitude()), np.cosh(x.magnitude()))
    return Interval(np.maximum(y.lo, 1.0), y.hi)


def absolute(x: Interval) -> Interval:
    """Even, exact."""
    return Interval(np.where(np.isnan(x.lo), np.nan, x.mignitude()), x.magnitude())


def sign(x: Interval) -> Interval:
    """Exact."""
    return Interval(np.sign(x.lo), np.sign(x.hi))


def maximum(a: Interval, b: Interval) -> Interval:
    """The larger of two."""
    return Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def minimum(a: Interval, b: Interval) -> Interval:
    """The smaller of two."""
    return Interval(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi))


def power(x: Interval, exponent: float) -> Interval:
    """x**exponent; on the part that is not negative unless the exponent is whole."""
    if exponent < 0.0:
        return power(x, -exponent).reciprocal()
    if exponent != int(exponent):
        part = _within(x, 0.0, np.inf)
        y = _widened(part.lo**exponent, part.hi**exponent)
        return Interval(np.maximum(y.lo, 0.0), y.hi)
    n = int(exponent)
    if n % 2:
        return _widened(x.lo**n, x.hi**n)
    void = np.isnan(x.lo)
    y = _widened(x.mignitude() ** n, x.magnitude() ** n)
    return Interval(np.where(void, np.nan, np.maximum(y.lo, 0.0)), np.where(void, np.nan, y.hi))


def general_power(x: Interval, exponent: Interval) -> Interval:
    """x**exponent for x >= 0, by exp(exponent log x)."""
    return exp(exponent * log(x))


#: Functions of one argument under the names of :mod:`pinnkan.problem.expressions.tape`.
UNARY: dict[str, Callable[[Interval], Interval]] = {
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "arcsin": arcsin,
    "arccos": arccos,
    "arctan": arctan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "erf": erf,
    "abs": absolute,
    "sign": sign,
    "heaviside": heaviside,
}


def apply(name: str, arguments: Sequence[Interval], value: float) -> Interval:
    """One instruction of a tape."""
    if name == "constant":
        return constant(value)
    if name == "power":
        return power(arguments[0], value) if len(arguments) == 1 else general_power(*arguments)
    if name in UNARY:
        return UNARY[name](arguments[0])
    join = _JOINS[name]
    total = arguments[0]
    for other in arguments[1:]:
        total = join(total, other)
    return total


_JOINS: dict[str, Callable[[Interval, Interval], Interval]] = {
    "add": Interval.__add__,
    "multiply": Interval.__mul__,
    "maximum": maximum,
    "minimum": minimum,
}
