"""Whether what is differentiated is the integral of its derivative: what jumps in a formula that shows no jump.

Of acos(cos(x)) and sqrt(2 - 2 cos(x)) the derivative that a formula gives is right but where they bend, and the one of
that lacks a delta function; so does the first of 1 + x where a circle closes, and of atan(1e300 x) in float64. So along
lines the integral of the derivative is compared with the difference of the values, unknowns being waves, on ever
smaller intervals where they differ, down to the spacing of float64: what is left there is a jump.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions.enclosure import replayed
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Jet

Array = NDArray[np.float64]

#: Lines that are looked along, first intervals of each, points of an interval, intervals at most.
LINES, FIRST, POINTS, MOST = 4, 32, 8, 4096
#: Lines begin at this share of the range, and intervals are cut at that share: what is so at a single place, such as
#: sign(x - 0.5)**2, is no jump.
INSIDE, CUT = 1e-7 * np.sqrt(2.0), np.sqrt(0.26)
#: A difference of this share of the largest value is one.
DIFFERENT = 1e-6
#: An interval of so many units in the last place is not cut.
SPACING = 16.0
#: A difference that becomes so many times as large on an interval half as wide is that of a pole, unless it has been
#: about the same on so many before: then it is rounding next to a jump, or a peak of the derivative that is found.
GROWN, STEADY = 4.0, 6
#: What is more than so many times the largest value at the first ends goes to infinity, and is for others to say.
BOUNDED = 2.0
#: What an unknown is: a wave of this size.
SIZE = 1.3


def jump_along(
    expression: sympy.Expr, derivative: sympy.Expr, axis: int, symbols: Sequence[sympy.Symbol],
    jets: Mapping[sympy.Symbol, Jet], ranges: Sequence[tuple[float, float]], closed: bool,
) -> float | None:  # fmt: skip
    """Where along an axis an expression jumps though its derivative does not say so; None where that is not seen.

    ``symbols``: the coordinates, with their ``ranges``; ``closed``: whether the axis is a circle, at whose end what
    the expression is at its start counts.
    """
    low, high = ranges[axis]
    lines = _Lines(Tape([expression, derivative], [*symbols, *jets]), axis, list(jets.values()), ranges)
    places = np.random.default_rng(0).random((LINES, len(ranges)))
    size = max(map(lines.size, places))
    for at in places:
        if closed:
            first, last = lines.values(at, np.array([low, high]))[0]
            if abs(last - first) > DIFFERENT * max(abs(first), abs(last), size):
                return high
        place = lines.jump(at, size)
        if place is not None:
            return place
    return None


class _Lines:
    """Lines along an axis, by where they are in the other coordinates, as shares of these."""

    def __init__(self, tape: Tape, axis: int, jets: Sequence[Jet], ranges: Sequence[tuple[float, float]]) -> None:
        self.tape, self.axis, self.jets = tape, axis, jets
        self.ranges = np.array(ranges, dtype=np.float64)
        self.low, self.high = self.ranges[axis]
        self.nodes, weights = np.polynomial.legendre.leggauss(POINTS)
        self.weights = 0.5 * weights

    def values(self, at: Array, x: Array) -> tuple[Array, Array]:
        """The expression and its derivative at places of the axis."""
        found = self.tape(self._inputs(at, x))
        value, slope = (np.broadcast_to(np.asarray(f, dtype=np.float64), x.shape) for f in found)
        return value, slope

    def _inputs(self, at: Array, x: Array) -> list[Array]:
        """The coordinates at places of the axis, and waves in the place of unknowns."""
        coordinates = list(self.ranges[:, 0] + at * np.ptp(self.ranges, axis=1))
        coordinates[self.axis] = x
        rate = 2.0 * np.pi / (self.high - self.low)
        waves = []
        for jet in self.jets:
            times = jet.order[self.axis]
            across = tuple(n for i, n in enumerate(jet.order) if i != self.axis)
            phase = 6.0 * at[0] + 2.3 * jet.unknown + 1.7 * sum((k + 1) * n for k, n in enumerate(across))
            waves.append(SIZE * rate**times * np.sin(rate * (x - self.low) + phase + 0.5 * np.pi * times))
        return [*coordinates, *waves]

    def size(self, at: Array) -> float:
        """The largest value seen, of those that are finite; so large at least that rounding makes no difference.

        Along a line beside a front 1 - tanh(y/w)**2 is 1e-12, known to 1e-14.
        """
        x = np.linspace(self.low, self.high, FIRST + 1)
        known = replayed(self.tape, [Interval(np.asarray(i), np.asarray(i)) for i in self._inputs(at, x)])[0]
        with np.errstate(invalid="ignore"):
            wide = np.nan_to_num(known.hi - known.lo, posinf=0.0)
        return max(_largest(self.values(at, x)[0]), float(np.median(wide)) / DIFFERENT)

    def jump(self, at: Array, size: float) -> float | None:
        """Where values, of that ``size``, differ by more than the integral of the derivative, however near by."""
        ends = self.low + (self.high - self.low) * np.linspace(INSIDE, 1.0 - INSIDE, FIRST + 1)
        left, right, before, kept = ends[:-1], ends[1:], np.full(FIRST, np.nan), np.zeros(FIRST)
        budget = MOST
        while len(left):
            budget -= len(left)
            off, largest = self._off(at, left, right)
            size = max(size, largest)
            kept = np.where((kept >= STEADY) | (np.abs(off - before) < 0.5 * before), kept + 1, 0)
            is_open = (off > DIFFERENT * size) & ~(off > GROWN * before) | (kept >= STEADY) & ~(off <= DIFFERENT * size)
            left, right, before, kept = (x[is_open] for x in (left, right, off, kept))
            done = right - left <= SPACING * np.spacing(np.maximum(np.abs(left), np.abs(right)))
            jumps = (done | (budget <= 0)) & (kept >= STEADY) & ~(np.abs(self.values(at, left)[0]) > BOUNDED * size)
            if jumps.any():
                return float(left[jumps][0])
            if budget <= 0:
                return None
            left, right, before, kept = (x[~done] for x in (left, right, before, kept))
            middle = left + CUT * (right - left)
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
            before, kept = np.tile(before, 2), np.tile(kept, 2)
        return None

    def _off(self, at: Array, left: Array, right: Array) -> tuple[Array, float]:
        """By how much values differ from the integral on each interval, nan where that is not known; the largest."""
        inside = 0.5 * (left + right)[:, None] + 0.5 * (right - left)[:, None] * self.nodes
        values, slopes = self.values(at, np.column_stack([left, right, inside]))
        with np.errstate(invalid="ignore"):
            off = np.abs(values[:, 1] - values[:, 0] - (right - left) * (slopes[:, 2:] @ self.weights))
        return np.where(np.isfinite(off), off, np.nan), _largest(values)


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
