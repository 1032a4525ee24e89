"""Product networks as a field: one, or one per slab of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array, Field, breaks_of, by_slab, slab_of
from pinnkan.kan.product import Space


@dataclass(frozen=True, eq=False)
class ProductField(Field):
    """Product networks, one per slab (or a single one).

    ``ends`` are the slab ends in time, one more than pieces; None when steady.
    """

    pieces: tuple[tuple[Space, Array], ...]
    ends: Array | None = None

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        def evaluate(k: int, there: Array) -> Array:
            space, c = self.pieces[k]
            return space.evaluate(c, there, orders)

        return by_slab(self.ends, points, evaluate)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        if self.ends is None:
            space, c = self.pieces[0]
            return space.evaluate_grid(c, axes, order)
        t = np.asarray(axes[-1], dtype=np.float64)
        owner = slab_of(self.ends, t)
        parts = []
        for k in np.unique(owner):
            space, c = self.pieces[k]
            parts.append(space.evaluate_grid(c, [*axes[:-1], t[owner == k]], order))
        return np.concatenate(parts, axis=-2)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        return breaks_of(self.ends, [[a.breaks for a in space.axes] for space, _ in self.pieces], axis, time)
