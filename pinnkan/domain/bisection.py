"""Searches by halving: of changes of sign between two points, and of boxes, each two arrays (coordinate, box)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pinnkan.domain.box import Array

_TO_ROUNDING = 1_100  # halvings after which no interval of float64 has a number inside, not even next to zero


def bisect(function: Callable[[Any], Any], low: Any, high: Any, *, steps: int = _TO_ROUNDING) -> tuple[Array, Array]:
    """Narrow intervals, numbers or arrays, to a change of sign of a ``function`` that is positive at ``low`` only.

    Returns the last ends: both are a zero that was met. What is not a number counts as negative.
    """
    for _ in range(steps):
        middle = 0.5 * (low + high)
        if not np.any((low < middle) & (middle < high)):
            break
        value = function(middle)
        low, high = np.where(value >= 0.0, middle, low), np.where(value > 0.0, high, middle)
    return np.asarray(low), np.asarray(high)


def cut_boxes(lo: Array, hi: Array, axis: np.ndarray, shares: Sequence[float] | Array = (0.5,)) -> tuple[Array, Array]:
    """Cut every box along its coordinate ``axis`` (box,) at rising ``shares`` of its length; parts are neighbours."""
    boxes, count = np.arange(lo.shape[1]), 1 + len(shares)
    low, high = np.repeat(lo, count, axis=1), np.repeat(hi, count, axis=1)
    start, end = lo[axis, boxes], hi[axis, boxes]
    for part, share in enumerate(shares):
        cut = start + share * (end - start)
        high[axis, count * boxes + part] = low[axis, count * boxes + part + 1] = cut
    return low, high


def grid_boxes(breaks: Sequence[Array]) -> tuple[Array, Array]:
    """All boxes of a grid of breakpoints, the last coordinate runs first; one of a single breakpoint is fixed."""
    ends = [(b[:-1], b[1:]) if len(b) > 1 else (b, b) for b in breaks]
    lo, hi = (np.stack([g.ravel() for g in np.meshgrid(*side, indexing="ij")]) for side in zip(*ends, strict=True))
    return lo, hi
