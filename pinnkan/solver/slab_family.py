"""What the march asks of a family of networks in slabs of time, and what accumulates over a pass."""

from dataclasses import dataclass
from dataclasses import field as given
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.scaled import SlabPiece
from pinnkan.problem.statement import Problem
from pinnkan.solver.contradiction import Contradiction, contradiction
from pinnkan.solver.error_growth import ErrorGrowth
from pinnkan.solver.estimate.norms import Samples, norm_ratios, reference_squares
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.solver_state import Step
from pinnkan.solver.verify.hidden_errors.hidden_feature import CLOSEST_ENDS, HiddenFeature
from pinnkan.solver.verify.objection import SpacePair

#: A correction may be LOCAL_SHARE of the tolerance times the root of the slab's share of the time, at least of
#: FLOOR_SHARE, for the tiny slabs of an initial layer. Heuristic; the estimate does not rest on it.
LOCAL_SHARE = 0.3
FLOOR_SHARE = 0.02
#: The same in the plane and in space, where conjugate gradients keep slabs short and errors hardly add up.
FLOOR_SHARE_PLANE = 0.2
#: If a slab keeps the share q of a squared error, no more than 1 / (1 - q) errors are there at once: the square of a
#: correction may be 1 - q of that of the tolerance less SAFETY, and the correction this share of the tolerance at most.
#: The last RECENT_SLABS show q, MIN_SLABS at least.
MAX_TOLERANCE_SHARE, RECENT_SLABS, MIN_SLABS = 0.5, 8, 3
#: The smallest correction asked for, relative to the solution: coefficients are rounded.
LEAST_ALLOWED = 1e-15
#: Shortest slabs, over the whole time: with space, in time alone, and the first one in time alone.
SMALLEST_SLAB, SMALLEST_SLAB_ODE, FIRST_SLAB_ODE = 1e-7, 1e-9, 1e-13
#: The first slab after a jump of data lasts until it has this width; later ones at least this share of the time since
#: then, and of the whole time (rounding).
JUMP_WIDTH, PAST_TIME_SHARE, TIME_ROUNDING = 3e-7, 0.1, 1e-10
#: Within so many of the shortest first slabs after a jump a slab may stay unresolved; the estimate says the cost.
EARLY_SLABS = 10.0
#: Times that differ by this share of the whole time are the same.
EQUAL_TIME_SHARE = 1e-12

P = TypeVar("P", bound=SlabPiece)
A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class SlabHistory(Generic[P]):
    """What accumulates over the slabs of a pass: functions, errors, ends (slab + 1,), squared norms (unknown,).

    ``true``: squared norms (2, unknown) of the true error and of ``exact``; ``rounding``: integral over time of the
    squared relative rounding error; ``least``: the least squared norms (unknown,) per time that errors are relative to.
    By slab, relative to the solution until then: ``roots``: root mean squares of the error; ``carried``: of its part
    from earlier slabs; ``bendings``: shares of it that curvature of the equations has made; ``standing``: errors that
    residuals which no knots lower may hide.
    """

    slabs: tuple[P, ...]
    errors: tuple[P, ...]
    ends: tuple[float, ...]
    squares: Array
    error_squares: Array
    true: Array = given(default_factory=lambda: np.zeros((2, 1)))
    rounding: float = 0.0
    least: Array | float = 0.0
    roots: tuple[float, ...] = ()
    carried: tuple[float, ...] = ()
    bendings: tuple[float, ...] = ()
    standing: tuple[float, ...] = ()

    @property
    def growth(self) -> ErrorGrowth:
        """The growth of the errors."""
        return ErrorGrowth(np.array(self.ends), np.array(self.roots), np.array(self.carried))

    @property
    def bending(self) -> float:
        """The largest share of an error that curvature of the equations has made."""
        return max(self.bendings, default=0.0)

    def bent(self, error_rms: float, carried: float, slab_share: float) -> float:
        """The share of curvature in ``error_rms`` of the next slab: the last share plus ``slab_share``."""
        before = self.bendings[-1] if self.bendings else 0.0
        return before * min(carried / max(error_rms, 1e-300), 1.0) + slab_share

    def contradiction(self, problem: Problem) -> Contradiction:
        """The contradiction of equations and conditions in the slabs so far."""
        first, last = problem.box.ranges[-1]
        return contradiction(self.standing, self.ends, self.ends[-1] >= last - EQUAL_TIME_SHARE * (last - first))

    @property
    def forgotten(self) -> float:
        """The share of a squared error that decays within a slab, by the last RECENT_SLABS; 0 if there are few."""
        before, after = np.array(self.roots[:-1][-RECENT_SLABS:]), np.array(self.carried[1:][-RECENT_SLABS:])
        if len(before) < MIN_SLABS or not before.any():
            return 0.0
        return max(0.0, 1.0 - float(after @ after) / float(before @ before))

    @property
    def rounded(self) -> float:
        """Relative rounding error, root mean square over the time so far."""
        return float(np.sqrt(self.rounding / max(self.ends[-1] - self.ends[0], 1e-300)))

    def counting(self, squares: Array, time: float) -> Array:
        """Squared norms (unknown,) over a ``time``, at least ``least`` per time."""
        return np.maximum(squares, self.least * time)

    def estimate(self, problem: Problem) -> float:
        """The estimated relative error so far, worst unknown: SAFETY times the correction, rounding, contradiction."""
        return max(self.estimates(problem))

    def estimates(self, problem: Problem) -> tuple[float, ...]:
        """The estimated relative error so far of each unknown and vector."""
        besides = self.rounded + self.contradiction(problem).size
        return tuple(SAFETY * root + besides for root in norm_ratios(problem, self.error_squares, self.squares))


def shortest_first_slab(problem: Problem) -> float:
    """The shortest first slab over the whole time: with space JUMP_WIDTH^(order in space / order in time)."""
    orders = [jet.order for equation in problem.equations for jet in equation.jets.values()]
    in_time = max((order[-1] for order in orders), default=0)
    in_space = max((sum(order[:-1]) for order in orders), default=0)
    return (
        float(min(JUMP_WIDTH ** (in_space / max(in_time, 1)), SMALLEST_SLAB))
        if problem.space_dimension
        else FIRST_SLAB_ODE
    )


@dataclass(frozen=True, eq=False)
class SolvedSlab(Generic[P]):
    """A solved slab: its function, global error, steps, and squared norms (unknown,) of both functions.

    ``carried_squares``: of the error carried on from its start; ``size``, ``rounding``: of its corrections, relative;
    ``bending``: share of the error that curvature of the equations makes in it; ``least_loss``: mean squared residual
    that may be all rounding; ``standing``: relative error that a residual which no knots lower may hide.
    """

    piece: P
    error: P
    length: float
    steps: tuple[Step, ...]
    squares: Array
    error_squares: Array
    carried_squares: Array
    size: float = given(default=0.0, kw_only=True)
    rounding: float = given(default=0.0, kw_only=True)
    bending: float = given(default=0.0, kw_only=True)
    least_loss: float = given(default=0.0, kw_only=True)
    standing: float = given(default=0.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class TimePass(Generic[P]):
    """The position of a pass before a slab: the slabs so far, the local tolerance, and what a family may ask.

    ``stops``: times at which formulas jump or have a kink, so that a slab has to end, and the end of time;
    ``contraction``: of recent Gauss-Newton steps.
    """

    problem: Problem
    run: SlabHistory[P]
    local: float
    stops: tuple[float, ...]
    contraction: float
    monitor: Monitor

    @property
    def time(self) -> float:
        """The time at which the next slab begins."""
        return self.run.ends[-1]

    @property
    def words(self) -> str:
        """The time at which the next slab begins, as text: ``t = 0.5``."""
        return self.problem.when(self.time, 6)

    @property
    def start(self) -> float:
        """The first time."""
        return self.problem.box.ranges[-1][0]

    @property
    def end(self) -> float:
        """The last time."""
        return self.problem.box.ranges[-1][1]

    @property
    def until(self) -> float:
        """The time at which the next slab has to end at the latest."""
        return next(stop for stop in self.stops if stop > self.time + EQUAL_TIME_SHARE * self.total)

    def may_stop(self, time: float | None, length: float) -> bool:
        """Whether a slab of ``length`` may be cut at a time within it; None is no such time."""
        least = CLOSEST_ENDS * self.total
        return time is not None and self.time + least < time < self.time + length - least

    @property
    def total(self) -> float:
        """The length of the whole time."""
        return self.end - self.start

    @property
    def begun(self) -> float:
        """The last time at which a slab had to end, or the first of all: slabs may lengthen from there."""
        return max([self.start, *(s for s in self.stops[:-1] if s <= self.time + EQUAL_TIME_SHARE * self.total)])

    def shortest(self, time: float | None = None) -> float:
        """The shortest length of a slab that begins now, or at a later ``time`` before the next stop."""
        least = SMALLEST_SLAB if self.problem.space_dimension else SMALLEST_SLAB_ODE
        past = (self.time if time is None else time) - self.begun
        return min(max(self._first, PAST_TIME_SHARE * past), least * self.total)

    @property
    def _first(self) -> float:
        """The shortest length of a slab at a jump of the data."""
        return max(shortest_first_slab(self.problem) * self.total, TIME_ROUNDING * abs(self.time))

    def is_early(self, time: float) -> bool:
        """Whether a time is one of the first instants, of all or after a jump."""
        return time - self.begun < EARLY_SLABS * self._first

    def allowed(self, length: float) -> float:
        """The largest local correction accepted for a slab of this length, relative to the solution."""
        if self.problem.space_dimension < 2:
            share = LOCAL_SHARE * max(length / self.total, FLOOR_SHARE) ** 0.5
        else:
            even = LOCAL_SHARE * max(length / self.total, FLOOR_SHARE_PLANE) ** 0.5
            share = max(even, min(MAX_TOLERANCE_SHARE, self.run.forgotten**0.5 / SAFETY))
        return max(share * self.local, LEAST_ALLOWED)

    def mean_square(self, squares: Array, length: float) -> Array:
        """Squared norms (unknown,) to divide a slab's errors by: means until its end, times ``length``."""
        past = self.time - self.start
        total = self.run.counting(self.run.squares + squares, past + length)
        return reference_squares(self.problem, total / (past + length) * length)

    @property
    def before(self) -> Array:
        """Root mean squares (unknown,) of the solution so far, zero before the first slab."""
        if not self.run.squares.any():
            return np.zeros_like(self.run.squares)
        seen = self.problem.domain.measure * (self.time - self.start) / self.total
        return np.asarray(np.sqrt(reference_squares(self.problem, self.run.squares) / seen))


B = TypeVar("B", bound=SolvedSlab[SlabPiece])


class SlabFamily(Protocol[A, B]):
    """Networks of one kind for one problem in time; ``A``: the aim of the next attempt, ``B``: a solved slab."""

    @property
    def problem(self) -> Problem:
        """The problem to solve."""

    @property
    def most_passes(self) -> int:
        """The number of passes after which the solve ends."""

    def first(self, local_tolerance: float) -> A:
        """Return the aim of the first slab for a local tolerance."""

    def initial(self, aim: A) -> tuple[SlabPiece, float]:
        """Return the initial data, constant in time, and until when: what is shown before the first slab."""

    def length(self, aim: A, time_pass: TimePass[Any]) -> float:
        """The length of the next attempt."""

    def attempt(self, aim: A, length: float, time_pass: TimePass[Any]) -> B:
        """Solve a slab and correct it; raises SolverError if that fails."""

    def shortened(self, aim: A, length: float) -> A | None:
        """Return the aim at a shorter slab; None if the lengths are given."""

    def passes(self, aim: A, slab: B, time_pass: TimePass[Any]) -> bool:
        """Whether the local correction is as small as allowed."""

    def gathered(self, aim: A, slab: B, feature: HiddenFeature) -> A | None:
        """Return the aim at the same slab with knots at a missed feature; None after too many attempts."""

    def again(self, aim: A, slab: B, time_pass: TimePass[Any]) -> A | None:
        """Return the aim after a slab that is not accurate enough; None if that is accepted all the same."""

    def following(self, aim: A, slab: B, time_pass: TimePass[Any]) -> A:
        """Return the aim after an accepted slab."""

    def measured(self, slab: B, time_pass: TimePass[Any]) -> LossMinimum:
        """Return the function of the slab and the figures for its record."""

    def spaces(self, slab: B) -> SpacePair | None:
        """The spaces of the solution and of its correction, if in splines on all coordinates."""

    def samples(self, slab: B) -> Samples:
        """The values of the function at points where a true error can be measured."""

    def in_words(self) -> str:
        """Describe the network."""
