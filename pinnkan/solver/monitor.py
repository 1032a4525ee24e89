"""The clock of a solve, and those who are told of every level, iteration and state."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.errors import RunFolderError
from pinnkan.solver.state import LevelsState, Newton, State, Step
from pinnkan.verdict.records import Iteration, Level

Progress = Callable[[Level | Iteration], None]
#: Called with every state and the seconds of the solve so far.
Keep = Callable[[State, float], None]
_State = TypeVar("_State")
#: A solve that ends before this share of its time limit is over has predicted what comes next.
EARLY = 0.9


class Monitor:
    """The clock, the progress callback, and the state that the solve has reached.

    ``resumed`` is the state from which to go on; ``spent`` the seconds that led to it, which count.
    """

    def __init__(
        self,
        limit: float | None,
        progress: Progress | None,
        keep: Keep | None = None,
        resumed: State | None = None,
        spent: float = 0.0,
    ) -> None:
        self.clock = Clock(limit, spent)
        self.progress = progress
        self._keep = keep
        self._resumed = resumed
        self._newton = getattr(resumed, "newton", None)
        self.state: State | None = resumed

    @property
    def limit(self) -> float:
        """The time limit in seconds."""
        return self.clock.limit

    def limit_to(self, seconds: float) -> None:
        """Sets the time limit where the user gave none."""
        if self.clock.limit == float("inf"):
            self.clock.limit = seconds

    def aside(self) -> "Monitor":
        """One with the same clock, for a solve on the side: nobody is told of it, and nothing of it is kept."""
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
        """Whether that many more seconds would go beyond the time limit."""
        return self.clock.exceeds(seconds)

    def ahead_of_limit(self) -> str:
        """Why a solve ends before its time limit, in words; "" where it does not."""
        passed, limit = self.elapsed(), self.clock.limit
        if not passed < EARLY * limit < math.inf:
            return ""
        return f"after {passed:.2g} of {limit:g} s what comes next was predicted to end beyond it"

    def check(self) -> None:
        """Raises OutOfTimeError when the time limit is over."""
        if self.expired():
            raise OutOfTimeError

    def resumed(self, kind: type[_State]) -> _State | None:
        """The state from which to go on, None to begin; raises RunFolderError if it is another solver's."""
        state, self._resumed = self._resumed, None
        if state is not None and not isinstance(state, kind):
            raise RunFolderError("the state to resume from belongs to another solver; solve again without --resume")
        return state

    def keep(self, state: State) -> None:
        """From here the solve could go on; a first state with nothing to show is where it begins anyway."""
        begins = self.state is None and state.field is None
        self.state = state
        self.clock.shows = bool(state.levels)
        if self._keep is not None and not begins:
            self._keep(state, self.elapsed())

    def progressed(self, own: object) -> None:
        """Within a level its family stands at ``own``."""
        if isinstance(self.state, LevelsState):
            self.keep(self.state.having(own))

    def newton(self) -> Newton | None:
        """Where a resumed solve stands inside Gauss-Newton; told once."""
        newton, self._newton = self._newton, None
        return newton

    def stepping(self, newton: Newton) -> None:
        """Gauss-Newton stands here; raises OutOfTimeError when the time limit is over.

        Not before the first step of all, so that there is something to show.
        """
        if self.state is not None:
            self.keep(self.state.within(newton))
        self.check_step(newton.steps)

    def check_step(self, steps: Sequence[Step]) -> None:
        """Raises OutOfTimeError when the time limit is over, if there are ``steps`` or levels to show."""
        if steps or (self.state is not None and self.state.levels):
            self.check()

    def level(self, record: Level) -> Level:
        """Report a level."""
        if self.progress is not None:
            self.progress(record)
        return record

    def steps(self, level: int, steps: Sequence[Step]) -> tuple[Iteration, ...]:
        """Report the steps of a Gauss-Newton iteration."""
        return tuple(self.iteration(level, i, s.loss, s.size, s.damping) for i, s in enumerate(steps))

    def iteration(
        self, level: int, number: int, loss: float, step: float, damping: float, rate: float = 0.0
    ) -> Iteration:
        """Report a step."""
        record = Iteration(level, number, loss, step, damping, self.elapsed(), rate)
        if self.progress is not None:
            self.progress(record)
        return record
