"""The order of coefficients in a least-squares matrix: the longest coordinate outermost, for the narrowest band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pinnkan.kan.product import Space


@dataclass(frozen=True, eq=False)
class Ordering:
    """Position of every coefficient in the matrix, -1 where it is fixed; ``free`` lists the free ones by position."""

    position: torch.Tensor
    free: torch.Tensor

    @property
    def size(self) -> int:
        """Number of free coefficients."""
        return len(self.free)

    def spread(self, step: torch.Tensor) -> torch.Tensor:
        """(free coefficient, side) -> (coefficient, side), zero where fixed."""
        out = step.new_zeros((len(self.position), step.shape[1]))
        out[self.free] = step
        return out


def order_coefficients(space: Space, fixed: np.ndarray, device: torch.device) -> Ordering:
    """Number the free coefficients with the longest coordinate outermost (a periodic one folded).

    The same object for equally many coefficients, whatever the knots, so that what follows from it is worked out once
    for all steps of a solve, and for time slabs of different lengths.
    """
    periodic = tuple(a.periodic for a in space.axes)
    return _ordered(space.shape, periodic, np.ascontiguousarray(fixed).tobytes(), device)


@lru_cache(maxsize=6)
def _ordered(shape: tuple[int, ...], periodic: tuple[bool, ...], fixed: bytes, device: torch.device) -> Ordering:
    free_of = ~np.frombuffer(fixed, dtype=bool)
    keys = []
    for i in outermost_first(shape):
        rank = np.arange(shape[i])
        if periodic[i]:
            rank = np.where(2 * rank < shape[i], 2 * rank, 2 * (shape[i] - 1 - rank) + 1)
        keys.append(np.broadcast_to(rank.reshape([-1 if j == i else 1 for j in range(len(shape))]), shape))
    keys.append(np.broadcast_to(np.arange(shape[-1]), shape))
    order = np.lexsort([k.ravel() for k in reversed(keys)])
    free = order[free_of[order]]
    position = np.full(len(order), -1)
    position[free] = np.arange(len(free))
    return Ordering(torch.from_numpy(position).to(device), torch.from_numpy(free).to(device))


def outermost_first(shape: Sequence[int]) -> list[int]:
    """Coordinates by falling number of coefficients: in this order the matrix has its narrowest band.

    ``shape``: that of a coefficient array, unknowns last.
    """
    return [int(i) for i in np.argsort([-count for count in shape[:-1]], kind="stable")]
