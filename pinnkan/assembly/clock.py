"""The time limit of a solve: before a long computation, code asks whether it can end within the limit.

The duration is predicted from earlier computations of the same kind, in seconds per unit of work. The first
factorisation has no precedent; its multiplications are counted, and the speed of the machine is measured.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import scipy.linalg

#: Until there is a first result, a solve may take this multiple of the limit plus so many seconds. Heuristic.
FIRST_RESULT_FACTOR, FIRST_RESULT_SECONDS = 1.2, 2.0
#: Multiplications that start without a check: about half a second.
UNCHECKED_WORK = 1e10
#: Order of the matrix that is factored to measure the speed, and the number of runs, of which the best counts.
SAMPLE_ORDER, SAMPLE_RUNS = 768, 3


class OutOfTimeError(Exception):
    """The time limit ended a computation within a level; the monitor's last state holds what there is."""


class Clock:
    """Elapsed seconds of a solve that began with ``spent`` seconds, and its ``limit``, None for none.

    ``has_result``: whether there is a result, so that no time beyond the limit is granted.
    """

    def __init__(self, limit: float | None = None, spent: float = 0.0) -> None:
        self._start = time.perf_counter() - spent
        self.limit = float("inf") if limit is None else limit
        self.has_result = False
        self._seconds_per_work: dict[str, float] = {}

    def elapsed(self) -> float:
        """Seconds since the solve began."""
        return time.perf_counter() - self._start

    def expired(self) -> bool:
        """Whether the limit is exceeded."""
        return self.exceeds(0.0)

    def exceeds(self, seconds: float) -> bool:
        """Whether so many further seconds would exceed the limit."""
        return self.elapsed() + seconds > self.limit

    def check(self, seconds: float = 0.0) -> None:
        """Raise OutOfTimeError where so many further seconds would exceed the allowed time."""
        if self.elapsed() + seconds > (
            self.limit if self.has_result else FIRST_RESULT_FACTOR * self.limit + FIRST_RESULT_SECONDS
        ):
            raise OutOfTimeError

    def check_factor(self, work: float) -> None:
        """Raise OutOfTimeError where so many multiplications of a factorisation could not end in time."""
        if work > UNCHECKED_WORK and self.limit < float("inf"):
            self.check(work / multiplications_per_second())

    @contextmanager
    def time_work(self, kind: str, work: float) -> Iterator[None]:
        """Time a computation of some ``kind``. Raises OutOfTimeError if it is predicted to end too late.

        Predicted from the least seconds per unit of ``work`` so far of its kind; zero for the first one.
        """
        self.check(self._seconds_per_work.get(kind, 0.0) * work)
        began = time.perf_counter()
        yield
        self._seconds_per_work[kind] = min(
            (time.perf_counter() - began) / work, self._seconds_per_work.get(kind, float("inf"))
        )


@lru_cache(maxsize=1)
def multiplications_per_second() -> float:
    """Multiplications per second of a Cholesky factorisation on this machine under its present load."""
    matrix, best = np.eye(SAMPLE_ORDER) + 1.0 / SAMPLE_ORDER, float("inf")
    for _ in range(SAMPLE_RUNS):
        began = time.perf_counter()
        scipy.linalg.cholesky(matrix, check_finite=False)
        best = min(best, time.perf_counter() - began)
    return SAMPLE_ORDER**3 / 3.0 / max(best, 1e-9)
