"""A solved slab, and what accumulates over the slabs of a pass through time."""

from dataclasses import dataclass
from dataclasses import field as given
from typing import Any, Generic, TypeVar

import numpy as np

from pinnkan.kan.derived_fields import SlabPiece, to_single_precision
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solver.contradiction import Contradiction, contradiction
from pinnkan.solver.error_growth import ErrorGrowth
from pinnkan.solver.estimate.norms import largest_norm_ratio, norm_ratios
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.solver_state import Step

#: Slabs that show how much of a squared error decays: the last ones, and the least number of them.
RECENT_SLABS, MIN_SLABS = 8, 3
#: Times that differ by this share of the whole time are the same.
EQUAL_TIME_SHARE = 1e-12

P = TypeVar("P", bound=SlabPiece)


@dataclass(frozen=True, eq=False)
class SolvedSlab(Generic[P]):
    """A solved slab: its function, global error, steps, and squared norms (unknown,) of both functions.

    ``squared_carried_norms``: of the error carried on from its start; ``correction_size``, ``rounding``: of its
    corrections, relative; ``curvature_share``: share of the error that curvature of the equations makes in it;
    ``rounding_loss``: mean squared residual that may be all rounding; ``persistent_error``: relative error that a
    residual which no knots lower may hide.
    """

    piece: P
    error: P
    length: float
    steps: tuple[Step, ...]
    squared_norms: Array
    squared_error_norms: Array
    squared_carried_norms: Array
    correction_size: float = given(default=0.0, kw_only=True)
    rounding: float = given(default=0.0, kw_only=True)
    curvature_share: float = given(default=0.0, kw_only=True)
    rounding_loss: float = given(default=0.0, kw_only=True)
    persistent_error: float = given(default=0.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class SlabHistory(Generic[P]):
    """What accumulates over the slabs of a pass: functions, errors, ends (slab + 1,), squared norms (unknown,).

    ``true_squared_norms``: squared norms (2, unknown) of the true error and of ``exact``;
    ``squared_rounding_integral``: integral over time of the squared relative rounding error; ``squared_norm_floor``:
    the least squared norms (unknown,) per time that errors are relative to. By slab, relative to the solution until
    then: ``error_rms``: root mean squares of the error; ``carried_rms``: of its part from earlier slabs;
    ``curvature_shares``: shares of it that curvature of the equations has made; ``persistent_errors``: errors that
    residuals which no knots lower may hide.
    """

    slabs: tuple[P, ...]
    error_pieces: tuple[P, ...]
    ends: tuple[float, ...]
    squared_norms: Array
    squared_error_norms: Array
    true_squared_norms: Array = given(default_factory=lambda: np.zeros((2, 1)))
    squared_rounding_integral: float = 0.0
    squared_norm_floor: Array | float = 0.0
    error_rms: tuple[float, ...] = ()
    carried_rms: tuple[float, ...] = ()
    curvature_shares: tuple[float, ...] = ()
    persistent_errors: tuple[float, ...] = ()

    @property
    def growth(self) -> ErrorGrowth:
        """The growth of the errors."""
        return ErrorGrowth(np.array(self.ends), np.array(self.error_rms), np.array(self.carried_rms))

    @property
    def max_curvature_share(self) -> float:
        """The largest share of an error that curvature of the equations has made."""
        return max(self.curvature_shares, default=0.0)

    def next_curvature_share(self, error_rms: float, carried: float, slab_share: float) -> float:
        """The share of curvature in ``error_rms`` of the next slab: the last share plus ``slab_share``."""
        before = self.curvature_shares[-1] if self.curvature_shares else 0.0
        return before * min(carried / max(error_rms, 1e-300), 1.0) + slab_share

    def contradiction(self, problem: Problem) -> Contradiction:
        """The contradiction of equations and conditions in the slabs so far."""
        first, last = problem.box.ranges[-1]
        return contradiction(
            self.persistent_errors, self.ends, self.ends[-1] >= last - EQUAL_TIME_SHARE * (last - first)
        )

    @property
    def squared_error_decay(self) -> float:
        """The share of a squared error that decays within a slab, by the last RECENT_SLABS; 0 if there are few."""
        before, after = np.array(self.error_rms[:-1][-RECENT_SLABS:]), np.array(self.carried_rms[1:][-RECENT_SLABS:])
        if len(before) < MIN_SLABS or not before.any():
            return 0.0
        return max(0.0, 1.0 - float(after @ after) / float(before @ before))

    @property
    def rounding_rms(self) -> float:
        """Relative rounding error, root mean square over the time so far."""
        return float(np.sqrt(self.squared_rounding_integral / max(self.ends[-1] - self.ends[0], 1e-300)))

    def floored_squared_norms(self, squares: Array, time: float) -> Array:
        """Squared norms (unknown,) over a ``time``, at least ``least`` per time."""
        return np.maximum(squares, self.squared_norm_floor * time)

    def estimate(self, problem: Problem) -> float:
        """The estimated relative error so far, worst unknown: SAFETY times the correction, rounding, contradiction."""
        return max(self.estimates(problem))

    def estimates(self, problem: Problem) -> tuple[float, ...]:
        """The estimated relative error so far of each unknown and vector."""
        besides = self.rounding_rms + self.contradiction(problem).size
        return tuple(
            SAFETY * root + besides for root in norm_ratios(problem, self.squared_error_norms, self.squared_norms)
        )

    def extended(self, slab: "SolvedSlab[P]", problem: Problem, true_squared_norms: Array) -> "SlabHistory[Any]":
        """The history after one more slab; ``true_squared_norms``: as those of the history."""
        rms, carried = (
            self._relative_rms(problem, slab, s) for s in (slab.squared_error_norms, slab.squared_carried_norms)
        )
        history: type[SlabHistory[Any]] = SlabHistory
        return history(
            (*self.slabs, slab.piece),
            (*self.error_pieces[:-1], *map(to_single_precision, self.error_pieces[-1:]), slab.error),
            (*self.ends, self.ends[-1] + slab.length),
            self.squared_norms + slab.squared_norms,
            self.squared_error_norms + slab.squared_error_norms,
            true_squared_norms,
            self.squared_rounding_integral + slab.rounding**2 * slab.length,
            self.squared_norm_floor,
            (*self.error_rms, rms),
            (*self.carried_rms, carried),
            (*self.curvature_shares, self.next_curvature_share(rms, carried, slab.curvature_share)),
            (*self.persistent_errors, slab.persistent_error),
        )

    def _relative_rms(self, problem: Problem, slab: "SolvedSlab[P]", squares: Array) -> float:
        """Root mean square of an error of squared norms ``squares`` in a slab, over that of the solution so far."""
        past = self.ends[-1] - self.ends[0] + slab.length
        size = self.floored_squared_norms(self.squared_norms + slab.squared_norms, past)
        return largest_norm_ratio(problem, squares / slab.length, size / past)
