"""Integrals over two or three coordinates by adaptive cubature: boxes are halved where two Gauss rules disagree.

A box in which the argument of a jump or kink may vanish is cut along its zeros once interval arithmetic proves that the
argument is monotone in every coordinate. Until then its error is its volume times the variation of the integrand, by
interval arithmetic. Zeros along a line parallel to an axis are then single, and each piece has a smooth integrand (Saye
2015, SIAM J. Sci. Comput. 37).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.domain.bisection import cut_boxes
from pinnkan.domain.gauss import gauss_legendre
from pinnkan.domain.rounding import EPS
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions

#: Gauss points per coordinate of a box in the two rules. Heuristic.
BOX_GAUSS_POINTS = 8, 6
#: Rounds of halving; the share of the largest error above which boxes are halved. Heuristic.
MAX_ROUNDS, HALVING_SHARE = 60, 0.005
#: The shortest side of a box that is cut, over the range: 2000 units of its rounding.
SMALLEST_SIDE = 2.0**-42
#: The most points that are evaluated at once.
MAX_BATCH_POINTS = 200_000
#: Errors and slopes beyond this are set to it.
HUGE = 1e300
#: A bound of an argument this close to zero, relative to the larger bound, counts as zero.
ZERO_TOLERANCE = 1e-12
#: The last coordinate of a cut: its least slope is at least this share of its largest. Heuristic.
SLOPE_RATIO = 0.3


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes (coordinate, box), their integrals and errors, and the ``split_axis`` along which to cut each."""

    lo: Array
    hi: Array
    value: Array
    quadrature_error: Array
    split_axis: np.ndarray

    def subset(self, which: np.ndarray) -> "Boxes":
        """The boxes of an index or mask."""
        return Boxes(*(a[..., which] for a in (self.lo, self.hi, self.value, self.quadrature_error, self.split_axis)))

    def joined_with(self, other: "Boxes") -> "Boxes":
        """These boxes and the others."""
        names = ("lo", "hi", "value", "quadrature_error", "split_axis")
        return Boxes(*(np.concatenate([getattr(self, n), getattr(other, n)], -1) for n in names))


@dataclass(frozen=True, eq=False)
class Integrand:
    """An expression of a solution, the ``switch_arguments`` of its jumps and kinks, coordinates that vary."""

    solution: SolutionExpressions
    equation: Equation
    switch_arguments: Sequence[Equation]
    free_axes: Sequence[int]
    clock: Clock

    def integrate_over(self, lo: Array, hi: Array) -> Boxes:
        """The boxes between ``lo`` and ``hi`` (coordinate, box) with their integrals and errors."""
        boxes = lo.shape[1]
        value, missed = np.zeros(boxes), np.zeros(boxes)
        axis = np.zeros(boxes, dtype=int)
        crossed, rule, steepest = self.classify_boxes(lo, hi)
        plain = ~crossed.any(0)
        for part in self._batches(np.flatnonzero(plain)):
            value[part], missed[part], axis[part] = self._by_gauss(lo[:, part], hi[:, part])
        rest = np.flatnonzero(~plain)
        axis[rest] = np.array(self.free_axes)[steepest[rest]]
        value[rest], missed[rest] = self._by_enclosure(lo[:, rest], hi[:, rest])
        for number, bend in enumerate(self.switch_arguments):
            own = (rule[number] >= 0) & (crossed.sum(0) == 1)
            for last in range(len(self.free_axes)):
                for part in self._batches(
                    np.flatnonzero(own & (rule[number] == last)), piece_count(len(self.free_axes))
                ):
                    value[part], missed[part] = self._by_cut_rule(bend, last, lo[:, part], hi[:, part])
        return Boxes(lo, hi, value, missed, axis)

    def classify_boxes(self, lo: Array, hi: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Classify boxes by the arguments of jumps and kinks.

        Returns whether an argument may vanish (argument, box); the position in ``free`` of the last coordinate of its
        cut, -1 where it is not monotone; and the position of the steepest coordinate, (box).
        """
        boxes, free = lo.shape[1], list(self.free_axes)
        if not self.switch_arguments or not boxes:
            none = np.zeros((len(self.switch_arguments), boxes), dtype=bool)
            return none, none - 1, np.zeros(boxes, dtype=int)
        look = self.solution.enclose_expressions(self.switch_arguments, lo, hi, free)
        low, high = look.value.lo, look.value.hi
        least = ZERO_TOLERANCE * np.maximum(np.abs(low), np.abs(high))
        crossed = ~((low >= -least) | (high <= least))
        scale = np.ptp(np.array(self.solution.problem.box.ranges), axis=1)
        size = ((hi - lo) / scale[:, None])[free]
        slope = look.slope.magnitude()[:, free] * size
        one_way = ((look.slope.lo >= 0.0) | (look.slope.hi <= 0.0))[:, free].all(1)
        even = np.where(slope > 0.0, look.slope.mignitude()[:, free] * size >= SLOPE_RATIO * slope, False)
        last = np.argmax(np.where(even, slope, -1.0), axis=1)
        rule = np.where(crossed & one_way & even.any(1), last, -1)
        steepest = np.argmax(np.minimum(slope, HUGE).max(0), axis=0)
        return crossed, rule, steepest

    def _batches(self, boxes: np.ndarray, pieces_per_box: int = 1) -> Iterator[np.ndarray]:
        """Yield indices of boxes in batches of bounded memory, where each has ``pieces_per_box`` pieces."""
        most = max(1, MAX_BATCH_POINTS // (pieces_per_box * BOX_GAUSS_POINTS[0] ** len(self.free_axes)))
        for begin in range(0, len(boxes), most):
            self.clock.check()
            yield boxes[begin : begin + most]

    def _by_gauss(self, lo: Array, hi: Array) -> tuple[Array, Array, np.ndarray]:
        """The integrals by the first Gauss rule, the difference to the second, the coordinate of the largest error."""
        d = len(self.free_axes)
        found = []
        for count in BOX_GAUSS_POINTS:
            x, w = gauss_legendre(count)
            unit = np.stack([g.ravel() for g in np.meshgrid(*[x] * d, indexing="ij")])
            weights = np.prod([g.ravel() for g in np.meshgrid(*[w] * d, indexing="ij")], axis=0)
            values = self._values_at(lo, hi, unit)
            found.append(values @ weights * np.prod(0.5 * (hi - lo)[list(self.free_axes)], axis=0))
        top = np.polynomial.legendre.legvander(x, count - 1)[:, -2:] * w[:, None]
        cube = values.reshape(-1, *[count] * d)
        rough = [np.abs(np.tensordot(cube, top, (1 + k, 0))).reshape(len(cube), -1).sum(1) for k in range(d)]
        longest = np.argmax(np.nan_to_num(np.stack(rough), nan=0.0, posinf=0.0), axis=0)
        return found[0], np.abs(found[0] - found[1]), np.array(self.free_axes)[longest]

    def _values_at(self, lo: Array, hi: Array, unit: Array) -> Array:
        """Values (box, point) at points (coordinate that varies, point) of [-1, 1]."""
        points = np.repeat((0.5 * (lo + hi))[..., None], unit.shape[1], axis=2)
        points[list(self.free_axes)] += 0.5 * (hi - lo)[list(self.free_axes), :, None] * unit[:, None]
        flat = np.ascontiguousarray(points.reshape(len(lo), -1).T)
        return self.solution.at_points(self.equation, flat).reshape(lo.shape[1], -1)

    def _by_enclosure(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """The integrals and errors from enclosures: the middle and half the width, times the volume."""
        if not lo.shape[1]:
            return np.zeros(0), np.zeros(0)
        look = self.solution.enclose_expressions([self.equation], lo, hi, self.free_axes)
        measure = np.prod((hi - lo)[list(self.free_axes)], axis=0)
        middle, reach = (0.5 * (look.value.hi + sign * look.value.lo)[0] for sign in (1.0, -1.0))
        is_known = np.isfinite(reach)
        return np.where(is_known, middle * measure, 0.0), np.where(is_known, reach * measure, np.inf)

    def _by_cut_rule(self, bend: Equation, last: int, lo: Array, hi: Array) -> tuple[Array, Array]:
        order = [a for k, a in enumerate(self.free_axes) if k != last] + [self.free_axes[last]]
        found = []
        for count in BOX_GAUSS_POINTS:
            points, weights = cut_rule(
                lambda p: self.solution.at_points(bend, p), lo.T.copy(), hi.T.copy(), order, count
            )
            values = self.solution.at_points(self.equation, points.reshape(-1, len(lo))).reshape(weights.shape)
            found.append((values * weights).sum(1))
        return found[0], np.abs(found[0] - found[1])


def refine_boxes(
    integrand: Integrand, boxes: Boxes, max_boxes: int, relative_tolerance: float
) -> tuple[Boxes, list[float]]:
    """Halve boxes until their error is ``relative_tolerance`` of the integral, at most ``max_boxes``.

    Returns the boxes and the total errors before each round. Raises OutOfTimeError.
    """
    history, ranges = [], np.array(integrand.solution.problem.box.ranges, dtype=np.float64)
    for _ in range(MAX_ROUNDS):
        history.append(float(boxes.quadrature_error.sum()))
        size = float(np.abs(boxes.value).sum())
        missed = np.minimum(boxes.quadrature_error, HUGE)
        size_along = (boxes.hi - boxes.lo)[boxes.split_axis, np.arange(len(missed))]
        is_wide = size_along > SMALLEST_SIDE * np.ptp(ranges, axis=1)[boxes.split_axis]
        marked = is_wide & (missed > HALVING_SHARE * float(missed.max()))
        settled = not history[-1] > relative_tolerance * size or not is_wide[np.argmax(missed)]
        if settled or not math.isfinite(size) or len(missed) + marked.sum() > max_boxes:
            break
        lo, hi = cut_boxes(boxes.lo[:, marked], boxes.hi[:, marked], boxes.split_axis[marked])
        boxes = boxes.subset(~marked).joined_with(integrand.integrate_over(lo, hi))
    return boxes, history


#: The most steps of the search for a zero by false position; a retained end has half its weight (Dowell, Jarratt 1971).
_STEPS = 20
_ROUNDING = 64.0 * EPS

#: Values (point) of an expression at points (point, coordinate).
PointFunction = Callable[[Array], Array]


def cut_rule(argument: PointFunction, lo: Array, hi: Array, order: Sequence[int], count: int) -> tuple[Array, Array]:
    """Return points (box, point, coordinate) and weights (box, point) of a Gauss rule in the pieces of cut boxes.

    ``lo``, ``hi``: (box, coordinate); ``order``: the coordinates that vary, the one in which ``argument`` is steepest
    last. ``count``: points in every piece along each coordinate.
    """
    nodes, shares = gauss_legendre(count)
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


def piece_count(free_count: int) -> int:
    """The number of pieces into which a box is cut when so many coordinates vary: 6 for two, 30 for three."""
    return math.prod(2**rest + 1 for rest in range(free_count))


def _zero(argument: PointFunction, line: Array, axis: int, low: Array, high: Array) -> Array:
    """Where a monotone argument vanishes along one coordinate, (line,); an end of the interval where it does not."""

    def at(x: Array) -> Array:
        line[:, axis] = x
        return argument(line)

    return zeros_between(at, low, high)


def zeros_between(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Zeros (line,) of functions with opposite signs at ``low`` and ``high``; else the end of the smaller size."""
    a, b = low, high
    at_a, at_b = function(a), function(b)
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
        value = function(x)
        is_lower = is_crossed & (np.abs(value) < least)
        best, least = np.where(is_lower, x, best), np.where(is_lower, np.abs(value), least)
        turns = value * at_b < 0.0
        a, at_a = np.where(turns, b, a), np.where(turns, at_b, 0.5 * at_a)
        b, at_b = x, value
    return best
