"""The imports of a command in less time: nobody looks for garbage among modules.

Parts of torch that only compilers need (``torch._meta_registrations``, 0.3 s) cannot be left out: with torch 2.13
``torch.Generator`` does not work before they are there, nor does ``torch.broadcast_shapes``.
"""

import gc


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
