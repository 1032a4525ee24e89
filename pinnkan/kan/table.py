"""Tables of one coordinate: quadrature points, weights, and derivatives of the splines that are nonzero at them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from pinnkan.kan.axis import Axis

#: A selection of intervals of a coordinate: consecutive ones, or by index.
Intervals = slice | torch.Tensor


@dataclass(frozen=True, eq=False)
class FunctionPairs:
    """Pairs of functions of one coordinate that share an interval.

    ``row`` and ``column`` (pair): the two coefficients; ``pair_index`` (interval * local pair): the pair to which each
    local pair adds; ``local_functions`` (2, local pair): functions of an interval; ``is_diagonal`` (pair): whether it
    is a function with itself, not with its copy across a periodic seam.
    """

    row: torch.Tensor
    column: torch.Tensor
    pair_index: torch.Tensor
    local_functions: torch.Tensor
    is_diagonal: torch.Tensor


@dataclass(frozen=True, eq=False)
class Table:
    """One coordinate of a patch: quadrature nodes and weights (interval, point), and the functions nonzero there.

    ``values``: (order, interval, point, function); ``index``: coefficient of each function, (interval, function);
    ``count``: number of coefficients.
    """

    nodes: torch.Tensor
    weights: torch.Tensor
    values: torch.Tensor
    index: torch.Tensor
    count: int

    def part(self, intervals: Intervals) -> "Table":
        """Return the table of some intervals."""
        values, index = self.values[:, intervals], self.index[intervals]
        return Table(self.nodes[intervals], self.weights[intervals], values, index, self.count)

    def merged(self, size: int) -> "Table":
        """Return the table with every ``size`` consecutive intervals, on which the same functions live, as one."""
        nodes, weights = (t.reshape(-1, size * t.shape[1]) for t in (self.nodes, self.weights))
        values = self.values.reshape(len(self.values), *nodes.shape, -1)
        return Table(nodes, weights, values, self.index[::size].contiguous(), self.count)

    def compact(self) -> "tuple[Table, torch.Tensor]":
        """Return the table with its coefficients renumbered without gaps, and the original number of each."""
        places, own = torch.unique(self.index, return_inverse=True)
        return Table(self.nodes, self.weights, self.values, own, len(places)), places

    @cached_property
    def index_step(self) -> int | None:
        """The number of coefficients from one interval to the next; None if it is not constant."""
        shift = int(self.index[1, 0] - self.index[0, 0]) if len(self.index) > 1 else 0
        first = self.index[0, 0] + shift * torch.arange(len(self.index), device=self.index.device)
        consecutive = first.unsqueeze(1) + torch.arange(self.index.shape[1], device=self.index.device)
        return shift if shift >= 0 and bool((self.index == consecutive).all()) else None

    def gather_local(self, values: torch.Tensor) -> torch.Tensor:
        """Gather ``values`` (coefficient, rest) by interval, (interval, function, rest): a view if it can be."""
        shape = (*self.index.shape, values.shape[1])
        if self.index_step is None:
            return values.index_select(0, self.index.reshape(-1)).reshape(shape)
        row = values.stride(0)
        start = values.storage_offset() + int(self.index[0, 0]) * row
        return values.as_strided(shape, (self.index_step * row, row, values.stride(1)), start)

    @property
    def is_single_interval(self) -> bool:
        """Whether all functions are nonzero at all points, as on a single interval."""
        return self.index.shape == (1, self.count)

    @cached_property
    def pairs(self) -> FunctionPairs:
        """All ordered pairs."""
        k = torch.arange(self.index.shape[1], device=self.index.device)
        return self._pairs(torch.cartesian_prod(k, k).T)

    @cached_property
    def half_pairs(self) -> FunctionPairs:
        """Pairs whose second local function is not before the first: half of a symmetric matrix."""
        n = self.index.shape[1]
        return self._pairs(torch.triu_indices(n, n, device=self.index.device))

    def masked_pairs(self, row_mask: torch.Tensor, column_mask: torch.Tensor) -> FunctionPairs:
        """Return pairs of functions in ``row_mask`` and in ``column_mask``, and a last pair for all others."""
        k = torch.arange(self.index.shape[1], device=self.index.device)
        local = torch.cartesian_prod(k, k).T
        first, second = (torch.where(m, m.cumsum(0) - 1, -1)[self.index] for m in (row_mask, column_mask))
        first, second = first[:, local[0]], second[:, local[1]]
        wanted = (first >= 0) & (second >= 0)
        seen = wanted.any(0)
        rows, columns = int(row_mask.sum()), int(column_mask.sum())
        place = torch.where(wanted, first * columns + second, rows * columns)[:, seen]
        number = torch.arange(rows * columns + 1, device=self.index.device)
        row, column = torch.div(number, max(columns, 1), rounding_mode="floor"), number % max(columns, 1)
        return FunctionPairs(row, column, place.reshape(-1), local[:, seen], row == column)

    def _pairs(self, local: torch.Tensor) -> FunctionPairs:
        key = (self.index[:, local[0]] * self.count + self.index[:, local[1]]) * 2 + (local[0] == local[1])
        found, place = torch.unique(key.reshape(-1), return_inverse=True)
        pair, itself = found >> 1, (found & 1).bool()
        return FunctionPairs(
            torch.div(pair, self.count, rounding_mode="floor"), pair % self.count, place, local, itself
        )


@lru_cache(maxsize=64)
def gauss_table(axis: Axis, points: int, order: int, device: torch.device, parts: int = 1) -> Table:
    """Return the table of Gauss points in every interval of an axis, or in each of its ``parts``, up to ``order``."""
    nodes, weights = (torch.from_numpy(a) for a in axis.gauss(points, parts))
    return _table(axis, nodes, weights, order, device)


@lru_cache(maxsize=64)
def point_table(axis: Axis, x: float, order: int, device: torch.device) -> Table:
    """Return the table of a single point ``x`` of an axis, with weight one."""
    nodes = torch.full((1, 1), x, dtype=torch.float64)
    return _table(axis, nodes, torch.ones_like(nodes), order, device)


@lru_cache(maxsize=64)
def joint_table(axis: Axis, place: float, order: int, below_shift: int, device: torch.device) -> Table:
    """Return the table of a point with both one-sided derivatives: above at 0.., below at ``below_shift``..."""
    sides = [axis.basis.one_sided(place, order, below) for below in (False, True)]
    index = np.unique(np.concatenate([first.numpy() + np.arange(axis.degree + 1) for _, first in sides]))
    values = torch.zeros((below_shift + order + 1, 1, 1, len(index)), dtype=torch.float64)
    for start, (found, first) in zip((0, below_shift), sides, strict=True):
        at = int(np.searchsorted(index, int(first[0])))
        values[start : start + order + 1, 0, 0, at : at + axis.degree + 1] = found
    nodes = torch.full((1, 1), place, dtype=torch.float64)
    columns = torch.from_numpy(index[None].astype(np.int64)).to(device)
    return Table(nodes.to(device), torch.ones_like(nodes).to(device), values.to(device), columns, axis.count)


def _table(axis: Axis, nodes: torch.Tensor, weights: torch.Tensor, order: int, device: torch.device) -> Table:
    values, first = axis.basis.local(nodes, order)
    index = axis.coefficient_index(first[:, 0].numpy()[:, None] + np.arange(axis.degree + 1))
    return Table(
        nodes.to(device), weights.to(device), values.to(device), torch.from_numpy(index).to(device), axis.count
    )
