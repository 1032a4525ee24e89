"""Ranges of a formula of coordinates and splines over cells, tight enough for a residual that nearly vanishes.

In a cell let f = Q + e with a polynomial Q of degrees n_i, interpolating f at Chebyshev points. With the Taylor
coefficient f_{n+1} along one coordinate, enclosed over the whole cell by :mod:`pinnkan.certificate.series`,

    |e| <= 2^-n |f_{n+1}|           per coordinate, times the Lebesgue constants of the coordinates before it,
    |Q| <= max |Q(x_j)| / cos(pi n / 2N)       for the N > n zeros x_j of T_N (Ehlich and Zeller 1964),

so that values at N points, enclosed by plain intervals, bound f everywhere with a factor near one. Where e is too large
the cell is halved. Rounding of the points moves Q by n^2 times their relative shift (Markov's inequality).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.certificate.series import Series, constant_series, series_of
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, contract_tables, series_along
from pinnkan.domain.bisection import cut_boxes, grid_boxes
from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Array, Interval
from pinnkan.problem.expressions.tape import Tape

#: POINTS: per coordinate, by number of coordinates that vary. ORDERS: largest degree of the polynomials as a share of
#: POINTS: with 24 points degree 10, that of the splines, costs a factor of 1.26, degree 16 a factor of two.
POINTS, DEGREE_SHARE = {0: 1, 1: 24, 2: 20, 3: 14}, 0.75
#: Points and cells of a batch: large enough for numpy, small enough for the memory.
BATCH_POINTS, BATCH_CELLS = 100_000, 4_000
#: Largest remainder, relative to the largest value, before cells are halved; most halvings. At most EXTRA_CELLS cells
#: plus CELL_FACTOR times the initial number are made (heuristic).
REMAINDER_SHARE, MAX_HALVINGS, EXTRA_CELLS, CELL_FACTOR = 0.2, 12, 4_000, 3


@dataclass(frozen=True, eq=False)
class Ranges:
    """Enclosures of outputs over cells, ``value`` (output, cell), and ``sample_maximum`` at points.

    ``remainder`` (output, coordinate, cell): bounds of the remainder e of the polynomials.
    """

    value: Interval
    sample_maximum: Array
    remainder: Array


def ranges_of(tape: Tape, cells: Cells, jets: Sequence[TensorSpline]) -> Ranges:
    """Ranges of the outputs of a tape whose inputs are the coordinates, then the splines ``jets``."""
    numbers = np.arange(cells.count)
    parts = [
        _ranges(tape, cells.subset(numbers[k : k + BATCH_CELLS]), jets) for k in range(0, cells.count, BATCH_CELLS)
    ]
    return _joined(parts)


def _joined(parts: Sequence[Ranges]) -> Ranges:
    lo, hi = (np.concatenate([getattr(p.value, end) for p in parts], -1) for end in ("lo", "hi"))
    sampled, beside = (
        np.concatenate([getattr(p, name) for p in parts], -1) for name in ("sample_maximum", "remainder")
    )
    return Ranges(Interval(lo, hi), sampled, beside)


def _ranges(tape: Tape, cells: Cells, jets: Sequence[TensorSpline]) -> Ranges:
    varies = np.asarray((cells.hi > cells.lo).any(1))
    d, axes, points = len(varies), np.flatnonzero(varies), POINTS[int(varies.sum())]
    values = values_at_nodes(tape, cells, jets, np.cos(0.5 * np.pi * (2.0 * np.arange(points) + 1.0) / points))
    least, most = values.lo.min(-1), values.hi.max(-1)
    rest = _coefficients(tape, cells, jets, axes)  # (output, coordinate, order, cell)
    n = np.arange(rest.shape[2] - 1)
    shift = 4.0 * EPS * (1.0 + np.abs(cells.middle) / np.where(varies[:, None], cells.half_width, 1.0))
    factors = np.cos(0.5 * np.pi * n / points)[:, None] - 1e-14 - (n**2)[:, None] * shift[axes][:, None, :]
    with np.errstate(all="ignore"):
        middle = 0.5 * least + 0.5 * most
        half = np.nextafter(np.maximum(most - middle, middle - least), np.inf)
        beside = rest[:, :, 1:] * 0.5 ** n[:, None]  # (output, coordinate, degree, cell)
        weighed = (half[:, None, None] + 3.0 * beside) / np.where(factors > 0.0, factors, 1e-300)
        choice = np.argmin(np.where(np.isnan(weighed), np.inf, weighed), 2)[:, :, None]
        beside = np.take_along_axis(beside, choice, 2)[:, :, 0]
        factor = np.take_along_axis(np.broadcast_to(factors, weighed.shape), choice, 2)[:, :, 0]
        lebesgue = 1.0 + np.log(choice[:, :, 0] + 1.0)
        grown = np.cumprod(np.concatenate([np.ones_like(lebesgue[:, :1]), lebesgue[:, :-1]], 1), 1)
        excess = (beside * grown).sum(1) if len(axes) else np.zeros_like(half)
        reach = (excess + (half + excess) / np.where(factor > 0.0, factor, np.nan).prod(1)) * MARGIN
        lo, hi = np.nextafter(middle - reach, -np.inf), np.nextafter(middle + reach, np.inf)
    unknown = ~(np.isfinite(lo) & np.isfinite(hi))
    left = np.zeros((len(half), d, cells.count))
    left[:, axes] = np.where(np.isnan(beside), np.inf, beside)
    value = Interval(np.where(unknown, -np.inf, lo), np.where(unknown, np.inf, hi))
    return Ranges(value, np.maximum(np.abs(least), np.abs(most)), left)


def values_at_nodes(tape: Tape, cells: Cells, jets: Sequence[TensorSpline], nodes: Array) -> Interval:
    """Enclosed outputs at the points ``nodes`` of [-1, 1] in every coordinate that varies: (output, cell, point)."""
    points = []
    for low, high, middle, reach in zip(cells.lo, cells.hi, cells.middle, cells.half_width, strict=True):
        places = nodes if (high > low).any() else np.zeros(1)
        points.append(np.clip(middle[:, None] + reach[:, None] * places, low[:, None], high[:, None]))
    tables = [jet.basis_tables(cells, points) for jet in jets]
    size = max(1, BATCH_POINTS // int(np.prod([x.shape[1] for x in points])))
    parts = []
    for k in range(0, cells.count, size):
        part = np.arange(k, min(k + size, cells.count))
        inputs = [_along(x[part], i, len(points)) for i, x in enumerate(points)]
        inputs += [
            contract_tables(jet.local_coefficients(cells.subset(part)), [t.rows(part) for t in table]).interval
            for jet, table in zip(jets, tables, strict=True)
        ]
        parts.append(_flat(interval_outputs(tape, inputs), (len(part), *(x.shape[1] for x in points))))
    return Interval(*(np.concatenate([getattr(p, end) for p in parts], 1) for end in ("lo", "hi")))


def _along(x: Array, axis: int, dimension: int) -> Interval:
    """A coordinate (cell, point) in the shape of the grid of each cell."""
    x = x.reshape([len(x), *(x.shape[1] if k == axis else 1 for k in range(dimension))])
    return Interval(x, x)


def _flat(found: Sequence[Interval], shape: tuple[int, ...]) -> Interval:
    """The outputs as (output, cell, point)."""
    ends = ([np.broadcast_to(getattr(f, e), shape).reshape(shape[0], -1) for f in found] for e in ("lo", "hi"))
    return Interval(*(np.stack(end) for end in ends))


def _coefficients(tape: Tape, cells: Cells, jets: Sequence[TensorSpline], axes: np.ndarray) -> Array:
    """Bounds of the Taylor coefficients of the outputs along each coordinate: (output, coordinate, order, cell)."""
    reach, orders = cells.half_width, max(2, int(DEGREE_SHARE * POINTS[len(axes)]))
    taylors = [jet.taylor_coefficients(cells) for jet in jets]
    out = np.zeros((len(tape.outputs), len(axes), orders, cells.count))
    for place, axis in enumerate(axes):
        inputs = [constant_series(Interval(lo, hi), cells.count) for lo, hi in zip(cells.lo, cells.hi, strict=True)]
        lo, hi = np.zeros((2, orders, cells.count))
        lo[0], hi[0], lo[1], hi[1] = cells.lo[axis], cells.hi[axis], reach[axis], reach[axis]
        inputs[axis] = Series(lo, hi)
        inputs += [series_along(taylor, axis, orders) for taylor in taylors]
        for k, found in enumerate(series_of(tape, inputs)):
            out[k, place, : found.coefficient_count] = np.broadcast_to(
                found[:].magnitude(), (found.coefficient_count, cells.count)
            )
    return out


def refined_ranges(
    tape: Tape, cells: Cells, jets: Sequence[TensorSpline], share: float = REMAINDER_SHARE
) -> tuple[Cells, Ranges]:
    """Cells and ranges, with cells halved until the remainders are at most ``share`` of the largest value."""
    if all(i >= tape.input_count and not tape.instructions[i - tape.input_count][1] for i in tape.outputs):  # constants
        once, each = np.zeros(1, dtype=int), np.zeros(cells.count, dtype=int)
        return cells, _taken(ranges_of(tape, cells.subset(once), jets), each)
    ready: list[tuple[Cells, Ranges]] = []
    most = EXTRA_CELLS + CELL_FACTOR * cells.count
    for depth in range(MAX_HALVINGS + 1):
        found = ranges_of(tape, cells, jets)
        done = np.concatenate([*(r.sample_maximum for _, r in ready), found.sample_maximum], -1)
        largest = done.max(-1, where=np.isfinite(done), initial=0.0)
        wide = (found.remainder > share * largest[:, None, None]).any(0) | ~np.isfinite(found.value.hi).all(0)
        bad = wide.any(0)
        if depth == MAX_HALVINGS or 2 * bad.sum() + sum(c.count for c, _ in ready) > most:
            bad[:] = False
        ready.append((cells.subset(~bad), _taken(found, ~bad)))
        if not bad.any():
            break
        widths = cells.hi - cells.lo
        axis = np.where(widths > 0.0, found.remainder.max(0), -1.0)[:, bad].argmax(0)
        cells = Cells(*cut_boxes(cells.lo[:, bad], cells.hi[:, bad], axis))
    lo, hi = (np.concatenate([getattr(c, e) for c, _ in ready], 1) for e in ("lo", "hi"))
    return Cells(lo, hi), _joined([ranges for _, ranges in ready])


def _taken(ranges: Ranges, part: np.ndarray) -> Ranges:
    value = Interval(ranges.value.lo[:, part], ranges.value.hi[:, part])
    return Ranges(value, ranges.sample_maximum[:, part], ranges.remainder[..., part])


def grid_cells(breaks: Sequence[Array]) -> Cells:
    """All cells of a grid of breakpoints; a coordinate with one breakpoint is fixed."""
    return Cells(*grid_boxes(breaks))
