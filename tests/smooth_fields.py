"""Given functions as fields of a product network, by projection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space


def projected(
    function: Callable[..., np.ndarray],
    ranges: Sequence[tuple[float, float]],
    intervals: Sequence[int],
    degree: int = 9,
    periodic: bool = False,
) -> ProductField:
    """The function on equal intervals."""
    axes = [Axis(np.linspace(a, b, m + 1), degree, periodic) for (a, b), m in zip(ranges, intervals, strict=True)]
    grid = np.meshgrid(*(a.projection_points() for a in axes), indexing="ij")
    values = np.broadcast_to(function(*grid), grid[0].shape)
    for i, axis in enumerate(axes):
        values = axis.project(values, i)
    return ProductField(((Space(tuple(axes)), values[..., None]),))
