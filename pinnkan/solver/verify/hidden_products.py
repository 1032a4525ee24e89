"""An error that is a product of functions of all coordinates, which an estimate in few coordinates does not see.

The estimate of blocks divides the residual that it leaves by the least residual of blocks. Near a resonance that of a
product of all coordinates may be a thousand times smaller (Helmholtz' equation in four coordinates: 1e-2 beside 10),
and hides an error a thousand times larger.
"""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import sobol
from pinnkan.assembly.separable.system import rows_of
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.solver.verify.rank_one import smallest_product

#: Even knots and degree of each coordinate: eight half waves each are told apart; the search takes 0.1 s in four
#: coordinates, 0.3 s in ten.
INTERVALS, DEGREE = 8, 9
#: Points at which the size of a function is taken.
SIZED, SEED = 1024, 20_260_305


def least_residual(model: Model) -> float | None:
    """The least residual of a product of norm one; None where the rows are none of one unknown, linear in it."""
    problem = model.problem
    if len(problem.unknowns) != 1 or not model.is_linear:
        return None
    degree = max(DEGREE, max(model.orders) + 2)
    axes = []
    for (low, high), periodic in zip(problem.box.ranges, problem.box.periodic, strict=True):
        intervals = max(INTERVALS, degree + 1 if periodic else 1)
        axes.append(Axis(np.linspace(low, high, intervals + 1), degree, periodic))
    rows = rows_of(model).homogeneous(axes, None, problem.solver.seed)
    try:
        return smallest_product(rows, rows.waves, problem.solver.seed).sigma
    except np.linalg.LinAlgError:
        return None


def hidden_size(model: Model, field: Field, left: float, sigma: float) -> float:
    """The relative size of a product that a residual of root mean square ``left`` may hide."""
    points = model.problem.domain.sample(SIZED, sobol(SEED))
    values: Array = field(points, [(0,) * model.problem.dimension])
    scale = float(np.sqrt((values**2).mean()))
    return left / max(sigma, 1e-300) / (scale or 1.0)
