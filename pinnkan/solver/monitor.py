"""The clock of a solve, and the reports of its levels, steps and states."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.errors import RunFolderError
from pinnkan.solver.solver_state import LevelsState, NewtonState, SolverState, Step
from pinnkan.verdict.fit_records import FitStep
from pinnkan.verdict.records import Iteration, Level

Progress = Callable[[Level | Iteration | FitStep], None]
#: Called with every state and the seconds of the solve so far.
KeepState = Callable[[SolverState, float], None]
_State = TypeVar("_State")
#: A solve that ends before this share of its time limit has predicted that the next step would exceed it.
EARLY_SHARE = 0.9


class Monitor:
    """The clock, the progress callback, and the last state of a solve.

    ``take_resumed_state``: the state to continue from; ``spent``: the seconds that led to it, which count.
    """

    def __init__(
        self,
        limit: float | None,
        progress: Progress | None,
        keep: KeepState | None = None,
        resumed: SolverState | None = None,
        spent: float = 0.0,
    ) -> None:
        self.clock = Clock(limit, spent)
        self.progress = progress
        self._keep = keep
        self._resumed = resumed
        self._newton = getattr(resumed, "newton", None)
        self.state: SolverState | None = resumed

    @property
    def limit(self) -> float:
        """The time limit in seconds."""
        return self.clock.limit

    def set_default_limit(self, seconds: float) -> None:
        """Set the time limit if the user gave none."""
        if self.clock.limit == float("inf"):
            self.clock.limit = seconds

    def side_monitor(self) -> "Monitor":
        """Return a monitor with the same clock for a side solve, which reports nothing and keeps nothing."""
        other = Monitor(None, None)
        other.clock = self.clock
        return other

    def elapsed(self) -> float:
        """Seconds since the solve began."""
        return self.clock.elapsed()

    def expired(self) -> bool:
        """Whether the time limit is over."""
        return self.clock.expired()

    def exceeds(self, seconds: float) -> bool:
        """Whether so many more ``seconds`` would exceed the time limit."""
        return self.clock.exceeds(seconds)

    def early_end_reason(self) -> str:
        """Why the solve ends before its time limit, in words; "" if it does not."""
        passed, limit = self.elapsed(), self.clock.limit
        if not passed < EARLY_SHARE * limit < math.inf:
            return ""
        return f"after {passed:.2g} of {limit:g} s what comes next was predicted to end beyond it"

    def check_time(self) -> None:
        """Raise OutOfTimeError if the time limit is over."""
        if self.expired():
            raise OutOfTimeError

    def take_resumed_state(self, kind: type[_State]) -> _State | None:
        """Return the state to continue from, once; None to begin. Raises RunFolderError if it is of another kind."""
        state, self._resumed = self._resumed, None
        if state is not None and not isinstance(state, kind):
            raise RunFolderError("the state to resume from belongs to another solver; solve again without --resume")
        return state

    def keep_state(self, state: SolverState) -> None:
        """Record a state to continue from; a first one with nothing to show is not written."""
        begins = self.state is None and state.field is None
        self.state = state
        self.clock.has_result = bool(state.levels)
        if self._keep is not None and not begins:
            self._keep(state, self.elapsed())

    def keep_family_state(self, family_state: object) -> None:
        """Record that the family's state within a level is ``family_state``."""
        if isinstance(self.state, LevelsState):
            self.keep_state(self.state.with_family_state(family_state))

    def take_newton(self) -> NewtonState | None:
        """Return the Gauss-Newton state to continue from, once; None if there is none."""
        newton, self._newton = self._newton, None
        return newton

    def before_step(self, newton: NewtonState) -> None:
        """Record the state before a Gauss-Newton step, and check the time as :meth:`check_step` does."""
        if self.state is not None:
            self.keep_state(self.state.with_newton(newton))
        self.check_time_if_usable(newton.steps)

    def check_time_if_usable(self, steps: Sequence[Step]) -> None:
        """Raise OutOfTimeError if the time limit is over and there are ``steps`` or levels to show."""
        if steps or (self.state is not None and self.state.levels):
            self.check_time()

    def report_level(self, record: Level) -> Level:
        """Report a level; return it."""
        if self.progress is not None:
            self.progress(record)
        return record

    def report_steps(self, level: int, steps: Sequence[Step]) -> tuple[Iteration, ...]:
        """Report the steps of a Gauss-Newton iteration; return their records."""
        return tuple(self.report_iteration(level, i, s.loss, s.size, s.damping) for i, s in enumerate(steps))

    def report_iteration(
        self, level: int, number: int, loss: float, step: float, damping: float, rate: float = 0.0
    ) -> Iteration:
        """Report a step; return its record."""
        record = Iteration(level, number, loss, step, damping, self.elapsed(), rate)
        if self.progress is not None:
            self.progress(record)
        return record
