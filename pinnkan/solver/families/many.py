"""More than three coordinates of space: blocks on few of them, or a composition, whichever is predicted to be cheaper.

``auto`` starts with blocks. After each level the decades gained per coefficient say how many coefficients, and seconds,
they still need. Where that is more than PATIENCE, a deep network of one hidden unit is trained until it stalls, for no
longer than the blocks would need; where its estimated error is clearly below theirs it goes on, and they only if that
fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError, UsageError
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.blocks.levels import LARGEST, BlocksLevels, first_space, richer
from pinnkan.solver.families.deep.composed import Composed, described, network_of
from pinnkan.solver.levels import LevelsState, begun, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Level, Reason

#: Levels when the file names none; each adds the margin, so that ten reach every block of five coordinates.
LEVELS = 14
#: Seconds that blocks may still need before a deep network is tried: what such a trial costs.
PATIENCE = 4.0
#: A level costs this power of its coefficients: n^2 per row and a few rows per coefficient, less what is linear.
COST_POWER = 2.5
#: A deep network is preferred when its estimate is below this share of that of the blocks: both have a long way to go
#: else, and blocks are sure to get on.
CLEARLY = 0.1


def solve_many(model: Model, monitor: Monitor) -> Outcome:
    """Solve in any number of coordinates.

    Raises:
        UsageError: a family or method for fewer coordinates, or a condition that no block can hold exactly.
        SolverError: the equations do not determine the solution, or values that are not finite.
    """
    problem, verify = model.problem, Verifier(model)
    _refuse(problem)
    settings = problem.solver
    most = settings.max_levels or LEVELS
    if settings.network == "deep":
        deep = Composed(model, richer(first_space(model, None)), settings.hidden, "asked for")
        return solve_levels(deep, verify, monitor, monitor.resumed(LevelsState) or begun(deep))[0]
    why = "asked for" if settings.network == "product" else f"predicted to need less than {PATIENCE:g} s"
    blocks = BlocksLevels(model, settings.degree, most, why)
    return _choose(blocks, verify, monitor, monitor.resumed(LevelsState) or begun(blocks))


def _refuse(problem: Problem) -> None:
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


def _choose(blocks: BlocksLevels, verify: Verifier, monitor: Monitor, state: LevelsState[Any]) -> Outcome:
    tolerance, only = blocks.problem.solver.tolerance, blocks.problem.solver.network == "product"
    if state.beside is None:
        out, state = solve_levels(
            blocks, verify, monitor, state, lambda s: not (only or s.own.why) and forecast(s, tolerance)[1] > PATIENCE
        )
        if out.reason is not None:
            return out
        needed, seconds = forecast(state, tolerance)
        state = begun(_trial(blocks, state, needed, max(2.0 * PATIENCE, seconds) + monitor.elapsed()), beside=state)
    beside = state.beside
    assert beside is not None
    needed, seconds = forecast(beside, tolerance)
    family = _trial(blocks, beside, needed, max(2.0 * PATIENCE, seconds) + monitor.elapsed())
    tried = "a deep network diverged"
    try:
        out, _ = solve_levels(
            family,
            verify,
            monitor,
            state,
            lambda s: _loses(s, beside) and (s.own.grown > 0 or monitor.elapsed() > family.until),
        )
        if out.reason in (Reason.CONVERGED, Reason.MAX_TIME):
            return replace(out, levels=(*beside.own_levels, *out.levels), history=(*beside.own_history, *out.history))
        tried = f"a {described(network_of(out.field))} had {out.levels[-1].estimate:.0e}"
    except (SolverError, ValueError):
        pass
    why = f"chosen because {tried} where blocks of {_so_far(beside)}"
    return solve_levels(blocks, verify, monitor, replace(beside, own=replace(beside.own, why=why)))[0]


def _trial(blocks: BlocksLevels, state: LevelsState[Any], needed: float, until: float) -> Composed:
    """The composition that is tried where the blocks stand."""
    more = f"would need about {_round(needed)} of them" if math.isfinite(needed) else "did not converge"
    why = f"chosen because blocks of {_so_far(state)} and {more}"
    return Composed(blocks.model, richer(state.own.space), blocks.problem.solver.hidden, why, until)


def _so_far(state: LevelsState[Any]) -> str:
    last = state.own_levels[-1]
    return f"{last.parameters} coefficients had {last.estimate:.0e}"


def _loses(deep: LevelsState[Any], blocks: LevelsState[Any]) -> bool:
    """Whether the composition is not clearly ahead of the blocks."""
    return deep.own_levels[-1].estimate >= CLEARLY * blocks.own_levels[-1].estimate


def forecast(state: LevelsState[Any], tolerance: float) -> tuple[float, float]:
    """Coefficients and seconds until the blocks reach a tolerance, from the order that all levels together show.

    Two levels alone may gain much or nothing: a coupling found, a margin that had to be crossed first.
    """
    levels: Sequence[Level] = state.own_levels
    if len(levels) < 2:
        return 0.0, 0.0
    first, last = levels[0], levels[-1]
    if not last.estimate < first.estimate:
        return math.inf, math.inf
    order = math.log(first.estimate / last.estimate) / math.log(last.parameters / first.parameters)
    growth = math.log(max(last.estimate / tolerance, 1.0)) / order
    if growth > math.log(LARGEST):  # an order near zero: the power itself may overflow
        return math.inf, math.inf
    needed = last.parameters * math.exp(growth)
    seconds = last.seconds - levels[-2].seconds
    too_large = richer(state.own.space).size * needed / last.parameters > LARGEST
    return needed, math.inf if too_large else seconds * (needed / last.parameters) ** COST_POWER


def _round(number: float) -> str:
    return f"{float(f'{number:.1g}'):,.0f}"
