"""The order of coefficients in a least-squares matrix, longest coordinate outermost; band indices of entries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch

from pinnkan.kan.product import Space
from pinnkan.kan.table import FunctionPairs, Table

#: Below this number of coefficients hundreds of patterns are cached: slabs of four ordinary equations need ten.
SMALL_SIZE = 1000


@dataclass(frozen=True, eq=False)
class Ordering:
    """The ``position`` of each coefficient in the matrix, -1 if it is fixed; ``free``: free coefficients by position.

    ``position_terms``: positions as sums over coordinates, the unknown last, negative if fixed; None without tensor
    structure.
    """

    position: torch.Tensor
    free: torch.Tensor
    position_terms: tuple[torch.Tensor, ...] | None = None

    @property
    def size(self) -> int:
        """The number of free coefficients."""
        return len(self.free)

    def band_index(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, int]:
        """The band indices of entries with two given positions, and the largest distance of the two.

        Band storage: index 0 collects entries of fixed coefficients; then follow the diagonals from the main one
        downwards, each with ``size`` entries by column.
        """
        apart, column = (first - second).abs_(), torch.minimum(first, second)
        nowhere = column < 0
        apart.masked_fill_(nowhere, 0)
        reach = int(apart.max()) if len(apart) else 0
        return apart.mul_(self.size).add_(column).add_(1).masked_fill_(nowhere, 0), reach

    def extend_by_zeros(self, step: torch.Tensor) -> torch.Tensor:
        """Extend (free coefficient, rhs) to (coefficient, rhs), zero where fixed."""
        out = step.new_zeros((len(self.position), step.shape[1]))
        out[self.free] = step
        return out


def order_coefficients(space: Space, fixed: np.ndarray, device: torch.device) -> Ordering:
    """Number the free coefficients, longest coordinate outermost; opposite ends of a periodic one are interleaved.

    The result is shared by all knots with equal counts, so that what depends on it is computed once per solve.
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
    """Positions as sums over coordinates; None unless free coefficients are a product of sets by coordinate."""
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
    """Coordinates by decreasing number of coefficients, for the narrowest band; ``shape``: unknowns last."""
    return [int(i) for i in np.argsort([-count for count in shape[:-1]], kind="stable")]


@dataclass(frozen=True, eq=False)
class BandPattern:
    """The band index of each contracted value, 0 for those of the upper half and of fixed coefficients.

    ``double_mask``: values that stand for both halves and lie on the diagonal, across the seam of a few periodic
    intervals.
    """

    band_index: torch.Tensor
    double_mask: torch.Tensor | None
    bandwidth: int


@dataclass(frozen=True)
class _TableIndex:
    """The coefficient indices of a table without its knots: equal if these indices are equal."""

    index: bytes
    table: Table = field(compare=False)


def find_band_pattern(
    shape: tuple[int, ...], tables: Sequence[Table], ordering: Ordering, u: int, v: int
) -> BandPattern:
    """The pattern of products of functions of unknowns ``u`` and ``v``, contracted with the longest coordinate last.

    Cached for tables with equal coefficient indices, whatever the knots.
    """
    places = tuple(_TableIndex(t.index.cpu().numpy().tobytes(), t) for t in tables)
    return (_small if np.prod(shape) < SMALL_SIZE else _large)(shape, places, ordering, u, v)


def _pattern(
    shape: tuple[int, ...], places: tuple[_TableIndex, ...], ordering: Ordering, u: int, v: int
) -> BandPattern:
    work = outermost_first(shape)
    pairs = [places[i].table.half_pairs if u == v and i == work[0] else places[i].table.pairs for i in work]
    itself = pairs[0].is_diagonal
    summed = _product_pattern(work, pairs, ordering, u) if u == v else None
    if summed is not None:
        return summed
    row = torch.full((1,), u, device=ordering.position.device)
    column = torch.full_like(row, v)
    for i, pair in zip(work, pairs, strict=True):
        stride = int(np.prod(shape[i + 1 :]))
        row = ((pair.row * stride).unsqueeze(1) + row).reshape(-1)
        column = ((pair.column * stride).unsqueeze(1) + column).reshape(-1)
    first, second = (ordering.position.index_select(0, x).reshape(-1, len(itself)) for x in (row, column))
    twice = None
    if u == v:  # inner pairs (i, j) and (j, i) both occur where the outer function is paired with itself
        same = itself.nonzero().squeeze(1)
        lower = first[:, same]
        first[:, same] = lower.masked_fill(lower < second[:, same], -1)
        twice = (first == second).logical_and_(~itself).logical_and_(first >= 0).reshape(-1)
        twice = twice if bool(twice.any()) else None
    place, reach = ordering.band_index(first.reshape(-1), second.reshape(-1))
    return BandPattern(place, twice, reach)


_small, _large = lru_cache(maxsize=256)(_pattern), lru_cache(maxsize=6)(_pattern)


def _product_pattern(
    work: Sequence[int], pairs: Sequence[FunctionPairs], ordering: Ordering, u: int
) -> BandPattern | None:
    """The pattern of an unknown with itself where band indices are sums over coordinates, else None.

    They are where positions are, and where the outermost coordinate decides which of two functions comes first.
    """
    if ordering.position_terms is None or ordering.size == 0:
        return None
    outer, *inner = pairs
    low, high = (ordering.position_terms[work[0]][x] for x in (outer.row, outer.column))
    nowhere = (low < 0) | (high < 0)
    if bool(((low >= high) & ~nowhere & ~outer.is_diagonal).any()):
        return None
    first = second = ordering.position_terms[-1][u : u + 1]
    never = (first < 0).expand(1)
    for i, pair in zip(work[1:], inner, strict=True):
        a, b = (ordering.position_terms[i][x].unsqueeze(1) for x in (pair.row, pair.column))
        never = (never | (a < 0) | (b < 0)).reshape(-1)
        first, second = (a + first).reshape(-1), (b + second).reshape(-1)
    place = ((second - first) * ordering.size + first + 1).unsqueeze(1) + ((high - low) * ordering.size + low)
    place[:, nowhere] = 0
    place[never] = 0
    upper = second < first
    itself = outer.is_diagonal.nonzero().squeeze(1)
    place[:, itself] = place[:, itself].masked_fill(upper.unsqueeze(1), 0)
    reach = max(0, int(place.max()) - 1) // ordering.size if place.numel() else 0
    return BandPattern(place.reshape(-1), None, reach)
