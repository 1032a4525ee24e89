"""A steady problem solved among functions with one of its symmetries, where nothing else determines the solution.

A layer of -1e-4 u'' = u - u^3 on (-1, 1) may be anywhere up to a residual of exp(-141), but not among odd functions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.problem.reflections import Reflection, find_reflections, symmetric_half
from pinnkan.problem.statement import Problem
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.reductions.symmetric_part import extend_by_reflection
from pinnkan.verdict.records import Reason

#: Reasons of an outcome that a symmetry may help.
UNDETERMINED_REASONS = (
    Reason.RANK_DEFICIENT, Reason.BELOW_ROUNDING, Reason.STALLED, Reason.MAX_LEVELS, Reason.NOT_ASYMPTOTIC,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SymmetricSolve:
    """Solves of a ``model`` among functions with one of its symmetries; ``solve_half`` solves the model of a half."""

    model: Model
    solve_half: Callable[[Model], Outcome]
    monitor: Monitor

    @cached_property
    def outcome(self) -> Outcome | None:
        """The first converged outcome, on the whole box; None if there is none or the problem is linear."""
        if self.model.is_linear:
            return None
        problem = self.model.problem
        for mirror in find_reflections(problem):
            half = symmetric_half(problem, mirror)
            try:
                found = self.solve_half(compile_model(half, sort_conditions(half), self.model.device, self.model.clock))
            except (SolverError, OutOfTimeError):
                continue
            if found.reason == Reason.CONVERGED:
                return _extend_outcome(problem, found, mirror)
        return None


def prefer_symmetric_outcome(outcome: Outcome, symmetric_solve: SymmetricSolve) -> Outcome:
    """Return the symmetric outcome, if any, where ``outcome`` ended for a reason of UNDETERMINED_REASONS."""
    if outcome.reason not in UNDETERMINED_REASONS or symmetric_solve.monitor.expired():
        return outcome
    return symmetric_solve.outcome or outcome


def _extend_outcome(problem: Problem, half: Outcome, reflection: Reflection) -> Outcome:
    assert half.error is not None
    detail = f"held among functions with {reflection.words(problem)} only"
    return replace(
        half,
        field=extend_by_reflection(half.field, reflection),
        error=extend_by_reflection(half.error, reflection),
        detail=detail,
    )
