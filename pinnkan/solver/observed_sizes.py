"""Problems in time alone, solved again in observed sizes of unknowns that are far below their natural sizes.

Natural sizes (:mod:`pinnkan.problem.units.natural_units`) are predicted from formulas: a rate 1e8 (1 + tanh(100 (u -
1.1))) is 1e8 for u > 1.1, but 1e-1 where u ends. The error of a far smaller unknown is measured against LEAST of the
largest one instead of itself. If no later solve converges, the first solution is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import ResourceError, SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import RELATIVE_SIZE_FLOOR
from pinnkan.solver.monitor import OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.reductions.chain import ReducedProblem, reduce_problem
from pinnkan.verdict.records import Reason

#: Points at which sizes are taken; repetitions of the solve; below this share of the largest, an unknown is rounding.
SAMPLE_POINTS, MAX_REPEATS, ROUNDING_SHARE = 4096, 2, 1e-14


@dataclass(frozen=True, eq=False)
class ScaledSolve:
    """A reduced problem in natural units, its model, and the outcome of the solve."""

    reduced_problem: ReducedProblem
    model: Model
    outcome: Outcome


def solve_in_observed_sizes(problem: Problem, first: ScaledSolve, solve: Callable[[Model], Outcome]) -> ScaledSolve:
    """Solve again in observed sizes while unknowns are too small; return the last converged solve or the ``first``."""
    shares, found = np.ones(len(problem.unknowns)), first
    for _ in range(MAX_REPEATS):
        smaller = _size_factors(found)
        if smaller is None:
            break
        shares = shares * smaller
        part = reduce_problem(problem, shares)
        model = compile_model(part.problem, sort_conditions(part.problem), first.model.device, first.model.clock)
        try:
            outcome = solve(model)
        except (SolverError, ResourceError, OutOfTimeError, np.linalg.LinAlgError):
            break
        if outcome.reason != Reason.CONVERGED:
            break
        found = ScaledSolve(part, model, outcome)
    return found


def _size_factors(solve: ScaledSolve) -> Array | None:
    """Factors (unknown,) from expected to observed sizes, 1 if an unknown counts for itself; None if all do."""
    problem, outcome = solve.reduced_problem.problem, solve.outcome
    is_asked = problem.time_axis is not None and not problem.space_dimension and len(problem.unknowns) > 1
    if not is_asked or outcome.reason != Reason.CONVERGED or outcome.error is None:
        return None
    sizes, errors = _rms_over_time(problem, outcome.field), _rms_over_time(problem, outcome.error)
    size = np.maximum(sizes, errors)
    small = (
        (size < RELATIVE_SIZE_FLOOR * size.max())
        & (size > ROUNDING_SHARE * size.max())
        & (errors > problem.solver.tolerance * sizes)
    )
    return np.where(small, size / size.max(), 1.0) if small.any() else None


def _rms_over_time(problem: Problem, field: Field) -> Array:
    """Root mean squares (unknown,) of a field over time."""
    (start, end), zero = problem.box.ranges[-1], (0,) * problem.dimension
    values = field(start + (end - start) * kronecker_points(SAMPLE_POINTS, 1), [zero])[:, :, 0]
    return np.asarray(np.sqrt((values**2).mean(0)))
