"""The clock of a solve, and the one who is told of every level and iteration."""

from __future__ import annotations

import time
from collections.abc import Callable

from pinnkan.verdict import Iteration, Level

Progress = Callable[[Level | Iteration], None]


class Watch:
    """Elapsed seconds, the time limit, and the progress callback."""

    def __init__(self, limit: float | None, progress: Progress | None) -> None:
        self._start = time.perf_counter()
        self._limit = limit
        self._progress = progress

    def elapsed(self) -> float:
        """Seconds since the solve began."""
        return time.perf_counter() - self._start

    def expired(self) -> bool:
        """Whether the time limit is over."""
        return self._limit is not None and self.elapsed() > self._limit

    def level(self, record: Level) -> Level:
        """Report a level."""
        if self._progress is not None:
            self._progress(record)
        return record

    def iteration(self, level: int, number: int, loss: float, step: float, damping: float) -> Iteration:
        """Report a step."""
        record = Iteration(level, number, loss, step, damping, self.elapsed())
        if self._progress is not None:
            self._progress(record)
        return record
