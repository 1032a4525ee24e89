"""Cells of a shape in the plane: the whole quadrilaterals of a grid, and triangles where the boundary cuts it.

The triangles end in chords of the boundary, so that all their corners lie in the domain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pinnkan.domain.shapes.boundary import Arc
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution

#: Angle in radians that a chord turns from the one before it, at most: away from its arc it is 0.1 per cent of itself.
TURN = 0.01 * np.pi
#: Samples of an arc from which its turn is taken.
_TURN_SAMPLES = 17
#: Distance, relative to the size of a domain, below which two points are one.
_SAME = 1e-10
#: VTK's numbers of a triangle and a quadrilateral.
_TRIANGLE, _QUADRILATERAL = 5, 9


@dataclass(frozen=True, eq=False)
class ShapeCells:
    """``points`` (point, coordinate), and the numbers of the corners (cell, corner), counterclockwise."""

    points: Array
    quadrilaterals: np.ndarray
    triangles: np.ndarray

    @cached_property
    def mesh_points(self) -> Array:
        """With a third coordinate, zero."""
        return np.column_stack([self.points, np.zeros(len(self.points))])

    @property
    def cells(self) -> Mapping[int, np.ndarray]:
        """VTK's number of the kind of cell -> numbers of points (cell, corner)."""
        groups = {_QUADRILATERAL: self.quadrilaterals, _TRIANGLE: self.triangles}
        return {kind: cells for kind, cells in groups.items() if len(cells)}


def shape_of(solution: Solution) -> ShapedDomain | None:
    """The shape in the plane on which a solution is defined, without time; None if it is another domain."""
    domain = solution.domain
    return domain.projected(2) if isinstance(domain, ShapedDomain) else None


def bounded_in_words(problem: Problem) -> str:
    """``; inside the boundary of outer, hole``: the names of the pieces around a shape; "" for another domain."""
    domain = problem.domain
    return f"; inside the boundary of {', '.join(domain.names)}" if isinstance(domain, ShapedDomain) else ""


def shape_cells(domain: ShapedDomain, x: Array, y: Array) -> ShapeCells:
    """The cells of the part of the grid with lines ``x`` and ``y`` that lies in the domain."""
    grid = domain.cut_grid(x, y)
    i, j = np.nonzero(grid.whole)
    corners = [np.stack([x[i + a], y[j + b]], -1) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    whole = np.stack(corners, 1)  # (cell, corner, coordinate)
    cut = np.array([flat for curved in grid.triangles for flat in _flat(curved.apex, curved.arc)]).reshape(-1, 3, 2)
    points, numbers = _merged(np.concatenate([whole.reshape(-1, 2), cut.reshape(-1, 2)]), _SAME * np.ptp(x))
    quadrilaterals, triangles = numbers[: 4 * len(whole)].reshape(-1, 4), numbers[4 * len(whole) :].reshape(-1, 3)
    a, b, c = triangles.T
    used = (a != b) & (b != c) & (c != a)
    return ShapeCells(np.clip(points, *np.array(domain.box.ranges).T), quadrilaterals, triangles[used])


def chords(arc: Arc) -> Array:
    """Points of an arc (point, coordinate) with both ends, between which it turns little."""
    directions = arc.velocity(np.linspace(0.0, 1.0, _TURN_SAMPLES)).T
    angle = np.abs(np.diff(np.unwrap(np.arctan2(directions[1], directions[0])))).sum()
    return arc.at(np.linspace(0.0, 1.0, max(int(np.ceil(angle / TURN)), 1) + 1))


def outline(domain: ShapedDomain) -> list[Array]:
    """The loops of the boundary as closed polygons (point, coordinate), holes clockwise."""
    return [np.concatenate([chords(arc) for arc in loop]) for loop in domain.boundary.loops]


def _flat(apex: Array, arc: Arc) -> Iterator[tuple[Array, Array, Array]]:
    """Triangles between an apex and the chords of an arc."""
    for start, stop in pairwise(chords(arc)):
        yield apex, start, stop


def _merged(points: Array, apart: float) -> tuple[Array, np.ndarray]:
    """Different points, and the number among them of each of ``points``."""
    rounded = np.round(points / apart).astype(np.int64)
    _, first, numbers = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    return points[first], numbers.ravel()
