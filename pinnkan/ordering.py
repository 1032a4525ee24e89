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
    """Position of every coefficient in the matrix, -1 where it is fixed; ``free`` lists the free ones by position.

    ``parts``: positions as a sum over coordinates, negative where fixed, the unknown's last; None where the free
    coefficients are not a product.
    """

    position: torch.Tensor
    free: torch.Tensor
    parts: tuple[torch.Tensor, ...] | None = None

    @property
    def size(self) -> int:
        """Number of free coefficients."""
        return len(self.free)

    def place(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Places of entries with two positions in a band, and the largest distance of the two.

        The band: one number for all that belongs nowhere (a position is -1), then, diagonal by diagonal from the
        middle downwards, ``size`` entries by column.
        """
        apart, column = (first - second).abs_(), torch.minimum(first, second)
        nowhere = column < 0
        apart.masked_fill_(nowhere, 0)
        reach = int(apart.max()) if len(apart) else 0
        return apart.mul_(self.size).add_(column).add_(1).masked_fill_(nowhere, 0), reach

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
    ranks = []
    for count, folds in zip(shape, (*periodic, False), strict=True):
        rank = np.arange(count)
        ranks.append(np.where(2 * rank < count, 2 * rank, 2 * (count - 1 - rank) + 1) if folds else rank)
    inwards = [*outermost_first(shape), len(shape) - 1]
    keys = [np.broadcast_to(ranks[i].reshape([-1 if j == i else 1 for j in range(len(shape))]), shape) for i in inwards]
    order = np.lexsort([k.ravel() for k in reversed(keys)])
    free = order[free_of[order]]
    position = np.full(len(order), -1)
    position[free] = np.arange(len(free))
    parts = _parts(free_of.reshape(shape), ranks, inwards)
    on_device = None if parts is None else tuple(torch.from_numpy(p).to(device) for p in parts)
    return Ordering(torch.from_numpy(position).to(device), torch.from_numpy(free).to(device), on_device)


def _parts(free: np.ndarray, ranks: Sequence[np.ndarray], inwards: Sequence[int]) -> list[np.ndarray] | None:
    """Positions as sums over coordinates, where a coefficient is free when all of its coordinates' functions are."""
    indices = range(free.ndim)
    alive = [free.any(axis=tuple(j for j in indices if j != i)) for i in indices]
    if free.sum() != np.prod([a.sum() for a in alive]):
        return None
    parts, stride = [np.zeros(0, dtype=np.int64)] * free.ndim, 1
    for i in reversed(inwards):
        place = np.argsort(np.argsort(np.where(alive[i], ranks[i], free.size)))
        parts[i] = np.where(alive[i], stride * place, -1)
        stride *= int(alive[i].sum())
    return parts


def outermost_first(shape: Sequence[int]) -> list[int]:
    """Coordinates by falling number of coefficients: in this order the matrix has its narrowest band.

    ``shape``: that of a coefficient array, unknowns last.
    """
    return [int(i) for i in np.argsort([-count for count in shape[:-1]], kind="stable")]
