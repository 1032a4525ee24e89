"""The coordinates of the file themselves, where a network on them is immersed in the box of a shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array


@dataclass(frozen=True)
class Cartesian:
    """The identity, as :class:`pinnkan.kan.coordinates.warped.Coordinates`."""

    normal: Array
    tangent: Array

    def forward(self, points: Array) -> Array:
        """Return the points."""
        return points

    def inverse_grid(self, axes: Sequence[Array]) -> Array:
        """Return the tensor grid of axes: (.., coordinate)."""
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1)

    def chain_rule(
        self, points: Array, orders: Sequence[tuple[int, ...]]
    ) -> tuple[list[tuple[int, ...]], dict[tuple[int, int], Array]]:
        """Return the orders themselves, each with the factor one."""
        return [*orders], {(a, a): np.ones(len(points)) for a in range(len(orders))}


CARTESIAN = Cartesian(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
