"""The time of a solve: who is about to compute asks first whether that can end within the limit.

How long it takes is predicted from what the like of it took before, in seconds per unit of its work. So a step that
would end long after the limit is not begun, wherever it stands: in a minimisation, an estimate, or a check. A factor
may have no like before it, and be a thousand times as much as all that was: its multiplications are counted, and the
speed of the machine is measured.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import scipy.linalg

#: Until there is something to show, a solve may take this many limits and so many seconds more.
FIRST, MORE = 1.2, 2.0
#: Multiplications that are begun without a look at the clock: half a second.
FEW = 1e10
#: Size of a matrix whose factor shows how fast the machine is, in a hundredth of a second; the best of so many.
SAMPLE, TIMES = 768, 3


class OutOfTimeError(Exception):
    """The time limit is over in the middle of a level; what there is lies in the monitor's last state."""


class Clock:
    """Elapsed seconds of a solve that has already ``spent`` some, and its limit; None for no limit.

    ``shows``: whether there is something to show, so that nothing more has to be computed.
    """

    def __init__(self, limit: float | None = None, spent: float = 0.0) -> None:
        self._start = time.perf_counter() - spent
        self.limit = float("inf") if limit is None else limit
        self.shows = False
        self._pace: dict[str, float] = {}

    def elapsed(self) -> float:
        """Seconds since the solve began."""
        return time.perf_counter() - self._start

    def expired(self) -> bool:
        """Whether the limit is over."""
        return self.exceeds(0.0)

    def exceeds(self, seconds: float) -> bool:
        """Whether that many more seconds would go beyond the limit."""
        return self.elapsed() + seconds > self.limit

    def check(self, seconds: float = 0.0) -> None:
        """Raises OutOfTimeError where that many more seconds would go beyond what is allowed."""
        if self.elapsed() + seconds > (self.limit if self.shows else FIRST * self.limit + MORE):
            raise OutOfTimeError

    def factor(self, work: float) -> None:
        """Raises OutOfTimeError where so many multiplications, as of a factor, could not end in time."""
        if work > FEW and self.limit < float("inf"):
            self.check(work / speed())

    @contextmanager
    def working(self, kind: str, work: float) -> Iterator[None]:
        """A computation of some ``kind`` and size; raises OutOfTimeError where it could not end in time.

        Seconds per unit of ``work`` are the least seen so far, none for the first.
        """
        self.check(self._pace.get(kind, 0.0) * work)
        began = time.perf_counter()
        yield
        self._pace[kind] = min((time.perf_counter() - began) / work, self._pace.get(kind, float("inf")))


@lru_cache(maxsize=1)
def speed() -> float:
    """Multiplications a second of a factor on this machine, as much as its threads and others leave."""
    matrix, best = np.eye(SAMPLE) + 1.0 / SAMPLE, float("inf")
    for _ in range(TIMES):
        began = time.perf_counter()
        scipy.linalg.cholesky(matrix, check_finite=False)
        best = min(best, time.perf_counter() - began)
    return SAMPLE**3 / 3.0 / max(best, 1e-9)
