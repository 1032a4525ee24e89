"""J^T J as a full matrix, for problems in which most coefficients share a cell.

Computing the band indices of :mod:`pinnkan.assembly.ordering` takes four times as long as everything else there: 9519
coefficients of a flow in space take 12 s of processor time, with band indices 61 s.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch

from pinnkan.assembly.ordering import Ordering, outermost_first
from pinnkan.assembly.tensor_rows import Rows, TensorRows


def full_matrix(rows: Sequence[Rows], ordering: Ordering) -> torch.Tensor:
    """J^T J as a symmetric matrix (free coefficient, free coefficient)."""
    n = ordering.size
    out = torch.zeros((n, n), dtype=torch.float64, device=ordering.position.device)
    grids = [r for r in rows if isinstance(r, TensorRows)]
    unknowns = grids[0].space.unknowns if grids else 0
    for u, v in combinations_with_replacement(range(unknowns), 2):
        _add_block(grids, ordering, u, v, out)
    _add_entries([r for r in rows if not isinstance(r, TensorRows)], ordering, out)
    return out


def _add_block(grids: Sequence[TensorRows], ordering: Ordering, u: int, v: int, out: torch.Tensor) -> None:
    """Write the block of two unknowns, summed over all tensor rows, into ``out``."""
    here = [r for r in grids if {u, v} <= {j.unknown for j in r.jets}]
    (left, first), (right, second) = (_free(grids[0].space.shape, ordering, w) for w in (u, v))
    if not here or not len(first) or not len(second):
        return
    work, last = outermost_first(grids[0].space.shape), len(left) - 1
    counts = [(int(left[i].sum()), int(right[i].sum())) for i in work]
    inwards = [last - work.index(i) for i in range(len(work))]
    total = out.new_zeros((len(first), len(second)))
    for r in here:
        pairs = [t.masked_pairs(a, b) for t, a, b in zip(r.tables, left, right, strict=True)]
        block = r.gram_block(u, v, pairs).reshape([len(pairs[i].row) for i in reversed(work)])
        for k, (rows, columns) in enumerate(reversed(counts)):
            block = block.narrow(k, 0, rows * columns)
        for k, (rows, columns) in enumerate(reversed(counts)):
            block = block.unflatten(2 * k, (rows, columns))
        total += block.permute(*[2 * k for k in inwards], *[2 * k + 1 for k in inwards]).reshape(total.shape)
    across, down = first >= 0, second >= 0
    if not bool(across.all()) or not bool(down.all()):
        total, first, second = total[across][:, down], first[across], second[down]
    out[first.unsqueeze(1), second] = total
    if u != v:
        out[second.unsqueeze(1), first] = total.T


def _free(shape: Sequence[int], ordering: Ordering, unknown: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Masks by coordinate of functions with free coefficients of an unknown, and the positions of products.

    A position is -1 where that product is fixed.
    """
    position = ordering.position.reshape(*shape)[..., unknown]
    free, indices = position >= 0, range(position.ndim)
    masks = [free.movedim(i, 0).flatten(1).any(1) for i in indices]
    for i, mask in enumerate(masks):
        position = position.index_select(i, mask.nonzero().squeeze(1))
    return masks, position.reshape(-1)


def _add_entries(rows: Sequence[Rows], ordering: Ordering, out: torch.Tensor) -> None:
    """Add the entries of rows without tensor structure, summed in a band, to both halves."""
    n, reach = ordering.size, max((r.bandwidth(ordering) for r in rows), default=-1)
    band = out.new_zeros(1 + (reach + 1) * n)
    for block in rows:
        for place, value in block.gram(ordering):
            band.scatter_add_(0, place, value)
    for apart, values in enumerate(band[1:].reshape(-1, n)):
        for diagonal in {-apart, apart}:
            out.diagonal(diagonal).add_(values[: n - apart])
