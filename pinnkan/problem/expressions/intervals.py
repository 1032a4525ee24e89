"""Bounds of an expression over boxes, by interval arithmetic, and the sign that it provably keeps over the domain.

Every operation is widened by a few roundings of its own result (Moore, Kearfott, Cloud 2009, Introduction to Interval
Analysis, chapter 2), so that an end that is exactly zero stays zero. What is not bounded here is the whole line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions import functions as f

Array = NDArray[np.float64]
Interval = tuple[Array, Array]

_ROUNDING = 8 * np.finfo(np.float64).eps  # of one operation or elementary function, relative to its result
_NOISE = 64 * np.finfo(np.float64).eps  # a bound at the edge of the domain this far across zero is rounding
_MOST_BOXES = 4_000  # undecided at once, and how often they are halved; choices: some hundredths of a second
_HALVINGS = 40
_CUT = 0.4837  # where a box is cut and looked at: a place where nothing vanishes by symmetry
_UNKNOWN = (-np.inf, np.inf)


def _erf(x: Array) -> Array:
    from scipy.special import erf  # only where it is needed: `check` and `list` do without

    return np.asarray(erf(x))


_INCREASING: dict[Any, Callable[[Array], Array]] = {
    sympy.atan: np.arctan,
    sympy.erf: _erf,
    f.HyperbolicSine: np.sinh,
    f.HyperbolicTangent: np.tanh,
    f.Signum: np.sign,
    f.UnitStep: lambda x: 0.5 * (np.sign(x) + 1.0),
}


@dataclass(frozen=True)
class SymbolRanges:
    """The closed ranges of the coordinates, and of the side that is looked at, if one is.

    A coordinate that is absent, and every unknown, may be anything.
    """

    symbols: tuple[sympy.Symbol, ...]
    ranges: tuple[tuple[float, float], ...]
    side: tuple[tuple[float, float], ...] | None = None

    def at(self, axis: int, end: int) -> SymbolRanges:
        """The box looked at on the side where coordinate ``axis`` is at its lower (0) or upper (1) end."""
        here = (self.ranges[axis][end],) * 2
        return SymbolRanges(self.symbols, self.ranges, (*self.ranges[:axis], here, *self.ranges[axis + 1 :]))


def bounds(e: sympy.Expr, box: Mapping[sympy.Symbol, Interval], shape: tuple[int, ...] = ()) -> Interval:
    """Least and largest values over many boxes at once, two arrays of that shape."""
    known: dict[sympy.Basic, Interval] = {}

    def visit(e: sympy.Expr) -> Interval:
        if e not in known:
            known[e] = _bounded(e, visit, box, shape)
        return known[e]

    with np.errstate(all="ignore"):
        return visit(e)


def _bounded(
    e: sympy.Expr, visit: Callable[[sympy.Expr], Interval], box: Mapping[sympy.Symbol, Interval], shape: tuple[int, ...]
) -> Interval:
    if e.is_Symbol:
        low, high = box.get(e, _UNKNOWN)
        return np.broadcast_to(np.asarray(low, dtype=np.float64), shape), np.broadcast_to(high, shape)
    if e.is_number and not e.args:
        return _widened(np.full(shape, float(e)), np.full(shape, float(e)))
    parts = [visit(a) for a in e.args]
    if isinstance(e, sympy.Add):
        return _widened(sum(p[0] for p in parts), sum(p[1] for p in parts))
    if isinstance(e, sympy.Mul):
        return reduce(_times, parts)
    if isinstance(e, sympy.Pow):
        return _power(parts[0], parts[1], e.args[1])
    return _function(e.func, parts, shape)


def _widened(low: Any, high: Any) -> Interval:
    """The interval with a few roundings at either end; an end that is not a number is infinite."""
    low, high = low - _ROUNDING * np.abs(low), high + _ROUNDING * np.abs(high)
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _times(a: Interval, b: Interval) -> Interval:
    products = [np.where((x == 0) | (y == 0), 0.0, x * y) for x in a for y in b]
    return _widened(np.min(products, axis=0), np.max(products, axis=0))


def _power(base: Interval, exponent: Interval, n: sympy.Expr) -> Interval:
    low, high = base
    if n.is_Integer and n > 0:
        ends = low ** int(n), high ** int(n)
        if n % 2:
            return _widened(*ends)
        return _widened(np.where((low <= 0) & (high >= 0), 0.0, np.minimum(*ends)), np.maximum(*ends))
    if n.is_Integer:
        below, above = _power(base, exponent, -n)
        low = np.where((below >= 0) | (above < 0), 1.0 / above, -np.inf)
        return _widened(low, np.where((below > 0) | (above <= 0), 1.0 / below, np.inf))
    values = [np.where(low < 0, np.nan, low) ** m for m in exponent] + [high**m for m in exponent]
    return _widened(np.maximum(np.min(values, axis=0), 0.0), np.max(values, axis=0))


def _function(function: Any, parts: list[Interval], shape: tuple[int, ...]) -> Interval:
    low, high = parts[0]
    if function in _INCREASING:
        return _widened(_INCREASING[function](low), _INCREASING[function](high))
    if function is sympy.exp:
        return _widened(np.exp(low), np.exp(high))
    if function is sympy.log:
        return _widened(np.log(low), np.log(high))
    if function is f.Larger:
        return np.maximum(low, parts[1][0]), np.maximum(high, parts[1][1])
    if function is f.Smaller:
        return np.minimum(low, parts[1][0]), np.minimum(high, parts[1][1])
    if function in (f.Magnitude, f.HyperbolicCosine):
        of = np.abs if function is f.Magnitude else np.cosh
        least = np.where((low <= 0) & (high >= 0), of(np.zeros(shape)), np.minimum(of(low), of(high)))
        return _widened(least, np.maximum(of(low), of(high)))
    if function in (sympy.sin, sympy.cos):
        quarter = 0.5 if function is sympy.sin else 0.0
        return _wave(np.sin if function is sympy.sin else np.cos, low, high, quarter)
    return np.full(shape, -np.inf), np.full(shape, np.inf)


def _wave(of: Callable[[Array], Array], low: Array, high: Array, peak: float) -> Interval:
    """The bounds of sin or cos, largest at pi (2 k + peak), least a half turn on."""

    def reaches(start: float) -> NDArray[np.bool_]:
        first = np.ceil((low / np.pi - start) / 2 - 1e-9)
        return np.isnan(first) | ((2 * first + start) * np.pi <= high + 1e-9 * (1 + np.abs(high)))

    ends = of(low), of(high)
    least, most = _widened(np.minimum(*ends), np.maximum(*ends))
    return np.where(reaches(peak + 1), -1.0, np.maximum(least, -1.0)), np.where(reaches(peak), 1.0, np.minimum(most, 1))


@lru_cache(maxsize=4096)
def sign(e: sympy.Expr, box: SymbolRanges) -> int:
    """1 or -1 if the expression provably has that sign in the whole box (it may touch zero); 0 if nothing is proven.

    On a side the sign there counts, and where the expression vanishes on it, that in the box.
    """
    used = [i for i, s in enumerate(box.symbols) if s in e.free_symbols]
    found = 0
    if box.side is not None:
        found = _sign(e, [box.symbols[i] for i in used], np.array([box.side[i] for i in used]).reshape(-1, 2))
    return found or _sign(e, [box.symbols[i] for i in used], np.array([box.ranges[i] for i in used]).reshape(-1, 2))


def _sign(e: sympy.Expr, symbols: Sequence[sympy.Symbol], ranges: Array) -> int:
    """The sign over the box, halved until every part is decided or two points of opposite sign are met."""
    low, high = ranges[None, :, 0], ranges[None, :, 1]
    edges = ranges.T
    found = 0
    for turn in range(_HALVINGS):
        least, most = _over(e, symbols, low, high)
        slack = _NOISE * _scale(e, symbols, low, high) * ((low == edges[0]) | (high == edges[1])).any(axis=1)
        inner = low + _CUT * (high - low)
        below, above = _over(e, symbols, inner, inner)
        signs = {found, *([1] if (below > 0).any() else []), *([-1] if (above < 0).any() else [])} - {0}
        if len(signs) != 1:
            return 0
        (found,) = signs
        wrong = least < -slack if found > 0 else most > slack
        if not wrong.any():
            return found
        if not symbols or 2 * wrong.sum() > _MOST_BOXES:
            return 0
        low, high = _halved(low[wrong], high[wrong], turn)
    return 0


def _halved(low: Array, high: Array, turn: int) -> tuple[Array, Array]:
    """Every box cut in two across one coordinate, by turns."""
    axis = turn % low.shape[1]
    cut = low[:, axis] + _CUT * (high[:, axis] - low[:, axis])
    left, right = high.copy(), low.copy()
    left[:, axis], right[:, axis] = cut, cut
    return np.concatenate([low, right]), np.concatenate([left, high])


def _over(e: sympy.Expr, symbols: Sequence[sympy.Symbol], low: Array, high: Array) -> Interval:
    return bounds(e, {s: (low[:, k], high[:, k]) for k, s in enumerate(symbols)}, low.shape[:1])


def _scale(e: sympy.Expr, symbols: Sequence[sympy.Symbol], low: Array, high: Array) -> Array:
    """The size of the terms of an expression, whose rounding a zero of it has."""
    terms = e.args if isinstance(e, sympy.Add | sympy.Function) else (e,)
    total = np.sum([np.max(np.abs(_over(t, symbols, low, high)), axis=0) for t in terms], axis=0)
    return np.where(np.isfinite(total), total, 0.0)
