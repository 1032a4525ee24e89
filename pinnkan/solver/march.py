"""The only loop over slabs of time: attempt, ask what speaks against it, accept or try again; for every family.

Two corrections decide. The local one, with no error at the start of the slab, decides acceptance, the next length and
where knots go. The global one starts with the error at the end of the slab before and is the estimate: errors of all
earlier slabs, carried on by the linearised equation, so that growth and decay are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as made
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.slab_fields import SlabPiece, field_of_slabs
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.estimate.true_error import Samples, squared_error
from pinnkan.solver.family import Measured
from pinnkan.solver.minimise.gauss_newton import contraction
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.state import Newton, Step
from pinnkan.solver.verify.hidden_features import Missed
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Iteration, Level, Reason

#: A slab's correction may be this share of the tolerance times the larger of its share of the time and FLOOR_SHARE:
#: an error per unit time, relaxed for the many tiny slabs of an initial layer. Heuristic; the estimate does not rest
#: on it.
LOCAL_SHARE = 0.3
FLOOR_SHARE = 0.02
#: Times that differ by this share of the whole time are the same.
ROUNDING = 1e-12
#: Smallest slab, relative to the whole time.
SMALLEST_SLAB = 1e-7
#: A slab that could not be solved is tried again so much shorter.
SHORTER = 0.3
#: Steps before this slab that show how fast Gauss-Newton contracts: those of about four attempts.
RECENT = 12
#: When the estimate outgrows the tolerance, the next pass aims at this share of it, but falls no faster than LEAST_CUT.
AIM_SHARE, LEAST_CUT = 0.3, 1e-3

P = TypeVar("P", bound=SlabPiece)
A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class Run(Generic[P]):
    """What accumulates over the slabs of one pass: functions, errors, ends, squared norms per unknown.

    ``true``: those (2, unknown) of the true error and of ``exact``.
    """

    slabs: tuple[P, ...]
    errors: tuple[P, ...]
    ends: tuple[float, ...]
    squares: Array
    error_squares: Array
    true: Array = made(default_factory=lambda: np.zeros((2, 1)))

    @property
    def estimate(self) -> float:
        """SAFETY times the relative L2 norm of the global correction over all slabs so far, worst unknown."""
        return SAFETY * relative_root(self.error_squares, self.squares)


@dataclass(frozen=True, eq=False)
class SolvedSlab(Generic[P]):
    """A solved slab: its function and global error, steps, squared norms of both per unknown."""

    piece: P
    error: P
    length: float
    steps: tuple[Step, ...]
    squares: Array
    error_squares: Array


@dataclass(frozen=True, eq=False)
class Pass(Generic[P]):
    """Where a pass through time stands: the slabs so far, the tolerance they share, what a family may ask.

    ``stops``: times at which formulas jump or bend, so that a slab has to end there, and the end of time;
    ``contraction``: of the Gauss-Newton steps nearby.
    """

    problem: Problem
    run: Run[P]
    local: float
    stops: tuple[float, ...]
    contraction: float
    monitor: Monitor

    @property
    def time(self) -> float:
        """Where the next slab begins."""
        return self.run.ends[-1]

    @property
    def start(self) -> float:
        """The first time."""
        return self.problem.ranges[-1][0]

    @property
    def end(self) -> float:
        """The last time."""
        return self.problem.ranges[-1][1]

    @property
    def until(self) -> float:
        """Where the next slab has to end."""
        return next(stop for stop in self.stops if stop > self.time + ROUNDING * self.total)

    @property
    def total(self) -> float:
        """The whole time."""
        return self.end - self.start

    def allowed(self, length: float) -> float:
        """Largest local correction accepted for a slab of this length."""
        return LOCAL_SHARE * self.local * max(length / self.total, FLOOR_SHARE) ** 0.5

    def mean_square(self, squares: Array, length: float) -> Array:
        """Squared norm of u over a time as long as a slab, from all slabs so far and its own ``squares``."""
        past = self.time - self.start
        return nonzero((self.run.squares + squares) / (past + length) * length)


B = TypeVar("B", bound=SolvedSlab[SlabPiece])


class SlabFamily(Protocol[A, B]):
    """Networks of one kind for one problem in time; ``A``: what is aimed at next, ``B``: a solved slab."""

    @property
    def problem(self) -> Problem:
        """What is solved."""
        ...

    @property
    def most_passes(self) -> int:
        """After so many passes the solve ends."""
        ...

    def first(self, local: float) -> A:
        """The first aim."""
        ...

    def initial(self, aim: A) -> tuple[SlabPiece, float]:
        """The initial data at rest, and until when: what there is to show before the first slab."""
        ...

    def length(self, aim: A, at: Pass[Any]) -> float:
        """The length of the next attempt."""
        ...

    def attempt(self, aim: A, length: float, at: Pass[Any]) -> B:
        """Solve a slab and correct it; raises SolverError where that does not work."""
        ...

    def shortened(self, aim: A, length: float) -> A | None:
        """The same slab shorter; None where the lengths are given."""
        ...

    def passes(self, aim: A, slab: B, at: Pass[Any]) -> bool:
        """Whether the local correction is as small as allowed."""
        ...

    def gathered(self, aim: A, slab: B, missed: Missed) -> A | None:
        """The same slab with knots at a feature that was missed; None after too many attempts."""
        ...

    def again(self, aim: A, slab: B, at: Pass[Any]) -> A | None:
        """The next attempt at a slab that did not pass; None where it is accepted all the same."""
        ...

    def following(self, aim: A, slab: B, at: Pass[Any]) -> A:
        """What is aimed at after an accepted slab."""
        ...

    def measured(self, slab: B, at: Pass[Any]) -> Measured:
        """What there is in the slab."""
        ...

    def samples(self, slab: B) -> Samples:
        """Its values where a true error can be measured."""
        ...

    def in_words(self) -> str:
        """The network in words."""
        ...


@dataclass(frozen=True, eq=False)
class MarchState(Generic[A]):
    """Before an attempt at a slab, in pass ``number`` with local tolerance ``local``.

    ``ranges``: of the problem; ``stops``: see :class:`Pass`; ``initial``, ``until``: the initial data at rest, and
    until when; ``network`` in words.
    """

    number: int
    local: float
    aim: A
    run: Run[SlabPiece]
    ranges: tuple[tuple[float, float], ...]
    stops: tuple[float, ...]
    initial: SlabPiece
    until: float
    network: str
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    newton: Newton | None = None

    def within(self, newton: Newton) -> Self:
        """The same attempt between two of its steps."""
        return replace(self, newton=newton)

    @property
    def field(self) -> Field:
        """The slabs so far; before the first, the initial data."""
        if self.run.slabs:
            return field_of_slabs(self.run.slabs, self.run.ends, self.ranges)
        return field_of_slabs([self.initial], (self.run.ends[0], self.until), self.ranges)

    @property
    def error(self) -> Field | None:
        """The propagated correction of the slabs so far."""
        return field_of_slabs(self.run.errors, self.run.ends, self.ranges) if self.run.slabs else None

    def outcome(self, reason: Reason | None) -> Outcome:
        """What there is so far, ended for ``reason``."""
        return Outcome(self.field, self.error, self.levels, self.history, reason, "", self.network)


def march(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor) -> Outcome:
    """March through time; when the propagated estimate exceeds the tolerance, again with a tighter local one.

    Raises:
        SolverError: a slab as short as may be cannot be solved; the slabs so far lie in the monitor's state.
    """
    tolerance = family.problem.solver.tolerance
    state = monitor.resumed(MarchState) or _begun(family, 0, tolerance)
    while True:
        try:
            state = _one_pass(family, verify, monitor, state)
        except OutOfTimeError:
            last = monitor.state
            assert isinstance(last, MarchState)
            return last.outcome(Reason.MAX_TIME)
        estimate = state.run.estimate
        if estimate <= tolerance:
            return state.outcome(Reason.CONVERGED)
        if state.number + 1 >= family.most_passes or family.problem.solver.time_slabs is not None:
            return state.outcome(Reason.MAX_LEVELS)
        local = state.local * max(AIM_SHARE * tolerance / estimate, LEAST_CUT)
        state = replace(_begun(family, state.number + 1, local), history=state.history)


def stops_of(problem: Problem) -> tuple[float, ...]:
    """Times at which formulas jump or bend, and the end of time."""
    planes = kinks(formulas(problem), problem.coordinates, problem.ranges).planes
    return (*planes[-1], problem.ranges[-1][1])


def _begun(family: SlabFamily[A, B], number: int, local: float) -> MarchState[A]:
    aim, problem = family.first(local), family.problem
    initial, until = family.initial(aim)
    zero = np.zeros(len(problem.unknowns))
    run: Run[SlabPiece] = Run((), (), (float(problem.ranges[-1][0]),), zero, zero)
    return MarchState(number, local, aim, run, problem.ranges, stops_of(problem), initial, until, family.in_words())


def _one_pass(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """March to the end; raises OutOfTimeError when the time limit is over, after one attempt at the earliest."""
    start, end = family.problem.ranges[-1]
    tried = False
    while state.run.ends[-1] < end - ROUNDING * (end - start):
        monitor.keep(state)
        if monitor.expired() and (tried or state.run.slabs):
            raise OutOfTimeError
        tried = True
        state = replace(_step(family, verify, monitor, state), newton=None)
    return state


def _step(family: SlabFamily[A, B], verify: Verifier, monitor: Monitor, state: MarchState[A]) -> MarchState[A]:
    """One attempt, accepted or not."""
    aim, known = state.aim, contraction(state.history[-RECENT:])
    at = Pass(family.problem, state.run, state.local, state.stops, known, monitor)
    length = family.length(aim, at)
    try:
        slab = family.attempt(aim, length, at)
    except (SolverError, np.linalg.LinAlgError) as error:
        shorter = family.shortened(aim, SHORTER * length)
        if shorter is None or length < SMALLEST_SLAB * at.total:
            reason = error.reason if isinstance(error, SolverError) else Reason.DIVERGED
            raise SolverError(f"at t = {at.time:.6g}: {error}", reason) from error
        return replace(state, aim=shorter)
    state = replace(state, history=(*state.history, *monitor.steps(len(state.run.slabs), slab.steps)))
    measured, missed = None, None
    if family.passes(aim, slab, at):
        measured = family.measured(slab, at)
        missed = verify.between(measured.field, _box(family.problem, at, slab), measured.loss)
        gathered = None if missed is None else family.gathered(aim, slab, missed)
        if gathered is not None:
            if missed is not None and family.length(gathered, at) < SMALLEST_SLAB * at.total:
                raise SolverError(missed.words(family.problem), Reason.UNDERSAMPLED)
            return replace(state, aim=gathered)
    else:
        again = family.again(aim, slab, at)
        if again is not None:
            return replace(state, aim=again)
    return _advanced(family, state, slab, at, measured or family.measured(slab, at), missed)


def _box(problem: Problem, at: Pass[SlabPiece], slab: SolvedSlab[SlabPiece]) -> tuple[tuple[float, float], ...]:
    return (*problem.ranges[:-1], (at.time, at.time + slab.length))


def _advanced(
    family: SlabFamily[A, B],
    state: MarchState[A],
    slab: B,
    at: Pass[SlabPiece],
    measured: Measured,
    missed: Missed | None,
) -> MarchState[A]:
    """After an accepted slab."""
    run, problem = state.run, family.problem
    end = run.ends[-1] + slab.length
    squares = squared_error(problem, family.samples(slab)) if problem.exact else None
    true = run.true if squares is None else run.true + squares
    run = Run(
        (*run.slabs, slab.piece), (*run.errors, slab.error), (*run.ends, end), run.squares + slab.squares,
        run.error_squares + slab.error_squares, true,
    )  # fmt: skip
    level = Level(
        number=len(run.slabs) - 1,
        intervals=measured.intervals,
        degree=measured.degree,
        parameters=measured.parameters,
        points=measured.points,
        loss=measured.loss,
        heldout=measured.heldout,
        estimate=run.estimate,
        seconds=at.monitor.elapsed(),
        iterations=len(slab.steps),
        time=(at.time, end),
        true_error=None if squares is None else relative_root(true[0], true[1]),
        note=measured.note,
        unseen="" if missed is None else missed.words(problem),
    )
    aim = family.following(state.aim, slab, at)
    return replace(state, aim=aim, run=run, levels=(*state.levels, at.monitor.level(level)))
