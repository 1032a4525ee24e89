"""A pass through time before its next slab: where it stands, how long and how accurate the slab may be."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from pinnkan.kan.derived_fields import SlabPiece
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import reference_squares
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.slab_history import EQUAL_TIME_SHARE, SlabHistory
from pinnkan.solver.verify.hidden_errors.hidden_feature import CLOSEST_ENDS

#: A correction may be LOCAL_SHARE of the tolerance times the root of the slab's share of the time, at least of
#: FLOOR_SHARE, for the tiny slabs of an initial layer. Heuristic; the estimate does not rest on it.
LOCAL_SHARE = 0.3
FLOOR_SHARE = 0.02
#: The same in the plane and in space, where conjugate gradients keep slabs short and errors hardly add up.
FLOOR_SHARE_PLANE = 0.2
#: If a slab keeps the share q of a squared error, no more than 1 / (1 - q) errors are there at once: the square of a
#: correction may be 1 - q of that of the tolerance less SAFETY, and the correction this share of the tolerance at most.
MAX_TOLERANCE_SHARE = 0.5
#: The smallest correction asked for, relative to the solution: coefficients are rounded.
LEAST_ALLOWED = 1e-15
#: Shortest slabs, over the whole time: with space, in time alone, and the first one in time alone.
SMALLEST_SLAB, SMALLEST_SLAB_ODE, FIRST_SLAB_ODE = 1e-7, 1e-9, 1e-13
#: The first slab after a jump of data lasts until it has this width; later ones at least this share of the time since
#: then, and of the whole time (rounding).
JUMP_WIDTH, PAST_TIME_SHARE, TIME_ROUNDING = 3e-7, 0.1, 1e-10
#: Within so many of the shortest first slabs after a jump a slab may stay unresolved; the estimate says the cost.
EARLY_SLABS = 10.0

P = TypeVar("P", bound=SlabPiece)


def shortest_first_slab(problem: Problem) -> float:
    """The shortest first slab over the whole time: with space JUMP_WIDTH^(order in space / order in time)."""
    orders = [jet.order for equation in problem.equations for jet in equation.jets.values()]
    in_time = problem.orders[-1]
    in_space = max((sum(order[:-1]) for order in orders), default=0)
    return (
        float(min(JUMP_WIDTH ** (in_space / max(in_time, 1)), SMALLEST_SLAB))
        if problem.space_dimension
        else FIRST_SLAB_ODE
    )


@dataclass(frozen=True, eq=False)
class TimePass(Generic[P]):
    """The position of a pass before a slab: the slabs so far, the local tolerance, and what a family may ask.

    ``required_ends``: times at which formulas jump or have a kink, so that a slab has to end, and the end of time;
    ``contraction``: of recent Gauss-Newton steps.
    """

    problem: Problem
    slab_history: SlabHistory[P]
    local_tolerance: float
    required_ends: tuple[float, ...]
    contraction: float
    monitor: Monitor

    @property
    def time(self) -> float:
        """The time at which the next slab begins."""
        return self.slab_history.ends[-1]

    @property
    def time_words(self) -> str:
        """The time at which the next slab begins, as text: ``t = 0.5``."""
        return self.problem.format_march_position(self.time, 6)

    @property
    def start(self) -> float:
        """The first time."""
        return self.problem.box.ranges[-1][0]

    @property
    def end(self) -> float:
        """The last time."""
        return self.problem.box.ranges[-1][1]

    @property
    def next_required_end(self) -> float:
        """The time at which the next slab has to end at the latest."""
        return next(stop for stop in self.required_ends if stop > self.time + EQUAL_TIME_SHARE * self.duration)

    def can_end_slab_at(self, time: float | None, length: float) -> bool:
        """Whether a slab of ``length`` may be cut at a time within it; None is no such time."""
        least = CLOSEST_ENDS * self.duration
        return time is not None and self.time + least < time < self.time + length - least

    @property
    def duration(self) -> float:
        """The length of the whole time."""
        return self.end - self.start

    @property
    def last_required_end(self) -> float:
        """The last time at which a slab had to end, or the first of all: slabs may lengthen from there."""
        return max(
            [self.start, *(s for s in self.required_ends[:-1] if s <= self.time + EQUAL_TIME_SHARE * self.duration)]
        )

    def shortest(self, time: float | None = None) -> float:
        """The shortest length of a slab that begins now, or at a later ``time`` before the next stop."""
        least = SMALLEST_SLAB if self.problem.space_dimension else SMALLEST_SLAB_ODE
        past = (self.time if time is None else time) - self.last_required_end
        return min(max(self._shortest_at_jump, PAST_TIME_SHARE * past), least * self.duration)

    @property
    def _shortest_at_jump(self) -> float:
        """The shortest length of a slab at a jump of the data."""
        return max(shortest_first_slab(self.problem) * self.duration, TIME_ROUNDING * abs(self.time))

    def is_early(self, time: float) -> bool:
        """Whether a time is one of the first instants, of all or after a jump."""
        return time - self.last_required_end < EARLY_SLABS * self._shortest_at_jump

    def allowed_correction(self, length: float) -> float:
        """The largest local correction accepted for a slab of this length, relative to the solution."""
        if self.problem.space_dimension < 2:
            share = LOCAL_SHARE * max(length / self.duration, FLOOR_SHARE) ** 0.5
        else:
            even = LOCAL_SHARE * max(length / self.duration, FLOOR_SHARE_PLANE) ** 0.5
            share = max(even, min(MAX_TOLERANCE_SHARE, self.slab_history.squared_error_decay**0.5 / SAFETY))
        return max(share * self.local_tolerance, LEAST_ALLOWED)

    def reference_squared_norms(self, squares: Array, length: float) -> Array:
        """Squared norms (unknown,) to divide a slab's errors by: means until its end, times ``length``."""
        past = self.time - self.start
        total = self.slab_history.floored_squared_norms(self.slab_history.squared_norms + squares, past + length)
        return reference_squares(self.problem, total / (past + length) * length)

    @property
    def rms_so_far(self) -> Array:
        """Root mean squares (unknown,) of the solution so far, zero before the first slab."""
        if not self.slab_history.squared_norms.any():
            return np.zeros_like(self.slab_history.squared_norms)
        seen = self.problem.domain.measure * (self.time - self.start) / self.duration
        return np.asarray(np.sqrt(reference_squares(self.problem, self.slab_history.squared_norms) / seen))
