"""The choice of a linear solver: a factor, or conjugate gradients where they are predicted to cost less."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.solver.linear.coarse_space import FactoredSpace
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.diagonalisation import are_free_products
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.solver import LinearSolver
from pinnkan.solver.predicted_work import bandwidth, is_factor_cheaper

#: Most entries of a factor that conjugate gradients apply in every step as a coarse inverse: 4 ms.
MAX_COARSE_ENTRIES = 4e6


def choose_linear_solver(
    rows: Sequence[Rows],
    ordering: Ordering,
    damping: float = 0.0,
    error_share: float = 0.0,
    clock: Clock | None = None,
    max_step_error: float = np.inf,
    coarse_solver: LinearSolver | None = None,
) -> LinearSolver:
    """Return the solver that is predicted to cost less.

    A factor also where rows are written out or reach beyond an interval, or free coefficients are no product. For
    conjugate gradients: ``error_share``, the allowed error of a step over the function that it is added to;
    ``max_step_error``, a bound of it over the step; ``coarse_solver``, a solver of the same equations in a nested
    space. Raises numpy.linalg.LinAlgError where rows are not finite or do not determine the coefficients,
    OutOfTimeError where the ``clock`` leaves too little time.
    """
    grids = [r for r in rows if isinstance(r, TensorRows)]
    if (
        len(grids) < len(rows)
        or not all(map(_are_local, grids))
        or not are_free_products(ordering, grids[0].space.shape)
    ):
        return NormalEquations(rows, ordering, damping, clock)
    points = sum(r.count for r in grids)
    if is_factor_cheaper(grids[0].space, points, max(len(r.jets) for r in grids)):
        return NormalEquations(rows, ordering, damping, clock)
    return ConjugateGradients(
        grids, ordering, damping, error_share, clock, max_step_error, _coarse_factor(coarse_solver)
    )


def _coarse_factor(coarse_solver: LinearSolver | None) -> FactoredSpace | None:
    """Return the factor of a solver for a coarse space, its own or that of its preconditioner; None if too large."""
    if isinstance(coarse_solver, ConjugateGradients):
        return coarse_solver.coarse_factor
    if not isinstance(coarse_solver, NormalEquations) or coarse_solver.damping > 0.0:
        return None
    first = coarse_solver.rows[0]
    if not isinstance(first, TensorRows) or bandwidth(first.space) * first.space.size > MAX_COARSE_ENTRIES:
        return None
    return FactoredSpace(first.space, coarse_solver.ordering, coarse_solver.inverse())


def _are_local(rows: TensorRows) -> bool:
    """Whether the rows couple functions of one interval only, as those of an interface do not."""
    return all(t.index.shape[1] <= axis.degree + 1 for t, axis in zip(rows.tables, rows.space.axes, strict=True))
