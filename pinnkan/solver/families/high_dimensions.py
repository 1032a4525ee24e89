"""More than three coordinates of space: blocks on few coordinates, a sum of products of all, or a composition.

``auto`` starts with blocks. After each level the decades gained per coefficient predict how many coefficients and
seconds remain. Above PATIENCE other families are tried, and blocks go on if these fail:

* a sum of products of all coordinates, if the data are such a sum: first where blocks do not converge or their first
  correction exceeds the solution, after the composition where blocks would become too large;
* a deep network of one hidden unit, until it stalls or has taken the time of the blocks; it goes on if its estimate is
  clearly below theirs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError, UsageError
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.blocks.levels import MOST_COEFFICIENTS, BlocksLevels, enriched_sum, first_space
from pinnkan.solver.families.deep.composition import CompositionLevels, CompositionState, describe_network, network_of
from pinnkan.solver.families.separable.knots import predicted_size
from pinnkan.solver.families.separable.levels import SeparableLevels
from pinnkan.solver.families.separable.state import SeparableState
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Level, Reason

#: Most levels if the file names none; each adds the margin, so ten reach every block of five coordinates.
LEVELS = 14
#: Predicted seconds of the blocks above which other families are tried: about the cost of a trial.
TRIAL_SECONDS = 4.0
#: The cost of a level is this power of its coefficients: n^2 per row, rows proportional to n, less linear parts.
COST_POWER = 2.5
#: A trial is preferred if its estimate is below this share of that of the blocks, whose convergence is sure.
CLEAR_GAIN = 0.1
#: A first correction above this size, relative to the solution: functions of one coordinate approximate nothing.
LARGE_CORRECTION = 1.0


def solve_many(model: Model, monitor: Monitor) -> Outcome:
    """Solve in any number of coordinates and return the outcome.

    Raises UsageError: a family or method for fewer coordinates, or an exact condition; SolverError: the equations do
    not determine the solution, or values are not finite.
    """
    problem, verify = model.problem, Verifier(model)
    _check_settings(problem)
    settings = problem.solver
    most = settings.max_levels or LEVELS
    if settings.network == "deep":
        deep = CompositionLevels(model, enriched_sum(first_space(model, None)), settings.hidden, "asked for")
        return solve_levels(
            deep, verify, monitor, monitor.take_resumed_state(LevelsState) or initial_levels_state(deep)
        )[0]
    why = "asked for" if settings.network == "product" else f"predicted to need less than {TRIAL_SECONDS:g} s"
    blocks = BlocksLevels(model, settings.degree, most, why)
    return _choose(blocks, verify, monitor, monitor.take_resumed_state(LevelsState) or initial_levels_state(blocks))


def _check_settings(problem: Problem) -> None:
    settings = problem.solver
    if settings.network == "ridge" or settings.method != "gauss_newton":
        what = "network: ridge" if settings.network == "ridge" else f"method: {settings.method}"
        raise UsageError(f"`{what}` is for up to three coordinates of space; leave it out")
    exact = next((c for c in problem.conditions if c.enforce == "exact"), None)
    if exact is not None:
        raise UsageError(
            f"the condition on '{exact.name}' cannot be exact with more than three coordinates of space: "
            "leave `enforce` out"
        )


def _choose(blocks: BlocksLevels, verify: Verifier, monitor: Monitor, start: LevelsState[Any]) -> Outcome:
    only, beside = blocks.problem.solver.network == "product", start.competitor
    if beside is None:
        out, beside = solve_levels(
            blocks,
            verify,
            monitor,
            start,
            lambda s: not (only or s.family_state.choice_reason) and _has_trials(blocks, s),
        )
        if out.reason is not None:
            return out
    trials, inside = _trials(blocks, beside), start if start.competitor is not None else None
    if inside is not None:
        trials = trials[trials.index(_TRIAL_BY_STATE[type(inside.family_state)]) :]
    tried = ""
    for trial in trials:
        won, tried = trial(blocks, verify, monitor, inside, beside)
        if won is not None:
            return replace(
                won, levels=(*beside.family_levels, *won.levels), history=(*beside.family_history, *won.history)
            )
        inside = None
    why = f"chosen because {tried} where blocks of {_size_and_estimate(beside)}"
    state = replace(beside.family_state, choice_reason=why)
    return solve_levels(blocks, verify, monitor, replace(beside, family_state=state))[0]


def _has_trials(blocks: BlocksLevels, state: LevelsState[Any]) -> bool:
    """Whether other families are tried before more levels of blocks."""
    if forecast(state, blocks.problem.solver.tolerance)[1] > TRIAL_SECONDS:
        return True
    if len(state.family_levels) > 1 or state.family_levels[0].estimate < LARGE_CORRECTION:
        return False
    asked = predicted_size(blocks.model)
    return asked is not None and asked <= state.family_state.space.size


def _trials(blocks: BlocksLevels, blocks_state: LevelsState[Any]) -> "tuple[_Trial, ...]":
    """The families to try beside the blocks, in order."""
    asked, (needed, _) = predicted_size(blocks.model), forecast(blocks_state, blocks.problem.solver.tolerance)
    if asked is None:
        return (_try_composition,)
    if math.isinf(needed) or blocks_state.family_levels[0].estimate >= LARGE_CORRECTION:
        return _try_products, _try_composition
    return (_try_composition, _try_products) if needed > MOST_COEFFICIENTS else (_try_composition,)


def _try_products(
    blocks: BlocksLevels,
    verify: Verifier,
    monitor: Monitor,
    state: LevelsState[Any] | None,
    blocks_state: LevelsState[Any],
) -> tuple[Outcome | None, str]:
    """Return the outcome of a sum of products, None where it loses; and a description of the trial.

    Clearly ahead of the blocks when it ends it is the outcome, whatever its reason.
    """
    until = 2.0 * TRIAL_SECONDS + monitor.elapsed()
    why = f"chosen because blocks of {_size_and_estimate(blocks_state)}"
    family = SeparableLevels(blocks.model, blocks.degree, blocks.most_levels, why)
    state = state or initial_levels_state(family, competitor=blocks_state)
    try:
        out, last = solve_levels(
            family,
            verify,
            monitor,
            state,
            lambda s: _loses(s.family_levels, blocks_state) and monitor.elapsed() > until,
        )
    except (SolverError, ValueError):
        return None, "a sum of products of all coordinates diverged"
    if out.reason in (Reason.CONVERGED, Reason.MAX_TIME) or not (
        out.reason is None or _loses(out.levels, blocks_state)
    ):
        return out, ""
    count, level = last.family_state.product_count, out.levels[-1]
    size = f"{count} products of all coordinates, of {level.parameters} coefficients,"
    return None, f"a sum of {size} had {level.estimate:.0e}"


def _try_composition(
    blocks: BlocksLevels,
    verify: Verifier,
    monitor: Monitor,
    state: LevelsState[Any] | None,
    blocks_state: LevelsState[Any],
) -> tuple[Outcome | None, str]:
    """Return the outcome of a composition, None where it loses; and a description of the trial."""
    needed, seconds = forecast(blocks_state, blocks.problem.solver.tolerance)
    more = f"would need about {float(f'{needed:.1g}'):,.0f} of them" if 0.0 < needed < math.inf else "did not converge"
    why = f"chosen because blocks of {_size_and_estimate(blocks_state)} and {more}"
    until = max(2.0 * TRIAL_SECONDS, seconds) + monitor.elapsed()
    family = CompositionLevels(
        blocks.model, enriched_sum(blocks_state.family_state.space), blocks.problem.solver.hidden, why, until
    )
    try:
        out, _ = solve_levels(
            family, verify, monitor, state or initial_levels_state(family, competitor=blocks_state),
            lambda s: _loses(s.family_levels, blocks_state)
            and (s.family_state.growths > 0 or monitor.elapsed() > until),
        )  # fmt: skip
    except (SolverError, ValueError):
        return None, "a deep network diverged"
    if out.reason in (Reason.CONVERGED, Reason.MAX_TIME):
        return out, ""
    return None, f"a {describe_network(network_of(out.field))} had {out.levels[-1].estimate:.0e}"


#: A trial, from its state or from the start: the outcome, None where it loses; a description.
_Trial = Callable[
    [BlocksLevels, Verifier, Monitor, LevelsState[Any] | None, LevelsState[Any]], tuple[Outcome | None, str]
]
#: The trial that a state belongs to.
_TRIAL_BY_STATE: dict[type, _Trial] = {SeparableState: _try_products, CompositionState: _try_composition}


def _size_and_estimate(state: LevelsState[Any]) -> str:
    last = state.family_levels[-1]
    return f"{last.parameters} coefficients had {last.estimate:.0e}"


def _loses(levels: Sequence[Level], blocks: LevelsState[Any]) -> bool:
    """Whether the estimate of another family is not clearly below that of the blocks."""
    return levels[-1].estimate >= CLEAR_GAIN * blocks.family_levels[-1].estimate


def forecast(state: LevelsState[Any], tolerance: float) -> tuple[float, float]:
    """Predict coefficients and seconds until the blocks reach a tolerance; infinite where they do not.

    By the order over all levels, since two levels alone may gain much or nothing.
    """
    levels: Sequence[Level] = state.family_levels
    if len(levels) < 2:
        return 0.0, 0.0
    first, last = levels[0], levels[-1]
    if not last.estimate < first.estimate:
        return math.inf, math.inf
    order = math.log(first.estimate / last.estimate) / math.log(last.parameters / first.parameters)
    growth = math.log(max(last.estimate / tolerance, 1.0)) / order
    if growth > math.log(MOST_COEFFICIENTS):  # an order near zero: the power itself may overflow
        return math.inf, math.inf
    needed = last.parameters * math.exp(growth)
    seconds = last.seconds - levels[-2].seconds
    too_large = enriched_sum(state.family_state.space).size * needed / last.parameters > MOST_COEFFICIENTS
    return needed, math.inf if too_large else seconds * (needed / last.parameters) ** COST_POWER
