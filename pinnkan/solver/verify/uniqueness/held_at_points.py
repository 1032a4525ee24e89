"""Whether conditions at points leave something free that no other condition holds.

Of a body with tractions on all sides two translations and a rotation are free, of which u = v = 0 at a corner fixes the
translations: it may turn about that. The checks of stability see the mean of a condition at a point in its stead
(:func:`pinnkan.assembly.integral_rows.as_seen`), and a rotation about anything but the middle has one. So it is asked
once more with the conditions as they are, for what solves everything to rounding: not for functions that vanish at a
point and are seen the less the finer knots are, for which the mean stands.
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

#: A function is free whose residual is this share of its terms: rotations of bodies had 1e-16 to 1e-13, bodies that are
#: held 1e-6 (ten times as long as wide) to 1e-3.
FREE = 1e-10


def left_free(model: Model, space: Space, coefficients: Array) -> float:
    """The share of its terms that is the residual of a function which conditions at points leave free; 0 of none.

    Linearised at a function of a ``space``, of a steady problem.
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
    """The rows of a solver with those at points as they are; that is the preconditioner."""

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
