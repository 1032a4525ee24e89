"""Imports of a command in less time: parts of torch wait until something asks for them, garbage until all is there."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

#: Of ``import torch``, 1.03 s of processor time, 0.29 s are these: what a tensor without values has for shape (for
#: compilers), with what that imports, distributions, optimisers.
PARTS = ("torch._meta_registrations", "torch.distributions", "torch.masked", "torch.optim", "torch.profiler")
#: What torch has only because the first of them imports it.
BEHIND = ("torch._decomp", "torch._prims", "torch._refs")


def hasten() -> None:
    """Have ``import torch`` leave its PARTS until they are asked for, and nobody look for garbage until :func:`settle`.

    Only where the process is all the command's: what a part registers by the way is not there, so nothing that is
    compiled or traced may run. Modules are no garbage: to look through them again and again took 0.3 to 0.5 s.
    """
    if "torch" not in sys.modules:
        sys.meta_path.insert(0, _Finder())
        gc.disable()


def settle() -> None:
    """What was imported is never looked at again, new garbage is; nothing without :func:`hasten` before."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path) and not gc.isenabled():
        gc.freeze()
        gc.enable()


class _Finder(MetaPathFinder):
    """Finds the PARTS, each once."""

    def __init__(self) -> None:
        self._left = {*PARTS, *BEHIND}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a part is; None for all else."""
        if fullname not in self._left:
            return None
        self._left.discard(fullname)
        found = PathFinder.find_spec(fullname, path)
        if found is not None and found.loader is not None:
            found.loader = _Postponed(found.loader)
        return found


class _Postponed(Loader):
    """Leaves the ``own`` loader to the first look into the module."""

    def __init__(self, own: Loader) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Waiting(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["_own"] = self._own
        if module.__name__ == PARTS[0]:
            for name in BEHIND:
                import_module(name)


class _Waiting(ModuleType):
    """A module that is not there yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_own" not in vars(self):  # what the import itself looks for; what is not there
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        vars(self).pop("_own").exec_module(self)
        return getattr(self, name)
