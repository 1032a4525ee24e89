"""A solved function over boxes: enclosed by its values at centre and corners and by its slopes there.

No proof, unlike what interval arithmetic then makes of formulas that hold it.
"""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from pinnkan.kan.field import Array, Jets
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.statement import Jet


def over_boxes(
    function: Jets, jets: Iterable[Jet], lo: Array, hi: Array, free: Sequence[int], scale: Array
) -> list[tuple[Interval, Interval]]:
    """Value and slope of each derivative, over boxes (coordinate, box) first, then at their centres.

    Boxes have a width in the coordinates ``free`` only; slopes are per ``scale`` (coordinate).
    """
    jets = list(jets)
    slopes = {jet: [_raised(jet, axis) for axis in free] for jet in jets}
    orders = sorted({order for jet in jets for order in (jet.order, *slopes[jet])})
    if not orders:
        return []
    centre, radius = 0.5 * (lo + hi), 0.5 * (hi - lo)
    corners = [centre.copy() for _ in range(2 ** len(free))]
    for corner, ends in zip(corners, product((lo, hi), repeat=len(free)), strict=True):
        for axis, end in zip(free, ends, strict=True):
            corner[axis] = end[axis]
    values = function(np.ascontiguousarray(np.concatenate([centre, *corners], 1).T), orders)
    shaped = values.reshape(1 + len(corners), lo.shape[1], *values.shape[1:])
    out = []
    for jet in jets:
        own = shaped[:, :, jet.unknown, orders.index(jet.order)]
        steep = np.zeros((len(shaped), *lo.shape))
        for axis, order in zip(free, slopes[jet], strict=True):
            steep[:, axis] = shaped[:, :, jet.unknown, orders.index(order)]
        out.append(_around(own, steep, radius, scale))
    return out


def halved(lo: Array, hi: Array, axis: np.ndarray) -> tuple[Array, Array]:
    """Every box (coordinate, box) cut in two along its coordinate."""
    boxes = np.arange(lo.shape[1])
    middle = 0.5 * (lo + hi)[axis, boxes]
    low, high = np.repeat(lo, 2, axis=1), np.repeat(hi, 2, axis=1)
    high[axis, 2 * boxes], low[axis, 2 * boxes + 1] = middle, middle
    return low, high


def _raised(jet: Jet, axis: int) -> tuple[int, ...]:
    """The order of the slope of a derivative along a coordinate."""
    return tuple(n + (i == axis) for i, n in enumerate(jet.order))


def cells(knots: Array, pieces: int, most: int) -> Array:
    """Ends of intervals between knots in so many pieces each, not of more than ``most`` in all."""
    ends = np.interp(np.arange(pieces * (len(knots) - 1) + 1) / pieces, np.arange(len(knots)), knots)
    chosen: Array = ends[np.unique(np.linspace(0, len(ends) - 1, most + 1).astype(int))]
    return chosen


def _around(own: Array, slopes: Array, radius: Array, scale: Array) -> tuple[Interval, Interval]:
    """Value and slope over boxes and at their centres, from those at places (place, box), (place, coordinate, box)."""
    reach = (np.abs(slopes).max(0) * radius).sum(0)
    low, high = np.minimum(own.min(0), own[0] - reach), np.maximum(own.max(0), own[0] + reach)
    value = Interval(np.concatenate([low, own[0]]), np.concatenate([high, own[0]]))
    ends = [np.concatenate([pick(slopes, 0), slopes[0]], 1) * scale[:, None] for pick in (np.min, np.max)]
    return value, Interval(*ends)
