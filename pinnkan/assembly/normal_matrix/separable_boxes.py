"""Split a plane into boxes where J^T J is a sum of products of banded matrices, and a remainder evaluated by points.

Near corners weights are not separable. All intervals without such weights form one part of a coordinate, adjacent or
not, and those with them another, which gives three boxes. With 96 intervals a product takes 2.0 ms instead of 3.9 ms.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch

from pinnkan.assembly.normal_matrix.banded_products import BandedProducts, banded_products
from pinnkan.assembly.normal_matrix.grouped_tables import GROUP_INTERVALS
from pinnkan.assembly.patch import Patch, RecomputedRows
from pinnkan.assembly.tensor_rows import TensorRows, interval_index
from pinnkan.kan.table import Intervals


def split_separable_boxes(rows: Sequence[TensorRows]) -> tuple[list[BandedProducts], list[list[TensorRows]]]:
    """J^T J of the separable boxes of rows at the same points, and the rows of the remaining boxes."""
    whole = banded_products(rows)
    if whole is not None:
        return [whole], []
    found: list[BandedProducts] = []
    left: list[list[TensorRows]] = []
    cuts = [_intervals_by_scale(rows, i) for i in range(2)] if len(rows[0].tables) == 2 else [[], []]
    if max(map(len, cuts)) < 2:
        return [], [list(rows)]
    for strip in cuts[0]:
        everywhere = _rows_in_box(rows, (strip, slice(None)))
        of_strip = banded_products(everywhere)
        for part in [slice(None)] if of_strip else cuts[1]:
            own = everywhere if of_strip else _rows_in_box(rows, (strip, part))
            known = of_strip or banded_products(own)
            if known:
                found.append(known)
            else:
                left.append(own)
    return (found, left) if found else ([], [list(rows)])


def _intervals_by_scale(rows: Sequence[TensorRows], index: int) -> list[Intervals]:
    """The intervals of a coordinate without weights of cells, and those with any, in whole groups of intervals."""
    table = rows[0].tables[index]
    other = torch.zeros(len(table.index), dtype=torch.bool)
    for r in rows:
        if isinstance(r.scale, torch.Tensor) and r.scale.ndim:
            along = (r.scale != 1.0).movedim(2 * index, 0).flatten(1).any(1).cpu()
            other |= along.expand(len(other))
    runs = pairwise([0, *(torch.nonzero(other.diff()).flatten() + 1).tolist(), len(other)])
    for low, high in [(low, high) for low, high in runs if other[low]]:
        missing = (low - high) % GROUP_INTERVALS
        other[max(low - missing, 0) : high if low else high + missing] = True
    kinds = [torch.nonzero(kind).flatten() for kind in (~other, other) if kind.any()]
    return [slice(int(k[0]), int(k[-1]) + 1) if len(k) == k[-1] - k[0] + 1 else k.to(table.index.device) for k in kinds]


def _rows_in_box(rows: Sequence[TensorRows], box: Sequence[Intervals]) -> list[TensorRows]:
    """The rows in a box, given by intervals of each coordinate."""
    tables = tuple(t.part(s) for t, s in zip(rows[0].tables, box, strict=True))
    out: list[TensorRows] = []
    for r in rows:
        scale = r.scale
        if isinstance(scale, torch.Tensor) and scale.ndim:
            for i, s in enumerate(box):
                scale = scale[interval_index(s, i)] if scale.shape[2 * i] > 1 else scale
            scale = 1.0 if bool((scale == 1.0).all()) else scale
        if isinstance(r, RecomputedRows):
            out.append(RecomputedRows(Patch(r.patch.equation, r.space, tables, scale), *r.linearisation))
        else:
            weights, residual = (
                values[interval_index(box[0], 0)][interval_index(box[1], 1)] for values in (r.weights, r.residual)
            )
            out.append(replace(r, tables=tables, weights=weights, residual=residual, scale=scale))
    return out
