"""The end of a command in less time: modules are not taken apart one by one before the system takes all of them."""

import atexit
import os
import sys
from collections.abc import Callable


def ended_at_once(run: Callable[[], int]) -> int:
    """The exit code of ``run``, the last thing that this process does; Python's own end took 0.2 of 2.1 s.

    What ends the process is called last of all that is called at exit: threads have been waited for, and others have
    written what they had to. Where somebody else was first (who measures which lines run, say), where ``run`` raises
    and where output cannot be written, the end is Python's own.
    """
    code: int | None = None

    def end() -> None:
        if code is None:
            return
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:  # closed before the process began
                    stream.flush()
        except (OSError, ValueError):
            return
        os._exit(code)

    if atexit._ncallbacks() == 0:
        atexit.register(end)
    code = run()
    return code
