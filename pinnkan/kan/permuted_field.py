"""A field with its coordinates permuted and the last one reversed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array, Field


@dataclass(frozen=True, eq=False)
class PermutedField(Field):
    """A ``field`` of permuted coordinates: its k-th one is coordinate ``order[k]`` here; it marches in its last.

    ``total``: that last coordinate is ``total`` minus the coordinate here; None if it is the coordinate itself.
    """

    field: Field
    order: tuple[int, ...]
    total: float | None = None

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        turned = np.asarray(points, dtype=np.float64).reshape(-1, len(self.order))[:, self.order]
        turned[:, -1] = self._field_last_coordinate(turned[:, -1])
        values = self.field(turned, [self._field_order(order) for order in orders])
        return np.asarray(values * np.array([self._sign(order) for order in orders]))

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        step = 1 if self.total is None else -1
        *others, last = (np.asarray(axes[i], dtype=np.float64) for i in self.order)
        found = self.field.grids(
            [*others, self._field_last_coordinate(last)[::step]], [self._field_order(order) for order in orders]
        )
        back = (np.moveaxis(values[..., ::step, :], -2, self.order[-1]) for values in found)
        return [np.ascontiguousarray(self._sign(order) * values) for order, values in zip(orders, back, strict=True)]

    def breaks(self, axis: int, time: float | None = None) -> Array:
        knots = self.field.breaks(self.order.index(axis), time)
        return knots if self.total is None or axis != self.order[-1] else (self.total - knots)[::-1]

    def _field_last_coordinate(self, values: Array) -> Array:
        """Return the last coordinate of ``field``, clipped to its range."""
        if self.total is None:
            return values
        ends = self.field.breaks(len(self.order) - 1)
        return np.clip(self.total - values, ends[0], ends[-1])

    def _field_order(self, order: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(order[i] for i in self.order)

    def _sign(self, order: tuple[int, ...]) -> int:
        return 1 if self.total is None else (-1) ** order[self.order[-1]]
