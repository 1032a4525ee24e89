"""The choice of a linear solver: a factor, or conjugate gradients where they are predicted to cost less."""

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

#: Most entries of a factor that conjugate gradients apply in every step as a coarse inverse: 4 ms.
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
    """Return the solver that is predicted to cost less.

    A factor also where rows are written out or reach beyond an interval, or free coefficients are no product. For
    conjugate gradients: ``share``, the allowed error of a step over the function that it is added to; ``most``, a bound
    of it over the step; ``beside``, a solver of the same equations in a nested space. Raises numpy.linalg.LinAlgError
    where rows are not finite or do not determine the coefficients, OutOfTimeError where the ``clock`` leaves too little
    time.
    """
    grids = [r for r in rows if isinstance(r, TensorRows)]
    if len(grids) < len(rows) or not all(map(_are_local, grids)) or not are_products(ordering, grids[0].space.shape):
        return NormalEquations(rows, ordering, damping, clock)
    points = sum(r.count for r in grids)
    if is_factored(grids[0].space, points, max(len(r.jets) for r in grids)):
        return NormalEquations(rows, ordering, damping, clock)
    return ConjugateGradients(grids, ordering, damping, share, clock, most, _factored(beside))


def _factored(beside: LinearSolver | None) -> Factored | None:
    """Return the factor of a solver for a coarse space, its own or that of its preconditioner; None if too large."""
    if isinstance(beside, ConjugateGradients):
        return beside.coarse
    if not isinstance(beside, NormalEquations) or beside.damping > 0.0:
        return None
    first = beside.rows[0]
    if not isinstance(first, TensorRows) or bandwidth(first.space) * first.space.size > MOST_NUMBERS:
        return None
    return Factored(first.space, beside.ordering, beside.inverse())


def _are_local(rows: TensorRows) -> bool:
    """Whether the rows couple functions of one interval only, as those of an interface do not."""
    return all(t.index.shape[1] <= axis.degree + 1 for t, axis in zip(rows.tables, rows.space.axes, strict=True))
