"""Narrow features that formulas have where the solution passes through certain values.

exp(-((u - 0.5)/1e-4)^2) is zero in float64 at nearly all points of any grid. Each part of an equation that contains
unknowns is first enclosed over the range of their values, which proves nearly all parts smooth. The others, as
functions of the coordinates, are searched by :mod:`pinnkan.problem.features.subdivision`, with the solution in a box
enclosed by :mod:`pinnkan.solver.estimate.solution_expressions`, which is no proof.

Both sides of a kink are searched: min(u, c) is nowhere narrow, but u - min(u, c) = max(u - c, 0) may be.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import sympy

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.functions import Larger, kink_arguments
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.formulas import formula_parts, is_compound
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.features.narrow_features import candidate_parts
from pinnkan.problem.features.subdivision import Feature, FeatureSearch
from pinnkan.problem.statement import Equation, Jet
from pinnkan.solver.estimate.neighbourhood import Neighbourhood, interval_widths, neighbourhood_of
from pinnkan.solver.estimate.solution_expressions import cell_boxes, enclose_derivatives

#: The most first boxes per coordinate, by number of coordinates; with more coordinates there is no search. Heuristic.
MAX_CELLS = {1: 256, 2: 32, 3: 10}
#: Pieces of a cell: a polynomial is nearly linear in each. Heuristic.
PIECES_PER_CELL = 4
#: Features narrower than this share of the time are jumps or kinks.
SHARP_SHARE = 1e-12
#: Sample points in space before and after a jump in time, and their distance from it over the time. Heuristic.
SPACE_POINTS, TIME_OFFSET = 32, 1e-11
#: Knots resolve a feature where they are at most so many of its widths apart. Heuristic.
RESOLVED_WIDTHS = 100.0
#: Share by which the range of observed values is extended on either side. Heuristic.
RANGE_MARGIN = 0.1


class SolutionFeatures:
    """The parts of an ``equation`` that contain unknowns and may be narrow in the coordinates."""

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol]) -> None:
        self.coordinates, self.jets = tuple(coordinates), equation.jets
        found = dict.fromkeys(formula_parts([equation.residual], [*coordinates, *equation.jets]))
        found |= dict.fromkeys(Larger(w, 0) for a in kink_arguments(equation.residual) for w in (a, -a))
        own = [p for p in found if p.free_symbols & set(self.jets) and not is_compound(p)]
        self.parts = own if len(coordinates) in MAX_CELLS else []

    def features(self, field: Field, domain: Domain, jets: Array, time_axis: int | None) -> Iterator[Feature]:
        """Yield narrow features of the parts in a domain; ``jets``: (point, jet), observed values of the field.

        ``time_axis``: that of time. A part that jumps everywhere in space at one time is a feature of time alone;
        rounding would else give it a place in space.
        """
        if not self.parts or not np.isfinite(jets).all():
            return
        low, high = jets.min(0), jets.max(0)
        ends = np.stack([low, high], 1) + RANGE_MARGIN * np.outer(
            np.maximum(high - low, np.abs(high) * 1e-12), [-1.0, 1.0]
        )
        box = np.array(domain.box.ranges, dtype=np.float64)
        given, within = np.concatenate([box, ends]), np.concatenate([box, np.stack([low, high], 1)])
        steep = list(candidate_parts(self.parts, [*self.coordinates, *self.jets], given, within))
        if not steep:
            return
        occur = {s: jet for s, jet in self.jets.items() if any(s in p.free_symbols for p in steep)}
        search = _SolutionSearch(steep, self.coordinates, occur, field, box)
        search.run()
        for k, part in enumerate(steep):
            tape = Tape([part], [*self.coordinates, *occur])
            for feature in search.features(k):
                at_once = _is_sharp(feature, domain, time_axis) and self._jumps(tape, search, feature, domain)
                yield _time_feature(feature, domain) if at_once else feature

    def _jumps(self, tape: Tape, search: "_SolutionSearch", feature: Feature, domain: Domain) -> bool:
        """Whether a part jumps at the time of a feature at all sample points in space."""
        ranges = np.array(domain.box.ranges)
        points = ranges[:, 0] + np.ptp(ranges, axis=1) * kronecker_points(SPACE_POINTS, len(ranges))
        apart = TIME_OFFSET * float(np.abs(ranges[-1]).max())
        values = []
        for way in (-apart, apart):
            points[:, -1] = np.clip(feature.place[-1] + way, *ranges[-1])
            values.append(tape.evaluate_once(search.inputs(points.T))[0])
        return bool((np.abs(values[1] - values[0]) >= 0.5 * feature.height).all())


def event_time(feature: Feature, domain: Domain, time_axis: int | None) -> float | None:
    """The time at which a formula jumps or has a kink everywhere in space; None for other features."""
    if time_axis is None or list(np.flatnonzero(feature.width < domain.box.lengths)) != [time_axis]:
        return None
    return float(feature.place[time_axis]) if _is_sharp(feature, domain, time_axis) else None


def feature_neighbourhoods(
    features: Iterable[Feature], field: Field, domain: Domain, time_axis: int | None
) -> Iterator[tuple[Neighbourhood, bool, float | None]]:
    """Yield the neighbourhood of each feature, whether knots resolve it, and the time of an event or None.

    Where knots do not, residuals at training points, one of which may lie there by chance, are no measure.
    """
    for feature in features:
        narrow = feature.width < domain.box.lengths
        found = neighbourhood_of(feature, narrow, domain, {})
        if found is not None:
            gaps = (float(interval_widths(field.breaks(i), feature.place[i])) for i in map(int, np.flatnonzero(narrow)))
            is_held = all(g <= RESOLVED_WIDTHS * w for g, w in zip(gaps, feature.width[narrow], strict=True))
            yield found, is_held, event_time(feature, domain, time_axis)


def _is_sharp(feature: Feature, domain: Domain, time_axis: int | None) -> bool:
    """Whether a feature is a jump or a kink in time."""
    return time_axis is not None and bool(
        feature.width[time_axis] <= SHARP_SHARE * np.abs(domain.box.ranges[time_axis]).max()
    )


def _time_feature(feature: Feature, domain: Domain) -> Feature:
    """The feature as one of time alone."""
    place, width = np.array(domain.box.ranges).mean(1), np.array(domain.box.lengths)
    place[-1], width[-1] = feature.place[-1], feature.width[-1]
    return replace(feature, place=place, width=width)


class _SolutionSearch(FeatureSearch):
    """A search over boxes of the coordinates for parts that contain derivatives of a ``field`` as well."""

    def __init__(
        self,
        members: Sequence[sympy.Expr],
        coordinates: Sequence[sympy.Symbol],
        jets: Mapping[sympy.Symbol, Jet],
        field: Field,
        box: Array,
    ) -> None:
        self.field, self.jets = field, tuple(jets.values())
        super().__init__(members, [*coordinates, *jets], box)

    def inputs(self, points: Array) -> list[Array]:
        """See :class:`FeatureSearch`."""
        return [*points, *jets_at(self.field, np.ascontiguousarray(points.T), self.jets).T]

    def first_boxes(self) -> tuple[Array, Array]:
        """The cells of the field in pieces."""
        low, high, _ = cell_boxes(self.field, self.box, PIECES_PER_CELL, MAX_CELLS[len(self.box)])
        return low, high

    def enclose_parts(self, lo: Array, hi: Array) -> Enclosure:
        """See :class:`FeatureSearch`."""
        functions = enclose_derivatives(self.field, self.jets, lo, hi, range(len(lo)), self.scale)
        return enclose(self.tape, lo, hi, self.scale, functions)
