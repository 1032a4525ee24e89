"""Equations with a mixed second derivative, whose Laplacian has oblique coordinates.

-u_xx - u_yy - c u_xy is a Laplacian in coordinates at an angle w, cos w = c / 2 or -c / 2. Between two sides with given
values the solution has r^(pi / w) there, which is no polynomial whatever the source, so that knots must be graded.
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem

#: Largest cosine of an angle that counts as a right one. Heuristic.
MAX_RIGHT_ANGLE_COSINE = 0.02


def has_oblique_laplacian(problem: Problem, equation: Equation, position: Sequence[float]) -> bool:
    """Whether the second derivatives of an unknown in the plane are oblique at ``position``, with all unknowns zero."""
    return any(
        _angle_cosine(problem, equation, unknown, position) > MAX_RIGHT_ANGLE_COSINE
        for unknown in range(len(problem.unknowns))
    )


def _angle_cosine(problem: Problem, equation: Equation, unknown: int, position: Sequence[float]) -> float:
    """Return |cos w| of the oblique coordinates of an unknown's Laplacian; 0 without all three second derivatives."""
    second = {
        jet.order: symbol for symbol, jet in equation.jets.items() if jet.unknown == unknown and jet.total_order == 2
    }
    if len(second) < 3:
        return 0.0
    factors = [equation.slopes[second[order]] for order in ((2, 0), (1, 1), (0, 2))]
    tape = Tape(factors, [*problem.coordinates, *equation.jets])
    with np.errstate(all="ignore"):
        held = [np.array(float(v)) for v in (*position, *np.zeros(len(equation.jets)))]
        along, mixed, across = (float(v) for v in tape(held))
    return abs(mixed) / (4.0 * along * across) ** 0.5 if along * across > 0.0 else 0.0
