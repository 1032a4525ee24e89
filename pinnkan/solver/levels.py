"""The loop over levels, for every family: minimise, estimate the error, verify, refine, repeat."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from pinnkan.errors import SolverError
from pinnkan.solver.estimate.norms import true_errors
from pinnkan.solver.family import ErrorEstimate, Family, Measured
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import FIRST_MARGIN, SAFETY, Outcome
from pinnkan.solver.state import Best, LevelsState
from pinnkan.solver.verify.objection import Objection
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Evidence, Level, Reason
from pinnkan.verdict.verdict import HELDOUT_RATIO, is_undersampled

#: Relative rounding errors of the coefficients from which on the error is unknown.
GARBAGE = 1e-4
#: Levels that have not halved the smallest estimate before them, after which their minima may be no solutions.
FRUITLESS = 3
#: An estimate below FALLING of the one before allows MORE levels: 128 waves on a line are resolved by the 14th.
FALLING, MORE = 0.2, 6
#: Consecutive levels, otherwise acceptable, with a falling stability constant or a residual that remains, before that
#: is attributed to the equation and not to the knots.
LASTING = 3
#: Coefficients up to which one more level follows the first one that resolves a near-null function.
CHEAP = 10_000

#: Solves in a subspace of functions; None if that fails.
Among = Callable[[], Outcome | None]
S = TypeVar("S")
E = TypeVar("E", bound=ErrorEstimate)


def begun(family: Family[S, E], beside: LevelsState[Any] | None = None) -> LevelsState[S]:
    """Return the state before the first level; ``beside``: the state of a competing family."""
    own = family.first()
    return LevelsState(own, family.shown(own), beside=beside)


def solve_levels(
    family: Family[S, E],
    verify: Verifier,
    monitor: Monitor,
    state: LevelsState[S],
    leave: Callable[[LevelsState[S]], bool] = lambda _: False,
    among: Among = lambda: None,
) -> tuple[Outcome, LevelsState[S]]:
    """Run levels from ``state`` on; return the outcome, and the state before the next level or else before the last.

    ``leave``: asked before each further level whether to pause, which gives an outcome without a reason; ``among``:
    solves in a subspace, asked where nothing seems to determine the solution. The outcome has the levels of this family
    alone.

    Raises SolverError if the least squares have no solution, OutOfTimeError if the time limit ends within a level.
    """
    while True:
        outcome, following = _level(family, verify, monitor, state, among)
        if following is None:
            return outcome, state
        if leave(following):
            return outcome, following
        state = following


def _level(
    family: Family[S, E], verify: Verifier, monitor: Monitor, state: LevelsState[S], among: Among
) -> tuple[Outcome, LevelsState[S] | None]:
    """Run one level; return its outcome, and the state before the next one, None if this is the last."""
    monitor.keep(state)
    monitor.check_step(())
    try:
        own, steps = family.minimise(state.own, state.number, monitor)
    except SolverError:
        other = family.elsewhere(state.own, monitor) if state.elsewhere is None else None
        if other is None:
            raise
        return _level(family, verify, monitor, replace(state, own=other, newton=None, elsewhere=True), among)
    state = replace(state, own=own, own_history=(*state.own_history, *steps), newton=None)
    monitor.check_step(())
    if not monitor.expired():  # else a resumed solve does it in full: it may have been cut short
        monitor.keep(state)
    measured = family.measured(own)
    before = Outcome(state.shown or measured.field, state.shown_error, state.own_levels, state.own_history)
    try:
        estimate = family.estimate(own, measured, before)
    except OutOfTimeError:
        if state.levels:
            raise
        return _unjudged(family, state, measured, monitor), None
    level = monitor.level(_record(family, state, measured, estimate, monitor))
    outcome, against, best = _judged(family, verify, state, level, measured, estimate, monitor)
    fewer = among() if state.elsewhere is None and _moves_all(outcome) else None
    if fewer is not None:
        return fewer, None
    leads_nowhere = state.elsewhere is None and _leads_nowhere(outcome)
    following = family.elsewhere(own, monitor) if leads_nowhere else None
    elsewhere = following is not None if leads_nowhere else state.elsewhere
    outcome = replace(outcome, coarser=state.shown)
    if following is None and outcome.reason is not None:
        return outcome, None
    following = following or family.refine(own, estimate, against)
    if following is None:
        detail = "" if against.missed is None else against.missed.words(family.problem)
        return replace(outcome, reason=_exhausted(measured, against), detail=detail), None
    return outcome, LevelsState(
        following, state.initial, outcome.levels, outcome.history, outcome.field, outcome.error, outcome.network, best,
        None, state.beside, elsewhere,
    )  # fmt: skip


def _leads_nowhere(outcome: Outcome) -> bool:
    """Whether the minima of the levels may be no solution, or one that nothing determines."""
    if outcome.reason is not None:
        return outcome.reason == Reason.STALLED
    estimates = [level.estimate for level in outcome.levels]
    before, last = estimates[:-FRUITLESS], estimates[-FRUITLESS:]
    is_fruitless = len(before) > 1 and min(last) > 0.5 * min(before)
    return is_fruitless or _moves_all(outcome) or not outcome.levels[-1].is_settled


def _moves_all(outcome: Outcome) -> bool:
    """Whether the correction of a level that resolves the data is larger than its solution."""
    last = outcome.levels[-1]
    return outcome.reason is None and len(outcome.levels) > FRUITLESS and last.is_resolved and last.estimate > 1.0


def _unjudged(family: Family[S, E], state: LevelsState[S], measured: Measured, monitor: Monitor) -> Outcome:
    """The outcome of a first level whose error cannot be estimated within the time limit."""
    unknown = ErrorEstimate(float("inf"), None)
    level = monitor.level(_record(family, state, measured, unknown, monitor))
    found = Outcome(measured.field, None, (level,), state.own_history, Reason.MAX_TIME)
    return replace(found, network=family.in_words(state.own, found))


def _record(
    family: Family[S, E], state: LevelsState[S], measured: Measured, estimate: ErrorEstimate, monitor: Monitor
) -> Level:
    iterations = sum(1 for step in state.own_history if step.level == state.number)
    level = measured.record(state.number, estimate.size, monitor.elapsed(), iterations)
    true = true_errors(family.problem, family.samples(state.own)) if family.problem.exact else ()
    level = replace(level, true_error=max(true, default=None), evidence=estimate.evidence)
    is_system = len(family.problem.unknowns) > 1
    return replace(level, estimates=estimate.parts, true_errors=true) if is_system else level


def _judged(
    family: Family[S, E],
    verify: Verifier,
    state: LevelsState[S],
    level: Level,
    measured: Measured,
    estimate: E,
    monitor: Monitor,
) -> tuple[Outcome, Objection, Best | None]:
    """Return the outcome, with a reason if the level is the last, the objection to it, and the best level so far."""
    tolerance = family.problem.solver.tolerance
    reason, detail, against = None, "", Objection()
    settled = level.is_resolved and not measured.unsettled
    needs_margin = not state.own_levels and level.evidence != Evidence.COMPARISON
    allowed = (FIRST_MARGIN if needs_margin else 1.0) * tolerance
    if settled and level.estimate <= allowed:
        objection = _objection(family, verify, level, measured, estimate)
        against = objection or against
        is_fresh = against.is_fresh and level.parameters <= CHEAP
        level = replace(level, estimate=max(level.estimate, SAFETY * against.size), is_settled=not against.is_lasting)
        level = replace(level, unseen="" if against.missed is None else against.missed.words(family.problem))
        if objection is None:
            reason = Reason.CONVERGED
        elif not is_fresh and (not against.is_lasting or _lasts((*state.own_levels, level), bool(state.elsewhere))):
            reason, detail = against.reason, against.detail
            level = replace(level, estimate=float("inf")) if against.is_lasting and reason else level
    elif settled and _is_hopeless(family, level, estimate):
        with suppress(OutOfTimeError):
            against = verify.free(measured.field, estimate.spaces) or against
        reason, detail = against.reason, against.detail
    if reason is None and settled and estimate.rounding > tolerance:
        size = max(level.estimate, estimate.rounding) if estimate.rounding < GARBAGE else float("inf")
        level = replace(level, estimate=size)
        reason, detail = Reason.BELOW_ROUNDING, f"about {estimate.rounding:.0e} in the coefficients"
    levels, best = (*state.own_levels, level), state.best
    if level.is_resolved and not level.unseen and (best is None or level.estimate < best.level.estimate):
        best = Best(level, measured.field, estimate.error)
    outcome = Outcome(measured.field, estimate.error, levels, state.own_history, reason, detail)
    if reason is None:
        outcome = _ended(family, outcome, measured, against, best, monitor)
    if against.reason is None and against.detail and outcome.reason in (Reason.STALLED, Reason.MAX_LEVELS):
        outcome = replace(outcome, reason=Reason.UNDECIDED, detail=against.detail)
    return replace(outcome, network=family.in_words(state.own, outcome)), against, best


def _objection(
    family: Family[S, E], verify: Verifier, level: Level, measured: Measured, estimate: E
) -> Objection | None:
    """The objection to a level; None if there is none, an empty one if it is undersampled without a missed feature."""
    tolerance = family.problem.solver.tolerance
    beside = min(measured.heldout, HELDOUT_RATIO**2 * measured.loss)  # a larger one is what the check looks for
    loss, allowed = beside if estimate.spaces is None else measured.loss, tolerance / SAFETY
    try:
        if is_undersampled([level], tolerance):
            return verify.missed(measured.field, loss) or Objection()
        against = verify(measured.field, loss, estimate.spaces, allowed, estimate.left, estimate.error)
    except OutOfTimeError:
        return Objection(reason=Reason.MAX_TIME)
    cleared = against is not None and against.missed is not None and family.clears(measured, against.missed)
    return None if cleared else against


def _is_hopeless(family: Family[S, E], level: Level, estimate: E) -> bool:
    """Whether rounding, or a correction larger than the solution, may be due to a function that nothing determines."""
    tolerance, spaces = family.problem.solver.tolerance, estimate.spaces
    return spaces is not None and (estimate.rounding > tolerance or level.estimate > 1.0 or spaces.is_loose)


def _lasts(levels: Sequence[Level], elsewhere: bool) -> bool:
    """Whether none of the last LASTING levels is settled; after an alternative start, whether two of all are not."""
    if elsewhere and sum(not level.is_settled for level in levels) > 1:
        return True
    return len(levels) >= LASTING and not any(level.is_settled for level in levels[-LASTING:])


def _ended(
    family: Family[S, E], outcome: Outcome, measured: Measured, against: Objection, best: Best | None, monitor: Monitor
) -> Outcome:
    """Return the outcome, with a reason if no more levels are possible."""
    if monitor.expired():
        return replace(outcome, reason=Reason.MAX_TIME)
    vain = family.in_vain(outcome.levels)
    if vain:
        shown = _at_best(outcome, best) if family.ends_at_best else outcome
        return replace(shown, reason=Reason.STALLED, detail=measured.unsettled or vain)
    if len(outcome.levels) >= family.most_levels + _more_levels(family, outcome.levels):
        return replace(outcome, reason=_exhausted(measured, against), detail=measured.unsettled)
    return outcome


def _more_levels(family: Family[S, E], levels: Sequence[Level]) -> int:
    """The number of levels beyond the usual one: MORE if the file names none and the error falls fast."""
    last = levels[-1]
    falls = len(levels) > 1 and last.is_resolved and last.estimate < FALLING * levels[-2].estimate
    return MORE if falls and family.problem.solver.max_levels is None else 0


def _at_best(outcome: Outcome, best: Best | None) -> Outcome:
    """The outcome at the level with the smallest estimate."""
    last = outcome.levels[-1]
    if best is None or best.level.estimate >= last.estimate:
        return outcome
    again = replace(best.level, number=last.number + 1, seconds=last.seconds)
    return replace(outcome, field=best.field, error=best.error, levels=(*outcome.levels, again))


def _exhausted(measured: Measured, against: Objection) -> Reason:
    """The reason to report when the allowed levels are used up."""
    if measured.unsettled:
        return Reason.STALLED
    if against.missed is not None:
        return Reason.UNDERSAMPLED
    return Reason.MAX_LEVELS if measured.is_resolved else Reason.NOT_ASYMPTOTIC
