"""Rows of a least-squares problem written out cell by cell, for points without tensor structure."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pinnkan.assembly.ordering import Ordering

#: Entries of the lower half of a matrix: band indices (:class:`pinnkan.assembly.ordering.Ordering`), and values.
Entries = tuple[torch.Tensor, torch.Tensor]
#: Entries whose band indices are computed at once, so that they stay in the cache.
INDEX_BATCH = 2**18
#: Entries that are multiplied at once, so that they fit into memory.
PRODUCT_BATCH = 2**24


def cell_entries(ordering: Ordering, index: torch.Tensor, blocks: torch.Tensor) -> Iterator[Entries]:
    """The entries of symmetric ``blocks`` (cell, column, column), for some cells at a time.

    ``index`` (cell, column): coefficient of a column; two columns may share one. Entries of the upper half and of fixed
    coefficients get the band index 0 of ignored values, in a quarter of the time of removing them.
    """
    few = max(1, INDEX_BATCH // index.shape[1] ** 2)
    for start in range(0, len(index), few):
        row = ordering.position[index[start : start + few]]
        column = row.masked_fill(row < 0, ordering.size)
        place = (row * ordering.size).unsqueeze(2) + (column - column * ordering.size + 1).unsqueeze(1)
        place.masked_fill_(row.unsqueeze(2) < column.unsqueeze(1), 0)
        yield place.reshape(-1), blocks[start : start + few].reshape(-1)


@dataclass(frozen=True, eq=False)
class CellRows:
    """:class:`pinnkan.assembly.tensor_rows.Rows` written out for a batch of cells.

    ``jacobian`` (cell, row, column), ``residual`` (cell, row, rhs), ``index`` (cell, column): coefficient of a column.
    """

    jacobian: torch.Tensor
    residual: torch.Tensor
    index: torch.Tensor

    def bandwidth(self, ordering: Ordering) -> int:
        position = ordering.position[self.index]
        lowest = position.masked_fill(position < 0, ordering.size).amin(1)
        return max(0, int((position.amax(1) - lowest).max()))

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        many = max(1, PRODUCT_BATCH // self.index.shape[1] ** 2)
        for part, index in zip(self.jacobian.split(many), self.index.split(many), strict=True):
            yield from cell_entries(ordering, index, torch.bmm(part.transpose(1, 2), part))

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        local = torch.bmm(self.jacobian.transpose(1, 2), residual).flatten(0, 1)
        out = local.new_zeros((len(ordering.position), local.shape[1])).index_add_(0, self.index.reshape(-1), local)
        return out[ordering.free]

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        return torch.bmm(self.jacobian, ordering.extend_by_zeros(step)[self.index])
