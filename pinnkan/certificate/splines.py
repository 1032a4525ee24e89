"""Enclosed values and Taylor coefficients of tensor-product splines.

Knots and coefficients are float64 numbers taken as exact. A derivative is a spline of lower degree whose coefficients
are divided differences (de Boor 1978, chapter X), which lose nothing to rounding where neighbouring coefficients are
close. Values are sums of products with non-negative functions, so that an enclosure is as wide as a few roundings of
the result. Sums of products are computed in float64, with the error of n terms in any order below n eps times the sum
of absolute values (Higham 2002, section 3.1; Rump 2010, section 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from pinnkan.certificate.series import Series
from pinnkan.domain.rounding import EPS
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.expressions.interval import Array, Interval, point_interval

#: Factor that covers the rounding of bounds themselves: sums of a few thousand positive terms.
MARGIN = 1.0 + 1e-12
_TINY = 1e-290  # covers underflow of products


@dataclass(frozen=True, eq=False)
class Ball:
    """Numbers ``mid`` with an error of at most ``rad``; arrays of one shape."""

    mid: Array
    rad: Array

    @classmethod
    def from_interval(cls, x: Interval) -> "Ball":
        """The smallest ball that holds an interval, rounded up."""
        mid = 0.5 * x.lo + 0.5 * x.hi
        return cls(mid, np.maximum(mid - x.lo, x.hi - mid) * MARGIN + _TINY)

    @property
    def interval(self) -> Interval:
        """The interval that holds the ball."""
        return Interval(np.nextafter(self.mid - self.rad, -np.inf), np.nextafter(self.mid + self.rad, np.inf))


@dataclass(frozen=True, eq=False)
class Cells:
    """Boxes ``lo`` to ``hi`` (coordinate, cell), each in one knot interval per axis; equal ends fix a coordinate."""

    lo: Array
    hi: Array

    @property
    def count(self) -> int:
        """The number of cells."""
        return self.lo.shape[1]

    @property
    def middle(self) -> Array:
        """Points near the centres, inside the cells."""
        return np.clip(0.5 * (self.lo + self.hi), self.lo, self.hi)

    @property
    def half_width(self) -> Array:
        """An upper bound of the half-widths about :attr:`range_middles`."""
        widest = np.maximum(self.hi - self.middle, self.middle - self.lo)
        return np.where(self.hi > self.lo, np.nextafter(widest, np.inf), 0.0)

    def subset(self, part: np.ndarray) -> "Cells":
        """A subset of the cells."""
        return Cells(self.lo[:, part], self.hi[:, part])


def knots_of(axis: Axis) -> Interval:
    """All knots of an axis; those of a periodic axis are repeated exactly a period apart."""
    t, p = axis.breaks, axis.degree
    if not axis.periodic:
        ends = np.concatenate([np.repeat(t[:1], p), t, np.repeat(t[-1:], p)])
        return Interval(ends, ends)
    m, index = len(t) - 1, np.arange(-p, len(t) + p)
    turns, value = np.floor_divide(index, m).astype(float), np.where(index == m, t[-1], t[index % m])
    period = Interval(t[-1:], t[-1:]) - Interval(t[:1], t[:1])
    moved = Interval(value, value) + period * Interval(turns, turns)
    inside = (turns == 0.0) | (index == m)
    return Interval(np.where(inside, value, moved.lo), np.where(inside, value, moved.hi))


@dataclass(frozen=True, eq=False)
class TensorSpline:
    """A derivative of a spline on a box: coefficients (one index per coordinate), knots, degrees and breakpoints."""

    coefficients: Ball
    knots: tuple[Interval, ...]
    degrees: tuple[int, ...]
    breaks: tuple[Array, ...]

    def spans(self, cells: Cells) -> list[np.ndarray]:
        """The index of the knot interval of every cell, in each coordinate."""
        pairs = zip(self.breaks, cells.middle, strict=True)
        return [np.clip(np.searchsorted(t, x, side="right") - 1, 0, len(t) - 2) for t, x in pairs]

    def local_coefficients(self, cells: Cells) -> Ball:
        """The coefficients of the basis functions that do not vanish in each cell, (cell, j, j, ..)."""
        index, spans = [], self.spans(cells)
        for i, (span, p) in enumerate(zip(spans, self.degrees, strict=True)):
            shape = [p + 1 if k == i else 1 for k in range(len(spans))]
            index.append((span[:, None] + np.arange(p + 1)).reshape(len(span), *shape))
        return Ball(self.coefficients.mid[tuple(index)], self.coefficients.rad[tuple(index)])

    def basis_tables(self, cells: Cells, points: Sequence[Array]) -> "list[FunctionTable]":
        """The basis functions at ``points``, which are (cell, point) for each coordinate."""
        found = []
        for i, (span, x) in enumerate(zip(self.spans(cells), points, strict=True)):
            few, where = _distinct(cells, i)
            rows = basis_functions(self.knots[i], self.degrees[i], span[few], Interval(x[few], x[few]))
            found.append(FunctionTable(Ball.from_interval(rows), where))
        return found

    def grid_values(self, cells: Cells, points: Sequence[Array]) -> Interval:
        """Values on a grid in each cell: (cell, point, point, ..)."""
        tables = [table.rows(np.arange(cells.count)) for table in self.basis_tables(cells, points)]
        return contract_tables(self.local_coefficients(cells), tables).interval

    def taylor_coefficients(self, cells: Cells) -> Ball:
        """Coefficients of the powers of s in x = middle + reach s, for each cell: (cell, power, power, ..)."""
        tables = []
        for i, span in enumerate(self.spans(cells)):
            few, where = _distinct(cells, i)
            rows = basis_taylor(
                self.knots[i], self.degrees[i], span[few], cells.middle[i][few], cells.half_width[i][few]
            )
            tables.append(FunctionTable(Ball.from_interval(rows), where).rows(np.arange(cells.count)))
        return contract_tables(self.local_coefficients(cells), tables)


@dataclass(frozen=True, eq=False)
class FunctionTable:
    """Basis functions (row, point, function) of one coordinate, and the row of each cell (``cell_rows``)."""

    values: Ball
    cell_rows: np.ndarray

    def rows(self, part: np.ndarray) -> Ball:
        """The rows of some cells, (cell, point, function)."""
        index = self.cell_rows[part]
        return Ball(self.values.mid[index], self.values.rad[index])


def _distinct(cells: Cells, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The cells with distinct ends along one coordinate, and for each cell the index of the one it equals."""
    _, few, where = np.unique(
        np.stack([cells.lo[axis], cells.hi[axis]]), axis=1, return_index=True, return_inverse=True
    )
    return few, where.ravel()


def contract_tables(local: Ball, tables: Sequence[Ball]) -> Ball:
    """Coefficients (cell, j, j, ..) times tables (cell, point, j), one per coordinate: (cell, point, point, ..)."""
    size = np.abs(local.mid)
    terms = sum(table.mid.shape[-1] + 2 for table in tables)
    sizes = [np.abs(table.mid) for table in tables]
    upper = [s + table.rad for s, table in zip(sizes, tables, strict=True)]
    radius = _sums(local.rad + 2.0 * terms * EPS * size, upper)
    for i, table in enumerate(tables):
        radius = radius + _sums(size, [*upper[:i], table.rad, *upper[i + 1 :]])
    return Ball(_sums(local.mid, [table.mid for table in tables]), radius * MARGIN + _TINY)


def _sums(local: Array, tables: Sequence[Array]) -> Array:
    """Contract one coordinate after the other; each result index is appended as the last."""
    for table in tables:
        cells, j, *rest = local.shape
        found = np.matmul(table, local.reshape(cells, j, -1))
        local = np.moveaxis(found.reshape(cells, -1, *rest), 1, -1)
    return local


def basis_functions(t: Interval, p: int, span: np.ndarray, x: Interval) -> Interval:
    """The p + 1 B-splines that do not vanish in interval ``span``, at x (cell, point): (cell, point, function)."""
    rows = Interval(np.ones((1, *x.lo.shape)), np.ones((1, *x.lo.shape)))
    for q in range(1, p + 1):
        rows = _raised(t, p, q, span, rows, x)
    return Interval(np.moveaxis(np.maximum(rows.lo, 0.0), 0, -1), np.moveaxis(rows.hi, 0, -1))


def _ends(t: Interval, p: int, q: int, span: np.ndarray) -> tuple[Interval, Interval]:
    """First and last knot of the q B-splines of degree q - 1 that do not vanish in an interval: (function, cell, 1)."""
    first = span[None, :, None] + p - q + 1 + np.arange(q)[:, None, None]
    return Interval(t.lo[first], t.hi[first]), Interval(t.lo[first + q], t.hi[first + q])


def _raised(t: Interval, p: int, q: int, span: np.ndarray, rows: Interval, x: Interval) -> Interval:
    """B-splines of degree q from those of degree q - 1, function first (de Boor's recurrence)."""
    low, high = _ends(t, p, q, span)
    share = rows / (high - low)
    return _shifted((high - x) * share, (x - low) * share)


def _shifted(here: Interval, next_one: Interval) -> Interval:
    """The sum of two arrays of functions, the second moved by one index."""
    none = np.zeros_like(here.lo[:1])
    first = Interval(np.concatenate([here.lo, none]), np.concatenate([here.hi, none]))
    return first + Interval(np.concatenate([none, next_one.lo]), np.concatenate([none, next_one.hi]))


def basis_taylor(t: Interval, p: int, span: np.ndarray, middle: Array, reach: Array) -> Interval:
    """Taylor coefficients of the B-splines at ``middle`` (cell) times reach^k: (cell, k, function)."""
    x, h = Interval(middle[:, None], middle[:, None]), Interval(reach[:, None], reach[:, None])
    levels = [Interval(np.ones((1, len(middle), 1)), np.ones((1, len(middle), 1)))]
    for q in range(1, p + 1):
        levels.append(_raised(t, p, q, span, levels[-1], x))
    found = []
    for k in range(p + 1):
        rows = levels[p - k]
        for i, q in enumerate(range(p - k + 1, p + 1)):
            low, high = _ends(t, p, q, span)
            rate = point_interval(float(q)) * h / point_interval(float(i + 1))  # together h^k/k! times p!/(p-k)!
            share = rows * (rate / (high - low))
            rows = _shifted(-share, share)
        found.append(rows)
    lo, hi = (np.stack([np.moveaxis(getattr(r, end)[..., 0], 0, -1) for r in found], 1) for end in ("lo", "hi"))
    return Interval(lo, hi)


def spline_of(space: Space, coefficients: Array) -> TensorSpline:
    """The spline of ``coefficients`` (.., 1) in a product space, those of periodic coordinates repeated."""
    values = coefficients[..., 0]
    for i, axis in enumerate(space.axes):
        if axis.periodic:
            values = np.take(values, axis.coefficient_index(np.arange(axis.intervals + axis.degree)), axis=i)
    knots, degrees = tuple(knots_of(a) for a in space.axes), tuple(a.degree for a in space.axes)
    return TensorSpline(Ball(values, np.zeros_like(values)), knots, degrees, tuple(a.breaks for a in space.axes))


def differentiate_spline(spline: TensorSpline, order: Sequence[int]) -> TensorSpline:
    """The derivative D^order as a spline of lower degrees."""
    if not any(order):
        return spline
    c, knots, degrees = spline.coefficients.interval, list(spline.knots), list(spline.degrees)
    if not spline.coefficients.rad.any():
        c = Interval(spline.coefficients.mid, spline.coefficients.mid)
    for i, times in enumerate(order):
        for _ in range(times):
            c = _divided(c, knots[i], degrees[i], i)
            knots[i], degrees[i] = Interval(knots[i].lo[1:-1], knots[i].hi[1:-1]), degrees[i] - 1
    return TensorSpline(Ball.from_interval(c), tuple(knots), tuple(degrees), spline.breaks)


def _divided(c: Interval, t: Interval, p: int, index: int) -> Interval:
    """The divided differences p (c_j - c_{j-1}) / (t_{j+p} - t_j) along one index."""
    lo, hi = np.moveaxis(c.lo, index, 0), np.moveaxis(c.hi, index, 0)
    n, inner = len(lo), (-1, *(1,) * (lo.ndim - 1))
    gap = Interval(t.lo[p + 1 : n + p], t.hi[p + 1 : n + p]) - Interval(t.lo[1:n], t.hi[1:n])
    rate = point_interval(float(p)) / gap
    found = Interval(lo[1:], hi[1:]) - Interval(lo[:-1], hi[:-1])
    found = found * Interval(rate.lo.reshape(inner), rate.hi.reshape(inner))
    return Interval(np.moveaxis(found.lo, 0, index), np.moveaxis(found.hi, 0, index))


def series_along(taylor: Ball, axis: int, orders: int) -> Series:
    """The Taylor series along one coordinate, valid for all s in [-1, 1]^d, from coefficients (cell, power, ..).

    The coefficient of order k at c + h s is sum_j binom(j, k) u_j s^(j - k).
    """
    size = np.abs(taylor.mid) + taylor.rad
    others = tuple(i + 1 for i in range(size.ndim - 1) if i != axis)
    centre = tuple(0 if i in others else slice(None) for i in range(size.ndim))
    mid = taylor.mid[centre]  # (cell, power)
    sums = size.sum(others) * MARGIN
    beside = np.maximum(sums - np.abs(mid), 0.0) + 4.0 * EPS * sums
    lo, hi = np.zeros((2, orders, len(mid)))
    for k in range(min(orders, mid.shape[1])):
        spread = (beside[:, k] + sum(comb(j, k) * sums[:, j] for j in range(k + 1, mid.shape[1]))) * MARGIN
        lo[k], hi[k] = np.nextafter(mid[:, k] - spread, -np.inf), np.nextafter(mid[:, k] + spread, np.inf)
    return Series(lo, hi)
