"""Rows of equations on cells that are distributed over the processes of a job, along the longest coordinate.

Each process computes, stores and applies the rows on one range of intervals. It receives the coefficients whose splines
live there, with a halo of as many layers as the degree. The leader also stores all rows, if their weights vary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.patch import Patch, RecomputedRows, are_recomputed
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.processes.team import SharedObject, Team, current_team

#: The number of weights from which on rows are shared; below, messages take longer than the work.
MIN_SHARED_WEIGHTS = 2**18

Scale = float | torch.Tensor
#: The fields of a table or an equation as plain data, for messages.
PlainData = Sequence[Any]


def equation_patches(
    equations: Sequence[CompiledEquation], space: Space, tables: Sequence[Table], scales: Sequence[Scale]
) -> list[Patch]:
    """The patch of each equation on all cells, with its scale; shared where there is a team and many points."""
    pairs, there = list(zip(equations, scales, strict=True)), current_team()
    many = sum(len(e.jets) for e in equations) * float(np.prod([t.nodes.numel() for t in tables])) >= MIN_SHARED_WEIGHTS
    if there is None or not many or max(a.intervals for a in space.axes) == 1:
        return [Patch(e, space, tables, s) for e, s in pairs]
    cells, written = CellPartition(space, there, tables), [e.to_data() for e in equations]
    made = []
    for c, places in zip(cells.interval_ranges, cells.range_coefficients, strict=True):
        own = [
            s if isinstance(s, float) or s.shape[2 * cells.coordinate] == 1 else cells.range_part(s, c) for s in scales
        ]
        made.append((space.unknowns, [table_data(t) for t in cells.range_tables(tables, c, places)], written, own))
    shared = there.create_shared("cells", made)
    return [SharedPatch(cells, shared, k, space, tables, *pair) for k, pair in enumerate(pairs)]


class CellPartition:
    """The distribution of cells: ``interval_ranges`` of intervals ``coordinate`` the longest coordinate of a space.

    ``range_coefficients``: the coefficients in that coordinate of each range, its halo included.
    """

    def __init__(self, space: Space, process_team: Team, tables: Sequence[Table]) -> None:
        self.coordinate = max(range(len(space.axes)), key=lambda i: space.axes[i].intervals)
        self.interval_ranges = split_evenly(space.axes[self.coordinate].intervals, process_team.count)
        self.range_coefficients = [
            torch.unique(tables[self.coordinate].index[slice(*cells)]) for cells in self.interval_ranges
        ]

    def range_part(self, values: torch.Tensor, interval_range: tuple[int, int]) -> torch.Tensor:
        """The part of an array (interval, point, ..) in a range of intervals."""
        return values.narrow(2 * self.coordinate, interval_range[0], interval_range[1] - interval_range[0])

    def range_tables(
        self, tables: Sequence[Table], interval_range: tuple[int, int], coefficients: torch.Tensor
    ) -> tuple[Table, ...]:
        """The tables of a range of intervals, with coefficients renumbered among ``coefficients``."""
        return tuple(
            renumber_table(t.part(slice(*interval_range)), coefficients) if i == self.coordinate else t
            for i, t in enumerate(tables)
        )

    def halos(self, values: torch.Tensor) -> list[torch.Tensor]:
        """The parts of coefficients (coefficient, .., rest) that each range needs."""
        return [values.index_select(self.coordinate, p) for p in self.range_coefficients]

    def add_parts(self, parts: Sequence[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
        """Add the contributions of each range to ``out`` (coefficient, .., rest), in the order of the ranks."""
        for places, part in zip(self.range_coefficients, parts, strict=True):
            out.index_add_(self.coordinate, places, part)
        return out

    def join_parts(self, parts: Sequence[torch.Tensor], leading_indices: int = 0) -> torch.Tensor:
        """Concatenate arrays of each range, with ``leading_indices`` indices in front of the grid."""
        return torch.cat(list(parts), 2 * self.coordinate + leading_indices)


def split_evenly(count: int, parts: int) -> list[tuple[int, int]]:
    """Split the numbers below ``count`` into at most so many ``parts``, nonempty and of similar length."""
    ends = np.linspace(0, count, min(parts, count) + 1).round().astype(int).tolist()
    return list(pairwise(ends))


def renumber_table(table: Table, coefficients: torch.Tensor) -> Table:
    """The table with its coefficients renumbered by their position among ``coefficients``."""
    return Table(
        table.nodes, table.weights, table.values, torch.searchsorted(coefficients, table.index), len(coefficients)
    )


def table_data(table: Table) -> PlainData:
    """The fields of a table, in order."""
    return table.nodes, table.weights, table.values, table.index, table.count


class LocalPatches:
    """The patches of all equations on the cells of one process; equations are addressed by number."""

    def __init__(
        self,
        unknowns: int,
        tables: Sequence[Sequence[Any]],
        equations: Sequence[Sequence[Any]],
        scales: Sequence[Scale],
    ) -> None:
        space, own = Space((), unknowns), [Table(*t) for t in tables]
        pairs = zip(equations, scales, strict=True)
        self.patches = [Patch(CompiledEquation.from_data(*e), space, own, s) for e, s in pairs]

    def loss(self, number: int, coefficients: torch.Tensor) -> float:
        return self.patches[number].loss(coefficients)

    def residual(self, number: int, coefficients: torch.Tensor) -> torch.Tensor:
        return self.patches[number].residual(coefficients)

    def directional_squares(
        self, number: int, coefficients: torch.Tensor, smooth_basis: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        return self.patches[number].directional_squares(coefficients, smooth_basis)

    def rows(self, number: int, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> "LocalRows":
        patch = self.patches[number]
        r = patch.tensor_rows(patch.jets(coefficients), prescribed_steps)
        return LocalRows(r.space, r.tables, r.jets, r.weights, r.residual, constants=r.constants)

    def recomputed_rows(
        self, number: int, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]
    ) -> RecomputedRows:
        return RecomputedRows(self.patches[number], coefficients, prescribed_steps)


class LocalRows(TensorRows):
    """The rows on the cells of one process."""

    def arrays(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The weights (jet, grid) and residuals (rhs, grid) in memory order."""
        return self.weights.movedim(-1, 0), self.residual.movedim(-1, 0)


@dataclass(frozen=True, eq=False)
class DistributedParts:
    """The distributed parts of rows; ``weights``: those of the whole rows, None where these are not stored."""

    partition: CellPartition
    shared: SharedObject
    weights: torch.Tensor | None = None

    def transpose(self, space: Space, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        parts = [(self.partition.range_part(residual, c),) for c in self.partition.interval_ranges]
        found = self.shared.call("full_transpose", parts)
        return self.sum_parts(found, space)[ordering.free]

    def apply(self, space: Space, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        values = ordering.extend_by_zeros(step).reshape(*space.shape, step.shape[1])
        return self.partition.join_parts(self.shared.call("full_image", [(v,) for v in self.partition.halos(values)]))

    def sum_parts(self, found: Sequence[torch.Tensor], space: Space) -> torch.Tensor:
        """The sum of contributions (coefficient, .., unknown, rhs) of all ranges: (coefficient, rhs)."""
        sides = found[0].shape[-1]
        return self.partition.add_parts(found, found[0].new_zeros((*space.shape, sides))).reshape(space.size, sides)


@dataclass(frozen=True, eq=False)
class SharedRows(TensorRows):
    """Stored rows of which each process also keeps its part."""

    distributed: DistributedParts

    @property
    def has_current_parts(self) -> bool:
        """Whether the parts still belong to these rows, whose weights may have been replaced."""
        return self.distributed.weights is self.weights

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        if not self.has_current_parts:
            return super().transpose(ordering, residual)
        return self.distributed.transpose(self.space, ordering, residual)

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        if not self.has_current_parts:
            return super().apply(ordering, step)
        return self.distributed.apply(self.space, ordering, step)


class SharedRecomputedRows(RecomputedRows):
    """Rows that each process recomputes on its cells."""

    distributed: DistributedParts

    def __init__(
        self,
        patch: Patch,
        coefficients: torch.Tensor,
        prescribed_steps: Sequence[torch.Tensor],
        distributed: DistributedParts,
    ) -> None:
        super().__init__(patch, coefficients, prescribed_steps)
        vars(self).update(distributed=distributed)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return self.distributed.transpose(self.space, ordering, residual)

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.distributed.apply(self.space, ordering, step)

    def gradient_after_step(self, ordering: Ordering, step: torch.Tensor | None) -> torch.Tensor:
        given: list[tuple[torch.Tensor | None]] = [(None,)] * len(self.distributed.partition.interval_ranges)
        if step is not None:
            values = ordering.extend_by_zeros(step).reshape(*self.space.shape, step.shape[1])
            given = [(v,) for v in self.distributed.partition.halos(values)]
        found = self.distributed.shared.call("full_gradient", given)
        return self.distributed.sum_parts(found, self.space)[ordering.free]

    def image_norm_squared(self, values: torch.Tensor) -> float:
        given = [(v,) for v in self.distributed.partition.halos(values)]
        return float(sum(self.distributed.shared.call("image_norm_squared", given)))

    def residual_product(self, values: torch.Tensor, step: torch.Tensor) -> float:
        cells = self.distributed.partition
        given = list(zip(cells.halos(values), cells.halos(step), strict=True))
        return float(sum(self.distributed.shared.call("residual_product", given)))

    def project_image(self, values: torch.Tensor, bases: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
        cells, points = self.distributed.partition, self.tables[self.distributed.partition.coordinate].nodes.shape[1]
        own = [[b[points * low : points * high] if i == cells.coordinate else b for i, b in enumerate(bases)]
               for low, high in cells.interval_ranges]  # fmt: skip
        found = self.distributed.shared.call("project_image", list(zip(cells.halos(values), own, strict=True)))
        return sum(square for square, _ in found), torch.stack([part for _, part in found]).sum(0)


def distributed_parts(rows: TensorRows) -> DistributedParts | None:
    """The distributed parts of the rows; None if there are none."""
    if isinstance(rows, SharedRecomputedRows):
        return rows.distributed
    return rows.distributed if isinstance(rows, SharedRows) and rows.has_current_parts else None


class SharedPatch(Patch):
    """The equation with index ``number`` among the ``shared`` ones, on all cells."""

    def __init__(
        self, partition: CellPartition, shared: SharedObject, number: int,
        space: Space, tables: Sequence[Table], equation: CompiledEquation, scale: Scale,
    ) -> None:  # fmt: skip
        super().__init__(equation, space, tables, scale)
        self._partition, self._shared, self._number = partition, shared, number

    def loss(self, coefficients: torch.Tensor) -> float:
        return float(sum(self._shared.call("loss", self._local_arguments(coefficients))))

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        return self._partition.join_parts(self._shared.call("residual", self._local_arguments(coefficients)))

    def residual_parts(self, coefficients: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        yield slice(None), self.residual(coefficients)

    def directional_squares(self, coefficients: torch.Tensor, smooth_basis: Sequence[torch.Tensor]) -> torch.Tensor:
        given = [(*g, list(smooth_basis)) for g in self._local_arguments(coefficients)]
        return torch.cat(self._shared.call("directional_squares", given), 1 + self._partition.coordinate)

    def rows(
        self, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]
    ) -> SharedRows | SharedRecomputedRows:
        moved = [self._partition.halos(m) for m in prescribed_steps]
        given = [(*g, [m[k] for m in moved]) for k, g in enumerate(self._local_arguments(coefficients))]
        is_even = self.equation.constant_slopes is not None and isinstance(self.scale, float) and self.scale == 1.0
        if is_even and are_recomputed(self.equation, self.count):
            kept = self._shared.call_and_keep("recomputed_rows", given)
            return SharedRecomputedRows(self, coefficients, prescribed_steps, DistributedParts(self._partition, kept))
        kept = self._shared.call_and_keep("rows", given)
        read = zip(*kept.call("arrays", [()] * len(given)), strict=True)
        weights, residual = (self._partition.join_parts(parts, 1).movedim(0, -1) for parts in read)
        in_parts = DistributedParts(self._partition, kept, weights)
        return SharedRows(self.space, self.tables, self.equation.jets, weights, residual, in_parts)

    def _local_arguments(self, coefficients: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        return [(self._number, halo) for halo in self._partition.halos(coefficients)]
