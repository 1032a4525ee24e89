"""Continuation from a milder problem: another start for Gauss-Newton where its own leads to no solution.

With F(u) the residual and T(u) its terms of highest order, F + mu T = 0 is nearly linear for a large mu. Its solution
is followed to mu = 0 (natural continuation; Allgower and Georg 1990, chapter 10), in smaller steps or past turning
points where the next mu has none. An eikonal equation with viscosity 1e-3 is solved so within 3 s.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
import sympy

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solver.arc_length import continue_by_arc_length, refine_for_arc_length
from pinnkan.solver.level_family import ErrorEstimate, LevelFamily
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.findings import Decision

#: Values of mu to begin with, tried in this order until one has a solution. Heuristic.
INITIAL_MU = (1e4, 1e6, 1e8, 1e10)
#: The factor from one mu to the next, of which a failure takes the square root, and the number of failures at most.
MU_FACTOR, MAX_FAILURES = 4.0, 4
#: Below this mu the next one is zero.
LAST_MU = 0.25
#: For each solution on the way: relative tolerance, levels, levels without convergence of Gauss-Newton, and growth of
#: the number of coefficients.
ROUGH_TOLERANCE, MAX_LEVELS, MAX_UNCONVERGED, MAX_SIZE_GROWTH = 0.05, 8, 2, 64


class SplineState(Protocol):
    """A state that holds a function of a spline space."""

    @property
    def space(self) -> Space:
        """The spline space."""

    @property
    def coefficients(self) -> Array:
        """The coefficients of the function."""


S = TypeVar("S", bound=SplineState)
E = TypeVar("E", bound=ErrorEstimate)


class ContinuableFamily(LevelFamily[S, E], Protocol):
    """A family that can start from a solution of another problem."""

    def start_from(self, space: Space, coefficients: Array) -> S:
        """Return the state that starts from a function."""


def continue_from_milder_problem(
    model: Model, family_of: Callable[[Model], ContinuableFamily[S, E]], monitor: Monitor
) -> S | None:
    """Return the state of a family at a rough solution that continuation reaches; None if it reaches none.

    ``family_of`` makes the family of a milder model. Raises OutOfTimeError if the time limit is over.
    """

    def at(mu: float) -> Model:
        mild = milder_problem(model.problem, mu)
        return compile_model(mild, sort_conditions(mild), model.device, model.clock)

    def solved(mu: float, before: tuple[Space, Array] | None) -> S | None:
        family = family_of(at(mu))
        return _solve_roughly(
            family, family.initial_state() if before is None else family.start_from(*before), monitor.side_monitor()
        )

    state, mu = next(((s, mu) for mu in INITIAL_MU if (s := solved(mu, None)) is not None), (None, 0.0))
    nearly, step, failures = LAST_MU, MU_FACTOR, 0
    while state is not None and mu > 0.0 and failures < MAX_FAILURES:
        following = mu / step if mu > nearly else 0.0
        found = solved(following, (state.space, state.coefficients))
        if found is not None:
            state, mu = found, following
            continue
        failures += 1
        fine = refine_for_arc_length(state.space, state.coefficients) if failures == 1 else None
        if fine is not None:
            begun = family_of(at(mu)).start_from(*fine)
            turned = continue_by_arc_length(at, begun.space, begun.coefficients, mu, monitor)
            found = None if turned is None else solved(0.0, (begun.space, turned))
            if found is not None:
                return found
        if following == 0.0:
            nearly = mu / MU_FACTOR**2
        else:
            step = float(np.sqrt(step))
    return state if mu == 0.0 else None


def milder_problem(problem: Problem, mu: float) -> Problem:
    """Return the problem with ``1 + mu`` times its terms of highest order, and with the tolerance ROUGH_TOLERANCE."""
    equations = tuple(replace(e, residual=e.residual + mu * _highest_order_terms(e)) for e in problem.equations)
    rough = replace(problem.solver, tolerance=ROUGH_TOLERANCE)
    return replace(problem, equations=equations, solver=rough, exact=None)


def _highest_order_terms(equation: Equation) -> sympy.Expr:
    """The sum of each derivative of highest order in an equation times its coefficient (the linearised terms)."""
    most = max((jet.total_order for jet in equation.jets.values()), default=0)
    terms = (s * equation.slopes[s] for s, jet in equation.jets.items() if jet.total_order == most)
    return sympy.Add(*terms)


def _solve_roughly(family: LevelFamily[S, E], state: S | None, monitor: Monitor) -> S | None:
    """Solve level by level to the tolerance ROUGH_TOLERANCE.

    Return the state, None if the allowed levels do not reach it.
    """
    most, restless = np.inf, 0
    for number in range(MAX_LEVELS):
        if state is None:
            return None
        try:
            state, _ = family.minimise(state, number, monitor)
            measured = family.evaluate_minimum(state)
            estimate = family.estimate(state, measured, Outcome(measured.field, None))
        except SolverError:
            return None
        if estimate.size <= ROUGH_TOLERANCE and measured.is_resolved and not measured.unconverged_reason:
            return state
        most, restless = min(most, MAX_SIZE_GROWTH * measured.parameters), restless + bool(measured.unconverged_reason)
        if measured.parameters > most or restless == MAX_UNCONVERGED:
            return None
        state = family.refine(state, estimate, Decision())
    return None
