"""Equations whose second derivatives are those of a Laplacian in coordinates that are askew: no mirror leaves them.

-u_xx - u_yy - c u_xy is one in coordinates at an angle w, cos w = c / 2 or -c / 2. Between two sides that hold a value
stands r^(pi / w) there, no power of x and y, whatever the source: -u_xx - u_yy/100 - u_xy/10 = 1 has r^1.5 in two
corners. Knots that were not graded there halved the error with every level: 5e-5 after ten of them and 13 s.
"""

from collections.abc import Sequence

import numpy as np
import sympy

from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem

#: Cosine of the angle up to which it is taken for a right one.
ASKEW = 0.02


def is_askew(problem: Problem, equation: Equation, position: Sequence[float]) -> bool:
    """Whether the second derivatives of an unknown in the plane are askew at a place, all unknowns zero there."""
    return any(_angle(problem, equation, unknown, position) > ASKEW for unknown in range(len(problem.unknowns)))


def _angle(problem: Problem, equation: Equation, unknown: int, position: Sequence[float]) -> float:
    """The cosine of the angle of the coordinates in which an unknown has a Laplacian; 0 where it has none."""
    second = {jet.order: symbol for symbol, jet in equation.jets.items() if jet.unknown == unknown and jet.total == 2}
    if len(second) < 3:
        return 0.0
    factors = [sympy.diff(equation.residual, second[order]) for order in ((2, 0), (1, 1), (0, 2))]
    tape = Tape(factors, [*problem.coordinates, *equation.jets])
    with np.errstate(all="ignore"):
        held = [np.array(float(v)) for v in (*position, *np.zeros(len(equation.jets)))]
        along, mixed, across = (float(v) for v in tape(held))
    return abs(mixed) / (4.0 * along * across) ** 0.5 if along * across > 0.0 else 0.0
