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
from pinnkan.solver.estimate.norms import relative_root, relative_roots, squared_error
from pinnkan.solver.estimate.undecided import Beside
from pinnkan.solver.family import Measured
from pinnkan.solver.growth import LocalTolerance, shared_out
from pinnkan.solver.march_state import MarchState
from pinnkan.solver.minimise.gauss_newton import contraction
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.slab_family import LEAST_ALLOWED, ROUNDING, Pass, Run, SlabFamily, SolvedSlab
from pinnkan.solver.stops import stops_of
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature
from pinnkan.solver.verify.objection import Objection
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Reason

#: The shortest slab relative to its time: points in a shorter one are not distinct.
UNIT = 1e-14
#: An unknown is resolved relative to this share of its natural size at least, since it may be at rest until a pulse
#: comes in. If it turns out to be smaller all the time, the next pass takes its observed size. Heuristic.
LEAST = 0.1
#: Factor on the length of a slab that could not be solved.
SHORTER = 0.3
#: Gauss-Newton steps before a slab that show the contraction: those of about four attempts.
RECENT = 12
#: Consecutive checked slabs with a falling stability constant, in a second pass, before that is attributed to the
#: equation: the knots of a loose tolerance may resolve too little of it.
LASTING = 3
#: A pass is given up if its error so far, spread over all of time, is so many tolerances; not before SEEN of the time.
GIVEN_UP, SEEN = 10.0, 0.05
#: If curvature of the equations makes more than BENT of an error, the linearised equation does not carry it on: half of
#: the second difference is at most a quarter of a Newton step where Kantorovich's theorem applies (h <= 1/2). The next
#: pass aims LESS far, or in proportion if no slab made more than AT_ONCE. Shipped problems have 0.1 at most in accepted
#: passes.
BENT, LESS, AT_ONCE = 0.25, 1e-2, 0.1
#: Texts on why a solve ends.
GROWN = "what is rounded at first has grown beyond the tolerance"
BENDING = "within the estimated error the equations bend too much for it to be an estimate"

A = TypeVar("A")
B = TypeVar("B", bound=SolvedSlab[SlabPiece])


def march(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor) -> Outcome:
    """March through time, and again with a tighter local tolerance while the estimate exceeds the tolerance.

    A complete pass is the outcome if the next one fails. Raises SolverError if a slab of the shortest length cannot be
    solved; the monitor keeps the slabs so far.
    """
    tolerance, before = family.problem.solver.tolerance, None
    state = monitor.resumed(MarchState) or _begun(family, 0, LocalTolerance.even(tolerance))
    while True:
        try:
            state = _one_pass(family, verify, monitor, state)
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
        bends, falls = state.run.bending > BENT or _is_undecided(family, state), bool(state.falling)
        start, end = family.problem.box.ranges[-1]
        is_whole = state.run.ends[-1] >= end - ROUNDING * (end - start)
        if is_whole and state.run.estimate(family.problem) <= tolerance and not (bends or falls):
            return state.outcome(Reason.CONVERGED, against.words(family.problem))
        before = state.outcome(Reason.MAX_LEVELS, BENDING if bends else "")
        before = state.outcome(Reason.UNDECIDED, state.switched[2]) if _is_undecided(family, state) else before
        if _is_last(family, state):
            return before
        before = before if is_whole and not falls else None
        if state.local.at(start) <= LEAST_ALLOWED:
            return state.outcome(Reason.BELOW_ROUNDING, GROWN)
        less = LESS if falls or _is_undecided(family, state) else _straighter(state.run)
        state = _tighter(family, state, less)


def _tighter(family: SlabFamily[A, B], state: MarchState[A], less: float) -> MarchState[A]:
    """Return the state before the next pass, with tolerances times ``less``, and with observed sizes of unknowns."""
    end = family.problem.box.ranges[-1][1]
    local = shared_out(state.local, state.run.growth, end, family.problem.solver.tolerance / SAFETY)
    local = replace(local, largest=local.largest * less)
    least = np.minimum(state.run.least, state.run.squares / (state.run.ends[-1] - state.run.ends[0]))
    begun = _begun(family, state.number + 1, local)
    return replace(begun, run=replace(begun.run, least=least), history=state.history)


def _is_last(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether no other pass is to follow."""
    return state.number + 1 >= family.most_passes or family.problem.solver.time_slabs is not None


def _is_undecided(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether switches of equations within the error so far may change the solution by more than the tolerance."""
    return state.switched[1] > family.problem.solver.tolerance


def _straighter(run: Run[SlabPiece]) -> float:
    """The factor on the local tolerances of the next pass at which curvature makes BENT of its error."""
    if run.bending <= BENT:
        return 1.0
    at_once = float(np.diff(run.bendings, prepend=0.0).max())
    return LESS if at_once > AT_ONCE else BENT / run.bending


def _outgrown(family: SlabFamily[A, B], state: MarchState[A]) -> bool:
    """Whether the error so far exceeds GIVEN_UP tolerances, should the rest of the solution be as large as this."""
    run, (start, end) = state.run, family.problem.box.ranges[-1]
    share = (run.ends[-1] - start) / (end - start)
    size = run.counting(run.squares, run.ends[-1] - start)
    estimate = SAFETY * relative_root(family.problem, run.error_squares, size) + run.rounded
    return share > SEEN and estimate * share**0.5 > GIVEN_UP * family.problem.solver.tolerance


def _begun(family: SlabFamily[A, B], number: int, local: LocalTolerance) -> MarchState[A]:
    aim, problem = family.first(local.at(family.problem.box.ranges[-1][0])), family.problem
    initial, until = family.initial(aim)
    zero = np.zeros(len(problem.unknowns))
    least = (
        np.square(LEAST * np.array(natural_sizes(problem)[0])) * problem.domain.measure / np.ptp(problem.box.ranges[-1])
    )
    run: Run[SlabPiece] = Run((), (), (float(problem.box.ranges[-1][0]),), zero, zero, least=least)
    return MarchState(number, local, aim, run, problem.box.ranges, stops_of(problem), initial, until, family.in_words())


def _one_pass(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """March to the end, or give the pass up. Raises OutOfTimeError, after one attempt at the earliest."""
    (start, end), tolerance = family.problem.box.ranges[-1], family.problem.solver.tolerance
    tried, is_last = False, _is_last(family, state)
    while state.run.ends[-1] < end - ROUNDING * (end - start) and len(state.falling) < LASTING:
        in_vain = _is_undecided(family, state) or _outgrown(family, state)
        if (in_vain and not is_last) or state.run.contradiction(family.problem).size > tolerance:
            break
        monitor.keep(state)
        if monitor.expired() and (tried or state.run.slabs):
            raise OutOfTimeError
        tried = True
        state = replace(_step(family, verify, monitor, state), newton=None)
    return state


def _step(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """Attempt one slab; return the state after it, with or without the slab."""
    aim, known = state.aim, contraction(state.history[-RECENT:])
    local = state.local.at(state.run.ends[-1])
    at = Pass(family.problem, state.run, local, state.stops, known, monitor)
    length = family.length(aim, at)
    if length <= UNIT * abs(at.time):
        raise SolverError(f"at {at.words} the slabs became too short")
    try:
        slab = family.attempt(aim, length, at)
    except (SolverError, np.linalg.LinAlgError) as error:
        shorter = family.shortened(aim, SHORTER * length)
        if shorter is None or length < at.shortest():
            reason = error.reason if isinstance(error, SolverError) else Reason.DIVERGED
            raise SolverError(f"at {at.words}: {error}", reason) from error
        return replace(state, aim=shorter)
    state = replace(state, history=(*state.history, *monitor.steps(len(state.run.slabs), slab.steps)))
    measured, missed = family.measured(slab, at), None
    during = family.problem.domain.during(at.time, at.time + slab.length)
    off = field_of_slabs([slab.error], during.box.ranges[-1], state.ranges)
    beside = Beside(off, at.before, at.allowed(slab.length), measured.losses)
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
        state, missed = _asked(family, verify, state, slab, at, measured, beside)
    else:
        state = replace(state, aim=family.again(aim, slab, at) or aim)
    if state.aim is not aim or state.stops != at.stops:
        return state
    return _advanced(family, state, slab, at, measured, missed)


def _asked(
    family: SlabFamily[A, B],
    verify: Verifier,
    state: MarchState[A],
    slab: B,
    at: Pass[SlabPiece],
    measured: Measured,
    beside: Beside,
) -> tuple[MarchState[A], HiddenFeature | None]:
    """Verify a slab with a small enough correction; return a state with another aim, or the feature it has missed.

    Raises SolverError if the slab can neither be accepted nor attempted otherwise.
    """
    spaces = family.spaces(slab) if state.is_asked(at.time + slab.length) else None
    during, loss = family.problem.domain.during(at.time, at.time + slab.length), max(measured.loss, slab.least_loss)
    against = verify.between(measured.field, during, loss, spaces, beside) or Objection()
    missed = against.missed
    if missed is not None:
        # a point that meets it by chance does not tell when the solution passes it
        met = replace(missed, passed=missed.passed or verify.feature_check.passed(measured.field, during))
        if at.may_stop(met.passed, slab.length):
            return state.stopping(met.passed, verify.bends.given(state.stops)), missed
        missed = None if verify.feature_check.is_met(met, during) else missed
    gathered = None if missed is None else family.gathered(state.aim, slab, missed)
    if missed is not None and gathered is not None:
        if family.length(gathered, at) < at.shortest():
            raise SolverError(missed.words(family.problem), Reason.UNDERSAMPLED)
        return replace(state, aim=gathered), missed
    if against.reason is None:
        state = state.switching(1.0, against.size, against.detail)
    elif not against.is_lasting:
        raise SolverError(f"at {at.words}: {against.detail}", against.reason)
    if spaces is not None:
        times = LASTING if verify.has_open_start and not state.run.slabs else 1  # no later slab is asked the same
        falling = (against.detail,) * times if against.is_lasting else ()
        state = replace(state, falling=(*state.falling, *falling) if falling else ())
    return state, missed


def _advanced(
    family: SlabFamily[A, B],
    state: MarchState[A],
    slab: B,
    at: Pass[SlabPiece],
    measured: Measured,
    missed: HiddenFeature | None,
) -> MarchState[A]:
    """Return the state after an accepted slab."""
    run, problem = state.run, family.problem
    end = run.ends[-1] + slab.length
    squares = squared_error(problem, family.samples(slab)) if problem.exact else None
    true = run.true if squares is None else run.true + squares
    root, carried = (_root(problem, slab, s, run) for s in (slab.error_squares, slab.carried_squares))
    run = Run(
        (*run.slabs, slab.piece), (*run.errors[:-1], *map(in_single, run.errors[-1:]), slab.error), (*run.ends, end),
        run.squares + slab.squares, run.error_squares + slab.error_squares, true,
        run.rounding + slab.rounding**2 * slab.length, run.least, (*run.roots, root), (*run.carried, carried),
        (*run.bendings, run.bent(root, carried, slab.bending)), (*run.standing, slab.standing),
    )  # fmt: skip
    errors = () if squares is None else relative_roots(problem, true[0], true[1])
    is_system = len(problem.unknowns) > 1
    level = replace(
        measured.record(len(run.slabs) - 1, run.estimate(problem), at.monitor.elapsed(), len(slab.steps)),
        time=(at.time, end),
        true_error=max(errors, default=None),
        estimates=run.estimates(problem) if is_system else (),
        true_errors=errors if is_system else (),
        unseen="" if missed is None else missed.words(problem),
    )
    aim = family.following(state.aim, slab, at)
    state = state.switching(carried / state.run.roots[-1] if any(state.run.roots[-1:]) else 1.0)
    return replace(state, aim=aim, run=run, levels=(*state.levels, at.monitor.level(level)), later=0)


def _root(problem: Problem, slab: B, squares: Array, run: Run[SlabPiece]) -> float:
    """Root mean square of an error of squared norms ``squares`` in a slab, over that of the solution until its end."""
    past = run.ends[-1] - run.ends[0] + slab.length
    size = run.counting(run.squares + slab.squares, past)
    return relative_root(problem, squares / slab.length, size / past)
