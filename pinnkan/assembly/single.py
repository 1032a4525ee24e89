"""J^T J in single precision: half of the memory to move and twice as many numbers at once, for what needs few digits.

Vectors stay as they are. Whoever asks has to know that seven digits of a product are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pinnkan.assembly.matrix_free import MatrixFree
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.table import Table


class SingleMatrix:
    """See :class:`pinnkan.assembly.matrix_free.MatrixFree`; of rows that are kept."""

    def __init__(self, rows: Sequence[TensorRows]) -> None:
        tables = {id(t): _single(t) for r in rows for t in r.tables}
        self._matrix = MatrixFree([
            replace(r, tables=tuple(tables[id(t)] for t in r.tables), weights=r.weights.float()) for r in rows
        ])  # fmt: skip

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """J^T J of coefficients (coefficient, .., unknown, side), of the same shape, to single precision."""
        return self._matrix(values.float()).to(values)


def single_matrix(rows: Sequence[TensorRows]) -> SingleMatrix | None:
    """J^T J of the rows; None where they are worked out again for every product, or kept elsewhere."""
    return SingleMatrix(rows) if all(type(r) is TensorRows for r in rows) else None


def _single(table: Table) -> Table:
    return replace(table, nodes=table.nodes.float(), weights=table.weights.float(), values=table.values.float())
