"""Whether conditions at points leave a function free that no other condition determines.

A body with tractions on all sides and u = v = 0 at a corner may rotate about that corner. The stability constant
replaces a condition at a point by a mean (:func:`pinnkan.assembly.integral_rows.integral_form`), which determines the
rotation. So the near-null function is sought again with the conditions at the points. Only residuals at the level of
rounding count, since rows at a point weigh less and less on finer knots.
"""

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.integral_rows import IntegralRows, PointValuePatch, PointValueRows, SurrogateRows
from pinnkan.assembly.model import Model
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.mass_matrix import MassMatrix
from pinnkan.solver.linear.solver import ROUNDING_UNIT, LinearSolver
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.images import image_norm
from pinnkan.solver.verify.singular_vectors import SingularVectorSearch, stability_rows

#: A function is free if its residual is below this share of its terms: rotations had 1e-13, others 1e-6 and more.
FREE_SHARE = 1e-10


def free_function_share(model: Model, space: Space, coefficients: Array) -> float:
    """Return the residual of a function that conditions at points leave free, as a share of its terms; 0 for none.

    Linearised at ``coefficients`` of a ``space``; 0 for problems in time.
    """
    system = System(model, space)
    if model.problem.time_axis is not None or not any(isinstance(p, PointValuePatch) for p in system.patches):
        return 0.0
    equations = _PointConditionRows(system.linear_solver(coefficients, zero_conditions(model.conditions, space)[1]))
    free = equations.ordering.free.cpu().numpy()
    weigh = MassMatrix(space, free, np.square(model.norm_weights))
    start = np.random.default_rng(0).standard_normal((len(free), 1))
    for _ in range(2):
        start = equations.precondition(weigh(start))
        size = float(np.abs(start).max())
        if not 0.0 < size < np.inf:
            return 0.0
        start /= size
    vector, _ = SingularVectorSearch(equations, weigh).find_smallest(start)
    share = (
        image_norm(stability_rows(equations), vector) * ROUNDING_UNIT / max(equations.image_rounding(vector), 1e-300)
    )
    return max(share, 1e-300) if share < FREE_SHARE else 0.0


class _PointConditionRows(LinearSolver):
    """The rows of a solver with conditions at points in place of means; the solver itself is the preconditioner."""

    def __init__(self, whole: LinearSolver) -> None:
        super().__init__(list(map(_point_rows, whole.rows)), whole.ordering, whole.clock)
        self.solver, self.iterations = whole, whole.iterations

    def precondition(self, gradient: Array) -> Array:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self.solver.precondition(gradient)

    def image_rounding(self, coefficients: Array) -> float:
        """See :class:`pinnkan.solver.linear.solver.LinearSolver`."""
        return self.solver.image_rounding(coefficients)


def _point_rows(rows: Rows | IntegralRows) -> Rows | IntegralRows:
    if not isinstance(rows, PointValueRows) or isinstance(rows, SurrogateRows):
        return rows
    return TensorRows(rows.space, rows.tables, rows.jets, rows.weights, rows.residual)
