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
from pinnkan.processes.team import Shared, Team, team

#: The number of weights from which on rows are shared; below, messages take longer than the work.
MIN_SHARED_WEIGHTS = 2**18

Scale = float | torch.Tensor
#: The fields of a table or an equation as plain data, for messages.
PlainData = Sequence[Any]


def equation_patches(
    equations: Sequence[CompiledEquation], space: Space, tables: Sequence[Table], scales: Sequence[Scale]
) -> list[Patch]:
    """The patch of each equation on all cells, with its scale; shared where there is a team and many points."""
    pairs, there = list(zip(equations, scales, strict=True)), team()
    many = sum(len(e.jets) for e in equations) * float(np.prod([t.nodes.numel() for t in tables])) >= MIN_SHARED_WEIGHTS
    if there is None or not many or max(a.intervals for a in space.axes) == 1:
        return [Patch(e, space, tables, s) for e, s in pairs]
    cells, written = CellPartition(space, there, tables), [e.written() for e in equations]
    made = []
    for c, places in zip(cells.ranges, cells.places, strict=True):
        own = [s if isinstance(s, float) or s.shape[2 * cells.along] == 1 else cells.cut(s, c) for s in scales]
        made.append((space.unknowns, [table_data(t) for t in cells.tables(tables, c, places)], written, own))
    shared = there.share("cells", made)
    return [SharedPatch(cells, shared, k, space, tables, *pair) for k, pair in enumerate(pairs)]


class CellPartition:
    """The distribution of cells: ``ranges`` of intervals ``along`` the longest coordinate of a space.

    ``places``: the coefficients in that coordinate of each range, its halo included.
    """

    def __init__(self, space: Space, process_team: Team, tables: Sequence[Table]) -> None:
        self.along = max(range(len(space.axes)), key=lambda i: space.axes[i].intervals)
        self.ranges = split_evenly(space.axes[self.along].intervals, process_team.count)
        self.places = [torch.unique(tables[self.along].index[slice(*cells)]) for cells in self.ranges]

    def cut(self, values: torch.Tensor, interval_range: tuple[int, int]) -> torch.Tensor:
        """The part of an array (interval, point, ..) in a range of intervals."""
        return values.narrow(2 * self.along, interval_range[0], interval_range[1] - interval_range[0])

    def tables(
        self, tables: Sequence[Table], interval_range: tuple[int, int], coefficients: torch.Tensor
    ) -> tuple[Table, ...]:
        """The tables of a range of intervals, with coefficients renumbered among ``coefficients``."""
        return tuple(
            renumber_table(t.part(slice(*interval_range)), coefficients) if i == self.along else t
            for i, t in enumerate(tables)
        )

    def halos(self, values: torch.Tensor) -> list[torch.Tensor]:
        """The parts of coefficients (coefficient, .., rest) that each range needs."""
        return [values.index_select(self.along, p) for p in self.places]

    def added(self, parts: Sequence[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
        """Add the contributions of each range to ``out`` (coefficient, .., rest), in the order of the ranks."""
        for places, part in zip(self.places, parts, strict=True):
            out.index_add_(self.along, places, part)
        return out

    def joined(self, parts: Sequence[torch.Tensor], leading_indices: int = 0) -> torch.Tensor:
        """Concatenate arrays of each range, with ``leading_indices`` indices in front of the grid."""
        return torch.cat(list(parts), 2 * self.along + leading_indices)


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
        self.patches = [Patch(CompiledEquation.read(*e), space, own, s) for e, s in pairs]

    def loss(self, number: int, coefficients: torch.Tensor) -> float:
        return self.patches[number].loss(coefficients)

    def residual(self, number: int, coefficients: torch.Tensor) -> torch.Tensor:
        return self.patches[number].residual(coefficients)

    def by_cell(self, number: int, coefficients: torch.Tensor, smooth_basis: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.patches[number].by_cell(coefficients, smooth_basis)

    def rows(self, number: int, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> "LocalRows":
        patch = self.patches[number]
        r = patch.tensor_rows(patch.jets(coefficients), prescribed_steps)
        return LocalRows(r.space, r.tables, r.jets, r.weights, r.residual, constants=r.constants)

    def fleeting(
        self, number: int, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]
    ) -> RecomputedRows:
        return RecomputedRows(self.patches[number], coefficients, prescribed_steps)


class LocalRows(TensorRows):
    """The rows on the cells of one process."""

    def read(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The weights (jet, grid) and residuals (rhs, grid) in memory order."""
        return self.weights.movedim(-1, 0), self.residual.movedim(-1, 0)


@dataclass(frozen=True, eq=False)
class DistributedParts:
    """The distributed parts of rows; ``weights``: those of the whole rows, None where these are not stored."""

    cells: CellPartition
    shared: Shared
    weights: torch.Tensor | None = None

    def transpose(self, space: Space, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        found = self.shared.call("transposed", [(self.cells.cut(residual, c),) for c in self.cells.ranges])
        return self.gathered(found, space)[ordering.free]

    def apply(self, space: Space, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        values = ordering.spread(step).reshape(*space.shape, step.shape[1])
        return self.cells.joined(self.shared.call("applied", [(v,) for v in self.cells.halos(values)]))

    def gathered(self, found: Sequence[torch.Tensor], space: Space) -> torch.Tensor:
        """The sum of contributions (coefficient, .., unknown, rhs) of all ranges: (coefficient, rhs)."""
        sides = found[0].shape[-1]
        return self.cells.added(found, found[0].new_zeros((*space.shape, sides))).reshape(space.size, sides)


@dataclass(frozen=True, eq=False)
class SharedRows(TensorRows):
    """Stored rows of which each process also keeps its part."""

    kept: DistributedParts

    @property
    def are_kept(self) -> bool:
        """Whether the parts still belong to these rows, whose weights may have been replaced."""
        return self.kept.weights is self.weights

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return (
            self.kept.transpose(self.space, ordering, residual)
            if self.are_kept
            else super().transpose(ordering, residual)
        )

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.kept.apply(self.space, ordering, step) if self.are_kept else super().apply(ordering, step)


class SharedRecomputedRows(RecomputedRows):
    """Rows that each process recomputes on its cells."""

    kept: DistributedParts

    def __init__(
        self,
        patch: Patch,
        coefficients: torch.Tensor,
        prescribed_steps: Sequence[torch.Tensor],
        distributed: DistributedParts,
    ) -> None:
        super().__init__(patch, coefficients, prescribed_steps)
        vars(self).update(kept=distributed)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        return self.kept.transpose(self.space, ordering, residual)

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return self.kept.apply(self.space, ordering, step)

    def gradient_after(self, ordering: Ordering, step: torch.Tensor | None) -> torch.Tensor:
        given: list[tuple[torch.Tensor | None]] = [(None,)] * len(self.kept.cells.ranges)
        if step is not None:
            values = ordering.spread(step).reshape(*self.space.shape, step.shape[1])
            given = [(v,) for v in self.kept.cells.halos(values)]
        return self.kept.gathered(self.kept.shared.call("gradient_at", given), self.space)[ordering.free]

    def square_of(self, values: torch.Tensor) -> float:
        return float(sum(self.kept.shared.call("square_of", [(v,) for v in self.kept.cells.halos(values)])))

    def left_with(self, values: torch.Tensor, step: torch.Tensor) -> float:
        cells = self.kept.cells
        given = list(zip(cells.halos(values), cells.halos(step), strict=True))
        return float(sum(self.kept.shared.call("left_with", given)))

    def among(self, values: torch.Tensor, bases: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
        cells, points = self.kept.cells, self.tables[self.kept.cells.along].nodes.shape[1]
        own = [[b[points * low : points * high] if i == cells.along else b for i, b in enumerate(bases)]
               for low, high in cells.ranges]  # fmt: skip
        found = self.kept.shared.call("among", list(zip(cells.halos(values), own, strict=True)))
        return sum(square for square, _ in found), torch.stack([part for _, part in found]).sum(0)


def distributed_parts(rows: TensorRows) -> DistributedParts | None:
    """The distributed parts of the rows; None if there are none."""
    if isinstance(rows, SharedRecomputedRows):
        return rows.kept
    return rows.kept if isinstance(rows, SharedRows) and rows.are_kept else None


class SharedPatch(Patch):
    """The equation with index ``number`` among the ``shared`` ones, on all cells."""

    def __init__(
        self, partition: CellPartition, shared: Shared, number: int,
        space: Space, tables: Sequence[Table], equation: CompiledEquation, scale: Scale,
    ) -> None:  # fmt: skip
        super().__init__(equation, space, tables, scale)
        self._cells, self._shared, self._number = partition, shared, number

    def loss(self, coefficients: torch.Tensor) -> float:
        return float(sum(self._shared.call("loss", self._given(coefficients))))

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        return self._cells.joined(self._shared.call("residual", self._given(coefficients)))

    def residuals(self, coefficients: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        yield slice(None), self.residual(coefficients)

    def by_cell(self, coefficients: torch.Tensor, smooth_basis: Sequence[torch.Tensor]) -> torch.Tensor:
        given = [(*g, list(smooth_basis)) for g in self._given(coefficients)]
        return torch.cat(self._shared.call("by_cell", given), 1 + self._cells.along)

    def rows(
        self, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]
    ) -> SharedRows | SharedRecomputedRows:
        moved = [self._cells.halos(m) for m in prescribed_steps]
        given = [(*g, [m[k] for m in moved]) for k, g in enumerate(self._given(coefficients))]
        if (
            self.equation.numbers is not None
            and isinstance(self.scale, float)
            and self.scale == 1.0
            and are_recomputed(self.equation, self.count)
        ):
            kept = self._shared.keep("fleeting", given)
            return SharedRecomputedRows(self, coefficients, prescribed_steps, DistributedParts(self._cells, kept))
        kept = self._shared.keep("rows", given)
        read = zip(*kept.call("read", [()] * len(given)), strict=True)
        weights, residual = (self._cells.joined(parts, 1).movedim(0, -1) for parts in read)
        in_parts = DistributedParts(self._cells, kept, weights)
        return SharedRows(self.space, self.tables, self.equation.jets, weights, residual, in_parts)

    def _given(self, coefficients: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        return [(self._number, halo) for halo in self._cells.halos(coefficients)]
