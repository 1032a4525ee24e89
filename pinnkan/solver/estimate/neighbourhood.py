"""Points around a narrow feature, denser towards it, with the weights of an integral over its surroundings.

In up to four coordinates a tensor grid, on which splines are evaluated by sum factorisation; in more scattered points
in nested shells, each half as wide as the one around it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.domain.box import Ranges
from pinnkan.domain.domain import Domain
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.field import Array, Field, jets_at, jets_on_grid
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.features.subdivision import FEATURE_WIDTHS, Feature

#: Half-width of a neighbourhood, over the box; by number of coordinates in which a feature is narrow, the ratio of the
#: grading towards it, the least number of intervals on either side, and Gauss points in each. Heuristic.
HALF_WIDTH = 0.05
GRADING = {1: (0.5, 24, 4), 2: (0.3, 12, 2), 3: (0.2, 6, 2), 4: (0.1, 4, 1)}
#: Innermost intervals are within this share of the width of a feature, but not below this share of its place.
INNER_SHARE, ROUNDING_SHARE = 0.5, 1e-15
#: Gauss points in coordinates in which a feature is not narrow, by their number. Heuristic.
UNGRADED_POINTS = {0: 1, 1: 16, 2: 8, 3: 5}
#: The least number of shells, and points in each. Heuristic.
SHELLS, POINTS_PER_SHELL = 24, 256


class Neighbourhood(Protocol):
    """``points`` (.., coordinate) around a ``place`` (coordinate), with quadrature ``weights`` (..)."""

    @property
    def place(self) -> Array:
        """The centre, (coordinate)."""

    @property
    def points(self) -> Array:
        """The points, (.., coordinate)."""

    @property
    def weights(self) -> Array:
        """The quadrature weights, (..)."""

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        """The derivatives of a field that an equation needs at the points, (.., jet)."""

    def half_mass_widths(self, mass: Array) -> Array:
        """The distance from the place, by coordinate, within which half of a ``mass`` (..) lies."""


@dataclass(frozen=True, eq=False)
class LocalGrid:
    """A :class:`Neighbourhood` on a tensor grid; ``nodes``: points of each coordinate."""

    place: Array
    nodes: list[Array]
    weights: Array

    @property
    def points(self) -> Array:
        return np.stack(np.meshgrid(*self.nodes, indexing="ij"), -1)

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        return jets_on_grid(field, self.nodes, equation.jets)

    def half_mass_widths(self, mass: Array) -> Array:
        others = [tuple(j for j in range(mass.ndim) if j != i) for i in range(mass.ndim)]
        pairs = zip(self.nodes, self.place, others, strict=True)
        return np.array([_half_mass_distance(np.abs(x - centre), mass.sum(axes)) for x, centre, axes in pairs])


@dataclass(frozen=True, eq=False)
class ScatteredNeighbourhood:
    """A :class:`Neighbourhood` of scattered points (point, coordinate)."""

    place: Array
    points: Array
    weights: Array

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        return jets_at(field, self.points, equation.jets)

    def half_mass_widths(self, mass: Array) -> Array:
        return np.array([_half_mass_distance(distance, mass) for distance in np.abs(self.points - self.place).T])


def neighbourhood_of(
    feature: Feature, narrow: np.ndarray, domain: Domain, fixed: Mapping[int, float]
) -> LocalGrid | ScatteredNeighbourhood | None:
    """Return the neighbourhood of a feature in a domain; None if it is outside or narrow in no coordinate that varies.

    ``narrow``: whether it is narrow, by coordinate; the others are covered from end to end. ``fixed``: values of
    coordinates that do not vary, as on a side. A feature a few widths outside the box still has a flank inside.
    """
    box = domain.box.ranges
    graded = [i for i, is_narrow in enumerate(narrow) if is_narrow and i not in fixed]
    low, high = np.array(box, dtype=np.float64)[graded].T
    nearest = np.clip(feature.place[graded], low, high)
    if not graded or (np.abs(feature.place[graded] - nearest) > FEATURE_WIDTHS * feature.width[graded]).any():
        return None
    place = np.mean(box, axis=1)
    place[graded] = nearest
    place[list(fixed)] = list(fixed.values())
    found = (_grid if len(box) in GRADING else _shells)(
        place, graded, box, fixed, _innermost_distance(feature, graded, box)
    )
    return replace(found, weights=found.weights * domain.contains(found.points))


def _innermost_distance(feature: Feature, graded: Sequence[int], box: Ranges) -> float:
    """The distance of the innermost points from the place, relative to that of the outermost."""
    low, high = np.array(box, dtype=np.float64)[list(graded)].T
    width = np.maximum(INNER_SHARE * feature.width[graded], ROUNDING_SHARE * np.abs(feature.place[graded]))
    return float((width / (HALF_WIDTH * (high - low))).min())


def _grid(place: Array, graded: Sequence[int], box: Ranges, held: Collection[int], inmost: float) -> LocalGrid:
    across = UNGRADED_POINTS[len(box) - len(graded) - len(held)]
    nodes, weights = [], np.ones(())
    for i, (low, high) in enumerate(box):
        if i in held:
            x, w = place[i : i + 1], np.ones(1)
        elif i in graded:
            closer, least, points = GRADING[len(graded)]
            times = max(least, math.ceil(math.log(inmost) / math.log(closer)))
            arm = HALF_WIDTH * (high - low) * closer ** np.arange(times + 1.0)
            ends = np.concatenate([place[i] - arm, place[i : i + 1], place[i] + arm])
            x, w = composite_gauss_rule(np.unique(np.clip(ends, low, high)), points)
        else:
            x, w = composite_gauss_rule(np.array([low, high]), across)
        nodes.append(x)
        weights = np.multiply.outer(weights, w)
    return LocalGrid(place, nodes, weights)


def _shells(
    place: Array, graded: Sequence[int], box: Ranges, held: Collection[int], inmost: float
) -> ScatteredNeighbourhood:
    low, high = np.array(box, dtype=np.float64).T
    on = list(held)
    low[on] = high[on] = place[on]
    unit, parts, weights = kronecker_points(POINTS_PER_SHELL, len(box)), [], []
    arm = HALF_WIDTH * (high - low)
    shells = max(SHELLS, math.ceil(-math.log2(inmost)))
    for number in range(shells):
        ends = np.array([low, high])
        ends[:, graded] = np.clip([(place - arm)[graded], (place + arm)[graded]], low[graded], high[graded])
        points = ends[0] + (ends[1] - ends[0]) * unit
        inner = (np.abs(points - place) < 0.5 * arm)[:, graded].all(1) & (number < shells - 1)
        size = ends[1] - ends[0]
        volume = float(np.prod(np.delete(size, on)))
        parts.append(points[~inner])
        weights.append(np.full(int((~inner).sum()), volume / POINTS_PER_SHELL))
        arm = 0.5 * arm
    return ScatteredNeighbourhood(place, np.concatenate(parts), np.concatenate(weights))


def _half_mass_distance(distance: Array, mass: Array) -> float:
    """The distance within which half of the mass lies."""
    order = np.argsort(distance)
    share = np.cumsum(mass[order])
    return float(distance[order][int(np.searchsorted(share, 0.5 * share[-1]))])


def cell_volumes(field: Field, points: Array) -> Array:
    """The volume of the cell of the knots that contains each of the points (.., coordinate), (..)."""
    gaps = (interval_widths(field.breaks(i), x) for i, x in enumerate(np.moveaxis(points, -1, 0)))
    return np.asarray(reduce(np.multiply, gaps))


def volume_shares(field: Field, points: Array, domain: Domain) -> Array:
    """The volume that each scattered point represents, over an even share: at most that of its cell, (point,).

    Else a point that hits a tiny cell by chance counts too much. A median cell below an even share replaces that.
    """
    cells = cell_volumes(field, points)
    usual = min(domain.measure / len(points), float(np.median(cells)))
    return np.asarray(np.minimum(1.0, cells / usual))


def interval_widths(breaks: Array, x: float | Array) -> Array:
    """The widths of the intervals of ``breaks`` that contain points."""
    k = np.clip(np.searchsorted(breaks, x), 1, len(breaks) - 1)
    return np.asarray(breaks[k] - breaks[k - 1])
