"""The family of sums of products: first, minimise, estimate, refine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError, UsageError
from pinnkan.kan.axis import Axis, nearest
from pinnkan.kan.separable import Separable
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.separable.estimate import STRIDE, estimate, size
from pinnkan.solver.families.separable.knots import first_axes
from pinnkan.solver.families.separable.minimise import descend, with_term
from pinnkan.solver.families.separable.points import graded
from pinnkan.solver.families.separable.starts import starts
from pinnkan.solver.families.separable.state import Estimate, State, first_function
from pinnkan.solver.families.separable.system import Statement

#: Most Levenberg-Marquardt steps after each new term.
STEPS = 60
#: Most linearisations of a nonlinear problem on a level; the last changes the function by less than this share of the
#: tolerance.
LINEARISED, CHANGE = 12, 0.1
#: Both knots and a term are added where neither gains less than this share of the other.
BOTH = 0.3
#: After a level that left more than this share of the estimate, the richer sum of the correction is the next one.
STALLED = 0.5
#: Points where a change is measured.
MEASURED = 2048


@dataclass(frozen=True, eq=False)
class SeparableFamily:
    """One scalar problem; every method returns a new state."""

    statement: Statement

    @classmethod
    def of(cls, problem: Problem) -> SeparableFamily:
        """Compile a problem.

        Raises:
            UsageError: more than one unknown.
        """
        if len(problem.unknowns) != 1:
            raise UsageError("a sum of products of all coordinates is for one unknown: leave `network` out")
        return cls(Statement(problem))

    def first(self) -> State:
        """Knots where source and coefficients ask for them; functions of one coordinate where conditions allow them."""
        settings = self.statement.problem.solver
        axes = first_axes(self.statement, settings.degree, settings.knots)
        singles = self.statement.singles
        return State(first_function(axes, singles), singles, 1, seed=settings.seed * 1_000_000)

    def minimise(self, state: State, tolerance: float) -> State:
        """Train all edges, term after term until there are as many as wanted.

        Raises:
            SolverError: the rows do not determine the edges, or are not finite.
        """
        try:
            return self._minimise(state, tolerance)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed

    def _minimise(self, state: State, tolerance: float) -> State:
        points, weights = graded(state.function.axes, MEASURED, state.seed + STRIDE - 1)
        for _ in range(1 if self.statement.is_linear else LINEARISED):
            before = state.function
            state = self._trained(state)
            change = size(state.function.plus(before, -1.0), points, weights)
            if change <= CHANGE * tolerance * size(state.function, points, weights):
                break
        return replace(state, hint=None)

    def _trained(self, state: State) -> State:
        function, singles = state.function, state.singles
        terms = len(singles) + state.wanted
        seed = state.seed + 2 * STRIDE * state.number
        system = self.statement.system(function.axes, function, terms, seed)
        edges, steps, loss = system.edges(function), 0, state.loss
        hints = () if state.hint is None else (state.hint,)
        if function.terms:
            found = descend(system, edges, system.trained(function.terms, singles), STEPS)
            edges, loss, steps = found.edges, found.loss, found.steps
        for number in range(function.terms, terms):
            edges = with_term(system, edges, starts(system, edges, seed + number, hints)).edges
            found = descend(system, edges, system.trained(number + 1, singles), STEPS)
            edges, loss, steps = found.edges, found.loss, steps + found.steps
        return replace(state, function=system.function(edges), loss=loss, steps=steps)

    def estimate(self, state: State) -> Estimate:
        """See :func:`pinnkan.solver.families.separable.estimate.estimate`."""
        return estimate(self.statement, state)

    def refine(self, state: State, found: Estimate) -> State:
        """Knots where the correction gains by them, a term where that gains, both where neither prevails."""
        axes = state.function.axes
        next_ = replace(state, number=state.number + 1, before=found.size)
        if found.size > STALLED * state.before:
            return replace(next_, function=found.richer, wanted=state.wanted + 1)
        if found.by_term >= BOTH * found.by_knots:
            next_ = replace(next_, wanted=state.wanted + 1, hint=_nearest(found.term, axes))
        if found.by_knots >= BOTH * found.by_term:
            finer = tuple(a.inserted(m) for a, m in zip(axes, found.marked, strict=True))
            hint = None if next_.hint is None else next_.hint.prolonged(finer)
            next_ = replace(next_, function=state.function.prolonged(finer), hint=hint)
        return next_


def _nearest(term: Separable, axes: tuple[Axis, ...]) -> Separable:
    """A product on the coarser knots of these axes."""
    pairs = zip(axes, term.axes, term.edges, strict=True)
    return Separable(axes, tuple(nearest(coarse, fine, edge, 1) for coarse, fine, edge in pairs))
