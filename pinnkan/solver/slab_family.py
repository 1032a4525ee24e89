"""A family of networks in slabs of time: what it is told, what it solves, what it decides. The march does the rest."""

from dataclasses import dataclass
from dataclasses import field as given
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.scaled import SlabPiece
from pinnkan.problem.statement import Problem
from pinnkan.solver.contradiction import Contradiction, contradiction
from pinnkan.solver.estimate.norms import Samples, relative_roots, squared_sizes
from pinnkan.solver.family import Measured
from pinnkan.solver.growth import Growth
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.state import Step
from pinnkan.solver.verify.missed.hidden_feature import NO_LATER, HiddenFeature
from pinnkan.solver.verify.objection import Spaces

#: A slab's correction may be this share of the tolerance times the larger of its share of the time and FLOOR_SHARE:
#: an error per unit time, relaxed for the many tiny slabs of an initial layer. Heuristic; the estimate does not rest
#: on it.
LOCAL_SHARE = 0.3
FLOOR_SHARE = 0.02
#: In the plane and in space, where a digit more costs twice the coefficients and slabs are many since conjugate
#: gradients hold them short, not since errors add up: those of Heat2d-LT stay as large as one slab makes them.
FLOOR_SHARE_PLANE = 0.2
#: What a slab makes is forgotten in the slabs after it where errors die out: if these keep the share q of its square,
#: no more than 1 / (1 - q) of them are ever there at once. So there the square of a correction may be 1 - q of that of
#: the tolerance, less SAFETY, as the last RECENT slabs have shown, FEW at least; no slab may have more than MOST of it.
#: Heat2d-LT keeps 0.5 to 0.9; with FLOOR_SHARE_PLANE alone its estimate came out at a tenth of the tolerance.
MOST, RECENT, FEW = 0.5, 8, 3
#: No correction is asked to be smaller, relative to the solution: its coefficients are rounded.
LEAST_ALLOWED = 1e-15
#: Smallest slab, relative to the whole time. At the start of it, where data may jump, as long as a step takes to widen
#: to NARROW; later a share of the time that is past, and so long that rounding of the time is not seen. In time alone,
#: SMALLEST_ALONE: water is neutral for 1e-7 of a titration, FIRST_ALONE at first: an enzyme fills up in 1e-9.
SMALLEST_SLAB, SMALLEST_ALONE, FIRST_ALONE, NARROW, OF_PAST, ROUNDED_TIME = 1e-7, 1e-9, 1e-13, 3e-7, 0.1, 1e-10
#: Until so many of those at the start a slab that would have to be shorter is accepted as it is, resolved or not: data
#: that jump, or disagree at a corner. The estimate says what that costs.
EARLY = 10.0
#: Times that differ by this share of the whole time are the same.
ROUNDING = 1e-12

P = TypeVar("P", bound=SlabPiece)
A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class Run(Generic[P]):
    """What accumulates over the slabs of one pass: functions, errors, ends, squared norms per unknown.

    ``true``: those (2, unknown) of the true error and of ``exact``; ``rounding``: integral over time of the square of
    what the arithmetic leaves, relative to the solution; ``least``: squared norms (unknown) per time that count, so
    that what is at rest until something happens is not resolved relative to nothing; by slab root mean squares of the
    error, relative to the solution until then: ``roots``, and what earlier slabs left of it there: ``carried``;
    ``bendings``: what curvature has made of it until then, over it; ``standing``: what may hide in residuals there
    that no knots lower, relative.
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
    def growth(self) -> Growth:
        """Of the errors."""
        return Growth(np.array(self.ends), np.array(self.roots), np.array(self.carried))

    @property
    def bending(self) -> float:
        """The largest share of an error that the equations' curvature has made."""
        return max(self.bendings, default=0.0)

    def bent(self, root: float, carried: float, own: float) -> float:
        """That share in the next slab of error ``root``: what is carried on with the rest, and the slab's ``own``."""
        before = self.bendings[-1] if self.bendings else 0.0
        return before * min(carried / max(root, 1e-300), 1.0) + own

    def contradiction(self, problem: Problem) -> Contradiction:
        """Of equations and conditions in the slabs so far."""
        first, last = problem.box.ranges[-1]
        return contradiction(self.standing, self.ends, self.ends[-1] >= last - ROUNDING * (last - first))

    @property
    def forgotten(self) -> float:
        """The share of the square of an error that is gone one slab later, of the last ones; nothing of few."""
        before, after = np.array(self.roots[:-1][-RECENT:]), np.array(self.carried[1:][-RECENT:])
        if len(before) < FEW or not before.any():
            return 0.0
        return max(0.0, 1.0 - float(after @ after) / float(before @ before))

    @property
    def rounded(self) -> float:
        """What the arithmetic leaves, relative to the solution, root mean square over the time so far."""
        return float(np.sqrt(self.rounding / max(self.ends[-1] - self.ends[0], 1e-300)))

    def counting(self, squares: Array, time: float) -> Array:
        """Squared norms over some time, as large as those that count at least."""
        return np.maximum(squares, self.least * time)

    def estimate(self, problem: Problem) -> float:
        """SAFETY times the relative L2 norm of the global correction over all slabs so far, worst unknown; and more."""
        return max(self.estimates(problem))

    def estimates(self, problem: Problem) -> tuple[float, ...]:
        """The same of each unknown and vector."""
        besides = self.rounded + self.contradiction(problem).size
        return tuple(SAFETY * root + besides for root in relative_roots(problem, self.error_squares, self.squares))


def at_start(problem: Problem) -> float:
    """The first slab at its shortest, over the whole time: NARROW to the order in space over that in time."""
    orders = [jet.order for equation in problem.equations for jet in equation.jets.values()]
    in_time = max((order[-1] for order in orders), default=0)
    in_space = max((sum(order[:-1]) for order in orders), default=0)
    return float(min(NARROW ** (in_space / max(in_time, 1)), SMALLEST_SLAB)) if problem.space_dimension else FIRST_ALONE


@dataclass(frozen=True, eq=False)
class SolvedSlab(Generic[P]):
    """A solved slab: its function and global error, steps, squared norms of both per unknown.

    ``carried_squares`` (unknown): of the part of the error that it starts with; ``size``: of its local correction,
    relative; ``rounding``: of its corrections, relative; ``bending``: what the equations' curvature across the error
    makes in the slab, over the error; ``least_loss``: a mean squared residual that may be all
    rounding; ``standing``: the error, relative, that a residual may hide which no knots lower.
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
    def words(self) -> str:
        """``t = 0.5``: the same for people."""
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
        """Where the next slab has to end."""
        return next(stop for stop in self.stops if stop > self.time + ROUNDING * self.total)

    def may_stop(self, time: float | None, length: float) -> bool:
        """Whether a slab of this length may end at a time within it instead, and another one begin there."""
        least = NO_LATER * self.total
        return time is not None and self.time + least < time < self.time + length - least

    @property
    def total(self) -> float:
        """The whole time."""
        return self.end - self.start

    @property
    def begun(self) -> float:
        """The last time at which formulas jumped or bent, or the first of all: steps may widen from there."""
        return max([self.start, *(s for s in self.stops[:-1] if s <= self.time + ROUNDING * self.total)])

    def shortest(self, time: float | None = None) -> float:
        """Of a slab that begins here, or at a later time before the next stop."""
        least = SMALLEST_SLAB if self.problem.space_dimension else SMALLEST_ALONE
        past = (self.time if time is None else time) - self.begun
        return min(max(self._first, OF_PAST * past), least * self.total)

    @property
    def _first(self) -> float:
        """The same where data jump."""
        return max(at_start(self.problem) * self.total, ROUNDED_TIME * abs(self.time))

    def is_early(self, time: float) -> bool:
        """Whether it is one of the first instants, or of those after a jump."""
        return time - self.begun < EARLY * self._first

    def allowed(self, length: float) -> float:
        """Largest local correction accepted for a slab of this length."""
        if self.problem.space_dimension < 2:
            share = LOCAL_SHARE * max(length / self.total, FLOOR_SHARE) ** 0.5
        else:
            even = LOCAL_SHARE * max(length / self.total, FLOOR_SHARE_PLANE) ** 0.5
            share = max(even, min(MOST, self.run.forgotten**0.5 / SAFETY))
        return max(share * self.local, LEAST_ALLOWED)

    def mean_square(self, squares: Array, length: float) -> Array:
        """Squared norm of u over a time as long as a slab, from all slabs so far and its own ``squares``."""
        past = self.time - self.start
        total = self.run.counting(self.run.squares + squares, past + length)
        return squared_sizes(self.problem, total / (past + length) * length)

    @property
    def before(self) -> Array:
        """Root mean squares of the unknowns until now; zero where nothing was."""
        if not self.run.squares.any():
            return np.zeros_like(self.run.squares)
        seen = self.problem.domain.measure * (self.time - self.start) / self.total
        return np.asarray(np.sqrt(squared_sizes(self.problem, self.run.squares) / seen))


B = TypeVar("B", bound=SolvedSlab[SlabPiece])


class SlabFamily(Protocol[A, B]):
    """Networks of one kind for one problem in time; ``A``: what is aimed at next, ``B``: a solved slab."""

    @property
    def problem(self) -> Problem:
        """What is solved."""

    @property
    def most_passes(self) -> int:
        """After so many passes the solve ends."""

    def first(self, local: float) -> A:
        """The first aim."""

    def initial(self, aim: A) -> tuple[SlabPiece, float]:
        """The initial data at rest, and until when: what there is to show before the first slab."""

    def length(self, aim: A, at: Pass[Any]) -> float:
        """The length of the next attempt."""

    def attempt(self, aim: A, length: float, at: Pass[Any]) -> B:
        """Solve a slab and correct it; raises SolverError where that does not work."""

    def shortened(self, aim: A, length: float) -> A | None:
        """The same slab shorter; None where the lengths are given."""

    def passes(self, aim: A, slab: B, at: Pass[Any]) -> bool:
        """Whether the local correction is as small as allowed."""

    def gathered(self, aim: A, slab: B, missed: HiddenFeature) -> A | None:
        """The same slab with knots at a feature that was missed; None after too many attempts."""

    def again(self, aim: A, slab: B, at: Pass[Any]) -> A | None:
        """The next attempt at a slab that did not pass; None where it is accepted all the same."""

    def following(self, aim: A, slab: B, at: Pass[Any]) -> A:
        """What is aimed at after an accepted slab."""

    def measured(self, slab: B, at: Pass[Any]) -> Measured:
        """What there is in the slab."""

    def spaces(self, slab: B) -> Spaces | None:
        """Where it was solved for and corrected, if in splines on all coordinates."""

    def samples(self, slab: B) -> Samples:
        """Its values where a true error can be measured."""

    def in_words(self) -> str:
        """The network in words."""
