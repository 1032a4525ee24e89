"""Growth and steady waves that the conditions of sides admit at points of a solution, see :mod:`.two_point_growth`."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.box import Side
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.growth.two_point_growth import DOUBLINGS, TwoPointProblem
from pinnkan.solver.verify.symbol import FrozenEquations, distinct_points, frozen_equations, wave_directions

#: Times of a slab, as shares, and points of a side at each.
MOMENTS, SIDE_POINTS = (0.1, 0.5, 0.9), 3
#: Positions from side to side whose coefficients are frozen.
FRACTIONS = (0.0, 0.5, 1.0)
#: Points of the sides of a steady problem.
PLACES = 6
#: Most waves in each of two coordinates that are compared one by one; least cosine of the angle to the given one.
MAX_WAVES, MIN_COSINE = 200, 0.9
#: Half waves of ever finer waves along a side; factor of their rates from each to the next where growth is unbounded.
FINE_WAVE_NUMBERS, UNBOUNDED_GROWTH_RATIO = (1e2, 1e3, 1e4), 3.0
#: A rate this many times the smallest that is scanned for stands for growth at every rate.
EVERY_RATE_RATIO = 2.0 ** (DOUBLINGS - 4)


@dataclass(frozen=True, eq=False)
class SideStability:
    """The check of the conditions of one problem's sides in space."""

    model: Model

    @property
    def _unknowns(self) -> range:
        return range(len(self.model.problem.unknowns))

    def growth_rates(self, field: Field, ranges: Array, numbers: Sequence[float]) -> Array:
        """The largest growth rate at each of the times of a slab with these ``ranges``, if e^(1/40) in it or more.

        ``numbers``: wave numbers along a side. Zero where growth is unbounded: no slab is short enough for that.
        """
        out, least = np.zeros(len(MOMENTS)), 1.0 / (40.0 * np.ptp(ranges[-1]))
        for axis in self.axes_to_check():
            for along in _side_wave_numbers(ranges, axis, numbers):
                found = self._slab_problem(field, ranges, axis, along).growth_rate(least)
                bounded = np.where(found < least * EVERY_RATE_RATIO, found, 0.0)
                out = np.maximum(out, bounded.reshape(len(MOMENTS), -1).max(1))
        return out

    def round_trip_rates(self, field: Field, ranges: Array) -> Array:
        """The largest rate of round trips between sides at each of the times of a slab, if e^(1/40) in it or more.

        Zero where it is unbounded.
        """
        out, least = np.zeros(len(MOMENTS)), 1.0 / (40.0 * np.ptp(ranges[-1]))
        for axis in self.axes_to_check():
            found = self._slab_problem(field, ranges, axis, _side_wave_numbers(ranges, axis, ())[0]).round_trip_rate(
                least
            )
            bounded = np.where(found < least * EVERY_RATE_RATIO, found, 0.0)
            out = np.maximum(out, bounded.reshape(len(MOMENTS), -1).max(1))
        return out

    def unbounded_growth(self, field: Field, ranges: Array) -> str:
        """Return why waves along a side, or its conditions alone, grow without bound in a slab, or ""."""
        least = 1.0 / np.ptp(ranges[-1])
        for axis in self.axes_to_check():
            at_all = self._slab_problem(field, ranges, axis, _side_wave_numbers(ranges, axis, ())[0]).growth_rate(least)
            if (at_all >= least * EVERY_RATE_RATIO).any():
                return "its sides let everything grow, however fast"
            waves = [_side_wave_numbers(ranges, axis, [np.pi * n])[1:] for n in FINE_WAVE_NUMBERS]
            for each in zip(*waves, strict=True):
                first, second, third = (self._slab_problem(field, ranges, axis, k).growth_rate(least) for k in each)
                if (
                    (first > 0.0)
                    & (second > UNBOUNDED_GROWTH_RATIO * first)
                    & (third > UNBOUNDED_GROWTH_RATIO * second)
                ).any():
                    return "waves along a side grow the faster the finer they are, without bound"
        return ""

    def side_waves(self, field: Field | None, numbers: Array) -> Iterator[tuple[int, Array]]:
        """Yield waves that the sides of a steady problem admit: the coordinate across, and wave numbers, zero across.

        ``numbers``: those tried, in some directions along the sides, for exp(i k n . x') phi(y). None of nonlinear
        problems whose conditions all have one term, to save time.
        """
        for axis in self.axes_to_check():
            if field is not None and all(len(e.jets) == 1 for end in (0, 1) for e in self.side_conditions(axis, end)):
                continue
            across = self._steady_problem(field, axis)
            for way in wave_directions(np.delete(self.model.problem.box.lengths, axis)):
                unit = np.insert(np.array(way) / np.linalg.norm(way), axis, 0.0)
                found = replace(across, wave_numbers=tuple(unit)).find_singular_numbers(numbers)
                yield from ((axis, k * np.abs(unit)) for k in found)

    def nearest_wave_share(self, field: Field | None, axis: int, wave_numbers: Array) -> float:
        """The least residual of conditions, over their terms, on waves of the box next to ``wave_numbers``.

        Infinity where it has too many, or none, as coefficients vary or ends do not reflect alike.
        """
        across, box = self._steady_problem(field, axis), self.model.problem.box
        steps, number = np.pi / box.lengths * (1.0 + np.array(box.periodic)), float(np.linalg.norm(wave_numbers))
        others = [i for i in range(len(wave_numbers)) if i != axis]
        most = int(number / steps[others].min()) + 2
        is_whole = all(box.periodic[i] or self._reflects_at_both_ends(i) for i in others)
        if not is_whole or len(across.equations[0][1]) != 1 or (len(others) > 1 and most > MAX_WAVES):
            return np.inf
        counts = [np.zeros(1) if i == axis else np.arange(most) for i in range(len(wave_numbers))]
        waves = np.stack([g.ravel() for g in np.meshgrid(*counts, indexing="ij")], 1) * steps
        sizes = np.linalg.norm(waves, axis=1)
        near = (np.abs(sizes - number) <= steps[others].max()) & (sizes > 0.0)
        near &= waves @ wave_numbers >= MIN_COSINE * sizes * number
        each = zip(waves[near], sizes[near], strict=True)
        return min(
            (replace(across, wave_numbers=tuple(w / k)).singular_value(float(k)) for w, k in each), default=np.inf
        )

    def _steady_problem(self, field: Field | None, axis: int) -> TwoPointProblem:
        """The two-point problem of a steady problem; the order along the sides replaces that in time."""
        low, high = np.array(self.model.problem.box.ranges).T
        units = [np.insert(u, axis, f) for u in kronecker_points(PLACES, len(low) - 1) for f in FRACTIONS]
        points = low + (high - low) * np.array(units)
        ends = [np.where(np.arange(len(low)) == axis, limit, points) for limit in (low, high)]
        parts = [frozen_equations(self.model.equations, field, points)]
        parts += [frozen_equations(self.side_conditions(axis, end), field, ends[end]) for end in (0, 1)]
        equations, lower, upper = map(partial(_with_tangential_order, axis), _at_distinct_points(parts))
        sizes = np.array(self.model.sizes, dtype=np.float64)
        return TwoPointProblem(equations, (lower, upper), axis, (0.0,) * len(low), float((high - low)[axis]), sizes)

    def axes_to_check(self) -> list[int]:
        """The coordinates of space whose side conditions may cause growth that the equations alone do not have.

        Not so are values and slopes in one equation of second order, nor reflecting conditions at both ends.
        """
        problem = self.model.problem
        asked = []
        for axis in range(problem.space_dimension):
            ends = [self.side_conditions(axis, end) for end in (0, 1)]
            simple = all(_is_normal(e, axis) and e.jets[0].total_order < 2 for end in ends for e in end)
            is_second = len(problem.unknowns) == 1 and problem.orders[axis] == 2
            mirrors = all(self._is_reflecting(axis, end) for end in ends)
            if any(ends) and not (simple and is_second) and not mirrors:
                asked.append(axis)
        return asked

    def _is_reflecting(self, axis: int, end: Sequence[CompiledEquation]) -> bool:
        """Whether the conditions of an end are those of linearised solutions that a reflection preserves.

        The reflection, with a sign for each unknown, must preserve the equations; all derivatives across below the
        highest of which it changes the sign must be given, and no others.
        """
        if not all(_is_normal(e, axis) for e in end):
            return False
        given = {(e.jets[0].unknown, e.jets[0].total_order) for e in end}
        jets, orders = [e.jets for e in self.model.equations], self.model.problem.orders_along(axis)
        return any(
            given == {(u, k) for u in self._unknowns for k in range(orders[u]) if is_odd[u] != k % 2}
            and all(len({is_odd[j.unknown] ^ j.order[axis] % 2 for j in e}) == 1 for e in jets)
            for is_odd in itertools.product((0, 1), repeat=len(orders))
        )

    def _reflects_at_both_ends(self, axis: int) -> bool:
        """Whether both ends of a coordinate reflect in the same way."""
        lower, upper = ([*self.side_conditions(axis, end)] for end in (0, 1))
        same = {e.jets for e in lower} == {e.jets for e in upper}
        return same and self._is_reflecting(axis, lower) and self._is_reflecting(axis, upper)

    def side_conditions(self, axis: int, end: int) -> list[CompiledEquation]:
        """The conditions of a side."""
        return [e for c, e in self.model.conditions_as_rows if c.place == Side(axis, end)]

    def _slab_problem(self, field: Field, ranges: Array, axis: int, wave_numbers: Sequence[float]) -> TwoPointProblem:
        """The two-point problem in a slab; points by time, place along the side, and position between the sides."""
        units = kronecker_points(SIDE_POINTS, len(ranges) - 2)
        places = [np.insert(u, axis, f) for u in units for f in FRACTIONS]
        points = ranges[:, 0] + np.ptp(ranges, axis=1) * np.array([[*p, t] for t in MOMENTS for p in places])
        equations = frozen_equations(self.model.equations, field, points)
        ends = []
        for end in (0, 1):
            moved = points.copy()
            moved[:, axis] = ranges[axis, end]
            ends.append(frozen_equations(self.side_conditions(axis, end), field, moved))
        sizes = np.array(self.model.sizes, dtype=np.float64)
        return TwoPointProblem(equations, (ends[0], ends[1]), axis, wave_numbers, float(np.ptp(ranges[axis])), sizes)


def _at_distinct_points(parts: Sequence[FrozenEquations]) -> list[FrozenEquations]:
    """The same at distinct points, without those where an equation has only zero coefficients."""
    says = np.all([w.any(1) for part in parts for _, w in part], 0)
    first = np.intersect1d(distinct_points(*parts)[0], np.flatnonzero(says))
    return [[(jets, w[first]) for jets, w in part] for part in parts]


def _with_tangential_order(axis: int, weights: FrozenEquations) -> FrozenEquations:
    """The same with the order of derivatives along the sides of a coordinate in place of that in time."""
    return [([replace(j, order=(*j.order, j.total_order - j.order[axis])) for j in jets], w) for jets, w in weights]


def _is_normal(condition: CompiledEquation, axis: int) -> bool:
    """Whether a condition gives the value of an unknown, or of one of its derivatives across."""
    return len(condition.jets) == 1 and condition.jets[0].total_order == condition.jets[0].order[axis]


def _side_wave_numbers(ranges: Array, axis: int, numbers: Sequence[float]) -> list[tuple[float, ...]]:
    """Wave numbers of each coordinate of space: zeros, and each of the ``numbers`` along one other coordinate."""
    found = [(0.0,) * (len(ranges) - 1)]
    for other in range(len(ranges) - 1):
        for number in numbers if other != axis else ():
            unit = np.arange(len(ranges) - 1) == other
            found.append(tuple(map(float, unit * number / np.ptp(ranges[other]))))
    return found
