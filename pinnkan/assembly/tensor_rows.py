"""Least-squares rows that are never written out: J^T J, J^T r and J d of an equation on a product of coordinates.

With rows ``J = sum_a W_a (D^a1 b_1)(D^a2 b_2) ..``, W_a diagonal in the points, an entry of J^T J is a sum of products
of one-dimensional factors. Coordinates are contracted one after the other, and contributions of neighbouring intervals
are added before the next one (sum factorisation with partial assembly: Antolin, Buffa, Calabro, Martinelli, Sangalli
2015). Poisson on 6 x 6 x 6 intervals of degree 8 takes 0.86 s, with one product per cell 12.4 s.

Where points have no such structure rows are written out cell by cell (:mod:`pinnkan.assembly.cell_rows`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Protocol

import torch

from pinnkan.assembly.cell_rows import CellRows, Entries
from pinnkan.assembly.contraction import Orders, contract_coordinate
from pinnkan.assembly.device import batch_size
from pinnkan.assembly.ordering import BandPattern, Ordering, find_band_pattern, outermost_first
from pinnkan.assembly.row_reductions import RowReductions
from pinnkan.kan.product import Space
from pinnkan.kan.table import FunctionPairs, Intervals, Table
from pinnkan.problem.statement import Jet

#: Points of rows that are processed at once.
BATCH_POINTS = 2**17
#: The number of coefficients from which on band indices are not computed for a full matrix
#: (``normal_matrix.full_matrix``): with 1758 of four unknowns this takes a fourth of the time.
MIN_FULL_SIZE = 1750


class Rows(Protocol):
    """Rows of a least-squares problem; the last index of ``residual`` is the right-hand side (rhs)."""

    @property
    def residual(self) -> torch.Tensor: ...

    def bandwidth(self, ordering: Ordering) -> int:
        """The bandwidth: the largest distance of two coefficients that share a row."""

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        """Iterate over the entries of the lower half of J^T J."""

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        """J^T r: (free coefficient, rhs)."""

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        """J d for d (free coefficient, rhs), shaped like the residual."""


@dataclass(frozen=True, eq=False)
class TensorRows(RowReductions):
    """:class:`Rows` on a grid, (interval, point) per coordinate.

    ``weights`` (grid, jet): derivative of the equation by each jet times the root of the row's weight; ``residual``
    (grid, rhs); ``scale``: the factor in the weights for cells, a number or (interval, 1, interval, ..); ``constants``:
    the derivatives of the equation that are constant, else None, or () if unknown.
    """

    space: Space
    tables: tuple[Table, ...]
    jets: tuple[Jet, ...]
    weights: torch.Tensor
    residual: torch.Tensor
    scale: float | torch.Tensor = field(default=1.0, kw_only=True)
    constants: tuple[float | None, ...] = field(default=(), kw_only=True)

    @property
    def count(self) -> int:
        """The number of rows."""
        return prod(t.nodes.numel() for t in self.tables)

    @property
    def constant_slopes(self) -> tuple[float, ...] | None:
        """The slopes of the equation by jet where all are constant and all cells have weight one; None if stored."""
        return None

    def with_few_points(self, coordinate: int | None = None) -> "TensorRows":
        """The rows with few points per interval of all coordinates except ``coordinate``.

        Stored rows and rows with constant slopes are unchanged.
        """
        return self

    def weights_part(self, part: slice, coordinate: int = 0) -> torch.Tensor:
        """The weights in the intervals ``part`` of a coordinate."""
        return self.weights[interval_index(part, coordinate)]

    def residual_part(self, part: slice) -> torch.Tensor:
        """The residual in the intervals ``part`` of the first coordinate."""
        return self.residual[part]

    def bandwidth(self, ordering: Ordering) -> int:
        if ordering.size >= MIN_FULL_SIZE:
            return self._cell_bandwidth(ordering)
        return max((self._pattern(ordering, u, v).bandwidth for u, v in self._unknown_pairs()), default=0)

    def _cell_bandwidth(self, ordering: Ordering) -> int:
        """The bandwidth cell by cell, without the band indices of all entries."""
        present = sorted({j.unknown for j in self.jets})
        position = ordering.position.reshape(self.space.shape)[..., present]
        highest, lowest = position.amax(-1), position.masked_fill(position < 0, ordering.size).amin(-1)
        for i, t in enumerate(self.tables):
            highest = highest.index_select(i, t.index.reshape(-1)).unflatten(i, t.index.shape).amax(i + 1)
            lowest = lowest.index_select(i, t.index.reshape(-1)).unflatten(i, t.index.shape).amin(i + 1)
        return max(0, int((highest - lowest).max()))

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        for u, v in self._unknown_pairs():
            pattern = self._pattern(ordering, u, v)
            pairs = [t.pairs for t in self.tables]
            if u == v:
                outermost = outermost_first(self.space.shape)[0]
                pairs[outermost] = self.tables[outermost].half_pairs
            values = self.gram_block(u, v, pairs).reshape(-1)
            yield (
                pattern.band_index,
                values if pattern.double_mask is None else values.where(~pattern.double_mask, 2 * values),
            )

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return self.full_transpose(residual).reshape(self.space.size, -1)[ordering.free]

    def full_transpose(self, residual: torch.Tensor) -> torch.Tensor:
        """J^T r of all coefficients: (coefficient, .., unknown, rhs)."""
        out = residual.new_zeros((*(t.count for t in self.tables), self.space.unknowns, residual.shape[-1]))
        for part, tables in interval_batches(self.tables):
            self.add_transpose(part, tables, residual[part], out)
        return out

    def add_transpose(self, part: slice, tables: tuple[Table, ...], residual: torch.Tensor, out: torch.Tensor) -> None:
        """Add J^T r of residuals in the intervals ``part`` of the first coordinate (``tables``) to ``out``."""
        first, *others = tables
        own, places = first.compact()
        weights = self.weights_part(part)
        for u in sorted({j.unknown for j in self.jets}):
            seen = {j.order: weights[..., k : k + 1] * residual for k, j in enumerate(self.jets) if j.unknown == u}
            out[..., u, :].index_add_(0, places, integrate((own, *others), seen))

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.full_image(ordering.extend_by_zeros(step).reshape(*self.space.shape, step.shape[1]))

    def full_image(self, values: torch.Tensor) -> torch.Tensor:
        """J d for d (coefficient, .., unknown, rhs), shaped like the residual."""
        out = values.new_empty((values.shape[-1], *(n for t in self.tables for n in t.nodes.shape)))
        for part, image in self.image_parts(values):
            out[:, part] = image.movedim(-1, 0)
        return out.movedim(0, -1)

    def image_parts(self, values: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Iterate over J d in consecutive ranges of intervals of the first coordinate."""
        for part, tables in interval_batches(self.tables):
            yield part, self.image_part(part, tables, values)

    def image_part(self, part: slice, tables: tuple[Table, ...], values: torch.Tensor) -> torch.Tensor:
        """J d in the intervals ``part`` of the first coordinate, those of the ``tables``."""
        weights = self.weights_part(part)
        out = values.new_zeros((values.shape[-1], *weights.shape[:-1]))
        for weight, derivative in zip(weights.unbind(-1), grid_jets(tables, values, self.jets), strict=True):
            out.addcmul_(weight, derivative)
        return out.movedim(0, -1)

    def to_cell_rows(self) -> CellRows:
        """The rows of one coordinate written out: a third less time for slabs of three ordinary equations."""
        table, count = self.tables[0], self.space.unknowns
        index = table.index.unsqueeze(-1) * count + torch.arange(count, device=table.index.device)
        jacobian = self.weights.new_zeros((*table.values.shape[1:], count))
        for weight, jet in zip(self.weights.unbind(-1), self.jets, strict=True):
            jacobian[..., jet.unknown].addcmul_(weight.unsqueeze(-1), table.values[jet.order[0]])
        return CellRows(jacobian.flatten(2), self.residual, index.flatten(1))

    def _pattern(self, ordering: Ordering, u: int, v: int) -> BandPattern:
        return find_band_pattern(self.space.shape, self.tables, ordering, u, v)

    def _unknown_pairs(self) -> list[tuple[int, int]]:
        present = sorted({j.unknown for j in self.jets})
        return [(u, v) for u in present for v in present if u <= v]

    def gram_block(self, u: int, v: int, pairs: Sequence[FunctionPairs]) -> torch.Tensor:
        """The block of unknowns u, v of J^T J: one value per combination of ``pairs``, outermost coordinate last.

        The outermost coordinate has the fewest pairs for its points and is contracted first.
        """
        order_of_work = outermost_first(self.space.shape)
        first, *others = order_of_work
        found: dict[Orders, torch.Tensor] = {}
        for part, table in coordinate_batches(self.tables, first):
            some = replace(
                pairs[first], pair_index=pairs[first].pair_index.reshape(len(self.tables[first].index), -1)[part]
            )
            for key, value in contract_coordinate(
                table, self._weight_products(part, order_of_work, u, v), some
            ).items():
                found[key] = found[key].add_(value) if key in found else value
        for i in others:
            found = contract_coordinate(self.tables[i], found, pairs[i])
        return next(iter(found.values()))

    def _weight_products(self, part: slice, order_of_work: Sequence[int], u: int, v: int) -> dict[Orders, torch.Tensor]:
        """Products of two weights in some intervals of the outermost coordinate, by the orders of derivatives."""
        grid = [2 * i + n for i in order_of_work for n in (0, 1)]
        terms = [(tuple(j.order[i] for i in order_of_work), k, j.unknown) for k, j in enumerate(self.jets)]
        out: dict[Orders, torch.Tensor] = {}
        weights = (
            self.weights_part(part, order_of_work[0]).movedim(-1, 0).permute(0, *(1 + g for g in grid)).contiguous()
        )
        for order, k, unknown in terms:
            for other, m, unknown_other in terms:
                if (unknown, unknown_other) == (u, v):
                    shared = out.get((other, order)) if u == v else None
                    out[order, other] = (weights[k] * weights[m]).unsqueeze(0) if shared is None else shared
        return out


def interval_index(part: Intervals, coordinate: int) -> tuple[Intervals, ...]:
    """The index tuple of some intervals of a coordinate, for arrays (interval, point, interval, ..)."""
    return (*[slice(None)] * (2 * coordinate), part)


def interval_batches(tables: Sequence[Table]) -> Iterator[tuple[slice, tuple[Table, ...]]]:
    """Iterate over ranges of intervals of the first coordinate, and the tables there, to limit memory."""
    for part, first in coordinate_batches(tables, 0):
        yield part, (first, *tables[1:])


def coordinate_batches(tables: Sequence[Table], index: int) -> Iterator[tuple[slice, Table]]:
    """Iterate over ranges of intervals of a coordinate, and its table there."""
    own, points = tables[index], prod(t.nodes.numel() for t in tables)
    few = max(1, batch_size(BATCH_POINTS, own.nodes.device) * len(own.index) // points)
    for start in range(0, len(own.index), few):
        part = slice(start, start + few)
        yield part, (own if few >= len(own.index) else own.part(part))


def grid_jets(tables: tuple[Table, ...], values: torch.Tensor, jets: Sequence[Jet]) -> list[torch.Tensor]:
    """The ``jets`` of coefficients (coefficient, .., unknown, rest) on the grid: (rest, interval, point, ..) each."""
    if len(tables) == 1 and tables[0].is_single_interval and values.ndim == 2:
        factors = tables[0].values[[j.order[0] for j in jets], 0]
        return list((factors @ values.T[[j.unknown for j in jets]].unsqueeze(-1)).movedim(-1, 1).unbind())
    found = {}
    for u in sorted({j.unknown for j in jets}):
        orders = sorted({j.order for j in jets if j.unknown == u})
        for order, grid in evaluate(tables, values.select(len(tables), u), orders).items():
            found[u, order] = grid
    return [found[j.unknown, j.order] for j in jets]


def evaluate(
    tables: tuple[Table, ...], values: torch.Tensor, orders: Sequence[tuple[int, ...]]
) -> dict[tuple[int, ...], torch.Tensor]:
    """Derivatives on the grid by sum factorisation: (coefficient, .., rest) to (rest, interval, point, ..) by order.

    Factors that derivatives share in the first coordinates are evaluated once.
    """
    if not tables:
        return {(): values}
    t, *others = tables
    firsts = sorted({order[0] for order in orders})
    local = t.gather_local(values.reshape(t.count, -1))
    factors = t.values[firsts].movedim(0, 1).flatten(1, 2) if len(firsts) > 1 else t.values[firsts[0]]
    grid = torch.bmm(factors, local).reshape(len(local), len(firsts), -1, *values.shape[1:])
    out = {}
    for n, first in enumerate(firsts):
        rest = sorted({order[1:] for order in orders if order[0] == first})
        found = evaluate(tuple(others), grid[:, n].movedim((0, 1), (-2, -1)), rest)
        out.update({(first, *order): part for order, part in found.items()})
    return out


def integrate(tables: tuple[Table, ...], parts: dict[tuple[int, ...], torch.Tensor]) -> torch.Tensor:
    """The transpose of :func:`evaluate_scaled`, summed over orders: (interval, point, ..) to (coefficient, ..)."""
    for t in tables:
        groups: dict[tuple[int, ...], list[tuple[int, torch.Tensor]]] = {}
        for order, part in parts.items():
            groups.setdefault(order[1:], []).append((order[0], part))
        parts = {}
        for key, members in groups.items():
            factors = torch.cat([t.values[k] for k, _ in members], 1) if len(members) > 1 else t.values[members[0][0]]
            values = torch.cat([p.reshape(*p.shape[:2], -1) for _, p in members], 1)
            local = torch.bmm(factors.transpose(1, 2), values).flatten(0, 1)
            summed = local.new_zeros((t.count, local.shape[1])).index_add_(0, t.index.reshape(-1), local)
            parts[key] = summed.reshape(t.count, *members[0][1].shape[2:]).movedim(0, -1)
    return next(iter(parts.values())).movedim(0, -1)
