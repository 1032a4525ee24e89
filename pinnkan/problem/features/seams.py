"""Where a circle closes formulas of x may jump from its last point to its first, as 1 + 200*heaviside(x - 0.5) does."""

import numpy as np

from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem

#: Places along the circle and across it, and the share of the largest value that is a jump.
PLACES, JUMP = 33, 1e-6


def jumps_at_seam(problem: Problem, axis: int) -> bool:
    """Whether an equation is another one at both ends of a periodic coordinate, its derivatives being the same."""
    if not problem.box.periodic[axis]:
        return False
    rng = np.random.default_rng(0)
    points = [rng.uniform(low, high, (PLACES, 1)) for low, high in problem.box.ranges]
    points[axis] = np.linspace(*problem.box.ranges[axis], PLACES)[None, :]
    for equation in problem.equations:
        held = [np.array(x) for x in rng.uniform(0.5, 1.5, len(equation.jets))]
        with np.errstate(all="ignore"):
            (found,) = Tape([equation.residual], [*problem.coordinates, *equation.jets])([*points, *held])
        values = np.broadcast_to(np.asarray(found, dtype=np.float64), (PLACES, PLACES))
        apart = np.abs(values[:, -1] - values[:, 0])
        if np.isfinite(values).all() and apart.max() > JUMP * np.abs(values).max():
            return True
    return False
