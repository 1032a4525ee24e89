"""Reasons why a steady problem has no solution, from its last levels and their near-null function, or from formulas.

Gauss-Newton ends at a minimum of the residual, which need not be a solution. Where a layer may lie anywhere its shift
is a function that the linearised equation hardly sees, along which the iteration drifts.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pinnkan.assembly.clock import OutOfTimeError
from pinnkan.assembly.model import Model
from pinnkan.errors import ResourceError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.checks.free_constants import free_constant_message
from pinnkan.problem.statement import Jet, Problem
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.stability_bounds import (
    FEW_KNOTS_SHARE,
    UNRESOLVED_FREE_SHARE,
    near_null_function,
    near_null_on_few_knots,
)
from pinnkan.solver.verify.uniqueness.vanishing_equations import VanishingEquations
from pinnkan.verdict.records import Level, Reason

#: Last levels, and the share of the residual that all of them keep where it does not fall.
LAST_LEVELS, CONSTANT_SHARE = 3, 0.9
#: Levels over which a residual must not fall to count as a contradiction when memory ends.
MIN_CONSTANT_LEVELS = 6
CONTRADICTION_TEXT = (
    "the residual is as large on the last level as on the first: equations and conditions may contradict each other, "
    "as a source does that is more in sum than what the sides let out"
)
MULTIPLE_TEXT = "another function solves the same equations with them: an eigenvalue that is double, or more"
#: Reasons that are replaced where a better one is found.
UNEXPLAINED_REASONS = (Reason.STALLED, Reason.MAX_LEVELS, Reason.NOT_ASYMPTOTIC)


def explain_failure(model: Model, outcome: Outcome) -> Outcome:
    """Return the outcome, with the reason that its levels show where it ended without a solution."""
    if outcome.reason == Reason.RANK_DEFICIENT and not model.is_linear:
        return replace(
            outcome,
            detail=VanishingEquations(model).objection(outcome.field, model.problem.domain, None) or outcome.detail,
        )
    is_hidden = outcome.reason == Reason.BELOW_ROUNDING and outcome.levels[-1].estimate >= 1.0
    if is_hidden and model.problem.free_numbers:  # what rounding hides has the size of the solution
        return replace(outcome, reason=Reason.MULTIPLE_EIGENVALUE, detail=MULTIPLE_TEXT)
    if outcome.reason not in UNEXPLAINED_REASONS or not isinstance(outcome.field, ProductField):
        return outcome
    if model.is_linear:
        return _at_eigenvalue(model, outcome, outcome.field.pieces[0][0])
    if _is_residual_persistent(outcome.levels):
        detail = "the iteration is at a minimum of the residual that is no solution: more knots do not lower it"
        return replace(outcome, reason=Reason.STALLED, detail=detail)
    space, coefficients = outcome.field.pieces[0]
    try:
        null = near_null_function(System(model, space), coefficients)
    except (np.linalg.LinAlgError, OutOfTimeError, ResourceError):
        return outcome
    left = np.sqrt(outcome.levels[-1].loss * model.problem.domain.measure)
    seen = null.sigma * float(np.linalg.norm(space.norm(coefficients))) > left
    if seen and null.term_share > UNRESOLVED_FREE_SHARE:
        return outcome
    if model.problem.free_numbers and seen:
        return replace(outcome, reason=Reason.MULTIPLE_EIGENVALUE, detail=MULTIPLE_TEXT)
    loose = f"a function of size one, as the shift of a layer is, changes the residual by {null.sigma:.0e} only"
    detail = "; ".join(filter(None, (outcome.detail, loose)))
    return replace(outcome, reason=Reason.RANK_DEFICIENT if seen else Reason.STALLED, detail=detail)


def _at_eigenvalue(model: Model, outcome: Outcome, space: Space) -> Outcome:
    """Return the outcome of a linear steady problem, with the reason if it is at an eigenvalue.

    -u'' - pi^2 u = x between zeros: multiplied by sin(pi x) and integrated it is 0 = 1/pi. Few knots hold the function.
    """
    if outcome.reason != Reason.NOT_ASYMPTOTIC or model.problem.time_axis is not None:
        return outcome
    try:
        null = near_null_on_few_knots(model, space.axes)
    except (np.linalg.LinAlgError, OutOfTimeError, ResourceError):
        return outcome
    if null.term_share > FEW_KNOTS_SHARE:
        return outcome
    detail = (
        f"a function exists whose residual is {null.term_share:.0e} of its terms: at such an eigenvalue "
        "there is no solution, or one of many"
    )
    return replace(outcome, reason=Reason.RANK_DEFICIENT, detail=detail)


def is_residual_constant(levels: Sequence[Level]) -> bool:
    """Whether the residual of the first level has not fallen on enough finer ones."""
    losses = [level.loss for level in levels]
    return len(losses) >= MIN_CONSTANT_LEVELS and min(losses) >= CONSTANT_SHARE * max(losses) > 0.0


def _is_residual_persistent(levels: Sequence[Level]) -> bool:
    losses = [level.loss for level in levels[-LAST_LEVELS:]]
    return len(losses) == LAST_LEVELS and min(losses) >= CONSTANT_SHARE * max(losses) > 0.0


def undetermined_reason(problem: Problem, field: Field | None = None) -> str:
    """Return why the formulas leave the solution undetermined, as text; "" where they do not show it.

    On shapes conditions are not counted.
    With a solved ``field`` the equation is linearised there, so that coefficients that depend on the unknown are known.
    """
    if not problem.is_on_box:
        return ""
    level = free_constant_message(problem)
    if level:
        return level

    def derivative(nodes: Sequence[Array], jet: Jet) -> Array:
        assert field is not None
        return field.grid(nodes, jet.order)[..., jet.unknown]

    found = missing_condition(problem, None if field is None else derivative)
    return "" if found is None else found.words(problem)


def index_three_constraint(problem: Problem) -> str:
    """Return which equation determines an unknown by its second derivative in time only, as text; "" for none.

    A differential-algebraic system of index three (Hairer, Wanner 1996, section VII.1): x**2 + y**2 = 1 of a pendulum's
    x_tt = -l*x. Errors of l are those of x over the square of a step.
    """
    if problem.time_axis is None:
        return ""
    rates = problem.orders_in_time
    told = [problem.unknowns[i] for i, rate in enumerate(rates) if rate == 0]
    for equation in problem.equations:
        if told and equation.jets and all(rates[j.unknown] > 1 and j.order[-1] == 0 for j in equation.jets.values()):
            names = ", ".join(told)
            return f"'{equation.text}' tells {names} by its second derivative in time only (index three): write that"
    return ""
