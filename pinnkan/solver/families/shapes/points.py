"""Quadrature points of a shape in the box of a spline space: in whole cells, in cut cells, and on the boundary."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.immersed_points import CellGroups, GridPoints, QuadraturePoints
from pinnkan.domain.shapes.cut_cells import CutGrid, Rule
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.kan.coordinates.cartesian import CARTESIAN
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table

#: More Gauss points along an arc than along the side of a whole cell.
MORE_ARC_POINTS = 2


def whole_cell_points(space: Space, tables: Sequence[Table], domain: ShapedDomain) -> GridPoints:
    """The Gauss points of all cells that lie in the domain, where sum factorisation applies."""
    whole = _cut_grid(space, domain).whole
    counts = [table.nodes.shape[1] for table in tables[:2]]
    mask = np.repeat(np.repeat(whole, counts[0], axis=0), counts[1], axis=1)
    return GridPoints(space, tables, CARTESIAN, lambda points: mask.ravel())


def cut_cell_points(space: Space, order: Sequence[int], domain: ShapedDomain, count: int) -> CellGroups | None:
    """The points of cut cells, ``count`` by ``count`` in each curved triangle; None where no cell is cut."""
    points, weights = _cut_grid(space, domain).cut_rule(count)
    return _groups(space, order, (points, weights)) if len(weights) else None


def piece_points(space: Space, order: Sequence[int], domain: ShapedDomain, piece: ShapeSide, count: int) -> CellGroups:
    """The points of a piece of the boundary, between its crossings with knots."""
    return _groups(space, order, _cut_grid(space, domain).side_rule(piece.name, count + MORE_ARC_POINTS))


def single_point(space: Space, order: Sequence[int], point: Sequence[float]) -> CellGroups:
    """One point with the weight one."""
    return _groups(space, order, (np.array([point], dtype=np.float64), np.ones(1)))


def _cut_grid(space: Space, domain: ShapedDomain) -> CutGrid:
    x, y = (axis.breaks for axis in space.axes[:2])
    return domain.cut_grid(x, y)


def _groups(space: Space, order: Sequence[int], rule: Rule) -> CellGroups:
    points, weights = rule
    return CellGroups(space, QuadraturePoints(points, points, weights), order)
