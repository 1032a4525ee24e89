"""A sum of blocks as the field that the rest of the program sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.field import Array, Field


@dataclass(frozen=True, eq=False)
class BlockField(Field):
    """A sum of blocks with its ``coefficients`` (product, unknown)."""

    space: BlockSum
    coefficients: Array

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives (point, unknown, order)."""
        return self.space.evaluate(self.coefficients, np.asarray(points, dtype=np.float64), orders)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """One derivative on the tensor grid of ``axes``, unknown last."""
        return self.space.evaluate_grid(self.coefficients, axes, order)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Knots of a coordinate; there are no slabs, so ``time`` makes no difference."""
        return self.space.edges[axis].axis.breaks
