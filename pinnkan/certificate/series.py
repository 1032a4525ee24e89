"""Taylor series of a formula over cells: a tape evaluated on interval coefficients (Moore 1966).

Along one coordinate a cell is c + h s, -1 <= s <= 1. The k-th coefficient holds h^k/k! times the k-th derivative at
every point of the cell, so that the last one bounds the remainder of a polynomial of one degree less. Recurrences:
Griewank and Walther 2008, Evaluating Derivatives, chapter 13; from f' = a' g(a) follows k f_k = sum_j j a_j g_{k-j}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions import interval
from pinnkan.problem.expressions.interval import Array, Interval
from pinnkan.problem.expressions.tape import Tape

#: Largest whole exponent that is computed by multiplication, without a logarithm.
_MULTIPLIED = 64
_ZERO, _ONE = interval.point_interval(0.0), interval.point_interval(1.0)
_TWO_OVER_ROOT_PI = Interval(np.asarray(1.1283791670955123), np.asarray(1.1283791670955130))


def interval_sum(x: Interval) -> Interval:
    """The sum over the first index."""
    slack = len(x.lo) * EPS
    return Interval(x.lo.sum(0) - slack * np.abs(x.lo).sum(0), x.hi.sum(0) + slack * np.abs(x.hi).sum(0))


class Series:
    """Coefficients of orders 0..n, or of order 0 alone for a constant: ``lo`` and ``hi`` are (order, box)."""

    def __init__(self, lo: Array, hi: Array) -> None:
        self.lo, self.hi = lo, hi

    def __getitem__(self, part: int | slice) -> Interval:
        return Interval(self.lo[part], self.hi[part])

    @property
    def coefficient_count(self) -> int:
        """The number of coefficients, n + 1 or 1."""
        return len(self.lo)

    def __add__(self, other: Series) -> Series:
        if self.coefficient_count != other.coefficient_count:
            few, many = sorted((self, other), key=lambda a: a.coefficient_count)
            first = few[0] + many[0]
            lo, hi = (np.concatenate([[f], m[1:]]) for f, m in ((first.lo, many.lo), (first.hi, many.hi)))
            return Series(lo, hi)
        found = self[:] + other[:]
        return Series(found.lo, found.hi)

    def __neg__(self) -> Series:
        return Series(-self.hi, -self.lo)

    def __mul__(self, other: Series) -> Series:
        if min(self.coefficient_count, other.coefficient_count) == 1:
            found = self[:] * other[:]
            return Series(found.lo, found.hi)
        return _recurrence_series(self, lambda k, _: interval_sum(self[: k + 1] * _reversed(other, k)))

    def scaled_derivative(self) -> Series:
        """The series with the coefficients k a_k, that of s df/ds."""
        k = np.arange(float(self.coefficient_count))[:, None]
        found = self[:] * Interval(k, k)
        return Series(found.lo, found.hi)


def _reversed(a: Series, k: int) -> Interval:
    return Interval(a.lo[k::-1], a.hi[k::-1])


def _recurrence_series(like: Series, rule: Callable[[int, Series], Interval]) -> Series:
    """The series whose k-th coefficient is ``rule(k, series so far)``."""
    out = Series(np.zeros_like(like.lo), np.zeros_like(like.hi))
    for k in range(like.coefficient_count):
        found = rule(k, out)
        out.lo[k], out.hi[k] = found.lo, found.hi
    return out


def constant_series(value: Interval, boxes: int) -> Series:
    """The series of a function that does not vary along the coordinate."""
    lo, hi = (np.broadcast_to(end, (1, boxes)) for end in (value.lo, value.hi))
    return Series(lo, hi)


def _over(value: Interval, k: int) -> Interval:
    return value / interval.point_interval(float(k))


def _integrated(a: Series, first: Interval, g: Series) -> Series:
    """The series f with f' = a' g and f_0 = ``first``."""
    moved = a.scaled_derivative()

    def rule(k: int, _: Series) -> Interval:
        return first if k == 0 else _over(interval_sum(moved[1 : k + 1] * _reversed(g, k - 1)), k)

    return _recurrence_series(a, rule)


def _paired(a: Series, first: Interval, second: Interval, sign: float) -> tuple[Series, Series]:
    """The series f and g with f' = a' g, g' = sign a' f and first coefficients ``first``, ``second``."""
    moved = a.scaled_derivative()
    f, g = (Series(np.zeros_like(a.lo), np.zeros_like(a.hi)) for _ in range(2))
    for k in range(a.coefficient_count):
        if k == 0:
            found = first, second
        else:
            step = moved[1 : k + 1]
            other = _over(interval_sum(step * _reversed(f, k - 1)), k)
            found = _over(interval_sum(step * _reversed(g, k - 1)), k), other if sign > 0.0 else -other
        for made, value in zip((f, g), found, strict=True):
            made.lo[k], made.hi[k] = value.lo, value.hi
    return f, g


def _inverse(a: Series) -> Series:
    inverse = a[0].reciprocal()

    def rule(k: int, found: Series) -> Interval:
        return inverse if k == 0 else -interval_sum(found[:k] * Interval(a.lo[k:0:-1], a.hi[k:0:-1])) * inverse

    return _recurrence_series(a, rule)


def _one(like: Series) -> Series:
    return constant_series(_ONE, like.lo.shape[1])


def _power(a: Series, exponent: float) -> Series:
    if exponent == int(exponent) and 0.0 < exponent <= _MULTIPLIED:
        found, square, left = None, a, int(exponent)
        while left:
            if left % 2:
                found = square if found is None else found * square
            left //= 2
            square = square * square if left else square
        assert found is not None
        value = interval.power(a[0], exponent)  # a second enclosure of the value
        found.lo[0], found.hi[0] = np.maximum(found.lo[0], value.lo), np.minimum(found.hi[0], value.hi)
        return found
    if exponent == int(exponent) and -_MULTIPLIED <= exponent < 0.0:
        return _inverse(_power(a, -exponent))
    first, inverse = interval.power(a[0], exponent), a[0].reciprocal()
    alpha = interval.point_interval(exponent) if exponent * 2.0**20 % 1.0 == 0.0 else Interval(
        *(np.asarray(np.nextafter(exponent, end)) for end in (-np.inf, np.inf))
    )  # fmt: skip

    def rule(k: int, found: Series) -> Interval:
        if k == 0:
            return first
        j = np.arange(1.0, k + 1)[:, None]
        share = alpha * Interval(j, j) - Interval(k - j, k - j)
        return _over(interval_sum(share * a[1 : k + 1] * _reversed(found, k - 1)) * inverse, k)

    return _recurrence_series(a, rule)


def _tangent(a: Series, first: Interval, sign: float) -> Series:
    """The series f with f' = a' (1 + sign f^2) and f_0 = ``first``."""
    moved = a.scaled_derivative()
    g = Series(np.zeros_like(a.lo), np.zeros_like(a.hi))

    def rule(k: int, f: Series) -> Interval:
        value = first if k == 0 else _over(interval_sum(moved[1 : k + 1] * _reversed(g, k - 1)), k)
        f.lo[k], f.hi[k] = value.lo, value.hi
        square = interval.power(value, 2.0) if k == 0 else interval_sum(f[: k + 1] * _reversed(f, k))
        slope = square if sign > 0.0 else -square
        slope = _ONE + slope if k == 0 else slope
        g.lo[k], g.hi[k] = slope.lo, slope.hi
        return value

    return _recurrence_series(a, rule)


def _arc(a: Series, name: str) -> Series:
    square = a * a
    if name == "arctan":
        return _integrated(a, interval.arctan(a[0]), _inverse(_one(a) + square))
    slope = _power(_one(a) + -square, -0.5)
    return _integrated(a, interval.UNARY[name](a[0]), slope if name == "arcsin" else -slope)


def _chosen(a: Series, positive: Series, negative: Series) -> Series:
    """``positive`` where a >= 0 on the whole box, ``negative`` where a <= 0, nan where the sign changes."""
    up, down = a.lo[0] >= 0.0, a.hi[0] <= 0.0
    pairs = [(getattr(positive, end), getattr(negative, end)) for end in ("lo", "hi")]
    lo, hi = (np.where(up, p, np.where(down, n, np.nan)) for p, n in (_padded(*pair) for pair in pairs))
    return Series(lo, hi)


def _padded(a: Array, b: Array) -> tuple[Array, Array]:
    """Both arrays with zeros appended, to the number of orders of the longer one."""
    n = max(len(a), len(b))
    return tuple(np.concatenate([x, np.zeros((n - len(x), x.shape[1]))]) for x in (a, b))  # type: ignore[return-value]


def _unary(name: str, a: Series) -> Series:
    first = interval.UNARY[name](a[0])
    if name == "exp":
        moved = a.scaled_derivative()
        return _recurrence_series(
            a, lambda k, f: _over(interval_sum(moved[1 : k + 1] * _reversed(f, k - 1)), k) if k else first
        )
    if name in ("sin", "cos"):
        sine, cosine = _paired(a, interval.sin(a[0]), interval.cos(a[0]), -1.0)
        return sine if name == "sin" else cosine
    if name in ("sinh", "cosh"):
        sine, cosine = _paired(a, interval.sinh(a[0]), interval.cosh(a[0]), 1.0)
        return sine if name == "sinh" else cosine
    if name in ("tan", "tanh"):
        return _tangent(a, first, 1.0 if name == "tan" else -1.0)
    if name in ("arcsin", "arccos", "arctan"):
        return _arc(a, name)
    if name == "log":
        return _integrated(a, first, _inverse(a))
    if name == "sqrt":
        return _power(a, 0.5)
    if name == "erf":
        bell = _unary("exp", -(a * a))[:] * _TWO_OVER_ROOT_PI
        return _integrated(a, first, Series(bell.lo, bell.hi))
    one = _one(a)
    if name == "abs":
        return _chosen(a, a, -a)
    return _chosen(a, one, -one if name == "sign" else constant_series(_ZERO, a.lo.shape[1]))


def _run(name: str, arguments: Sequence[Series], number: float, boxes: int) -> Series:
    if all(a.coefficient_count == 1 for a in arguments):
        return constant_series(interval.apply_instruction(name, [a[0] for a in arguments], number), boxes)
    if name == "near":  # enclosures are those of the formula itself
        return arguments[-1]
    if name == "power" and len(arguments) == 1:
        return _power(arguments[0], number)
    if name == "power":
        base, exponent = arguments
        if base.coefficient_count == 1:
            return _unary("exp", exponent * constant_series(interval.log(base[0]), boxes))
        return _unary("exp", exponent * _unary("log", base))
    if name in interval.UNARY:
        return _unary(name, arguments[0])
    found = arguments[0]
    for other in arguments[1:]:
        if name == "add":
            found = found + other
        elif name == "multiply":
            found = found * other
        else:
            larger, smaller = (found, other) if name == "maximum" else (other, found)
            found = _chosen(found + -other, larger, smaller)
    return found


def series_of(tape: Tape, inputs: Sequence[Series]) -> list[Series]:
    """The outputs of a tape; nan or infinite where nothing is known, e.g. where a formula has a kink in a cell."""
    boxes = inputs[0].lo.shape[1]
    registers = list(inputs)
    with np.errstate(all="ignore"):
        for name, arguments, number in tape.instructions:
            registers.append(_run(name, [registers[a] for a in arguments], number, boxes))
    return [registers[i] for i in tape.outputs]
