"""Whether an evolution equation is well-posed at points of its solution, and its sides have enough conditions.

A smooth and accurate solution may be ill-posed: where heat runs backwards for a moment the finest waves of a rounding
error grow without bound, and a wind that turns may enter through a side without a condition. The symbol of the
equations linearised at a point (:mod:`.symbol`) shows both, for all orders and types, without a solve.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.box import Side
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_of_each
from pinnkan.problem.expressions.functions import Magnitude
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Point, WholeDomain
from pinnkan.solver.verify.growth.side_stability import SideStability
from pinnkan.solver.verify.symbol import (
    FrozenEquations,
    are_roots_constant,
    entering_mode_count,
    finest_wave_rates,
    has_unbounded_growth,
    is_determinant_affordable,
    side_modes,
    wave_directions,
)

#: Points of a slab, half of them as dense as its knots; points of a side; points between two degenerate planes.
SLAB_POINTS, SIDE_POINTS, STRIP_POINTS = 400, 64, 8
#: A property holds if it does for the solution, with so many estimated errors added and subtracted, and with
#: coefficients that depend on it changed by the tolerance times their largest value.
ERROR_MARGIN = 3.0
#: A coefficient below this share of its largest value is zero: sin(pi) is 1e-16.
ZERO_SHARE = 1e-12
#: Random values put in for coefficients that vary, to test whether the leading roots depend on them.
RANDOM_VALUES = 6


@dataclass(frozen=True, eq=False)
class SampledJets:
    """Points (point, coordinate), jets of each equation there (point, jet), and largest values of each coefficient."""

    points: Array
    jets: tuple[Array, ...]
    largest_coefficients: tuple[Array, ...]

    def subset(self, numbers: np.ndarray) -> "SampledJets":
        """The points with these numbers only."""
        return SampledJets(self.points[numbers], tuple(j[numbers] for j in self.jets), self.largest_coefficients)

    def perturbed(self, perturbation: Sequence[Array], factor: float) -> "SampledJets":
        """The same points with ``factor`` other jets added."""
        return SampledJets(
            self.points,
            tuple(a + factor * b for a, b in zip(self.jets, perturbation, strict=True)),
            self.largest_coefficients,
        )


class Posedness:
    """The check of the slabs of one problem in time; what does not depend on the slab is computed once."""

    def __init__(self, model: Model) -> None:
        self.model, self.equations, self.problem = model, model.equations, model.problem
        self.space_dimension, self.unknown_count = self.problem.space_dimension, len(self.problem.unknowns)
        evolves = self.problem.time_axis is not None and self.space_dimension > 0
        self.is_applicable = evolves and is_determinant_affordable(e.jets for e in self.equations)

    @cached_property
    def directions(self) -> list[tuple[float, ...]]:
        """See :func:`pinnkan.solver.verify.symbol.wave_directions`."""
        return wave_directions(self.problem.box.lengths[:-1])

    @cached_property
    def side_condition_counts(self) -> dict[Side, int]:
        """The number of conditions of each side in space; in one coordinate with those at points and of the mean.

        None on a shape, whose curved pieces are not asked.
        """
        if not self.problem.is_on_box:
            return {}
        given = Counter(c.place for c in self.problem.conditions if c.equation is not None)
        held = (
            sum(n for p, n in given.items() if isinstance(p, Point | WholeDomain)) if self.space_dimension == 1 else 0
        )
        all_of_them = (Side(axis, end) for axis in range(self.space_dimension) for end in (0, 1))
        return {side: given[side] + held for side in all_of_them if not self.problem.box.periodic[side.axis]}

    @cached_property
    def has_varying_symbol(self) -> bool:
        """Whether variable coefficients change the leading roots; in Burgers' equation and in flow they do not."""
        generator, weights = np.random.default_rng(0), []
        for equation in self.equations:
            values = generator.standard_normal((RANDOM_VALUES, len(equation.jets)))
            values[0] = 0.0
            for k, slope in enumerate(equation.slopes):
                if slope.is_number:
                    values[:, k] = float(slope)
            weights.append((equation.jets, values))
        waves = (finest_wave_rates(weights, self.unknown_count, direction) for direction in self.directions)
        across = (
            side_modes(weights, self.unknown_count, axis) for axis in {side.axis for side in self.side_condition_counts}
        )
        return not all(are_roots_constant(roots, RANDOM_VALUES) for each in (waves, across) for roots in each)

    @cached_property
    def degenerate_planes(self) -> tuple[tuple[float, ...], ...]:
        """By coordinate its ends, and the planes between them where the coefficient of a derivative vanishes."""
        symbols, ranges = set(self.problem.coordinates), self.problem.box.ranges
        each = ((j, slope) for e in self.equations for j, slope in zip(e.jets, e.slopes, strict=True))
        formulas = [Magnitude(s) for j, s in each if j.total_order and s.free_symbols and s.free_symbols <= symbols]
        found = find_kinks(formulas, self.problem.coordinates, ranges).planes
        return tuple((low, *planes, high) for planes, (low, high) in zip(found, ranges, strict=True))

    def objection(self, field: Field, slab: Domain, error: Field | None) -> str:
        """Return why the equations are ill-posed somewhere in a slab, as text; "" where they are not.

        ``error``: the estimated error of the field; if None, the tolerance times the largest jets.
        """
        is_first = slab.box.ranges[-1][0] <= self.problem.box.ranges[-1][0]
        if not self.is_applicable or not (is_first or self.has_varying_symbol):
            return ""
        inside = self._points(field, slab)
        sides = {
            side: slab.boundary_pieces[side].sample(SIDE_POINTS if self.has_varying_symbol else 1, kronecker_points)
            for side in self.side_condition_counts
        }
        look, first = self._sampled_jets(field, np.concatenate([inside, *sides.values()])), len(inside)
        for direction in self.directions:
            grows = partial(has_unbounded_growth, size=self.unknown_count, direction=direction)
            found = self._first_point(look.subset(np.arange(first)), error, grows)
            if found is not None:
                return (
                    f"waves grow the faster the finer they are, without bound, near {self.problem.format_point(found)}"
                )
        for side, number in self.side_condition_counts.items():
            own, first = look.subset(np.arange(first, first + len(sides[side]))), first + len(sides[side])
            found = self._first_point(own, error, partial(self._has_too_few, side=side, number=number))
            if found is not None:
                place = self.problem.format_point(found)
                return f"more enters through the side than its conditions hold ({number or 'none'}), near {place}"
        sides_are_flat = self.problem.is_on_box
        return SideStability(self.model).unbounded_growth(field, np.array(slab.box.ranges)) if sides_are_flat else ""

    def _has_too_few(self, weights: FrozenEquations, side: Side, number: int) -> np.ndarray:
        """Whether a side with ``number`` conditions asks for more: (point,)."""
        return np.asarray(entering_mode_count(weights, self.unknown_count, side.axis, side.end) > number)

    def _first_point(
        self, look: SampledJets, error: Field | None, holds: Callable[[FrozenEquations], np.ndarray]
    ) -> Array | None:
        """The earliest point at which a property holds for all solutions within the error, or None."""
        found = np.flatnonzero(holds(self._coefficients(look)))
        if not len(found):
            return None
        look = look.subset(found)
        by, off = self._error(look, error), self.problem.solver.tolerance
        others = [self._coefficients(look.perturbed(by, times)) for times in (ERROR_MARGIN, -ERROR_MARGIN)]
        others += [self._coefficients(look, share) for share in (off, -off)]
        points = look.points[np.logical_and.reduce([holds(weights) for weights in others])]
        return points[np.argmin(points[:, -1])] if len(points) else None

    def _coefficients(self, look: SampledJets, perturbation: float = 0.0) -> FrozenEquations:
        """The derivatives dF/djet, without rounding.

        ``perturbation``: change of those that depend on it, over the largest.
        """
        out = []
        for e, jets, most in zip(self.equations, look.jets, look.largest_coefficients, strict=True):
            bends = [bool(slope.free_symbols & set(e.symbols)) for slope in e.slopes]
            weights = e.linearise_numpy(look.points, jets)[1] + perturbation * most * bends
            kept = np.isfinite(weights) & (np.abs(weights) > ZERO_SHARE * most)
            out.append((e.jets, np.where(kept, weights, 0.0)))
        return out

    def _sampled_jets(self, field: Field, points: Array) -> SampledJets:
        jets = self._jets(field, points)
        weights = (e.linearise_numpy(points, j)[1] for e, j in zip(self.equations, jets, strict=True))
        largest = (np.abs(np.where(np.isfinite(w), w, 0.0)).max(0, initial=0.0) for w in weights)
        return SampledJets(points, jets, tuple(largest))

    def _jets(self, field: Field, points: Array) -> tuple[Array, ...]:
        return tuple(jets_of_each(field, points, [e.jets for e in self.equations]))

    def _error(self, look: SampledJets, error: Field | None) -> Sequence[Array]:
        """The jets of the estimated error at the same points."""
        if error is not None:
            return self._jets(error, look.points)
        return [self.problem.solver.tolerance * np.broadcast_to(np.abs(j).max(0), j.shape) for j in look.jets]

    def _points(self, field: Field, slab: Domain) -> Array:
        """Points spread over a slab, over the cells of the field, and between planes where coefficients vanish."""
        if not self.has_varying_symbol:
            return slab.sample(1, kronecker_points)
        units = kronecker_points(SLAB_POINTS // 2, self.problem.dimension)
        knots = [field.breaks(i) for i in range(self.space_dimension)]
        cells = [np.interp(u * (len(k) - 1), np.arange(len(k)), k) for u, k in zip(units.T, knots, strict=False)]
        low, high = slab.box.ranges[-1]
        parts = [
            slab.sample(SLAB_POINTS // 2, kronecker_points),
            np.stack([*cells, low + (high - low) * units[:, -1]], -1),
        ]
        for box in self._strips(slab):
            parts.append(box[:, 0] + (box[:, 1] - box[:, 0]) * kronecker_points(STRIP_POINTS, len(box)))
        points = np.concatenate(parts)
        return points[slab.contains(points)]

    def _strips(self, slab: Domain) -> Iterator[Array]:
        """Yield the parts of a slab between two neighbouring planes, as ranges (coordinate, end)."""
        ranges = np.array(slab.box.ranges, dtype=np.float64)
        for axis, planes in enumerate(self.degenerate_planes):
            for low, high in pairwise(planes) if len(planes) > 2 else ():
                part = ranges.copy()
                part[axis] = np.clip((low, high), *ranges[axis])
                if part[axis, 1] > part[axis, 0]:
                    yield part
