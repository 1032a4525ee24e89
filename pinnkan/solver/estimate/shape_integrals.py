"""Integrals over a shape in the plane, and over a piece of its boundary."""

import numpy as np

from pinnkan.domain.gauss import gauss_legendre
from pinnkan.domain.rounding import EPS
from pinnkan.domain.shapes.cut_cells import CutGrid, triangle_rule
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation, Place
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions

#: Points of the two Gauss rules whose difference is the error of quadrature, and its rounding relative to the sum of
#: absolute values.
GAUSS_POINTS, ROUNDING = (14, 10), 4.0 * EPS


def integrate_over_shape(
    solution: SolutionExpressions, domain: ShapedDomain, place: Place, equation: Equation
) -> tuple[float, float]:
    """Return the integral of an expression over a shape or a piece of its boundary, and the error of quadrature."""
    x, y = (solution.knots(axis, None) for axis in (0, 1))
    cut = domain.cut_grid(x, y)
    sums = []
    for count in GAUSS_POINTS:
        points, weights = _arc_rule(cut, place, count) if isinstance(place, ShapeSide) else _area_rule(cut, x, y, count)
        terms = solution.at_points(equation, points) * weights
        sums.append((float(terms.sum()), float(np.abs(terms).sum())))
    (value, size), (fewer, _) = sums
    return value, abs(value - fewer) + ROUNDING * size


def _arc_rule(cut: CutGrid, piece: ShapeSide, count: int) -> tuple[Array, Array]:
    rules = [arc.rule(count)[:2] for _, arc in cut.arcs if arc.curve.name == piece.name]
    return np.concatenate([points for points, _ in rules]), np.concatenate([weights for _, weights in rules])


def _area_rule(cut: CutGrid, x: Array, y: Array, count: int) -> tuple[Array, Array]:
    """Gauss points of whole cells and of the curved triangles of the others."""
    nodes, weights = gauss_legendre(count)
    rules = [triangle_rule(apex, arc, count) for piece in cut.pieces for apex, arc in piece.triangles]
    for i, j in np.argwhere(cut.whole):
        half = 0.5 * np.array([x[i + 1] - x[i], y[j + 1] - y[j]])
        middle = 0.5 * np.array([x[i + 1] + x[i], y[j + 1] + y[j]])
        grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
        rules.append((middle + half * grid, half.prod() * np.multiply.outer(weights, weights).ravel()))
    return np.concatenate([points for points, _ in rules]), np.concatenate([w for _, w in rules])
