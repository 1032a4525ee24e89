"""A state as it comes back from disk, and whether two solutions are the same bit by bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.run.codec import decode, encode
from pinnkan.solver.monitor import Monitor
from pinnkan.verdict.records import Iteration


def stored(state: Any) -> Any:
    """The state written as JSON and arrays in C order, and read again."""
    arrays: dict[str, Array] = {}

    def store(array: Array) -> str:
        name = str(len(arrays))
        arrays[name] = np.array(array, order="C")
        return name

    text = json.dumps(encode(state, store))
    return decode(json.loads(text), arrays.__getitem__)


def same_bits(a: Any, b: Any) -> bool:
    """Whether the fields of two results are the same."""
    one, other = list[Array](), list[Array]()

    def into(arrays: list[Array]) -> Callable[[Array], str]:
        return lambda array: arrays.append(array) or str(len(arrays))

    same = encode(a.field, into(one)) == encode(b.field, into(other))
    return same and all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


class Ending(Monitor):
    """A monitor whose time is up after so many steps, whatever the clock says."""

    def __init__(self, steps: int) -> None:
        super().__init__(None, None)
        self.left = steps

    def exceeds(self, seconds: float) -> bool:
        return self.expired()

    def expired(self) -> bool:
        """Whether the steps are done."""
        return self.left <= 0

    def report_iteration(self, *record: Any, **more: Any) -> Iteration:
        """Counts it."""
        self.left -= 1
        return super().report_iteration(*record, **more)
