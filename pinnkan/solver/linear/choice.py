"""Who solves: a factor of the band, or conjugate gradients where these are predicted to cost less."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.solver.linear.band import NormalEquations
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.diagonalisation import are_products
from pinnkan.solver.linear.nested import Factored
from pinnkan.solver.linear.solver import LinearSolver
from pinnkan.solver.work import bandwidth, is_factored

#: Of a factor that conjugate gradients ask in every step: 4 ms. One of 48 x 48 intervals of degree 10 has 2e6.
MOST_NUMBERS = 4e6


def solver_of(
    rows: Sequence[Rows],
    ordering: Ordering,
    damping: float = 0.0,
    share: float = 0.0,
    clock: Clock | None = None,
    most: float = np.inf,
    beside: LinearSolver | None = None,
) -> LinearSolver:
    """The cheaper solver for the rows.

    A factor where they are written out, reach beyond an interval, or what is fixed is no product.

    ``share``: of the coefficients that a step is added to, the error in it that does no harm, ``most``: of the step
    itself; a factor has none. ``beside``: who has solved the same equations in a space that is nested in this one.

    Raises numpy.linalg.LinAlgError where the rows are not finite or do not determine the free coefficients, and
    OutOfTimeError where by the ``clock``, which solves with it ask as well, that could not end in time.
    """
    grids = [r for r in rows if isinstance(r, TensorRows)]
    if len(grids) < len(rows) or not all(map(_are_local, grids)) or not are_products(ordering, grids[0].space.shape):
        return NormalEquations(rows, ordering, damping, clock)
    points = sum(r.count for r in grids)
    if is_factored(grids[0].space, points, max(len(r.jets) for r in grids)):
        return NormalEquations(rows, ordering, damping, clock)
    return ConjugateGradients(grids, ordering, damping, share, clock, most, _factored(beside))


def _factored(beside: LinearSolver | None) -> Factored | None:
    """What a solver has factored, in its own space if that is no larger than MOST_NUMBERS, or in a coarse one."""
    if isinstance(beside, ConjugateGradients):
        return beside.coarse
    if not isinstance(beside, NormalEquations) or beside.damping > 0.0:
        return None
    first = beside.rows[0]
    if not isinstance(first, TensorRows) or bandwidth(first.space) * first.space.size > MOST_NUMBERS:
        return None
    return Factored(first.space, beside.ordering, beside.inverse())


def _are_local(rows: TensorRows) -> bool:
    """Whether they join functions of one interval only, as those of an interface do not."""
    return all(t.index.shape[1] <= axis.degree + 1 for t, axis in zip(rows.tables, rows.space.axes, strict=True))
