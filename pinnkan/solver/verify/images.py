"""What rows make of a function, a few intervals after the other: J v has many times as many numbers as v."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch

from pinnkan.assembly.integral_rows import IntegralRows
from pinnkan.assembly.one_coordinate import flat
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.table import Table
from pinnkan.solver.linear.solver import Seen

#: What is added to products of a function with itself, over them: where no point weighs they are zero.
FAINT = 1e-14


def images(seen: Seen, vector: Array) -> Iterator[tuple[Rows | IntegralRows, slice, torch.Tensor]]:
    """J v of a vector (free coefficient), piece by piece: block of rows, which intervals of it, rows there."""
    v = torch.from_numpy(vector[:, None]).to(seen.ordering.position.device)
    for block in seen.rows:
        if not isinstance(block, TensorRows):
            yield block, slice(None), block.apply(seen.ordering, v)[..., 0]
            continue
        values = seen.ordering.spread(v).reshape(*block.space.shape, 1)
        for part, image in block.images(values):
            yield block, part, image[..., 0]


def size_of(seen: Seen, vector: Array) -> float:
    """|J v|."""
    return sum(float(image.square().sum()) for _, _, image in images(seen, vector)) ** 0.5


def missing(seen: Seen, vector: Array, step: Array) -> float:
    """The product of what a step leaves of the residual with J v."""
    total = 0.0
    for (block, part, image), (_, _, moved) in zip(images(seen, vector), images(seen, step), strict=True):
        residual = block.residual_in(part) if isinstance(block, TensorRows) else block.residual
        total += float(((residual[..., 0] + moved) * image).sum())
    return abs(total)


def roughness(seen: Seen, vector: Array) -> float:
    """The share of J v, of the first equation, that no function of the space itself can be; zero on a line.

    There one more level costs less than to ask.
    """
    rows = seen.rows[0]
    if not isinstance(rows, TensorRows) or len(rows.tables) == 1:
        return 0.0
    bases = [_weighted(table) for table in rows.tables]
    smooth, square, done = np.zeros([basis.shape[1] for basis in bases]), 0.0, 0
    for _, _, image in images(Seen([rows], seen.ordering), vector):
        found = flat(image).cpu().numpy()
        square += float(np.square(found).sum())
        there, done = bases[0][done : done + len(found)], done + len(found)
        smooth += _along([basis.T.dot for basis in [there, *bases[1:]]], found)
    projected = _along([_inverse_gram(basis) for basis in bases], smooth)
    rough = max(square - float((projected * smooth).sum()), 0.0)
    return float(np.sqrt(rough / square)) if square > 0.0 else 0.0


def _weighted(table: Table) -> scipy.sparse.csr_array:
    """Every function of a coordinate at every point, times the root of its weight: (point, coefficient)."""
    values = (table.values[0] * table.weights.sqrt().unsqueeze(-1)).cpu().numpy()
    columns = np.broadcast_to(table.index.cpu().numpy()[:, None, :], values.shape)
    points = np.arange(values.shape[0] * values.shape[1])
    rows = np.broadcast_to(points.reshape(*values.shape[:2], 1), values.shape)
    entries = (values.ravel(), (rows.ravel(), columns.ravel()))
    return scipy.sparse.coo_array(entries, (len(points), table.count)).tocsr()


def _inverse_gram(basis: scipy.sparse.csr_array) -> Callable[[Array], Array]:
    """What divides by the products of functions with each other: banded, and never quite singular."""
    gram = (basis.T @ basis).tocsc()
    return scipy.sparse.linalg.splu(gram + scipy.sparse.diags_array(FAINT * gram.diagonal(), format="csc")).solve


def _along(maps: Sequence[Callable[[Array], Array]], grid: Array) -> Array:
    """Each of the maps of columns, along its own coordinate of a grid."""
    for i, apply in enumerate(maps):
        first = np.moveaxis(grid, i, 0)
        moved = apply(np.ascontiguousarray(first.reshape(len(first), -1)))
        grid = np.moveaxis(moved.reshape(len(moved), *first.shape[1:]), 0, i)
    return grid
