"""What rows make of a function, a few intervals after the other: J v has many times as many numbers as v."""

from __future__ import annotations

import numpy as np
import torch

from pinnkan.assembly.one_coordinate import dense
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.field import Array
from pinnkan.solver.linear.solver import Seen


def size_of(seen: Seen, vector: Array) -> float:
    """|J v| of a vector (free coefficient)."""
    v, total = _put(seen, vector), 0.0
    for block in seen.rows:
        if isinstance(block, TensorRows):
            total += block.square_of(_spread(seen, block, v))
        else:
            total += float(block.apply(seen.ordering, v).square().sum())
    return total**0.5


def missing(seen: Seen, vector: Array, step: Array) -> float:
    """The product of what a step leaves of the residual with J v."""
    v, d, total = _put(seen, vector), _put(seen, step), 0.0
    for block in seen.rows:
        if isinstance(block, TensorRows):
            total += block.left_with(_spread(seen, block, v), _spread(seen, block, d))
        else:
            image, moved = (block.apply(seen.ordering, x)[..., 0] for x in (v, d))
            total += float(((block.residual[..., 0] + moved) * image).sum())
    return abs(total)


def _put(seen: Seen, vector: Array) -> torch.Tensor:
    return torch.from_numpy(vector[:, None]).to(seen.ordering.position.device)


def _spread(seen: Seen, block: TensorRows, vector: torch.Tensor) -> torch.Tensor:
    """All coefficients of the space of a block of rows."""
    return seen.ordering.spread(vector).reshape(*block.space.shape, 1)


def roughness(seen: Seen, vector: Array) -> float:
    """The share of J v, of the first equation, that no function of the space itself can be; zero on a line.

    There one more level costs less than to ask.
    """
    rows = seen.rows[0]
    if not isinstance(rows, TensorRows) or len(rows.tables) == 1:
        return 0.0
    bases = [torch.linalg.qr(dense(t, 0) * t.weights.sqrt().reshape(-1, 1)).Q for t in rows.tables]
    square, smooth = rows.among(_spread(seen, rows, _put(seen, vector)), bases)
    rough = max(square - float(smooth.square().sum()), 0.0)
    return float(np.sqrt(rough / square)) if square > 0.0 else 0.0
