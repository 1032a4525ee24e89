"""Integrals over a shape in the plane, and over a piece of its boundary."""

import numpy as np

from pinnkan.domain.rounding import EPS
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.problem.statement import Equation, Place
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions

#: Points of the two Gauss rules whose difference is the error of quadrature, and its rounding relative to the sum of
#: absolute values.
GAUSS_POINTS, ROUNDING = (14, 10), 4.0 * EPS


def integrate_over_shape(
    solution: SolutionExpressions, domain: ShapedDomain, place: Place, equation: Equation, time: float | None
) -> tuple[float, float]:
    """Return the integral over a shape or a piece of its boundary, at one time if there is time, and its error."""
    x, y = (solution.knots(axis, time) for axis in (0, 1))
    cut, sums = domain.cut_grid(x, y), []
    for count in GAUSS_POINTS:
        points, weights = cut.side_rule(place.name, count) if isinstance(place, ShapeSide) else cut.area_rule(count)
        if time is not None:
            points = np.column_stack([points, np.full(len(points), time)])
        terms = solution.at_points(equation, points) * weights
        sums.append((float(terms.sum()), float(np.abs(terms).sum())))
    (value, size), (fewer, _) = sums
    return value, abs(value - fewer) + ROUNDING * size
