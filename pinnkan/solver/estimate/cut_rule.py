"""Gauss's rules in boxes that are cut where an argument of a jump or bend vanishes.

Where the argument rises or falls in every coordinate, its zeros along lines parallel to the axes are single. Along the
first coordinate there are breaks where the surface leaves the box, along the last where it is met, so that every piece
holds a smooth integrand (Saye 2015, SIAM J. Sci. Comput. 37).
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from pinnkan.kan.field import Array

#: Most steps of the search for a zero: the false position, an end that is kept weighs half (Dowell, Jarratt 1971).
#: Half a dozen are taken where the function bends little.
_STEPS = 20
_ROUNDING = 64 * float(np.finfo(np.float64).eps)

#: An expression at points (point, coordinate).
Values = Callable[[Array], Array]


def cut_rule(argument: Values, lo: Array, hi: Array, order: Sequence[int], count: int) -> tuple[Array, Array]:
    """Points (box, point, coordinate) and weights (box, point), so many in every piece along each coordinate.

    ``lo``, ``hi``: (box, coordinate); ``order``: the coordinates that vary, the last that in which ``argument`` is
    steepest.
    """
    nodes, shares = np.polynomial.legendre.leggauss(count)
    boxes = len(lo)
    points, weights = lo.copy(), np.ones(boxes)
    low, high = lo, hi
    for place, axis in enumerate(order):
        rest = order[place + 1 :]
        breaks = [low[:, axis]]
        for ends in product((low, high), repeat=len(rest)):
            line = points.copy()
            for other, end in zip(rest, ends, strict=True):
                line[:, other] = end[:, other]
            breaks.append(_zero(argument, line, axis, low[:, axis], high[:, axis]))
        sides = np.sort(np.stack([*breaks, high[:, axis]], 1), axis=1)
        half = 0.5 * np.diff(sides, axis=1)[..., None]
        x = (0.5 * (sides[:, 1:] + sides[:, :-1])[..., None] + half * nodes).reshape(len(points), -1)
        weights = (weights[:, None] * (half * shares).reshape(len(points), -1)).ravel()
        points, low, high = (np.repeat(a, x.shape[1], axis=0) for a in (points, low, high))
        points[:, axis] = x.ravel()
    return points.reshape(boxes, -1, points.shape[1]), weights.reshape(boxes, -1)


def _zero(argument: Values, line: Array, axis: int, low: Array, high: Array) -> Array:
    """Where a rising or falling argument vanishes along one coordinate (line,); an end where it does not."""

    def at(x: Array) -> Array:
        line[:, axis] = x
        return argument(line)

    return zeros_between(at, low, high)


def zeros_between(at: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Zeros of functions (line,) between places at which they differ in sign; else the end where they are smaller."""
    a, b = low, high
    at_a, at_b = at(a), at(b)
    is_crossed = at_a * at_b < 0.0
    is_lower = np.abs(at_a) <= np.abs(at_b)
    best, least = np.where(is_lower, a, b), np.where(is_lower, np.abs(at_a), np.abs(at_b))
    narrow = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    for _ in range(_STEPS):
        with np.errstate(all="ignore"):
            guess = b - at_b * (b - a) / (at_b - at_a)
        inside = (guess > np.minimum(a, b)) & (guess < np.maximum(a, b))
        x = np.where(is_crossed, np.where(inside, guess, 0.5 * (a + b)), best)
        if not (is_crossed & (np.abs(x - b) > narrow)).any():
            break
        value = at(x)
        is_lower = is_crossed & (np.abs(value) < least)
        best, least = np.where(is_lower, x, best), np.where(is_lower, np.abs(value), least)
        turns = value * at_b < 0.0
        a, at_a = np.where(turns, b, a), np.where(turns, at_b, 0.5 * at_a)
        b, at_b = x, value
    return best
