"""Whether conditions at points leave a function free that no other condition determines.

A body with tractions on all sides and u = v = 0 at a corner may rotate about that corner. The stability constant
replaces a condition at a point by a mean (:func:`pinnkan.assembly.integral_rows.as_seen`), which determines the
rotation. So the near-null function is sought again with the conditions at the points. Only residuals at the level of
rounding count, since rows at a point weigh less and less on finer knots.
"""

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.integral_rows import IntegralRows, MiddleRows, ValuePatch, ValueRows
from pinnkan.assembly.model import Model
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.mass import Mass
from pinnkan.solver.linear.solver import UNIT, LinearSolver, Seen
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.images import size_of
from pinnkan.solver.verify.least_seen import LeastSeen, seen_by

#: A function is free if its residual is below this share of its terms: rotations had 1e-13, others 1e-6 and more.
FREE = 1e-10


def left_free(model: Model, space: Space, coefficients: Array) -> float:
    """Return the residual of a function that conditions at points leave free, as a share of its terms; 0 for none.

    Linearised at ``coefficients`` of a ``space``; 0 for problems in time.
    """
    system = System(model, space)
    if model.problem.time_axis is not None or not any(isinstance(p, ValuePatch) for p in system.patches):
        return 0.0
    equations = _AsTheyAre(system.equations(coefficients, zero_conditions(model.conditions, space)[1]))
    free = equations.ordering.free.cpu().numpy()
    weigh = Mass(space, free, np.square(model.counted))
    start = np.random.default_rng(0).standard_normal((len(free), 1))
    for _ in range(2):
        start = equations.precondition(weigh(start))
        size = float(np.abs(start).max())
        if not 0.0 < size < np.inf:
            return 0.0
        start /= size
    vector, _ = LeastSeen(equations, weigh).found(start)
    share = size_of(seen_by(equations), vector) * UNIT / max(equations.floor(vector), 1e-300)
    return max(share, 1e-300) if share < FREE else 0.0


class _AsTheyAre(Seen):
    """The rows of a solver with conditions at points in place of means; the solver itself is the preconditioner."""

    rounding, words = 0.0, ""

    def __init__(self, whole: LinearSolver) -> None:
        super().__init__(list(map(_plain, whole.rows)), whole.ordering, whole.clock)
        self.whole, self.iterations = whole, whole.iterations

    def backsolve(self, gradient: Array, accuracy: float = 0.0) -> Array:
        """See :class:`LinearSolver`."""
        return self.whole.backsolve(gradient, accuracy)

    def closer(self, gradient: Array) -> Array:
        """See :class:`LinearSolver`."""
        return self.whole.closer(gradient)

    def precondition(self, gradient: Array) -> Array:
        """See :class:`LinearSolver`."""
        return self.whole.precondition(gradient)

    def floor(self, coefficients: Array) -> float:
        """See :class:`LinearSolver`."""
        return self.whole.floor(coefficients)


def _plain(rows: Rows | IntegralRows) -> Rows | IntegralRows:
    if not isinstance(rows, ValueRows) or isinstance(rows, MiddleRows):
        return rows
    return TensorRows(rows.space, rows.tables, rows.jets, rows.weights, rows.residual)
