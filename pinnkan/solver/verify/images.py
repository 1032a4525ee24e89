"""What rows make of a function, a few intervals after the other: J v has many times as many numbers as v."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pinnkan.assembly.integral_rows import IntegralRows
from pinnkan.assembly.one_coordinate import dense, flat
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.solver.linear.solver import Seen


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
    bases = [np.linalg.qr((dense(t, 0) * t.weights.sqrt().reshape(-1, 1)).cpu().numpy())[0] for t in rows.tables]
    smooth, square, done = np.zeros([basis.shape[1] for basis in bases]), 0.0, 0
    for _, _, image in images(Seen([rows], seen.ordering), vector):
        found = flat(image).cpu().numpy()
        square += float(np.square(found).sum())
        there, done = bases[0][done : done + len(found)], done + len(found)
        for i, basis in enumerate([there, *bases[1:]]):
            found = np.moveaxis(np.tensordot(basis, found, axes=(0, i)), 0, i)
        smooth += found
    rough = max(square - float(np.square(smooth).sum()), 0.0)
    return float(np.sqrt(rough / square)) if square > 0.0 else 0.0
