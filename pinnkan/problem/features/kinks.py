"""Places where formulas jump or have a kink: zeros of the arguments of heaviside, sign, abs, max and min.

If a factor of an argument vanishes on a plane x_i = c of the box, c is computed to rounding, so that a knot or a slab
end can be put there. Zeros of one coordinate are enclosed by subdivision and, where the slope is known to be nonzero,
bisected (Moore, Kearfott, Cloud 2009, chapter 8). Planes of a factor of several coordinates are zeros along two lines
across the box, confirmed on scattered points of the plane; factors that may vanish elsewhere are curved.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.bisection import bisect, cut_boxes, grid_boxes
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.functions import switch_arguments
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem

Array = NDArray[np.float64]

#: Smallest interval that is cut, over the range: below it lies a zero of zero slope.
SMALLEST_INTERVAL = 2.0**-40
#: Where intervals of unknown slope are cut.
EIGHTHS = np.arange(1, 8) / 8.0
#: The most intervals that may hold a zero; with more the function vanishes on more than points. Heuristic.
MAX_INTERVALS = 512
#: Distance over the range below which zeros, or a zero and an end, are one. Without a change of sign a zero is known to
#: the square root of rounding only.
MERGE_DISTANCE = 2e-8
#: A factor is zero on a plane if its values are below this share of those beside it.
PLANE_TOLERANCE = 1e-10
#: Pieces per coordinate in which curved zeros of a factor are sought, by number of coordinates. Heuristic.
SEARCH_PIECES = {2: 64, 3: 16}
SEARCH_PIECES_MANY_AXES = 6


@dataclass(frozen=True)
class Kinks:
    """Per coordinate, the planes of kinks and jumps inside the box; and factors that may vanish elsewhere."""

    planes: tuple[tuple[float, ...], ...]
    curved_factors: tuple[sympy.Expr, ...]


def find_kinks(
    expressions: Iterable[sympy.Expr], coordinates: Sequence[sympy.Symbol], ranges: Sequence[tuple[float, float]]
) -> Kinks:
    """Find kinks and jumps of expressions in a box, of those arguments that are formulas of the coordinates."""
    planes: list[list[float]] = [[] for _ in coordinates]
    curved = []
    for factor in dict.fromkeys(_factors(expressions, set(coordinates))):
        axes = [i for i, c in enumerate(coordinates) if c in factor.free_symbols]
        symbols = [coordinates[i] for i in axes]
        box = np.array([ranges[i] for i in axes], dtype=np.float64)
        if len(axes) == 1:
            planes[axes[0]].extend(find_zeros(factor, symbols[0], box[0]))
            continue
        found = [_zero_planes(factor, symbols, box, k) for k in range(len(axes))]
        for i, places in zip(axes, found, strict=True):
            planes[i].extend(places)
        if _vanishes_elsewhere(Tape([factor], symbols), box, found):
            curved.append(factor)
    return Kinks(tuple(_merge_close(p, r) for p, r in zip(planes, ranges, strict=True)), tuple(curved))


def _factors(expressions: Iterable[sympy.Expr], coordinates: set[sympy.Symbol]) -> Iterator[sympy.Expr]:
    """Yield the factors of the arguments whose zeros are kinks or jumps."""
    for e in expressions:
        for argument in switch_arguments(e):
            for factor in sympy.Mul.make_args(argument):
                base = factor.base if factor.is_Pow and not factor.base.is_number else factor
                if base.free_symbols and base.free_symbols <= coordinates:
                    yield base


def find_zeros(factor: sympy.Expr, symbol: sympy.Symbol, ends: Array) -> tuple[float, ...]:
    """Return the zeros inside an interval of a formula of one coordinate; to rounding if it changes sign there."""
    tape = Tape([factor], [symbol])
    scale, found = np.array([ends[1] - ends[0]]), []
    lo, hi = ends[:1].copy(), ends[1:].copy()
    while 0 < len(lo) <= MAX_INTERVALS:
        look = enclose(tape, lo[None], hi[None], scale)
        may = (look.value.lo[0] <= 0.0) & (look.value.hi[0] >= 0.0)
        one_way = (look.slope.lo[0, 0] > 0.0) | (look.slope.hi[0, 0] < 0.0)
        found += _sign_changes(tape, lo[may & one_way], hi[may & one_way])
        tiny = hi - lo <= SMALLEST_INTERVAL * max(float(scale[0]), float(np.abs(ends).max()))
        found += [float(x) for x in 0.5 * (lo + hi)[may & ~one_way & tiny]]
        go_on = may & ~one_way & ~tiny
        parts = cut_boxes(lo[None, go_on], hi[None, go_on], np.zeros(go_on.sum(), dtype=int), EIGHTHS)
        lo, hi = (ends[0] for ends in parts)
    return _merge_close(found, (float(ends[0]), float(ends[1])))


def _sign_changes(tape: Tape, lo: Array, hi: Array) -> list[float]:
    """The zeros of a monotone function in those of the intervals (interval,) at whose ends it has different signs."""

    def signs(x: Array) -> Array:
        return np.sign(tape([x])[0])

    at_lo, at_hi = signs(lo), signs(hi)
    opposite = at_lo * at_hi < 0.0
    low, high = bisect(lambda x: at_lo[opposite] * signs(x), lo[opposite], hi[opposite])
    at_low, at_high = (np.abs(tape([x])[0]) for x in (low, high))
    return [*lo[at_lo == 0.0], *hi[at_hi == 0.0], *np.where(at_low <= at_high, low, high)]


def _zero_planes(factor: sympy.Expr, symbols: Sequence[sympy.Symbol], box: Array, axis: int) -> tuple[float, ...]:
    """Return the planes across coordinate ``axis`` on which a factor of several coordinates vanishes."""
    points = box[:, 0] + np.ptp(box, axis=1) * kronecker_points(34, len(box))
    others = [s for s in symbols if s is not symbols[axis]]
    first, second = (
        find_zeros(factor.subs(dict(zip(others, np.delete(p, axis), strict=True))), symbols[axis], box[axis])
        for p in points[:2]
    )
    tape = Tape([factor], symbols)
    beside = np.abs(tape(list(points.T))[0]).max()
    found = []
    for c in first:
        on_plane = np.insert(np.delete(points, axis, 1), axis, c, 1)
        near = any(abs(c - other) <= MERGE_DISTANCE * np.ptp(box[axis]) for other in second)
        if near and np.abs(tape(list(on_plane.T))[0]).max() <= PLANE_TOLERANCE * beside:
            found.append(c)
    return tuple(found)


def _vanishes_elsewhere(tape: Tape, box: Array, planes: Sequence[Sequence[float]]) -> bool:
    """Whether a factor may be zero in a piece of the box that is not beside one of its planes."""
    pieces = SEARCH_PIECES.get(len(box), SEARCH_PIECES_MANY_AXES)
    lo, hi = grid_boxes([np.linspace(a, b, pieces + 1) for a, b in box])
    is_free = np.ones(lo.shape[1], dtype=bool)
    for low, high, places in zip(lo, hi, planes, strict=True):
        step = high[0] - low[0]
        is_free &= ~np.any([(low <= c + step) & (high >= c - step) for c in places], axis=0)
    value = enclose(tape, lo[:, is_free], hi[:, is_free], np.ptp(box, axis=1)).value
    return bool(((value.lo <= 0.0) & (value.hi >= 0.0)).any())


def _merge_close(places: Iterable[float], ends: tuple[float, float]) -> tuple[float, ...]:
    """Return the sorted places strictly inside; a chain of close ones is replaced by its middle one."""
    least = MERGE_DISTANCE * (ends[1] - ends[0])
    inside = np.array(sorted(x for x in places if ends[0] + least < x < ends[1] - least))
    chains = np.split(inside, np.flatnonzero(np.diff(inside) > least) + 1) if len(inside) else []
    return tuple(float(chain[len(chain) // 2]) for chain in chains)


#: Sample places along the circle and across it, and the jump over the largest value that counts. Heuristic.
SEAM_POINTS, JUMP_SHARE = 33, 1e-6


def jumps_at_seam(problem: Problem, axis: int) -> bool:
    """Whether an equation differs between both ends of a periodic coordinate at equal values of its derivatives."""
    if not problem.box.periodic[axis]:
        return False
    rng = np.random.default_rng(0)
    points = [rng.uniform(low, high, (SEAM_POINTS, 1)) for low, high in problem.box.ranges]
    points[axis] = np.linspace(*problem.box.ranges[axis], SEAM_POINTS)[None, :]
    for equation in problem.equations:
        held = [np.array(x) for x in rng.uniform(0.5, 1.5, len(equation.jets))]
        with np.errstate(all="ignore"):
            (found,) = Tape([equation.residual], [*problem.coordinates, *equation.jets])([*points, *held])
        values = np.broadcast_to(np.asarray(found, dtype=np.float64), (SEAM_POINTS, SEAM_POINTS))
        apart = np.abs(values[:, -1] - values[:, 0])
        if np.isfinite(values).all() and apart.max() > JUMP_SHARE * np.abs(values).max():
            return True
    return False
