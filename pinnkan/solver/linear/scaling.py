"""Rows divided by the size of their operator where that varies, and what the coefficients take in turn.

With u = v / k, the rows of div(k grad u) = f become those of Laplace's operator on v, but for lower derivatives: a
preconditioner for these, between two scalings of the coefficients, is one for the others (Loli, Montardini, Sangalli,
Tani 2020). Nothing looks for a k: the size of an operator at a point is that of its weights on functions as fine as the
knots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from pinnkan.assembly.matrix_free import MatrixFree
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows

#: Conditions that are rows tie this many layers of coefficients at their side: these are scaled alike.
TIED = 3


@dataclass(frozen=True, eq=False)
class Scaled:
    """The inverse of J^T J, from ``inner``, one of the rows divided by their size: ``scale`` (free coefficient, 1)."""

    inner: Callable[[torch.Tensor], torch.Tensor]
    scale: torch.Tensor

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """The approximate inverse times (free coefficient, side)."""
        return self.scale * self.inner(self.scale * right)


def sizes(rows: TensorRows) -> torch.Tensor:
    """Size of the operator at every point of the grid, relative to one with its mean weights: about one."""
    weight = rows.weights.new_ones(())
    finest = [weight] * len(rows.jets)
    for i, table in enumerate(rows.tables):
        shape = [1] * (2 * len(rows.tables))
        shape[2 * i : 2 * i + 2] = table.nodes.shape
        weight = weight * table.weights.reshape(shape)
        axis = rows.space.axes[i]
        width = torch.as_tensor(axis.breaks).diff().to(weight.device)
        width = width if len(width) == len(table.nodes) else width.mean().reshape(1)
        shape[2 * i + 1] = 1
        finest = [
            f * ((axis.degree / width) ** j.order[i]).reshape(shape) for f, j in zip(finest, rows.jets, strict=True)
        ]
    square = torch.zeros_like(rows.weights[..., 0])
    mean = rows.weights.new_zeros(())
    for k, f in enumerate(finest):
        part = rows.weights[..., k].square().div_(weight)
        square.addcmul_(part, f.square())
        mean = mean + part.mean() * f.square()
    return square.div_(mean.clamp_min(1e-300)).sqrt_().clamp_min_(1e-6)


def divided(rows: Sequence[TensorRows], by: Sequence[torch.Tensor]) -> list[TensorRows]:
    """The rows divided by their :func:`sizes`."""
    parts = zip(rows, by, strict=True)
    return [replace(r, weights=(r.weights.movedim(-1, 0) / size).movedim(0, -1)) for r, size in parts]


def scale_of(
    rows: Sequence[TensorRows], simpler: Sequence[TensorRows], diagonal: torch.Tensor, at: Ordering
) -> torch.Tensor:
    """The root of the ratio of the diagonals of ``simpler`` rows and of the rows: (free coefficient, 1)."""
    other = MatrixFree(simpler).diagonal()
    scale = (other / torch.where(diagonal > 0.0, diagonal, other.clamp_min(1e-300))).sqrt()
    for r in rows:
        for i, table in enumerate(r.tables):
            if table.nodes.numel() == 1:
                tie(scale, i, at_end=int(table.index.max()) == table.count - 1)
    return scale.reshape(-1, 1)[at.free]


def tie(scale: torch.Tensor, index: int, at_end: bool) -> None:
    """Give the outermost layers along a coordinate the scale of the innermost of them."""
    layers = scale.movedim(index, 0)
    layers = layers.flip(0) if at_end else layers
    count = min(TIED, len(layers) - 1)
    kept = layers[count].clone()
    moved = scale.movedim(index, 0)
    if at_end:
        moved[-count:] = kept
    else:
        moved[:count] = kept
