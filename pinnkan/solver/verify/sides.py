"""What the sides of a slab let grow: see :mod:`.side_growth`, of a solution at some of its points."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.box import Side
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.side_growth import DOUBLINGS, Across
from pinnkan.solver.verify.symbol import Weights, directions, distinct, frozen

#: Times of a slab, and points of a side at each of them, that are looked at.
MOMENTS, ON_SIDE = (0.1, 0.5, 0.9), 3
#: From side to side coefficients are those of these places.
FRACTIONS = (0.0, 0.5, 1.0)
#: Places of the sides of a steady problem.
PLACES = 6
#: Waves in each of two coordinates that are looked at one by one, as far from others as this cosine says.
MANY, ALONG = 200, 0.9
#: Wave numbers, in half waves between two sides, of ever finer waves along a side: a rate that grows with each of them
#: by more than FASTER grows without bound.
FINE, FASTER = (1e2, 1e3, 1e4), 3.0
#: Among rates so many times the least that is looked for all are.
EVERY = 2.0 ** (DOUBLINGS - 4)


@dataclass(frozen=True, eq=False)
class Sides:
    """The conditions of one problem's sides in space."""

    model: Model

    @property
    def _unknowns(self) -> range:
        return range(len(self.model.problem.unknowns))

    def rates(self, field: Field, ranges: Array, numbers: Sequence[float]) -> Array:
        """The largest rate of growth at each of MOMENTS, of a fortieth e-fold in a slab with these ranges on.

        ``numbers``: half waves along a side, times pi. Zero where everything grows, however fast: no slab is short
        enough for that, and :meth:`unbounded` says so.
        """
        out, least = np.zeros(len(MOMENTS)), 1.0 / (40.0 * np.ptp(ranges[-1]))
        for axis in self.asked():
            for along in _along(ranges, axis, numbers):
                found = self._across(field, ranges, axis, along).largest_rate(least)
                bounded = np.where(found < least * EVERY, found, 0.0)
                out = np.maximum(out, bounded.reshape(len(MOMENTS), -1).max(1))
        return out

    def echoes(self, field: Field, ranges: Array) -> Array:
        """The largest rate at each of MOMENTS of what returns larger from a side, of a fortieth e-fold in a slab on.

        Zero where all does, however fast: of w_xt = p_xx, dx(w_x - p) = 0 what stands still has no rate to return at.
        """
        out, least = np.zeros(len(MOMENTS)), 1.0 / (40.0 * np.ptp(ranges[-1]))
        for axis in self.asked():
            found = self._across(field, ranges, axis, _along(ranges, axis, ())[0]).echo_rate(least)
            bounded = np.where(found < least * EVERY, found, 0.0)
            out = np.maximum(out, bounded.reshape(len(MOMENTS), -1).max(1))
        return out

    def unbounded(self, field: Field, ranges: Array) -> str:
        """Why waves along a side, or its conditions alone, grow without bound in a slab; "" where they do not."""
        least = 1.0 / np.ptp(ranges[-1])
        for axis in self.asked():
            at_all = self._across(field, ranges, axis, _along(ranges, axis, ())[0]).largest_rate(least)
            if (at_all >= least * EVERY).any():
                return "its sides let everything grow, however fast"
            waves = [_along(ranges, axis, [np.pi * n])[1:] for n in FINE]
            for each in zip(*waves, strict=True):
                first, second, third = (self._across(field, ranges, axis, k).largest_rate(least) for k in each)
                if ((first > 0.0) & (second > FASTER * first) & (third > FASTER * second)).any():
                    return "waves along a side grow the faster the finer they are, without bound"
        return ""

    def waves(self, field: Field | None, numbers: Array) -> Iterator[tuple[int, Array]]:
        """Of a steady problem: a coordinate, and a wave number of each that is none across, of what its sides let be.

        ``numbers``: that are looked at, in some directions along the sides, with the coefficients of PLACES of these
        and FRACTIONS of the way between them. The wave is exp(i k n . x') phi(y), with k in the place of a rate.
        Of nonlinear equations none where every condition of both sides has one term: nothing there outweighs another,
        and flows between walls would be asked with every solution, for up to a tenth of its time.
        """
        for axis in self.asked():
            if field is not None and all(len(e.jets) == 1 for end in (0, 1) for e in self.of(axis, end)):
                continue
            across = self._steady(field, axis)
            for way in directions(np.delete(self.model.problem.box.lengths, axis)):
                unit = np.insert(np.array(way) / np.linalg.norm(way), axis, 0.0)
                found = replace(across, along=tuple(unit)).singular_at(numbers)
                yield from ((axis, k * np.abs(unit)) for k in found)

    def nearest(self, field: Field | None, axis: int, along: Array) -> float:
        """What conditions see, as a share of their terms, of the whole waves of the box that are next to one of these.

        Infinity where waves are not whole, since coefficients differ from place to place or ends are no mirrors of one
        kind, and where those in two coordinates are too MANY.
        """
        across, box = self._steady(field, axis), self.model.problem.box
        steps, number = np.pi / box.lengths * (1.0 + np.array(box.periodic)), float(np.linalg.norm(along))
        others = [i for i in range(len(along)) if i != axis]
        most = int(number / steps[others].min()) + 2
        is_whole = all(box.periodic[i] or self._reflects(i) for i in others)
        if not is_whole or len(across.equations[0][1]) != 1 or (len(others) > 1 and most > MANY):
            return np.inf
        counts = [np.zeros(1) if i == axis else np.arange(most) for i in range(len(along))]
        waves = np.stack([g.ravel() for g in np.meshgrid(*counts, indexing="ij")], 1) * steps
        sizes = np.linalg.norm(waves, axis=1)
        near = (np.abs(sizes - number) <= steps[others].max()) & (sizes > 0.0)
        near &= waves @ along >= ALONG * sizes * number
        each = zip(waves[near], sizes[near], strict=True)
        return min((replace(across, along=tuple(w / k)).share(float(k)) for w, k in each), default=np.inf)

    def _steady(self, field: Field | None, axis: int) -> Across:
        """Of a steady problem, where coefficients differ; the order of derivatives along the sides is that in time."""
        low, high = np.array(self.model.problem.box.ranges).T
        units = [np.insert(u, axis, f) for u in kronecker(PLACES, len(low) - 1) for f in FRACTIONS]
        points = low + (high - low) * np.array(units)
        ends = [np.where(np.arange(len(low)) == axis, limit, points) for limit in (low, high)]
        parts = [frozen(self.model.equations, field, points)]
        parts += [frozen(self.of(axis, end), field, ends[end]) for end in (0, 1)]
        equations, lower, upper = map(partial(_steady, axis), _different(parts))
        sizes = np.array(self.model.sizes, dtype=np.float64)
        return Across(equations, (lower, upper), axis, (0.0,) * len(low), float((high - low)[axis]), sizes)

    def asked(self) -> list[int]:
        """Coordinates of space whose sides' conditions may let something grow that the equations alone do not.

        Values and slopes of the one unknown of an equation of second order do not, nor do mirrors at both ends: these
        have waves on the whole line between them.
        """
        equations, problem = self.model.equations, self.model.problem
        asked = []
        for axis in range(problem.space_dimension):
            ends = [self.of(axis, end) for end in (0, 1)]
            simple = all(_is_normal(e, axis) and e.jets[0].total < 2 for end in ends for e in end)
            is_second = len(problem.unknowns) == 1 and max(j.order[axis] for e in equations for j in e.jets) == 2
            mirrors = all(self._is_mirror(axis, end) for end in ends)
            if any(ends) and not (simple and is_second) and not mirrors:
                asked.append(axis)
        return asked

    def _is_mirror(self, axis: int, end: Sequence[CompiledEquation]) -> bool:
        """Whether solutions of the linearised equations meet these conditions just where they are their own image.

        Where a reflection, each unknown with a sign of its own, leaves the equations as they are, and the conditions
        are that what it changes the sign of vanishes: of each unknown, all derivatives across below the highest that
        are even or all that are odd.
        """
        if not all(_is_normal(e, axis) for e in end):
            return False
        given = {(e.jets[0].unknown, e.jets[0].total) for e in end}
        jets = [e.jets for e in self.model.equations]
        orders = [max((j.order[axis] for e in jets for j in e if j.unknown == u), default=0) for u in self._unknowns]
        return any(
            given == {(u, k) for u in self._unknowns for k in range(orders[u]) if is_odd[u] != k % 2}
            and all(len({is_odd[j.unknown] ^ j.order[axis] % 2 for j in e}) == 1 for e in jets)
            for is_odd in itertools.product((0, 1), repeat=len(orders))
        )

    def _reflects(self, axis: int) -> bool:
        """Whether both ends of a coordinate are mirrors of the same kind."""
        lower, upper = ([*self.of(axis, end)] for end in (0, 1))
        same = {e.jets for e in lower} == {e.jets for e in upper}
        return same and self._is_mirror(axis, lower) and self._is_mirror(axis, upper)

    def of(self, axis: int, end: int) -> list[CompiledEquation]:
        """The conditions of a side."""
        return [e for c, e in self.model.conditions_as_rows if c.place == Side(axis, end)]

    def _across(self, field: Field, ranges: Array, axis: int, along: Sequence[float]) -> Across:
        """Frozen at MOMENTS, a few places of the side, and FRACTIONS of the way from side to side, in this order."""
        units = kronecker(ON_SIDE, len(ranges) - 2)
        places = [np.insert(u, axis, f) for u in units for f in FRACTIONS]
        points = ranges[:, 0] + np.ptp(ranges, axis=1) * np.array([[*p, t] for t in MOMENTS for p in places])
        equations = frozen(self.model.equations, field, points)
        ends = []
        for end in (0, 1):
            moved = points.copy()
            moved[:, axis] = ranges[axis, end]
            ends.append(frozen(self.of(axis, end), field, moved))
        sizes = np.array(self.model.sizes, dtype=np.float64)
        return Across(equations, (ends[0], ends[1]), axis, along, float(np.ptp(ranges[axis])), sizes)


def _different(parts: Sequence[Weights]) -> list[Weights]:
    """The same at points that differ, where all equations say something."""
    says = np.all([w.any(1) for part in parts for _, w in part], 0)
    first = np.intersect1d(distinct(*parts)[0], np.flatnonzero(says))
    return [[(jets, w[first]) for jets, w in part] for part in parts]


def _steady(axis: int, weights: Weights) -> Weights:
    """The same with the order of derivatives along the sides of a coordinate as that in time."""
    return [([replace(j, order=(*j.order, j.total - j.order[axis])) for j in jets], w) for jets, w in weights]


def _is_normal(condition: CompiledEquation, axis: int) -> bool:
    """Whether it gives the value of an unknown, or of a derivative of it across."""
    return len(condition.jets) == 1 and condition.jets[0].total == condition.jets[0].order[axis]


def _along(ranges: Array, axis: int, numbers: Sequence[float]) -> list[tuple[float, ...]]:
    """Wave numbers of each coordinate of space: none, and waves along one other coordinate each."""
    found = [(0.0,) * (len(ranges) - 1)]
    for other in range(len(ranges) - 1):
        for number in numbers if other != axis else ():
            unit = np.arange(len(ranges) - 1) == other
            found.append(tuple(map(float, unit * number / np.ptp(ranges[other]))))
    return found
