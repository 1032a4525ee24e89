"""SIGINT and SIGTERM end a run in order: what is being written is dropped, what was there stays."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pinnkan.errors import Exit

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


class Stopped(BaseException):
    """The user or the system asked the run to end. Not an ``Exception``: nothing on the way may swallow it."""

    def __init__(self, exit_code: Exit) -> None:
        self.exit_code = exit_code
        super().__init__(exit_code)


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block either signal raises :class:`Stopped` once; a second one ends the process at once."""
    before = {number: signal.signal(number, _stop) for number in _CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in _CODES:
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(_CODES[signal.Signals(number)])
