"""Detect jumps that a formula does not show, by comparing an expression with the integral of its derivative.

acos(cos(x)) has kinks and its derivative jumps; 1 + x jumps where a periodic axis closes; atan(1e300 x) jumps in
float64. Along lines, with waves in place of the unknowns, the difference of the values is compared with the integral of
the derivative. Intervals where they differ are cut down to the spacing of float64: what is left there is a jump.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.gauss import gauss_legendre
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Jet

Array = NDArray[np.float64]

#: Lines per axis, initial intervals of a line, Gauss points of an interval, most intervals of a line.
LINES, INITIAL_INTERVALS, POINTS, MAX_INTERVALS = 4, 32, 8, 4096
#: Lines begin at the share END_INSET of the range and intervals are cut at the share CUT_SHARE, irrational both: a
#: value at a single point, such as that of sign(x - 0.5)**2, is no jump.
END_INSET, CUT_SHARE = 1e-7 * np.sqrt(2.0), np.sqrt(0.26)
#: Least difference from the integral that counts, relative to the largest value.
DIFFERENCE_SHARE = 1e-6
#: An interval of at most so many units in the last place is not cut.
LEAST_WIDTH_ULPS = 16.0
#: A difference that grows by more than POLE_GROWTH on an interval half as wide is that of a pole, unless it was about
#: the same on STEADY_CUTS intervals before: then the growth is rounding next to a jump, or a peak of the derivative.
POLE_GROWTH, STEADY_CUTS = 4.0, 6
#: A value above POLE_RATIO times the largest value at the initial ends belongs to a pole, which other checks report.
POLE_RATIO = 2.0
#: Amplitude of the waves in place of the unknowns.
WAVE_AMPLITUDE = 1.3


def find_hidden_jump(
    expression: sympy.Expr, derivative: sympy.Expr, axis: int, symbols: Sequence[sympy.Symbol],
    jets: Mapping[sympy.Symbol, Jet], ranges: Sequence[tuple[float, float]], is_periodic: bool,
) -> float | None:  # fmt: skip
    """The position on an axis where an expression jumps though its derivative shows no delta; None if none.

    ``symbols`` are the coordinates, with their ``ranges``. ``is_periodic``: the axis is periodic, and different values
    at its ends are a jump.
    """
    low, high = ranges[axis]
    lines = _Lines(Tape([expression, derivative], [*symbols, *jets]), axis, list(jets.values()), ranges)
    places = np.random.default_rng(0).random((LINES, len(ranges)))
    size = max(map(lines.size, places))
    for at in places:
        if is_periodic:
            first, last = lines.values(at, np.array([low, high]))[0]
            if abs(last - first) > DIFFERENCE_SHARE * max(abs(first), abs(last), size):
                return high
        place = lines.jump(at, size)
        if place is not None:
            return place
    return None


class _Lines:
    """Lines along an axis; a line is given by its coordinates ``at`` as shares of the ranges."""

    def __init__(self, tape: Tape, axis: int, jets: Sequence[Jet], ranges: Sequence[tuple[float, float]]) -> None:
        self.tape, self.axis, self.jets = tape, axis, jets
        self.ranges = np.array(ranges, dtype=np.float64)
        self.low, self.high = self.ranges[axis]
        self.nodes, weights = gauss_legendre(POINTS)
        self.weights = 0.5 * weights

    def values(self, at: Array, x: Array) -> tuple[Array, Array]:
        """The expression and its derivative at the points ``x`` of a line."""
        found = self.tape(self._inputs(at, x))
        value, slope = (np.broadcast_to(np.asarray(f, dtype=np.float64), x.shape) for f in found)
        return value, slope

    def _inputs(self, at: Array, x: Array) -> list[Array]:
        """The coordinates at the points ``x`` of a line, and waves in place of the jets."""
        coordinates = list(self.ranges[:, 0] + at * np.ptp(self.ranges, axis=1))
        coordinates[self.axis] = x
        rate = 2.0 * np.pi / (self.high - self.low)
        waves = []
        for jet in self.jets:
            times = jet.order[self.axis]
            across = tuple(n for i, n in enumerate(jet.order) if i != self.axis)
            phase = 6.0 * at[0] + 2.3 * jet.unknown + 1.7 * sum((k + 1) * n for k, n in enumerate(across))
            waves.append(WAVE_AMPLITUDE * rate**times * np.sin(rate * (x - self.low) + phase + 0.5 * np.pi * times))
        return [*coordinates, *waves]

    def size(self, at: Array) -> float:
        """The largest finite value on a line, at least the width of the values over DIFFERENCE_SHARE."""
        x = np.linspace(self.low, self.high, INITIAL_INTERVALS + 1)
        known = interval_outputs(self.tape, [Interval(np.asarray(i), np.asarray(i)) for i in self._inputs(at, x)])[0]
        with np.errstate(invalid="ignore"):
            wide = np.nan_to_num(known.hi - known.lo, posinf=0.0)
        return max(_largest(self.values(at, x)[0]), float(np.median(wide)) / DIFFERENCE_SHARE)

    def jump(self, at: Array, size: float) -> float | None:
        """The position of a jump: the values differ by more than the integral, on every scale; None if none."""
        ends = self.low + (self.high - self.low) * np.linspace(END_INSET, 1.0 - END_INSET, INITIAL_INTERVALS + 1)
        left, right, before, kept = ends[:-1], ends[1:], np.full(INITIAL_INTERVALS, np.nan), np.zeros(INITIAL_INTERVALS)
        budget = MAX_INTERVALS
        while len(left):
            budget -= len(left)
            off, largest = self._off(at, left, right)
            size = max(size, largest)
            kept = np.where((kept >= STEADY_CUTS) | (np.abs(off - before) < 0.5 * before), kept + 1, 0)
            is_open = (off > DIFFERENCE_SHARE * size) & ~(off > POLE_GROWTH * before) | (kept >= STEADY_CUTS) & ~(
                off <= DIFFERENCE_SHARE * size
            )
            left, right, before, kept = (x[is_open] for x in (left, right, off, kept))
            done = right - left <= LEAST_WIDTH_ULPS * np.spacing(np.maximum(np.abs(left), np.abs(right)))
            jumps = (
                (done | (budget <= 0)) & (kept >= STEADY_CUTS) & ~(np.abs(self.values(at, left)[0]) > POLE_RATIO * size)
            )
            if jumps.any():
                return float(left[jumps][0])
            if budget <= 0:
                return None
            left, right, before, kept = (x[~done] for x in (left, right, before, kept))
            middle = left + CUT_SHARE * (right - left)
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
            before, kept = np.tile(before, 2), np.tile(kept, 2)
        return None

    def _off(self, at: Array, left: Array, right: Array) -> tuple[Array, float]:
        """|difference of values - integral of the derivative| per interval (nan if unknown), and the largest value."""
        inside = 0.5 * (left + right)[:, None] + 0.5 * (right - left)[:, None] * self.nodes
        values, slopes = self.values(at, np.column_stack([left, right, inside]))
        with np.errstate(invalid="ignore"):
            off = np.abs(values[:, 1] - values[:, 0] - (right - left) * (slopes[:, 2:] @ self.weights))
        return np.where(np.isfinite(off), off, np.nan), _largest(values)


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
