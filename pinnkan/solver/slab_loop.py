"""The loop over slabs of time, for every family: attempt, verify, accept or try again.

Each slab has two corrections. The local one, with no error at the start of the slab, decides acceptance, the next
length and the knots. The global one starts with the error at the end of the slab before, as carried on by the
linearised equation; it is the estimate.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.derived_fields import SlabPiece, field_of_slabs
from pinnkan.problem.units.natural_units import natural_sizes
from pinnkan.solver.error_growth import LocalTolerance, next_local_tolerance
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.norms import largest_norm_ratio, norm_ratios, squared_error_and_size
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.minimise.gauss_newton import contraction_constant
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.required_slab_ends import required_slab_ends
from pinnkan.solver.slab_family import SlabFamily
from pinnkan.solver.slab_history import EQUAL_TIME_SHARE, SlabHistory, SolvedSlab
from pinnkan.solver.slab_loop_state import MarchState
from pinnkan.solver.time_pass import LEAST_ALLOWED, TimePass
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.findings import decide
from pinnkan.solver.verify.verifier import NO_ANSWERS, Answer, Verifier, findings, record_answers, without_needed_knots
from pinnkan.verdict.records import Reason

#: The shortest slab relative to its time: points in a shorter one are not distinct.
MIN_LENGTH_SHARE = 1e-14
#: An unknown is resolved relative to this share of its natural size at least, since it may be at rest until a pulse
#: comes in. If it turns out to be smaller all the time, the next pass takes its observed size. Heuristic.
MIN_SIZE_SHARE = 0.1
#: Factor on the length of a slab that could not be solved.
SHORTENING = 0.3
#: Gauss-Newton steps before a slab that show the contraction: those of about four attempts.
RECENT_STEPS = 12
#: Consecutive checked slabs with a falling stability constant, in a second pass, before that is attributed to the
#: equation: the knots of a loose tolerance may resolve too little of it.
LASTING_SLABS = 3
#: A pass is given up if its error so far, spread over all of time, is so many tolerances; not before MIN_TIME_SHARE of
#: the time.
GIVE_UP_FACTOR, MIN_TIME_SHARE = 10.0, 0.05
#: If curvature of the equations makes more than this share of an error, the linearised equation does not carry it on:
#: half of the second difference is at most a quarter of a Newton step where Kantorovich's theorem applies (h <= 1/2).
#: The next pass aims so much less far, or in proportion if no slab made more than the last of these.
MAX_CURVATURE_SHARE, TIGHTENING, LARGE_SLAB_CURVATURE = 0.25, 1e-2, 0.1
#: Reasons of a pass after which a tighter one may do better.
NEXT_PASS_MAY_HELP = (Reason.UNDECIDED, Reason.MAX_LEVELS)
#: Texts on why a solve ends.
ROUNDING_HAS_GROWN = "what is rounded at first has grown beyond the tolerance"
CURVATURE_TOO_LARGE = "within the estimated error the equations bend too much for it to be an estimate"

A = TypeVar("A")
B = TypeVar("B", bound=SolvedSlab[SlabPiece])


def march_in_time(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor) -> Outcome:
    """March through time, and again with a tighter local tolerance while the estimate exceeds the tolerance.

    A complete pass is the outcome if the next one fails. Raises SolverError if a slab of the shortest length cannot be
    solved; the monitor keeps the slabs so far.
    """
    before = None
    tolerance = family.problem.solver.tolerance
    state = monitor.take_resumed_state(MarchState) or _first_state(family, 0, LocalTolerance.constant(tolerance))
    while True:
        try:
            state = _run_pass(family, verify, monitor, state)
        except OutOfTimeError:
            last = monitor.state
            assert isinstance(last, MarchState)
            return last.outcome(Reason.MAX_TIME)
        except SolverError as error:
            reached = monitor.state
            time = reached.slab_history.ends[-1] if isinstance(reached, MarchState) else None
            narrow = verify.narrow_feature_at(time)
            if narrow and error.reason == Reason.DIVERGED:
                raise SolverError(narrow, Reason.UNDERSAMPLED) from error
            if before is None or error.reason != Reason.DIVERGED:
                raise
            return replace(before, detail=before.detail or f"a tighter march ended {error}")
        outcome = _judge_pass(family, state)
        if outcome.reason not in NEXT_PASS_MAY_HELP or _is_last(family, state):
            return outcome
        before = outcome if _is_complete(family, state) and not state.stability_details else None
        if state.local_tolerance.value_at(family.problem.box.ranges[-1][0]) <= LEAST_ALLOWED:
            return state.outcome(Reason.BELOW_ROUNDING, ROUNDING_HAS_GROWN)
        is_doubtful = state.stability_details or _is_undecided(family, state)
        state = _next_pass(family, state, TIGHTENING if is_doubtful else _curvature_tightening(state.slab_history))


def _judge_pass(family: SlabFamily[A, B], state: MarchState[A]) -> Outcome:
    """The outcome of a pass, if it is the last one; with a reason in NEXT_PASS_MAY_HELP another one may do better."""
    run, problem, tolerance = state.slab_history, family.problem, family.problem.solver.tolerance
    falls = bool(state.stability_details)
    if falls and (state.pass_number > 0 or _is_last(family, state)):
        return state.outcome(Reason.RANK_DEFICIENT, state.stability_details[-1])
    against = run.contradiction(problem)
    if against.size > tolerance:
        return state.outcome(Reason.STALLED, against.words(problem))
    if run.rounding_rms > tolerance:
        return state.outcome(Reason.BELOW_ROUNDING, f"about {run.rounding_rms:.0e} of the solution")
    is_undecided = _is_undecided(family, state)
    bends = run.max_curvature_share > MAX_CURVATURE_SHARE or is_undecided
    if _is_complete(family, state) and run.estimate(problem) <= tolerance and not (bends or falls):
        return state.outcome(Reason.CONVERGED, against.words(problem))
    if is_undecided:
        return state.outcome(Reason.UNDECIDED, state.switch_error[2])
    return state.outcome(Reason.MAX_LEVELS, CURVATURE_TOO_LARGE if bends else "")


def _is_complete(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether a pass has reached the end of time."""
    start, end = family.problem.box.ranges[-1]
    return state.slab_history.ends[-1] >= end - EQUAL_TIME_SHARE * (end - start)


def _next_pass(family: SlabFamily[A, B], state: MarchState[A], factor: float) -> MarchState[A]:
    """Return the state before the next pass, with tolerances times ``factor``, and with observed sizes of unknowns."""
    end = family.problem.box.ranges[-1][1]
    run, target = state.slab_history, family.problem.solver.tolerance / SAFETY
    local = next_local_tolerance(state.local_tolerance, run.growth, end, target)
    local = replace(local, scale=local.scale * factor)
    least = np.minimum(run.squared_norm_floor, run.squared_norms / (run.ends[-1] - run.ends[0]))
    begun = _first_state(family, state.pass_number + 1, local)
    return replace(begun, slab_history=replace(begun.slab_history, squared_norm_floor=least), history=state.history)


def _is_last(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether no other pass is to follow."""
    return state.pass_number + 1 >= family.most_passes or family.problem.solver.time_slabs is not None


def _is_undecided(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether switches of equations within the error so far may change the solution by more than the tolerance."""
    return state.switch_error[1] > family.problem.solver.tolerance


def _curvature_tightening(slab_history: SlabHistory[SlabPiece]) -> float:
    """The factor on the local tolerances of the next pass at which curvature makes MAX_CURVATURE_SHARE of its error."""
    if slab_history.max_curvature_share <= MAX_CURVATURE_SHARE:
        return 1.0
    at_once = float(np.diff(slab_history.curvature_shares, prepend=0.0).max())
    return TIGHTENING if at_once > LARGE_SLAB_CURVATURE else MAX_CURVATURE_SHARE / slab_history.max_curvature_share


def _exceeds_tolerance(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether the error so far exceeds GIVE_UP_FACTOR tolerances of a solution that stays as large."""
    run, (start, end) = state.slab_history, family.problem.box.ranges[-1]
    share = (run.ends[-1] - start) / (end - start)
    size = run.floored_squared_norms(run.squared_norms, run.ends[-1] - start)
    estimate = SAFETY * largest_norm_ratio(family.problem, run.squared_error_norms, size) + run.rounding_rms
    return share > MIN_TIME_SHARE and estimate * share**0.5 > GIVE_UP_FACTOR * family.problem.solver.tolerance


def _first_state(family: SlabFamily[A, B], number: int, local: LocalTolerance) -> MarchState[A]:
    aim, problem = family.initial_aim(local.value_at(family.problem.box.ranges[-1][0])), family.problem
    initial, until = family.initial_piece(aim)
    zero = np.zeros(len(problem.unknowns))
    squares, start = np.square(MIN_SIZE_SHARE * np.array(natural_sizes(problem)[0])), float(problem.box.ranges[-1][0])
    least = squares * problem.domain.measure / np.ptp(problem.box.ranges[-1])
    run: SlabHistory[SlabPiece] = SlabHistory((), (), (start,), zero, zero, squared_norm_floor=least)
    ends, network = required_slab_ends(problem), family.network_description()
    return MarchState(number, local, aim, run, problem.box.ranges, ends, initial, until, network)


def _run_pass(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """March to the end, or give the pass up. Raises OutOfTimeError, after one attempt at the earliest."""
    tolerance, tried, is_last = family.problem.solver.tolerance, False, _is_last(family, state)
    while not _is_complete(family, state) and len(state.stability_details) < LASTING_SLABS:
        in_vain = _is_undecided(family, state) or _exceeds_tolerance(family, state)
        if (in_vain and not is_last) or state.slab_history.contradiction(family.problem).size > tolerance:
            break
        monitor.keep_state(state)
        if monitor.expired() and (tried or state.slab_history.slabs):
            raise OutOfTimeError
        tried = True
        state = replace(_attempt_slab(family, verify, monitor, state), newton=None)
    return state


def _attempt_slab(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """Attempt one slab; return the state after it, with or without the slab."""
    aim, known = state.aim, contraction_constant(state.history[-RECENT_STEPS:])
    local = state.local_tolerance.value_at(state.slab_history.ends[-1])
    at = TimePass(family.problem, state.slab_history, local, state.required_ends, known, monitor)
    length = family.next_length(aim, at)
    if length <= MIN_LENGTH_SHARE * abs(at.time):
        raise SolverError(f"at {at.time_words} the slabs became too short")
    try:
        slab = family.attempt(aim, length, at)
    except (SolverError, np.linalg.LinAlgError) as error:
        shorter = family.shorten(aim, SHORTENING * length)
        if shorter is None or length < at.shortest():
            reason = error.reason if isinstance(error, SolverError) else Reason.DIVERGED
            raise SolverError(f"at {at.time_words}: {error}", reason) from error
        return replace(state, aim=shorter)
    state = replace(state, history=(*state.history, *monitor.report_steps(len(state.slab_history.slabs), slab.steps)))
    measured, answers = family.evaluate_minimum(slab, at), NO_ANSWERS
    during = family.problem.domain.time_part(at.time, at.time + slab.length)
    off = field_of_slabs([slab.error], during.box.ranges[-1], state.ranges)
    beside = FieldContext(off, at.rms_so_far, at.allowed_correction(slab.length), measured.losses_by_equation)
    stop = verify.event_finder.first_event(measured.field, beside, during, at.local_tolerance)
    passes = family.is_accurate(aim, slab, at) and measured.is_resolved
    given = verify.event_finder.permanent_stops(state.required_ends)
    if stop is None and not passes:
        stop = verify.feature_check.first_event(measured.field, during)
    if at.can_end_slab_at(stop, slab.length):
        return state.with_required_end(stop, given)
    may_move = passes and state.can_move_end(during, at.next_required_end, given)
    later = verify.event_finder.predict_event(measured.field, during) if may_move else None
    if later is not None and at.can_end_slab_at(at.next_required_end, later - at.time):
        return replace(state.with_required_end(later, given), end_moves=state.end_moves + 1)
    if passes:
        state, answers = _verify_slab(family, verify, state, slab, at, measured, beside)
    else:
        state = replace(state, aim=family.plan_retry(aim, slab, at) or aim)
    if state.aim is not aim or state.required_ends != at.required_ends:
        return state
    return _append_slab(family, state, slab, at, measured, answers)


def _verify_slab(
    family: SlabFamily[A, B],
    verify: Verifier,
    state: MarchState[A],
    slab: B,
    time_pass: TimePass[SlabPiece],
    minimum: LossMinimum,
    context: FieldContext,
) -> tuple[MarchState[A], tuple[Answer, ...]]:
    """Verify a slab with a small enough correction; return a state and the answers of the checks.

    A state with another aim: the slab has to be attempted again.

    Raises SolverError if the slab can neither be accepted nor attempted otherwise.
    """
    spaces = family.spaces(slab) if state.is_stability_due(time_pass.time + slab.length) else None
    during = family.problem.domain.time_part(time_pass.time, time_pass.time + slab.length)
    candidate = Candidate(minimum.field, during, max(minimum.loss, slab.rounding_loss), spaces, context, is_slab=True)
    answers = verify(candidate)
    decision = decide(findings(answers))
    missed = decision.feature
    if missed is not None:
        # a point that meets it by chance does not tell when the solution passes it
        met = replace(missed, event_time=missed.event_time or verify.feature_check.first_event(minimum.field, during))
        if time_pass.can_end_slab_at(met.event_time, slab.length):
            permanent = verify.event_finder.permanent_stops(state.required_ends)
            return state.with_required_end(met.event_time, permanent), answers
        if verify.feature_check.is_at_slab_end(met, during):
            missed, answers = None, without_needed_knots(answers)
    gathered = None if missed is None else family.add_knots_at(state.aim, slab, missed)
    if missed is not None and gathered is not None:
        if family.next_length(gathered, time_pass) < time_pass.shortest():
            raise SolverError(missed.words(family.problem), Reason.UNDERSAMPLED)
        return replace(state, aim=gathered), answers
    if decision.reason:
        raise SolverError(f"at {time_pass.time_words}: {decision.sentence}", decision.reason)
    state = state.with_switch_error(1.0, decision.undecided.error_size, decision.undecided.sentence)
    if spaces is not None:
        is_only = verify.has_start_rows and not state.slab_history.slabs  # no later slab is asked the same
        times = LASTING_SLABS if is_only else 1
        falling = tuple(f.sentence for f in decision.waiting) * times
        state = replace(state, stability_details=(*state.stability_details, *falling) if falling else ())
    return state, answers


def _append_slab(
    family: SlabFamily[A, B],
    state: MarchState[A],
    slab: B,
    time_pass: TimePass[SlabPiece],
    minimum: LossMinimum,
    answers: Sequence[Answer],
) -> MarchState[A]:
    """Return the state after an accepted slab."""
    problem, before = family.problem, state.slab_history
    squares = squared_error_and_size(problem, family.samples(slab)) if problem.exact else None
    true = before.true_squared_norms if squares is None else before.true_squared_norms + squares
    run = before.extended(slab, problem, true)
    errors = () if squares is None else norm_ratios(problem, true[0], true[1])
    is_system = len(problem.unknowns) > 1
    level = replace(
        minimum.make_record(len(run.slabs) - 1, run.estimate(problem), time_pass.monitor.elapsed(), len(slab.steps)),
        time=(time_pass.time, run.ends[-1]),
        true_error=max(errors, default=None),
        estimates=run.estimates(problem) if is_system else (),
        true_errors=errors if is_system else (),
    )
    level = record_answers(level, answers, problem)
    aim = family.plan_next(state.aim, slab, time_pass)
    kept_share = run.carried_rms[-1] / before.error_rms[-1] if any(before.error_rms[-1:]) else 1.0
    levels = (*state.levels, time_pass.monitor.report_level(level))
    return replace(state.with_switch_error(kept_share), aim=aim, slab_history=run, levels=levels, end_moves=0)
