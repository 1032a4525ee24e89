"""The loop over slabs of time, for every family: attempt, verify, accept or try again.

Each slab has two corrections. The local one, with no error at the start of the slab, decides acceptance, the next
length and the knots. The global one starts with the error at the end of the slab before, as carried on by the
linearised equation; it is the estimate.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.scaled import SlabPiece, field_of_slabs, in_single
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.natural_units import natural_sizes
from pinnkan.solver.error_growth import LocalTolerance, next_local_tolerance
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.norms import largest_norm_ratio, norm_ratios, squared_error_and_size
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.minimise.gauss_newton import contraction_constant
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.required_slab_ends import required_slab_ends
from pinnkan.solver.slab_family import EQUAL_TIME_SHARE, LEAST_ALLOWED, SlabFamily, SlabHistory, SolvedSlab, TimePass
from pinnkan.solver.slab_loop_state import MarchState
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.objection import Objection
from pinnkan.solver.verify.verifier import Verifier
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
#: If curvature of the equations makes more than BENT of an error, the linearised equation does not carry it on: half of
#: the second difference is at most a quarter of a Newton step where Kantorovich's theorem applies (h <= 1/2). The next
#: pass aims LESS far, or in proportion if no slab made more than AT_ONCE. Shipped problems have 0.1 at most in accepted
#: passes.
MAX_CURVATURE_SHARE, TIGHTENING, LARGE_SLAB_CURVATURE = 0.25, 1e-2, 0.1
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
    tolerance, before = family.problem.solver.tolerance, None
    state = monitor.resumed(MarchState) or _first_state(family, 0, LocalTolerance.even(tolerance))
    while True:
        try:
            state = _run_pass(family, verify, monitor, state)
        except OutOfTimeError:
            last = monitor.state
            assert isinstance(last, MarchState)
            return last.outcome(Reason.MAX_TIME)
        except SolverError as error:
            reached = monitor.state
            narrow = verify.narrow_at(reached.run.ends[-1] if isinstance(reached, MarchState) else None)
            if narrow and error.reason == Reason.DIVERGED:
                raise SolverError(narrow, Reason.UNDERSAMPLED) from error
            if before is None or error.reason != Reason.DIVERGED:
                raise
            return replace(before, detail=before.detail or f"a tighter march ended {error}")
        if state.falling and (state.number > 0 or _is_last(family, state)):
            return state.outcome(Reason.RANK_DEFICIENT, state.falling[-1])
        against = state.run.contradiction(family.problem)
        if against.size > tolerance:
            return state.outcome(Reason.STALLED, against.words(family.problem))
        if state.run.rounded > tolerance:
            return state.outcome(Reason.BELOW_ROUNDING, f"about {state.run.rounded:.0e} of the solution")
        bends, falls = state.run.bending > MAX_CURVATURE_SHARE or _is_undecided(family, state), bool(state.falling)
        start, end = family.problem.box.ranges[-1]
        is_whole = state.run.ends[-1] >= end - EQUAL_TIME_SHARE * (end - start)
        if is_whole and state.run.estimate(family.problem) <= tolerance and not (bends or falls):
            return state.outcome(Reason.CONVERGED, against.words(family.problem))
        before = state.outcome(Reason.MAX_LEVELS, CURVATURE_TOO_LARGE if bends else "")
        before = state.outcome(Reason.UNDECIDED, state.switched[2]) if _is_undecided(family, state) else before
        if _is_last(family, state):
            return before
        before = before if is_whole and not falls else None
        if state.local.at(start) <= LEAST_ALLOWED:
            return state.outcome(Reason.BELOW_ROUNDING, ROUNDING_HAS_GROWN)
        less = TIGHTENING if falls or _is_undecided(family, state) else _curvature_tightening(state.run)
        state = _next_pass(family, state, less)


def _next_pass(family: SlabFamily[A, B], state: MarchState[A], factor: float) -> MarchState[A]:
    """Return the state before the next pass, with tolerances times ``factor``, and with observed sizes of unknowns."""
    end = family.problem.box.ranges[-1][1]
    local = next_local_tolerance(state.local, state.run.growth, end, family.problem.solver.tolerance / SAFETY)
    local = replace(local, largest=local.largest * factor)
    least = np.minimum(state.run.least, state.run.squares / (state.run.ends[-1] - state.run.ends[0]))
    begun = _first_state(family, state.number + 1, local)
    return replace(begun, run=replace(begun.run, least=least), history=state.history)


def _is_last(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether no other pass is to follow."""
    return state.number + 1 >= family.most_passes or family.problem.solver.time_slabs is not None


def _is_undecided(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether switches of equations within the error so far may change the solution by more than the tolerance."""
    return state.switched[1] > family.problem.solver.tolerance


def _curvature_tightening(slab_history: SlabHistory[SlabPiece]) -> float:
    """The factor on the local tolerances of the next pass at which curvature makes BENT of its error."""
    if slab_history.bending <= MAX_CURVATURE_SHARE:
        return 1.0
    at_once = float(np.diff(slab_history.bendings, prepend=0.0).max())
    return TIGHTENING if at_once > LARGE_SLAB_CURVATURE else MAX_CURVATURE_SHARE / slab_history.bending


def _exceeds_tolerance(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether the error so far exceeds GIVE_UP_FACTOR tolerances of a solution that stays as large."""
    run, (start, end) = state.run, family.problem.box.ranges[-1]
    share = (run.ends[-1] - start) / (end - start)
    size = run.counting(run.squares, run.ends[-1] - start)
    estimate = SAFETY * largest_norm_ratio(family.problem, run.error_squares, size) + run.rounded
    return share > MIN_TIME_SHARE and estimate * share**0.5 > GIVE_UP_FACTOR * family.problem.solver.tolerance


def _first_state(family: SlabFamily[A, B], number: int, local: LocalTolerance) -> MarchState[A]:
    aim, problem = family.first(local.at(family.problem.box.ranges[-1][0])), family.problem
    initial, until = family.initial(aim)
    zero = np.zeros(len(problem.unknowns))
    least = (
        np.square(MIN_SIZE_SHARE * np.array(natural_sizes(problem)[0]))
        * problem.domain.measure
        / np.ptp(problem.box.ranges[-1])
    )
    run: SlabHistory[SlabPiece] = SlabHistory((), (), (float(problem.box.ranges[-1][0]),), zero, zero, least=least)
    return MarchState(
        number, local, aim, run, problem.box.ranges, required_slab_ends(problem), initial, until, family.in_words()
    )


def _run_pass(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """March to the end, or give the pass up. Raises OutOfTimeError, after one attempt at the earliest."""
    (start, end), tolerance = family.problem.box.ranges[-1], family.problem.solver.tolerance
    tried, is_last = False, _is_last(family, state)
    while state.run.ends[-1] < end - EQUAL_TIME_SHARE * (end - start) and len(state.falling) < LASTING_SLABS:
        in_vain = _is_undecided(family, state) or _exceeds_tolerance(family, state)
        if (in_vain and not is_last) or state.run.contradiction(family.problem).size > tolerance:
            break
        monitor.keep(state)
        if monitor.expired() and (tried or state.run.slabs):
            raise OutOfTimeError
        tried = True
        state = replace(_attempt_slab(family, verify, monitor, state), newton=None)
    return state


def _attempt_slab(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """Attempt one slab; return the state after it, with or without the slab."""
    aim, known = state.aim, contraction_constant(state.history[-RECENT_STEPS:])
    local = state.local.at(state.run.ends[-1])
    at = TimePass(family.problem, state.run, local, state.stops, known, monitor)
    length = family.length(aim, at)
    if length <= MIN_LENGTH_SHARE * abs(at.time):
        raise SolverError(f"at {at.words} the slabs became too short")
    try:
        slab = family.attempt(aim, length, at)
    except (SolverError, np.linalg.LinAlgError) as error:
        shorter = family.shortened(aim, SHORTENING * length)
        if shorter is None or length < at.shortest():
            reason = error.reason if isinstance(error, SolverError) else Reason.DIVERGED
            raise SolverError(f"at {at.words}: {error}", reason) from error
        return replace(state, aim=shorter)
    state = replace(state, history=(*state.history, *monitor.steps(len(state.run.slabs), slab.steps)))
    measured, missed = family.measured(slab, at), None
    during = family.problem.domain.during(at.time, at.time + slab.length)
    off = field_of_slabs([slab.error], during.box.ranges[-1], state.ranges)
    beside = FieldContext(off, at.before, at.allowed(slab.length), measured.losses)
    stop = verify.bends.passed(measured.field, beside, during, at.local)
    passes, given = family.passes(aim, slab, at) and measured.is_resolved, verify.bends.given(state.stops)
    if stop is None and not passes:
        stop = verify.feature_check.passed(measured.field, during)
    if at.may_stop(stop, slab.length):
        return state.stopping(stop, given)
    later = verify.bends.ahead(measured.field, during) if passes and state.expects(during, at.until, given) else None
    if later is not None and at.may_stop(at.until, later - at.time):
        return replace(state.stopping(later, given), later=state.later + 1)
    if passes:
        state, missed = _verify_slab(family, verify, state, slab, at, measured, beside)
    else:
        state = replace(state, aim=family.again(aim, slab, at) or aim)
    if state.aim is not aim or state.stops != at.stops:
        return state
    return _append_slab(family, state, slab, at, measured, missed)


def _verify_slab(
    family: SlabFamily[A, B],
    verify: Verifier,
    state: MarchState[A],
    slab: B,
    time_pass: TimePass[SlabPiece],
    minimum: LossMinimum,
    context: FieldContext,
) -> tuple[MarchState[A], HiddenFeature | None]:
    """Verify a slab with a small enough correction; return a state with another aim, or the feature it has missed.

    Raises SolverError if the slab can neither be accepted nor attempted otherwise.
    """
    spaces = family.spaces(slab) if state.is_asked(time_pass.time + slab.length) else None
    during, loss = (
        family.problem.domain.during(time_pass.time, time_pass.time + slab.length),
        max(minimum.loss, slab.least_loss),
    )
    against = verify.between(minimum.field, during, loss, spaces, context) or Objection()
    missed = against.missed
    if missed is not None:
        # a point that meets it by chance does not tell when the solution passes it
        met = replace(missed, passed=missed.passed or verify.feature_check.passed(minimum.field, during))
        if time_pass.may_stop(met.passed, slab.length):
            return state.stopping(met.passed, verify.bends.given(state.stops)), missed
        missed = None if verify.feature_check.is_met(met, during) else missed
    gathered = None if missed is None else family.gathered(state.aim, slab, missed)
    if missed is not None and gathered is not None:
        if family.length(gathered, time_pass) < time_pass.shortest():
            raise SolverError(missed.words(family.problem), Reason.UNDERSAMPLED)
        return replace(state, aim=gathered), missed
    if against.reason is None:
        state = state.switching(1.0, against.size, against.detail)
    elif not against.is_lasting:
        raise SolverError(f"at {time_pass.words}: {against.detail}", against.reason)
    if spaces is not None:
        times = LASTING_SLABS if verify.has_open_start and not state.run.slabs else 1  # no later slab is asked the same
        falling = (against.detail,) * times if against.is_lasting else ()
        state = replace(state, falling=(*state.falling, *falling) if falling else ())
    return state, missed


def _append_slab(
    family: SlabFamily[A, B],
    state: MarchState[A],
    slab: B,
    time_pass: TimePass[SlabPiece],
    minimum: LossMinimum,
    feature: HiddenFeature | None,
) -> MarchState[A]:
    """Return the state after an accepted slab."""
    run, problem = state.run, family.problem
    end = run.ends[-1] + slab.length
    squares = squared_error_and_size(problem, family.samples(slab)) if problem.exact else None
    true = run.true if squares is None else run.true + squares
    root, carried = (_relative_rms(problem, slab, s, run) for s in (slab.error_squares, slab.carried_squares))
    run = SlabHistory(
        (*run.slabs, slab.piece), (*run.errors[:-1], *map(in_single, run.errors[-1:]), slab.error), (*run.ends, end),
        run.squares + slab.squares, run.error_squares + slab.error_squares, true,
        run.rounding + slab.rounding**2 * slab.length, run.least, (*run.roots, root), (*run.carried, carried),
        (*run.bendings, run.bent(root, carried, slab.bending)), (*run.standing, slab.standing),
    )  # fmt: skip
    errors = () if squares is None else norm_ratios(problem, true[0], true[1])
    is_system = len(problem.unknowns) > 1
    level = replace(
        minimum.record(len(run.slabs) - 1, run.estimate(problem), time_pass.monitor.elapsed(), len(slab.steps)),
        time=(time_pass.time, end),
        true_error=max(errors, default=None),
        estimates=run.estimates(problem) if is_system else (),
        true_errors=errors if is_system else (),
        unseen="" if feature is None else feature.words(problem),
    )
    aim = family.following(state.aim, slab, time_pass)
    state = state.switching(carried / state.run.roots[-1] if any(state.run.roots[-1:]) else 1.0)
    return replace(state, aim=aim, run=run, levels=(*state.levels, time_pass.monitor.level(level)), later=0)


def _relative_rms(problem: Problem, slab: B, squares: Array, slab_history: SlabHistory[SlabPiece]) -> float:
    """Root mean square of an error of squared norms ``squares`` in a slab, over that of the solution until its end."""
    past = slab_history.ends[-1] - slab_history.ends[0] + slab.length
    size = slab_history.counting(slab_history.squares + slab.squares, past)
    return largest_norm_ratio(problem, squares / slab.length, size / past)
