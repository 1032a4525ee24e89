"""Initial values on a shape, fitted by least squares: where a nonlinear slab starts, and what is shown at first."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.families.shapes.system import CPU, ShapeSystem
from pinnkan.solver.linear.normal_equations import NormalEquations

#: Relative damping: the values of unknowns without a condition at the start are then zero.
DAMPING = 1e-13


def fit_initial_values(model: Model, axes: Sequence[Axis]) -> Array:
    """Return the coefficients (x, y, unknown) of the values at the start, of conditions linearised about zero."""
    start, end = model.problem.box.ranges[-1]
    order = max(model.orders[-1], 1)
    space = Space((*axes, Axis(np.array([start, end]), order)), len(model.problem.unknowns))
    system = ShapeSystem(model, space)
    rows = [patch.rows(np.zeros(space.shape)) for patch, _ in system.start_patches()]
    later = np.arange(space.shape[2])[:, None] >= order  # functions of time that the state does not see
    ordering = order_coefficients(space, system.fixed | later, CPU)
    solved = NormalEquations(rows, ordering, DAMPING).solve([r.residual for r in rows])[:, 0]
    return system.all_coefficients(ordering, solved)[:, :, 0]
