"""The imports of a command in less time: nobody looks for garbage among modules, or for tests in numpy.

Parts of torch that only compilers need (``torch._meta_registrations``, 0.3 s) cannot be left out: with torch 2.13
``torch.Generator`` does not work before they are there, nor does ``torch.broadcast_shapes``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
