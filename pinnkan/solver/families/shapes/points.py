"""Quadrature points of a shape in the box of a spline space: in whole cells, in cut cells, and on the boundary."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.immersed_points import CellGroups, GridPoints, QuadraturePoints
from pinnkan.domain.shapes.cut_cells import triangle_rule
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.kan.coordinates.cartesian import CARTESIAN
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table

#: More Gauss points along an arc than along the side of a whole cell.
MORE_ARC_POINTS = 2


def whole_cell_points(space: Space, tables: Sequence[Table], domain: ShapedDomain) -> GridPoints:
    """The Gauss points of all cells that lie in the domain, where sum factorisation applies."""
    whole = domain.cut_grid(*(axis.breaks for axis in space.axes[:2])).whole
    counts = [table.nodes.shape[1] for table in tables[:2]]
    mask = np.repeat(np.repeat(whole, counts[0], axis=0), counts[1], axis=1)
    return GridPoints(space, tables, CARTESIAN, lambda points: mask.ravel())


def cut_cell_points(space: Space, order: Sequence[int], domain: ShapedDomain, count: int) -> CellGroups | None:
    """The points of cut cells, ``count`` by ``count`` in each curved triangle; None where no cell is cut."""
    cut = domain.cut_grid(*(axis.breaks for axis in space.axes[:2]))
    rules = [triangle_rule(apex, arc, count) for piece in cut.pieces for apex, arc in piece.triangles]
    return _groups(space, order, [(points, weights) for points, weights in rules]) if rules else None


def piece_points(space: Space, order: Sequence[int], domain: ShapedDomain, piece: ShapeSide, count: int) -> CellGroups:
    """The points of a piece of the boundary, between its crossings with knots."""
    cut = domain.cut_grid(*(axis.breaks for axis in space.axes[:2]))
    own = (arc for _, arc in cut.arcs if arc.curve.name == piece.name)
    return _groups(space, order, [arc.rule(count + MORE_ARC_POINTS)[:2] for arc in own])


def single_point(space: Space, order: Sequence[int], point: Sequence[float]) -> CellGroups:
    """One point with the weight one."""
    return _groups(space, order, [(np.array([point], dtype=np.float64), np.ones(1))])


def _groups(space: Space, order: Sequence[int], rules: Sequence[tuple[Array, Array]]) -> CellGroups:
    points, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
    return CellGroups(space, QuadraturePoints(points, points, weights), order)
