"""Points around a narrow feature, ever denser towards it, with the weights of an integral over its surroundings.

Up to four coordinates they are a grid, on which splines are evaluated by sum factorisation; in more they are scattered
over shells, each half as wide as the one around it.
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
from pinnkan.kan.field import Array, Field, jets_at, jets_on
from pinnkan.kan.gauss import gauss_cells
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.features.subdivision import SAME, Feature

#: Half-width of a neighbourhood, relative to the box; by number of coordinates in which a feature is narrow, how much
#: closer the next end is, how often, and Gauss points between two ends: 200, 52, 28 and 10 points per coordinate.
REACH = 0.05
CLOSER = {1: (0.5, 24, 4), 2: (0.3, 12, 2), 3: (0.2, 6, 2), 4: (0.1, 4, 1)}
#: The nearest ends are within this share of the width of a feature, but no nearer than this share of the place itself.
INSIDE, TOLD_APART = 0.5, 1e-15
#: Gauss points in the coordinates in which it is not, by their number.
ACROSS = {0: 1, 1: 16, 2: 8, 3: 5}
#: Shells from REACH of the box to 1e-8 of it at least, and points in each.
SHELLS, ON_SHELL = 24, 256


class Neighbourhood(Protocol):
    """Points (.., coordinate) around a place, with ``weights`` (..) of an integral over them."""

    @property
    def place(self) -> Array:
        """(coordinate)"""

    @property
    def points(self) -> Array:
        """(.., coordinate)"""

    @property
    def weights(self) -> Array:
        """(..)"""

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        """The derivatives that an equation needs, (.., jet)."""

    def width(self, mass: Array) -> Array:
        """Per coordinate, the distance from the place within which half of the mass (..) lies."""


@dataclass(frozen=True, eq=False)
class LocalGrid:
    """A :class:`Neighbourhood` that is a product of points of each coordinate."""

    place: Array
    nodes: list[Array]
    weights: Array

    @property
    def points(self) -> Array:
        return np.stack(np.meshgrid(*self.nodes, indexing="ij"), -1)

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        return jets_on(field, self.nodes, equation.jets)

    def width(self, mass: Array) -> Array:
        others = [tuple(j for j in range(mass.ndim) if j != i) for i in range(mass.ndim)]
        pairs = zip(self.nodes, self.place, others, strict=True)
        return np.array([_half(np.abs(x - centre), mass.sum(axes)) for x, centre, axes in pairs])


@dataclass(frozen=True, eq=False)
class Scattered:
    """A :class:`Neighbourhood` of points (point, coordinate) without order."""

    place: Array
    points: Array
    weights: Array

    def jets(self, field: Field, equation: CompiledEquation) -> Array:
        return jets_at(field, self.points, equation.jets)

    def width(self, mass: Array) -> Array:
        return np.array([_half(distance, mass) for distance in np.abs(self.points - self.place).T])


def around(
    feature: Feature, narrow: np.ndarray, domain: Domain, fixed: Mapping[int, float]
) -> LocalGrid | Scattered | None:
    """The neighbourhood of a feature in a domain, some coordinates ``fixed`` as on a side; None where it is not there.

    ``narrow``: in which coordinates it is narrow; along the others the whole box is looked at. Of what lies no more
    than SAME of its widths beyond the box a flank is inside: a slab that ended 1e-9 before the middle of a pulse lost
    half of it.
    """
    box = domain.box.ranges
    graded = [i for i, is_narrow in enumerate(narrow) if is_narrow and i not in fixed]
    low, high = np.array(box, dtype=np.float64)[graded].T
    nearest = np.clip(feature.place[graded], low, high)
    if not graded or (np.abs(feature.place[graded] - nearest) > SAME * feature.width[graded]).any():
        return None
    place = np.mean(box, axis=1)
    place[graded] = nearest
    place[list(fixed)] = list(fixed.values())
    found = (_grid if len(box) in CLOSER else _shells)(place, graded, box, fixed, _inmost(feature, graded, box))
    return replace(found, weights=found.weights * domain.contains(found.points))


def _inmost(feature: Feature, graded: Sequence[int], box: Ranges) -> float:
    """How near the nearest ends have to be, as a share of the outermost: within a feature, but told apart."""
    low, high = np.array(box, dtype=np.float64)[list(graded)].T
    width = np.maximum(INSIDE * feature.width[graded], TOLD_APART * np.abs(feature.place[graded]))
    return float((width / (REACH * (high - low))).min())


def _grid(place: Array, graded: Sequence[int], box: Ranges, held: Collection[int], inmost: float) -> LocalGrid:
    across = ACROSS[len(box) - len(graded) - len(held)]
    nodes, weights = [], np.ones(())
    for i, (low, high) in enumerate(box):
        if i in held:
            x, w = place[i : i + 1], np.ones(1)
        elif i in graded:
            closer, least, points = CLOSER[len(graded)]
            times = max(least, math.ceil(math.log(inmost) / math.log(closer)))
            arm = REACH * (high - low) * closer ** np.arange(times + 1.0)
            ends = np.concatenate([place[i] - arm, place[i : i + 1], place[i] + arm])
            x, w = gauss_cells(np.unique(np.clip(ends, low, high)), points)
        else:
            x, w = gauss_cells(np.array([low, high]), across)
        nodes.append(x)
        weights = np.multiply.outer(weights, w)
    return LocalGrid(place, nodes, weights)


def _shells(place: Array, graded: Sequence[int], box: Ranges, held: Collection[int], inmost: float) -> Scattered:
    low, high = np.array(box, dtype=np.float64).T
    on = list(held)
    low[on] = high[on] = place[on]
    unit, parts, weights = kronecker(ON_SHELL, len(box)), [], []
    arm = REACH * (high - low)
    shells = max(SHELLS, math.ceil(-math.log2(inmost)))
    for number in range(shells):
        ends = np.array([low, high])
        ends[:, graded] = np.clip([(place - arm)[graded], (place + arm)[graded]], low[graded], high[graded])
        points = ends[0] + (ends[1] - ends[0]) * unit
        inner = (np.abs(points - place) < 0.5 * arm)[:, graded].all(1) & (number < shells - 1)
        size = ends[1] - ends[0]
        volume = float(np.prod(np.delete(size, on)))
        parts.append(points[~inner])
        weights.append(np.full(int((~inner).sum()), volume / ON_SHELL))
        arm = 0.5 * arm
    return Scattered(place, np.concatenate(parts), np.concatenate(weights))


def _half(distance: Array, mass: Array) -> float:
    """The distance within which half of the mass lies."""
    order = np.argsort(distance)
    share = np.cumsum(mass[order])
    return float(distance[order][int(np.searchsorted(share, 0.5 * share[-1]))])


def cells_of(field: Field, points: Array) -> Array:
    """The volume of the cell of the knots that holds each of the points (.., coordinate)."""
    gaps = (gap(field.breaks(i), x) for i, x in enumerate(np.moveaxis(points, -1, 0)))
    return np.asarray(reduce(np.multiply, gaps))


def shares_of(field: Field, points: Array, domain: Domain) -> Array:
    """What each scattered point stands for, over its share of the volume: no more than its cell, (point).

    One in a thousand that hit a cell of 1e-6 next to a jump by chance stood for a thousand times as much. Where most
    cells are smaller than a point's share, as in many coordinates, a usual cell is what is stood for.
    """
    cells = cells_of(field, points)
    usual = min(domain.measure / len(points), float(np.median(cells)))
    return np.asarray(np.minimum(1.0, cells / usual))


def gap(breaks: Array, x: float | Array) -> Array:
    """The widths of the intervals that hold points."""
    k = np.clip(np.searchsorted(breaks, x), 1, len(breaks) - 1)
    return np.asarray(breaks[k] - breaks[k - 1])
