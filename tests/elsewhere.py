"""A device that is not there: its tensors lie in the memory of the host, but nothing may mix them with the host's.

What a GPU would refuse is refused: an operation on arrays of both, an array of it as numpy. Arrays that go there or
come back are counted. Of torch's kinds of devices "lazy" has no code of its own in any build.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)
_COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
#: A GPU takes places from the host.
_PLACES = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default)


class MixedError(RuntimeError):
    """An operation on arrays of two devices."""


class _Afar(torch.Tensor):
    """A tensor there; ``inner`` is the one that it hides."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "_Afar":
        own = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        out = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=DEVICE, **own)
        out.inner = inner
        return out

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Indexing, which torch does for each device in a way of its own, and all else as it is."""
        if func is torch.Tensor.__getitem__:
            if not isinstance(args[0], _Afar):
                raise MixedError("a tensor of the host, indexed by one that is elsewhere")
            return _Afar(_inner(args[0])[tree_map(_inner, args[1])])
        if func is torch.Tensor.__setitem__:
            target, index, value = args
            if isinstance(value, torch.Tensor) and value.ndim and isinstance(value, _Afar) != isinstance(target, _Afar):
                raise MixedError("values of one device are put into a tensor of another")
            _inner(target)[tree_map(_inner, index)] = _inner(value)
            return None
        if func is torch.Tensor.tolist:
            return args[0].cpu().tolist()
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a tensor of a device that was pretended, outside of it")


class _Mode(TorchDispatchMode):
    """Runs everything on the host; ``moves``: arrays that went from one device to the other."""

    moves = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [a for a in tree_leaves((args, kwargs)) if isinstance(a, torch.Tensor)]
        far = [t for t in tensors if isinstance(t, _Afar)]
        near = [t for t in tensors if t.ndim and not isinstance(t, _Afar)]
        if far and near and func not in (*_COPIES, *_PLACES):
            raise MixedError(f"{func} of tensors here and there: {[tuple(t.shape) for t in near]} are here")
        device = kwargs.get("device")
        goes = bool(far) if device is None else torch.device(device).type == DEVICE.type
        if func is torch.ops.aten.copy_.default:
            goes = isinstance(args[0], _Afar)
        if func in _COPIES:
            self.moves += goes != (not near)
        if device is not None and goes:
            kwargs["device"] = torch.device("cpu")
        out = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        known = {id(t.inner): t for t in far}
        return tree_map(lambda x: _wrapped(x, known, goes), out)


class _Generator(torch.Generator):
    """One of the host, whatever the device: torch makes none for others."""

    def __new__(cls, device: object = None) -> "_Generator":
        return super().__new__(cls)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, _Afar) else value


def _wrapped(value: Any, known: dict[int, _Afar], goes: bool) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if id(value) in known:
        return known[id(value)]
    return _Afar(value) if goes else value


@contextmanager
def pretended() -> Iterator[_Mode]:
    """Inside of it tensors can be sent to DEVICE."""
    generator, torch.Generator = torch.Generator, _Generator
    try:
        with _Mode() as mode:
            yield mode
    finally:
        torch.Generator = generator
