"""More than three coordinates of space: blocks on few of them, or a composition, whichever is predicted to be cheaper.

``auto`` starts with blocks. After each level the decades gained per coefficient say how many coefficients, and seconds,
they still need. Where that is more than PATIENCE, a deep network of one hidden unit is trained until it stalls, for no
longer than the blocks would need; where its estimated error is clearly below theirs it goes on, and they only if that
fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pinnkan.errors import SolverError, UsageError
from pinnkan.kan.field import Field
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.blocks.growth import in_words
from pinnkan.solver.families.blocks.levels import LARGEST, State, block_levels, first_space, richer
from pinnkan.solver.families.blocks.scattered import Statement, state
from pinnkan.solver.families.deep.composed import Round, composed_rounds
from pinnkan.solver.monitor import Watch
from pinnkan.verdict.records import Iteration, Level

#: Levels when the file names none; each adds the margin, so that ten reach every block of five coordinates.
LEVELS = 14
#: Seconds that blocks may still need before a deep network is tried: what such a trial costs.
PATIENCE = 4.0
#: A level costs this power of its coefficients: n^2 per row and a few rows per coefficient, less what is linear.
COST_POWER = 2.5
#: A deep network is preferred when its estimate is below this share of that of the blocks: both have a long way to go
#: else, and blocks are sure to get on.
CLEARLY = 0.1

EVIDENCE = (
    "correction in a richer sum of blocks, plus the held-out residual that it leaves over the smallest singular value"
)


@dataclass(frozen=True, eq=False)
class ManyResult:
    """Function, estimated error as a function, records, why it ended ("" if converged), and the network in words."""

    field: Field
    error: Field
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    reason: str
    network: str


def solve_many(problem: Problem, watch: Watch) -> ManyResult:
    """Solve in any number of coordinates.

    Raises:
        UsageError: a family or method for fewer coordinates.
        SolverError: the equations do not determine the solution, or values that are not finite.
    """
    settings = problem.solver
    if settings.network == "ridge" or settings.method != "gauss_newton":
        what = "network: ridge" if settings.network == "ridge" else f"method: {settings.method}"
        raise UsageError(f"`{what}` is for up to three coordinates of space; leave it out")
    statement = state(problem)
    most = settings.max_levels or LEVELS
    if settings.network == "deep":
        space = richer(first_space(statement, None))
        rounds = list(composed_rounds(statement, space, settings.hidden, watch))
        return _deep(rounds, f"deep: {_widths(rounds[-1])}, adding nodes, outer layer by least squares (asked for)")
    levels = block_levels(statement, settings.degree, most, watch)
    if settings.network == "product":
        return _blocks(list(levels), problem, "asked for")
    return _choose(statement, levels, watch)


def _choose(statement: Statement, levels: Iterator[State], watch: Watch) -> ManyResult:
    problem, tolerance = statement.problem, statement.problem.solver.tolerance
    states: list[State] = []
    for reached in levels:
        states.append(reached)
        needed, seconds = forecast(states, tolerance)
        if reached.reason is None and seconds > PATIENCE:
            break
    if states[-1].reason is not None:
        return _blocks(states, problem, f"chosen because they were predicted to need less than {PATIENCE:g} s")
    blocks = f"blocks of {states[-1].level.parameters} coefficients had {states[-1].level.estimate:.0e}"
    more = f"would need about {_round(needed)} of them" if math.isfinite(needed) else "did not converge"
    rounds: list[Round] = []
    trial = max(2.0 * PATIENCE, seconds)
    end = watch.elapsed() + trial
    training = composed_rounds(statement, states[-1].judged.error.space, problem.solver.hidden, watch, trial)
    trained = _until(training, rounds, lambda r: r.stalled or watch.elapsed() > end)
    if trained and rounds[-1].level.estimate < CLEARLY * states[-1].level.estimate:
        _until(training, rounds, lambda r: False)
        if rounds[-1].reason == "" or watch.expired():
            why = f"chosen because {blocks} and {more}"
            return _deep(rounds, f"deep: {_widths(rounds[-1])}, adding nodes, outer layer by least squares ({why})")
    tried = f"a {_widths(rounds[-1])} had {rounds[-1].level.estimate:.0e}" if rounds else "a deep network diverged"
    states += list(levels)
    return _blocks(states, problem, f"chosen because {tried} where {blocks}")


def _until(rounds: Iterator[Round], done: list[Round], stop: Callable[[Round], bool]) -> bool:
    """Train until ``stop`` or the end; False where the training diverged."""
    try:
        for reached in rounds:
            done.append(reached)
            if stop(reached):
                return True
    except (SolverError, ValueError):
        return False
    return True


def forecast(states: list[State], tolerance: float) -> tuple[float, float]:
    """Coefficients and seconds until the blocks reach a tolerance, from the order that all levels together show.

    Two levels alone may gain much or nothing: a coupling found, a margin that had to be crossed first.
    """
    if len(states) < 2:
        return 0.0, 0.0
    ends = (states[0], states[-1])
    (a, b), (n, m) = ((s.level.estimate for s in ends), (s.level.parameters for s in ends))
    if not b < a:
        return math.inf, math.inf
    order = math.log(a / b) / math.log(m / n)
    needed = m * max(b / tolerance, 1.0) ** (1.0 / order)
    seconds = states[-1].level.seconds - states[-2].level.seconds
    too_large = states[-1].judged.error.space.size * needed / m > LARGEST
    return needed, math.inf if too_large else seconds * (needed / m) ** COST_POWER


def _round(number: float) -> str:
    return f"{float(f'{number:.1g}'):,.0f}"


def _widths(reached: Round) -> str:
    return f"B-spline KAN {list(reached.widths)} of {reached.level.parameters} coefficients"


def _deep(rounds: list[Round], network: str) -> ManyResult:
    last = rounds[-1]
    history = tuple(step for r in rounds for step in r.steps)
    return ManyResult(
        last.field, last.judged.error, tuple(r.level for r in rounds), history, last.reason or "", network
    )


def _blocks(states: list[State], problem: Problem, why: str) -> ManyResult:
    last = states[-1]
    which = in_words(last.field.space.groups, [c.name for c in problem.coordinates])
    network = f"product: blocks of multiplying nodes on few of the coordinates, {which} ({why})"
    history = tuple(step for s in states for step in s.steps)
    levels = tuple(s.level for s in states)
    return ManyResult(last.field, last.judged.error, levels, history, last.reason or "", network)
