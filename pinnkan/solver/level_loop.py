"""The loop over levels, for every family: minimise, estimate the error, verify, refine, repeat."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from pinnkan.errors import SolverError
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.norms import true_errors
from pinnkan.solver.level_family import ErrorEstimate, LevelFamily, LossMinimum
from pinnkan.solver.linear.convergence import rests
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import FIRST_LEVEL_MARGIN, SAFETY, Outcome
from pinnkan.solver.solver_state import BestLevel, LevelsState
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.checks import FEATURES
from pinnkan.solver.verify.findings import Decision, Finding, NeedsKnots, Refused, decide
from pinnkan.solver.verify.verifier import Answer, Verifier, findings, record_answers, without_needed_knots
from pinnkan.verdict.records import Evidence, Level, Reason
from pinnkan.verdict.verdict import HELDOUT_RATIO, is_undersampled

#: Relative rounding errors of the coefficients from which on the error is unknown.
MAX_ROUNDING = 1e-4
#: Levels that have not halved the smallest estimate before them, after which their minima may be no solutions.
STAGNATION_LEVELS = 3
#: An estimate below FAST_REDUCTION of the one before allows EXTRA_LEVELS levels: 128 waves on a line are resolved by
#: the 14th.
FAST_REDUCTION, EXTRA_LEVELS = 0.2, 6
#: Consecutive levels, otherwise acceptable, with a falling stability constant or a residual that remains, before that
#: is attributed to the equation and not to the knots.
LASTING_LEVELS = 3
#: Coefficients up to which one more level follows the first one that resolves a near-null function.
CHEAP_SIZE = 10_000

#: Solves in a subspace of functions; None if that fails.
SubspaceSolver = Callable[[], Outcome | None]
S = TypeVar("S")
E = TypeVar("E", bound=ErrorEstimate)


def initial_levels_state(family: LevelFamily[S, E], competitor: LevelsState[Any] | None = None) -> LevelsState[S]:
    """Return the state before the first level; ``competitor``: the state of a competing family."""
    own = family.initial_state()
    return LevelsState(own, family.field_of(own), competitor=competitor)


def solve_levels(
    family: LevelFamily[S, E],
    verify: Verifier,
    monitor: Monitor,
    state: LevelsState[S],
    should_pause: Callable[[LevelsState[S]], bool] = lambda _: False,
    solve_subspace: SubspaceSolver = lambda: None,
) -> tuple[Outcome, LevelsState[S]]:
    """Run levels from ``state`` on; return the outcome, and the state before the next level or else before the last.

    ``should_pause``: asked before each further level whether to pause, which gives an outcome without a reason;
    ``solve_subspace``: solves in a subspace, asked where nothing seems to determine the solution. The outcome has the
    levels of this family alone.

    Raises SolverError if the least squares have no solution, OutOfTimeError if the time limit ends within a level.
    """
    while True:
        outcome, following = _run_level(family, verify, monitor, state, solve_subspace)
        if following is None:
            return outcome, state
        if should_pause(following):
            return outcome, following
        state = following


def _run_level(
    family: LevelFamily[S, E], verify: Verifier, monitor: Monitor, state: LevelsState[S], solve_subspace: SubspaceSolver
) -> tuple[Outcome, LevelsState[S] | None]:
    """Run one level; return its outcome, and the state before the next one, None if this is the last."""
    monitor.keep_state(state)
    monitor.check_time_if_usable(())
    try:
        own, steps = family.minimise(state.family_state, state.level_number, monitor)
    except SolverError:
        other = family.alternative_start(state.family_state, monitor) if state.has_alternative_start is None else None
        if other is None:
            raise
        state = replace(state, family_state=other, newton=None, has_alternative_start=True)
        return _run_level(family, verify, monitor, state, solve_subspace)
    state = replace(state, family_state=own, family_history=(*state.family_history, *steps), newton=None)
    monitor.check_time_if_usable(())
    if not monitor.expired():  # else a resumed solve does it in full: it may have been cut short
        monitor.keep_state(state)
    measured, error = family.evaluate_minimum(own), state.previous_error
    before = Outcome(state.previous_field or measured.field, error, state.family_levels, state.family_history)
    try:
        estimate = family.estimate(own, measured, before)
    except OutOfTimeError:
        if state.levels:
            raise
        return _without_estimate(family, state, measured, monitor), None
    level = monitor.report_level(_make_record(family, state, measured, estimate, monitor))
    outcome, decision, best = _judge_level(family, verify, state, level, measured, estimate, monitor)
    fewer = solve_subspace() if state.has_alternative_start is None and _exceeds_solution(outcome) else None
    if fewer is not None:
        return fewer, None
    leads_nowhere = state.has_alternative_start is None and _may_be_no_solution(outcome)
    following = family.alternative_start(own, monitor) if leads_nowhere else None
    elsewhere = following is not None if leads_nowhere else state.has_alternative_start
    outcome = replace(outcome, coarser_field=state.previous_field)
    if following is None and outcome.reason is not None:
        return outcome, None
    following = following or family.refine(own, estimate, decision)
    if following is None:
        detail = "" if decision.feature is None else decision.feature.words(family.problem)
        return replace(outcome, reason=_exhaustion_reason(measured, decision), detail=detail), None
    return outcome, LevelsState(
        following, state.initial_field, outcome.levels, outcome.history, outcome.field, outcome.error, outcome.network,
        best, None, state.competitor, elsewhere,
    )  # fmt: skip


def _may_be_no_solution(outcome: Outcome) -> bool:
    """Whether the minima of the levels may be no solution, or one that nothing determines."""
    if outcome.reason is not None:
        return outcome.reason == Reason.STALLED
    estimates = [level.estimate for level in outcome.levels]
    is_fruitless = len(estimates) > STAGNATION_LEVELS + 1 and rests(estimates, STAGNATION_LEVELS)
    return is_fruitless or _exceeds_solution(outcome) or not outcome.levels[-1].is_settled


def _exceeds_solution(outcome: Outcome) -> bool:
    """Whether the correction of a level that resolves the data is larger than its solution."""
    last = outcome.levels[-1]
    return (
        outcome.reason is None and len(outcome.levels) > STAGNATION_LEVELS and last.is_resolved and last.estimate > 1.0
    )


def _without_estimate(
    family: LevelFamily[S, E], state: LevelsState[S], minimum: LossMinimum, monitor: Monitor
) -> Outcome:
    """The outcome of a first level whose error cannot be estimated within the time limit."""
    unknown = ErrorEstimate(float("inf"), None)
    level = monitor.report_level(_make_record(family, state, minimum, unknown, monitor))
    found = Outcome(minimum.field, None, (level,), state.family_history, Reason.MAX_TIME)
    return replace(found, network=family.network_description(state.family_state, found))


def _make_record(
    family: LevelFamily[S, E], state: LevelsState[S], minimum: LossMinimum, estimate: ErrorEstimate, monitor: Monitor
) -> Level:
    iterations = sum(1 for step in state.family_history if step.level == state.level_number)
    level = minimum.make_record(state.level_number, estimate.size, monitor.elapsed(), iterations)
    true = true_errors(family.problem, family.samples(state.family_state)) if family.problem.exact else ()
    level = replace(level, true_error=max(true, default=None), evidence=estimate.evidence)
    is_system = len(family.problem.unknowns) > 1
    return replace(level, estimates=estimate.sizes_by_unknown, true_errors=true) if is_system else level


def _judge_level(
    family: LevelFamily[S, E],
    verify: Verifier,
    state: LevelsState[S],
    level: Level,
    minimum: LossMinimum,
    estimate: E,
    monitor: Monitor,
) -> tuple[Outcome, Decision, BestLevel | None]:
    """Return the outcome, with a reason if the level is the last, the decision on it, and the best level so far."""
    tolerance = family.problem.solver.tolerance
    decision = Decision()
    settled = level.is_resolved and not minimum.unconverged_reason
    needs_margin = not state.family_levels and level.evidence != Evidence.COMPARISON
    allowed = (FIRST_LEVEL_MARGIN if needs_margin else 1.0) * tolerance
    if settled and level.estimate <= allowed:
        answers = _ask_checks(family, verify, level, minimum, estimate)
        found = findings(answers)
        level = record_answers(level, answers, family.problem)
        level = replace(level, estimate=max(level.estimate, SAFETY * Decision(findings=found).error_size))
        has_persisted = _has_never_settled((*state.family_levels, level), bool(state.has_alternative_start))
        is_fresh = level.parameters <= CHEAP_SIZE and any(_is_newly_resolved(f) for f in found)
        decision = decide(found, tolerance / SAFETY, has_persisted and not is_fresh)
        if decision.reason and decision.waiting:
            level = replace(level, estimate=float("inf"))
    elif settled and _may_be_undetermined(family, level, estimate):
        with suppress(OutOfTimeError):
            answers = verify.free_functions(_candidate(family, minimum, estimate))
            level = record_answers(level, answers, family.problem)
            decision = decide(findings(answers)) if findings(answers) else decision
    reason, detail = decision.reason, decision.sentence
    if reason is None and settled and estimate.rounding > tolerance:
        size = max(level.estimate, estimate.rounding) if estimate.rounding < MAX_ROUNDING else float("inf")
        level = replace(level, estimate=size)
        reason, detail = Reason.BELOW_ROUNDING, f"about {estimate.rounding:.0e} in the coefficients"
    levels, best = (*state.family_levels, level), state.best
    if level.is_resolved and not level.unseen and (best is None or level.estimate < best.level.estimate):
        best = BestLevel(level, minimum.field, estimate.error)
    outcome = Outcome(minimum.field, estimate.error, levels, state.family_history, reason, detail)
    if reason is None:
        outcome = _end_if_exhausted(family, outcome, minimum, decision, best, monitor)
    if decision.undecided.sentence and outcome.reason in (Reason.STALLED, Reason.MAX_LEVELS):
        outcome = replace(outcome, reason=Reason.UNDECIDED, detail=decision.undecided.sentence)
    return replace(outcome, network=family.network_description(state.family_state, outcome)), decision, best


def _candidate(family: LevelFamily[S, E], minimum: LossMinimum, estimate: E) -> Candidate:
    """The minimum of a level with its correction, as checks see it."""
    problem, context = family.problem, FieldContext(estimate.error)
    beside = min(minimum.heldout, HELDOUT_RATIO**2 * minimum.loss)  # a larger one is what the check looks for
    loss, allowed = beside if estimate.spaces is None else minimum.loss, problem.solver.tolerance / SAFETY
    heldout = estimate.heldout_rms
    return Candidate(minimum.field, problem.domain, loss, estimate.spaces, context, allowed, heldout)


def _is_newly_resolved(finding: Finding) -> bool:
    """Whether a finding concerns a function that these knots are the first to resolve."""
    return isinstance(finding, Refused) and finding.is_newly_resolved


def _ask_checks(
    family: LevelFamily[S, E], verify: Verifier, level: Level, minimum: LossMinimum, estimate: E
) -> tuple[Answer, ...]:
    """The answers of the checks to a level; where it is undersampled, of the search for a missed feature alone."""
    candidate = _candidate(family, minimum, estimate)
    try:
        if is_undersampled([level], family.problem.solver.tolerance):
            answers = verify.missed_features(candidate)
            return answers if any(a.finding for a in answers) else (Answer(FEATURES.name, NeedsKnots()),)
        answers = verify(candidate)
    except OutOfTimeError:
        return (Answer(FEATURES.name, Refused(Reason.MAX_TIME, "", 0.0)),)
    feature = Decision(findings=findings(answers)).feature
    if feature is None or not family.is_feature_negligible(minimum, feature):
        return answers
    return without_needed_knots(answers)


def _may_be_undetermined(family: LevelFamily[S, E], level: Level, estimate: E) -> bool:
    """Whether rounding, or a correction larger than the solution, may be due to a function that nothing determines."""
    tolerance, spaces = family.problem.solver.tolerance, estimate.spaces
    return spaces is not None and (estimate.rounding > tolerance or level.estimate > 1.0 or spaces.has_free_function)


def _has_never_settled(levels: Sequence[Level], has_alternative_start: bool) -> bool:
    """Whether none of the last LASTING_LEVELS levels is settled.

    After an alternative start, whether two of all are not.
    """
    if has_alternative_start and sum(not level.is_settled for level in levels) > 1:
        return True
    return len(levels) >= LASTING_LEVELS and not any(level.is_settled for level in levels[-LASTING_LEVELS:])


def _end_if_exhausted(
    family: LevelFamily[S, E],
    outcome: Outcome,
    minimum: LossMinimum,
    decision: Decision,
    best: BestLevel | None,
    monitor: Monitor,
) -> Outcome:
    """Return the outcome, with a reason if no more levels are possible."""
    if monitor.expired():
        return replace(outcome, reason=Reason.MAX_TIME)
    vain = family.stagnation_reason(outcome.levels)
    if vain:
        shown = _best_outcome(outcome, best) if family.returns_best_level else outcome
        return replace(shown, reason=Reason.STALLED, detail=minimum.unconverged_reason or vain)
    if len(outcome.levels) >= family.most_levels + _extra_levels(family, outcome.levels):
        return replace(outcome, reason=_exhaustion_reason(minimum, decision), detail=minimum.unconverged_reason)
    return outcome


def _extra_levels(family: LevelFamily[S, E], levels: Sequence[Level]) -> int:
    """The number of levels beyond the usual one: EXTRA_LEVELS if the file names none and the error falls fast."""
    last = levels[-1]
    falls = len(levels) > 1 and last.is_resolved and last.estimate < FAST_REDUCTION * levels[-2].estimate
    return EXTRA_LEVELS if falls and family.problem.solver.max_levels is None else 0


def _best_outcome(outcome: Outcome, best: BestLevel | None) -> Outcome:
    """The outcome at the level with the smallest estimate."""
    last = outcome.levels[-1]
    if best is None or best.level.estimate >= last.estimate:
        return outcome
    again = replace(best.level, number=last.number + 1, seconds=last.seconds)
    return replace(outcome, field=best.field, error=best.error, levels=(*outcome.levels, again))


def _exhaustion_reason(minimum: LossMinimum, decision: Decision) -> Reason:
    """The reason to report when the allowed levels are used up."""
    if minimum.unconverged_reason:
        return Reason.STALLED
    if decision.feature is not None:
        return Reason.UNDERSAMPLED
    return Reason.MAX_LEVELS if minimum.is_resolved else Reason.NOT_ASYMPTOTIC
