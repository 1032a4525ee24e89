"""A command in less time: no search for garbage among its modules, no tests of numpy, no manuals, no taking apart.

Parts of torch that only compilers need (``torch._meta_registrations``, 0.3 s) cannot be left out: with torch 2.13
``torch.Generator`` does not work before they are there, nor does ``torch.broadcast_shapes``.
"""

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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


def hasten() -> None:
    """Have nobody look for garbage before :func:`settle`; only where the process is all the command's.

    Modules are none: to look through them again and again took 0.3 to 0.5 s.
    """
    gc.disable()


def settle(hastened: bool) -> None:
    """What was imported is never looked at again, new garbage is; nothing without :func:`hasten` before."""
    if hastened:
        gc.freeze()
        gc.enable()


@contextmanager
def bare_numpy(hastened: bool) -> Iterator[None]:
    """Show of numpy only what it has imported; as it is without :func:`hasten` before.

    As scipy is imported it copies every name of numpy, those too that numpy imports when asked for: f2py, its tests,
    0.06 s that no solve needs.
    """
    if not hastened:
        yield
        return
    import numpy

    names, listed = numpy.__all__, numpy.__dir__
    imported = vars(numpy)
    vars(numpy).update(__all__=[n for n in names if n in imported], __dir__=lambda: [*imported])
    try:
        yield
    finally:
        vars(numpy).update(__all__=names, __dir__=listed)


def undocumented_artists(hastened: bool) -> None:
    """Have matplotlib write no manual of its artists as it is imported; as it is without :func:`hasten` before.

    What each of a hundred classes can be told is looked up in all of its methods: 0.08 of the 0.22 s of its import.
    """
    if not hastened:
        return
    from matplotlib import artist

    for place, name, unwritten in (
        (artist.Artist, "_update_set_signature_and_docstring", classmethod(lambda _: None)),
        (artist, "kwdoc", lambda _: ""),
    ):
        if hasattr(place, name):
            setattr(place, name, unwritten)
