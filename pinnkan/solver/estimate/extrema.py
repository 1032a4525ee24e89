"""The largest value of an expression of a solution over the domain: searched on grids, bounded by branch and bound.

Grids as fine as the knots resolve the solution, but not other features of the expression. So boxes of the coordinates
are enclosed by interval arithmetic; those whose upper end is below the best value are done, the others are halved
(Hansen, Walster 2004, Global Optimization Using Interval Analysis, chapter 12). When there are too many boxes, the
largest upper end less the best value is the error of the search.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.domain.bisection import cut_boxes, grid_boxes
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation, WholeDomain
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions, cell_ends, fixed_coordinates

#: The most coordinates with grids, and the number of Sobol points with more. Heuristic.
MAX_GRID_AXES = 3
SOBOL_POINTS = 8192
#: Samples per knot interval, and in all at most; of the best of them so many are followed, by grids of so many points
#: per axis, in rounds that shrink by four: 1e-12 of a parabola remains.
_SAMPLES_PER_INTERVAL, _MOST_SAMPLES = 4, 60_000
_CANDIDATES, _POINTS_PER_AXIS, _ROUNDS = 4, 9, 10
#: Steps along axes from the best Sobol points. Heuristic.
_MAX_STEPS = 300
#: Branch and bound: first boxes of all moments, boxes in all, boxes of a round. A box is done below the best value and
#: this share of it; none is cut below this share of the range.
_FIRST_BOXES, _MOST_BOXES, _BOXES_PER_ROUND = 8192, 200_000, 20_000
_VALUE_TOLERANCE, _SMALLEST_SIDE = 1e-12, 2.0**-44
#: Slopes beyond this are set to it.
_STEEPEST = 1e300


@dataclass(frozen=True, eq=False)
class Extrema:
    """The largest ``values`` (moment), their errors, ``places``, and ``steps`` of the grid there."""

    values: Array
    search_error: Array
    places: Array
    steps: Array


@dataclass(frozen=True, eq=False)
class ExtremumSearch:
    """The search for the largest value of ``sign`` times an expression at each of the ``moments`` (times)."""

    solution: SolutionExpressions
    equation: Equation
    moments: Sequence[float | None]
    sign: float

    def free_axes(self) -> list[int]:
        """The coordinates that vary."""
        held = fixed_coordinates(self.solution.problem, WholeDomain(), self.moments[0])
        return [axis for axis in range(self.solution.problem.dimension) if axis not in held]

    def knots(self, time: float | None) -> dict[int, Array]:
        """The knots of the coordinates that vary."""
        return {axis: self.solution.knots(axis, time) for axis in self.free_axes()}

    def values(self, places: Array, moment_index: np.ndarray) -> Array:
        """Values at places (place, axis that varies) at the moments ``moment_index`` (place,)."""
        return self.sign * self.solution.at_points(self.equation, self.points(places, moment_index))

    def points(self, places: Array, moment_index: np.ndarray) -> Array:
        """All coordinates of places (place, axis that varies) at the moments ``moment_index`` (place,)."""
        points = np.empty((len(places), self.solution.problem.dimension))
        times = np.array([np.nan if time is None else time for time in self.moments])
        points[:, -1] = times[moment_index]
        points[:, self.free_axes()] = places
        return points


def largest_values(task: ExtremumSearch, clock: Clock, initial_extrema: Extrema | None = None) -> Extrema:
    """Return the largest values over the domain. Raises OutOfTimeError.

    ``initial_extrema``: extrema of a nearby expression; their places are starts of the search too, and no bound is
    computed.
    """
    starts, steps, owner = _starts(task, clock)
    if initial_extrema is not None:
        starts = np.concatenate([starts, initial_extrema.places])
        steps = np.concatenate([steps, initial_extrema.steps])
        owner = np.concatenate([owner, np.arange(len(initial_extrema.places))])
    found = _search(task, starts, steps, owner)
    if initial_extrema is not None or len(task.free_axes()) > MAX_GRID_AXES:
        return found
    bound = _Bound(task, found, clock)
    bound.run()
    again = _search(task, bound.places, bound.sizes, np.arange(len(task.moments)))
    is_better = again.values > found.values
    pairs = [(getattr(again, name), getattr(found, name)) for name in ("values", "search_error", "places", "steps")]
    best = Extrema(*(np.where(is_better.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs))
    with np.errstate(invalid="ignore"):
        gap = np.where(bound.upper_bound > best.values, bound.upper_bound - best.values, 0.0)
    return replace(best, search_error=best.search_error + gap)


class _Bound:
    """Branch and bound at all moments at once: ``best`` values, their ``places``, and upper bounds ``upper_bound``."""

    def __init__(self, task: ExtremumSearch, found: Extrema, clock: Clock) -> None:
        self.task, self.clock = task, clock
        self.best, self.places = found.values.copy(), found.places.copy()
        self.sizes = found.steps.copy()
        self.upper_bound = np.full(len(self.best), -np.inf)
        self.ranges = np.array(task.solution.problem.box.ranges, dtype=np.float64)

    def run(self) -> None:
        """Halve boxes until none may have a larger value, or there are too many."""
        lo, hi, owner = self._first_boxes()
        looked = 0
        while lo.shape[1]:
            self.clock.check()
            looked += lo.shape[1]
            upper, axis = self._enclose(lo, hi, owner)
            is_open = upper > self.best[owner] + _VALUE_TOLERANCE * np.abs(self.best[owner])
            tiny = (hi - lo)[axis, np.arange(len(axis))] <= _SMALLEST_SIDE * np.abs(self.ranges).max(1)[axis]
            keep = np.flatnonzero(is_open & ~tiny)
            most = min(_BOXES_PER_ROUND, max(_MOST_BOXES - looked, 0))
            keep = keep[np.argsort(-upper[keep], kind="stable")[: most // 2]]
            left = np.ones(len(upper), dtype=bool)
            left[keep] = False
            np.maximum.at(self.upper_bound, owner[left], upper[left])
            owner = np.repeat(owner[keep], 2)
            lo, hi = cut_boxes(lo[:, keep], hi[:, keep], axis[keep])

    def _enclose(self, lo: Array, hi: Array, moment_index: np.ndarray) -> tuple[Array, np.ndarray]:
        """Upper ends over boxes, and the coordinate in which each may vary most; updates the best values."""
        free = self.task.free_axes()
        look = self.task.solution.enclose_expressions([self.task.equation], lo, hi, free)
        value, centre = (
            (look.value.hi, look.centre_value) if self.task.sign > 0.0 else (-look.value.lo, -look.centre_value)
        )
        upper = np.where(np.isnan(value[0]), -np.inf, value[0])
        order = np.argsort(np.where(np.isfinite(centre[0]), centre[0], -np.inf), kind="stable")
        last = dict(zip(moment_index[order].tolist(), order.tolist(), strict=True))  # the highest box of each moment
        for moment, box in last.items():
            if np.isfinite(centre[0, box]) and centre[0, box] > self.best[moment]:
                self.best[moment] = centre[0, box]
                self.places[moment] = (0.5 * (lo + hi))[free, box]
                self.sizes[moment] = (hi - lo)[free, box]
        size = (hi - lo)[free] / np.ptp(self.ranges, axis=1)[free, None]
        change = np.minimum(np.nan_to_num(look.slope.magnitude()[0, free], nan=np.inf), _STEEPEST) * size
        return upper, np.array(free)[np.argmax(change, axis=0)]

    def _first_boxes(self) -> tuple[Array, Array, np.ndarray]:
        """The first boxes (coordinate, box), as fine as knots and budget allow, and the moment of each."""
        free, owner = self.task.free_axes(), list[int]()
        lows, highs = list[Array](), list[Array]()
        most = max(2, int((_FIRST_BOXES / len(self.task.moments)) ** (1.0 / len(free))))
        for number, time in enumerate(self.task.moments):
            axes = [cell_ends(x, max(1, most // (len(x) - 1)), most) for x in self.task.knots(time).values()]
            lo, hi = grid_boxes(axes if time is None else [*axes, np.array([time])])
            lows.append(lo)
            highs.append(hi)
            owner += [number] * lo.shape[1]
        return np.concatenate(lows, 1), np.concatenate(highs, 1), np.array(owner)


def _search(task: ExtremumSearch, starts: Array, steps: Array, moment_index: np.ndarray) -> Extrema:
    """The best values near places (start, axis) of the moments ``moment_index``.

    Their error: the gain of the last round.
    """
    low, high = np.array([task.solution.problem.box.ranges[axis] for axis in task.free_axes()]).T
    search = _search_by_grids if len(low) <= MAX_GRID_AXES else _search_by_steps

    def value(around: Array) -> Array:
        """Values (start, offset) at places (start, offset, axis of space)."""
        flat = around.reshape(-1, around.shape[-1])
        return task.values(flat, np.repeat(moment_index, around.shape[1])).reshape(around.shape[:-1])

    (before, best), places = search(value, starts, steps, low, high)
    order = np.argsort(np.where(np.isnan(best), -np.inf, best), kind="stable")
    last = dict(zip(moment_index[order].tolist(), order.tolist(), strict=True))
    chosen = np.array([last[number] for number in range(len(task.moments))])
    with np.errstate(invalid="ignore"):
        earlier = np.array([before[moment_index == k].max() for k in range(len(task.moments))])
        gained = np.where(np.isfinite(best[chosen]), best[chosen] - earlier, 0.0)
    return Extrema(best[chosen], gained, places[chosen], steps[chosen])


def _search_by_grids(
    value: Callable[[Array], Array], starts: Array, steps: Array, low: Array, high: Array
) -> tuple[list[Array], Array]:
    """Search by grids around the best point so far, which shrink by four.

    Returns the best values (start,) before and after the last round, and their places (start, axis).
    """
    offsets = np.array(list(product(np.linspace(-1, 1, _POINTS_PER_AXIS), repeat=starts.shape[1])))
    best = [np.full(len(starts), -math.inf)]
    for _ in range(_ROUNDS):
        around = np.clip(starts[:, None] + offsets * steps[:, None], low, high)
        values = _undefined_as_lowest(value(around))
        starts = around[np.arange(len(around)), np.argmax(values, axis=1)]
        best.append(np.maximum(best[-1], values.max(axis=1)))
        steps = steps / 4
    return best[-2:], starts


def _search_by_steps(
    value: Callable[[Array], Array], starts: Array, steps: Array, low: Array, high: Array
) -> tuple[list[Array], Array]:
    """Search in many coordinates by steps along one axis at a time, halved where none is higher."""
    count = starts.shape[1]
    star = np.concatenate([np.zeros((1, count)), np.eye(count), -np.eye(count)])
    best = [np.full(len(starts), -math.inf)]
    for _ in range(_MAX_STEPS):
        around = np.clip(starts[:, None] + star * steps[:, None], low, high)
        values = _undefined_as_lowest(value(around))
        chosen = np.argmax(values, axis=1)
        starts = around[np.arange(len(around)), chosen]
        steps = np.where((chosen == 0)[:, None], steps / 2, steps)
        best.append(np.maximum(best[-1], values.max(axis=1)))
    return best[-2:], starts


def _undefined_as_lowest(values: Array) -> Array:
    """Values, with -inf where the expression is not defined."""
    return np.where(np.isnan(values), -np.inf, values)


def _starts(task: ExtremumSearch, clock: Clock) -> tuple[Array, Array, np.ndarray]:
    """Starting places (start, axis) of the search, steps, and their moments."""
    starts, steps, owner = [], [], []
    for number, time in enumerate(task.moments):
        clock.check()
        knots, held = task.knots(time), fixed_coordinates(task.solution.problem, WholeDomain(), time)
        found, step = (_peaks if len(knots) <= MAX_GRID_AXES else _best_sobol_points)(task, held, knots)
        starts.append(found)
        steps.append(np.broadcast_to(step, found.shape))
        owner += [number] * len(found)
    return np.concatenate(starts), np.concatenate(steps), np.array(owner)


def _peaks(task: ExtremumSearch, held: dict[int, float], knots: dict[int, Array]) -> tuple[Array, Array]:
    """The highest local maxima (peak, axis) on a grid finer than the knots, and its steps (axis,)."""
    most = _MOST_SAMPLES ** (1 / len(knots))
    axes = {}
    for axis, ends in knots.items():
        count = int(max(1, min(_SAMPLES_PER_INTERVAL, most // (len(ends) - 1))))
        pieces = [np.linspace(a, b, count, endpoint=False) for a, b in pairwise(ends)]
        axes[axis] = np.concatenate([*pieces, ends[-1:]])
    grid = [axes[a] if a in axes else np.array([held[a]]) for a in range(task.solution.problem.dimension)]
    values = _undefined_as_lowest(task.sign * task.solution.on_grid(task.equation, grid))
    from scipy.ndimage import maximum_filter  # a tenth of a second to import

    peaks = np.argwhere(values == maximum_filter(values, size=3, mode="nearest"))
    best = peaks[np.argsort(-values[tuple(peaks.T)], kind="stable")[:_CANDIDATES]]
    starts = np.stack([axes[axis][best[:, axis]] for axis in axes], -1)
    return starts, np.array([float(np.diff(samples).max()) for samples in axes.values()])


def _best_sobol_points(task: ExtremumSearch, held: dict[int, float], knots: dict[int, Array]) -> tuple[Array, Array]:
    """The best Sobol points (point, axis), and a sixteenth of the ranges (axis,)."""
    low, high = np.array([ends[[0, -1]] for ends in knots.values()]).T
    points = np.empty((SOBOL_POINTS, task.solution.problem.dimension))
    points[:, list(knots)] = low + (high - low) * sobol_generator(0)(SOBOL_POINTS, len(knots))
    for axis, value in held.items():
        points[:, axis] = value
    values = _undefined_as_lowest(task.sign * task.solution.at_points(task.equation, points))
    best = np.argsort(-values, kind="stable")[:_CANDIDATES]
    return points[best][:, list(knots)], (high - low) / 16
