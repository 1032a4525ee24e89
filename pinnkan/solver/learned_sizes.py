"""What a solution in time alone has shown of sizes that were expected to be far larger; the problem once more in those.

How large unknowns are is expected before anything is solved (:mod:`pinnkan.problem.units.natural_units`), and a rate
1e8 (1 + tanh(100 (u - 1.1))) of v is 1e8 beyond 1.1 and 1e-1 where u = sin(t) ends: v was to be 7e8, is 0.02, counted
as LEAST of what was expected, and came out eleven times itself off with an estimate of 4e-6. InUnits again with what it
has been found to be for its natural size it counts for itself. Where that does not reach the tolerance, as what is
nothing does not, the first solution stands.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import ResourceError, SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import LEAST
from pinnkan.solver.monitor import OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.reduced import Reduced, reduced
from pinnkan.verdict.records import Reason

#: Points at which sizes are looked at; how often a problem is solved again; what is less than ROUNDED of what was
#: expected is nothing but rounding.
POINTS, AGAIN, ROUNDED = 4096, 2, 1e-14


@dataclass(frozen=True, eq=False)
class InUnits:
    """A problem in natural units, its model, and what was found."""

    part: Reduced
    model: Model
    outcome: Outcome


def counted_for_itself(problem: Problem, first: InUnits, solve: Callable[[Model], Outcome]) -> InUnits:
    """What ``solve`` finds of a problem where unknowns count for themselves that did not in the ``first`` solution."""
    shares, found = np.ones(len(problem.unknowns)), first
    for _ in range(AGAIN):
        smaller = _smaller(found)
        if smaller is None:
            break
        shares = shares * smaller
        part = reduced(problem, shares)
        model = compile_model(part.problem, sort_conditions(part.problem), first.model.device, first.model.clock)
        try:
            outcome = solve(model)
        except (SolverError, ResourceError, OutOfTimeError, np.linalg.LinAlgError):
            break
        if outcome.reason != Reason.CONVERGED:
            break
        found = InUnits(part, model, outcome)
    return found


def _smaller(found: InUnits) -> Array | None:
    """What unknowns are of what was expected, one of those that count for themselves; None where all do."""
    problem, outcome = found.part.problem, found.outcome
    is_asked = problem.time_axis is not None and not problem.space_dimension and len(problem.unknowns) > 1
    if not is_asked or outcome.reason != Reason.CONVERGED or outcome.error is None:
        return None
    sizes, errors = _sizes(problem, outcome.field), _sizes(problem, outcome.error)
    size = np.maximum(sizes, errors)
    small = (size < LEAST * size.max()) & (size > ROUNDED * size.max()) & (errors > problem.solver.tolerance * sizes)
    return np.where(small, size / size.max(), 1.0) if small.any() else None


def _sizes(problem: Problem, field: Field) -> Array:
    """Root mean squares (unknown) over time."""
    (start, end), zero = problem.box.ranges[-1], (0,) * problem.dimension
    values = field(start + (end - start) * kronecker(POINTS, 1), [zero])[:, :, 0]
    return np.asarray(np.sqrt((values**2).mean(0)))
