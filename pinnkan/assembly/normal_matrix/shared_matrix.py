"""J^T J of rows whose cells are distributed over the processes of a job, along the longest coordinate.

Contributions of the processes are added in the order of the ranks.
"""

from collections.abc import Sequence

import torch

from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.shared_rows import LocalPatches, PlainData, distributed_parts, renumber_table, table_data
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet
from pinnkan.processes.team import Makers, Team, current_team

#: Rows without their space: the numbers of tables, jets as numbers, weights (jet, grid).
_Block = tuple[list[int], list[tuple[int, tuple[int, ...]]], torch.Tensor]


def normal_matrix(rows: Sequence[TensorRows]) -> "MatrixFree | SharedMatrix":
    """The matrix-free J^T J of the rows, in this process or, where rows are distributed, in all of them."""
    there = current_team()
    if there is None or not any(distributed_parts(r) for r in rows):
        return MatrixFree(rows)
    return SharedMatrix(rows, there)


class SharedMatrix:
    """The distributed form of :class:`pinnkan.assembly.normal_matrix.matrix_free.MatrixFree`."""

    def __init__(self, rows: Sequence[TensorRows], process_team: Team) -> None:
        kept = [k for k in map(distributed_parts, rows) if k is not None]
        others = [r for r in rows if distributed_parts(r) is None]
        self._shape, self._partition = rows[0].space.shape, kept[0].partition
        parts = zip(self._partition.interval_ranges, self._partition.range_coefficients, strict=True)
        blocks = [_blocks(others, self._partition.coordinate, *c, p) for c, p in parts]
        self._shared = process_team.create_shared("matrix", blocks, shared_arguments=[k.shared for k in kept])

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """J^T J of coefficients (coefficient, .., unknown, rhs), of the same shape."""
        found = self._shared.call("__call__", [(v,) for v in self._partition.halos(values)])
        return self._partition.add_parts(found, torch.zeros_like(values))

    def use_pointwise_products(self) -> bool:
        """As for :class:`pinnkan.assembly.normal_matrix.matrix_free.MatrixFree`, in all processes."""
        return any(self._shared.call("use_pointwise_products", [()] * len(self._partition.interval_ranges)))

    def diagonal(self) -> torch.Tensor:
        """The diagonal of J^T J: (coefficient, .., unknown)."""
        parts = self._shared.call("diagonal", [()] * len(self._partition.interval_ranges))
        return self._partition.add_parts(parts, parts[0].new_zeros(self._shape))


def _blocks(
    rows: Sequence[TensorRows], coordinate: int, low: int, high: int, places: torch.Tensor
) -> tuple[list[PlainData], list[_Block]]:
    """The part of undistributed rows, mostly of conditions, in a range of intervals, and their tables, each once.

    Coefficients are numbered among ``places``. The number of an interval is that of its first function.
    """
    tables: dict[tuple[int, bool], Table] = {}
    blocks: list[_Block] = []
    for r in rows:
        first = r.tables[coordinate].index[:, 0]
        inside = torch.nonzero((first >= low) & (first < high))[:, 0]
        if not len(inside):
            continue
        start, count = int(inside[0]), len(inside)
        for i, t in enumerate(r.tables):
            own = t.part(slice(start, start + count)) if i == coordinate else t
            tables.setdefault((id(t), i == coordinate), renumber_table(own, places) if i == coordinate else own)
        names = list(tables)
        numbers = [names.index((id(t), i == coordinate)) for i, t in enumerate(r.tables)]
        weights = r.weights.movedim(-1, 0).narrow(2 * coordinate + 1, start, count)
        blocks.append((numbers, [(j.unknown, j.order) for j in r.jets], weights))
    return [table_data(t) for t in tables.values()], blocks


def make_local_matrix(tables: Sequence[PlainData], blocks: Sequence[_Block], *parts: TensorRows) -> MatrixFree:
    """The matrix-free J^T J, in one process, of its ``parts`` and of other rows (``blocks``)."""
    space, own, rows = Space((), parts[0].space.unknowns), [Table(*t) for t in tables], list(parts)
    for numbers, jets, weights in blocks:
        named = tuple(Jet(unknown, tuple(order)) for unknown, order in jets)
        there = tuple(own[n] for n in numbers)
        rows.append(TensorRows(space, there, named, weights.movedim(0, -1), weights.new_empty(0)))
    return MatrixFree(rows)


#: Constructors that a process of a job calls by name.
MAKERS: Makers = {"cells": LocalPatches, "matrix": make_local_matrix}
