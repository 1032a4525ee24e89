"""The only loop over levels: minimise, estimate, ask what speaks against it, refine, repeat; for every family."""

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

#: Rounding errors of this share of the coefficients leave nothing to be said about the error.
GARBAGE = 1e-4
#: Where so many levels have not halved the smallest estimate before them, the minima they are at may be no solution.
FRUITLESS = 3
#: An error that is at last below this share of the one before is followed for so many more levels: 128 waves on a line
#: are resolved by the fourteenth.
FALLING, MORE = 0.2, 6
#: Levels in a row, each about to be accepted, on which the stability constant goes on falling, or a residual stands,
#: before that is taken for the equation's doing and not the knots'.
LASTING = 3
#: Coefficients up to which a level is not the last of these where what falls is first resolved: the next one takes some
#: seconds. Of an exact resonance of 50 waves three levels say what five do in 9 times as long.
CHEAP = 10_000

#: Asked for an outcome among fewer functions.
Among = Callable[[], Outcome | None]
S = TypeVar("S")
E = TypeVar("E", bound=ErrorEstimate)


def begun(family: Family[S, E], beside: LevelsState[Any] | None = None) -> LevelsState[S]:
    """Before the first level."""
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
    """The outcome of all levels from ``state`` on, and the state before the next one, or else before the last.

    ``leave`` is asked before each level but the first; where it says yes the outcome has no reason yet, and the solve
    can go on from the state. The levels of the outcome are those of the family alone. ``among``: the outcome among
    fewer functions, for where nothing seems to hold the solution in place.

    Raises:
        SolverError: the least squares have no solution.
        OutOfTimeError: the time limit is over in the middle of a level; what there is lies in the monitor's state.
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
    """One level, and the state before the next one; None where this is the last."""
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
    if not monitor.expired():  # else it may have been cut short, and a resumed solve does it in full
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
    """Whether the minima of the levels may be no solution, or one that nothing holds in place."""
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
    """A first level whose error the time does not allow to estimate."""
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
    """Whether the level is the last one, and why; what speaks against it; the best level so far."""
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
    """What speaks against a level; where its residual is larger off its points, what these miss, or nothing said."""
    tolerance = family.problem.solver.tolerance
    beside = min(measured.heldout, HELDOUT_RATIO**2 * measured.loss)  # more than that is what is to be found
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
    """Whether rounding, or a correction larger than the solution, may be that of a function that nothing holds."""
    tolerance, spaces = family.problem.solver.tolerance, estimate.spaces
    return spaces is not None and (estimate.rounding > tolerance or level.estimate > 1.0 or spaces.is_loose)


def _lasts(levels: Sequence[Level], elsewhere: bool) -> bool:
    """Whether something has not settled on any of the last levels, each of which might have been accepted.

    After another start the second level of all is enough: it is the same function that is not held.
    """
    if elsewhere and sum(not level.is_settled for level in levels) > 1:
        return True
    return len(levels) >= LASTING and not any(level.is_settled for level in levels[-LASTING:])


def _ended(
    family: Family[S, E], outcome: Outcome, measured: Measured, against: Objection, best: Best | None, monitor: Monitor
) -> Outcome:
    """The outcome, with its reason where more levels are not to be had."""
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
    """Levels beyond the usual number that are worth while: where the file names none and the error falls at last."""
    last = levels[-1]
    falls = len(levels) > 1 and last.is_resolved and last.estimate < FALLING * levels[-2].estimate
    return MORE if falls and family.problem.solver.max_levels is None else 0


def _at_best(outcome: Outcome, best: Best | None) -> Outcome:
    """The outcome at its best level: what came after it has led away."""
    last = outcome.levels[-1]
    if best is None or best.level.estimate >= last.estimate:
        return outcome
    again = replace(best.level, number=last.number + 1, seconds=last.seconds)
    return replace(outcome, field=best.field, error=best.error, levels=(*outcome.levels, again))


def _exhausted(measured: Measured, against: Objection) -> Reason:
    """Why the levels allowed were not enough."""
    if measured.unsettled:
        return Reason.STALLED
    if against.missed is not None:
        return Reason.UNDERSAMPLED
    return Reason.MAX_LEVELS if measured.is_resolved else Reason.NOT_ASYMPTOTIC
