"""Quadrature points of a shape in the box of a spline space: in whole cells, in cut cells, and on the boundary.

In time they are those points at the Gauss points of time.
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.immersed.cells_in_time import CellsInTime
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
    whole = cut_grid_of(space, domain).whole
    counts = [table.nodes.shape[1] for table in tables[:2]]
    mask = np.repeat(np.repeat(whole, counts[0], axis=0), counts[1], axis=1)
    times = int(np.prod([table.nodes.numel() for table in tables[2:]]))
    return GridPoints(space, tables, CARTESIAN, lambda points: np.repeat(mask.ravel(), times))


def cut_cell_points(
    space: Space, order: Sequence[int], domain: ShapedDomain, count: int, times: Sequence[Table] = ()
) -> CellGroups | CellsInTime | None:
    """The points of cut cells, ``count`` by ``count`` in each curved triangle; None where no cell is cut."""
    points, weights = cut_grid_of(space, domain).cut_rule(count)
    return _groups(space, order, (points, weights), times) if len(weights) else None


def piece_points(
    space: Space,
    order: Sequence[int],
    domain: ShapedDomain,
    piece: ShapeSide,
    count: int,
    times: Sequence[Table] = (),
) -> CellGroups | CellsInTime:
    """The points of a piece of the boundary, between its crossings with knots."""
    rule = cut_grid_of(space, domain).side_rule(piece.name, count + MORE_ARC_POINTS)
    return _groups(space, order, rule, times)


def single_point(
    space: Space, order: Sequence[int], point: Sequence[float], times: Sequence[Table] = ()
) -> CellGroups | CellsInTime:
    """One point of the plane with the weight one."""
    return _groups(space, order, (np.array([point], dtype=np.float64), np.ones(1)), times)


def cut_grid_of(space: Space, domain: ShapedDomain) -> CutGrid:
    """What the boundary of a domain cuts out of the cells of a space."""
    x, y = (axis.breaks for axis in space.axes[:2])
    return domain.cut_grid(x, y)


def _groups(space: Space, order: Sequence[int], rule: Rule, times: Sequence[Table]) -> CellGroups | CellsInTime:
    """The points of a rule in the plane, through the time of a table if there is one."""
    points, weights = rule
    found = QuadraturePoints(points, points, weights)
    return CellsInTime(space, found, order, *times) if times else CellGroups(space, found, order)
