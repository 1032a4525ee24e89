"""A solution that is known at saved times only, evaluated at any place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def at_saved_times(times: Array, evaluate: Callable[[int, Array], Array], x: ArrayLike, t: ArrayLike) -> Array:
    """Return evaluate(row of t, x) in the broadcast shape of x and t; a t that was not saved is refused."""
    x, t = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(t, dtype=float))
    result = np.empty(x.shape)
    for instant in np.unique(t):
        row = int(np.argmin(np.abs(times - instant)))
        if abs(times[row] - instant) > 1e-12 * max(1.0, abs(instant)):
            raise ValueError(f"t = {instant} was not saved; ask for it when the reference is made (saved: {times})")
        here = t == instant
        result[here] = evaluate(row, x[here])
    return result
