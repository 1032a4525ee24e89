"""Relative L2 sizes, of the worst unknown."""

from __future__ import annotations

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.product import Space


def relative(space: Space, function: Array, reference: Array) -> float:
    """Norm of a function over the norm of the solution, worst unknown."""
    return float((space.norm(function) / nonzero(space.norm(reference))).max())


def relative_root(squares: Array, reference: Array) -> float:
    """Root of the largest ratio of squares."""
    return float(np.sqrt((squares / nonzero(reference)).max()))


def nonzero(scale: Array) -> Array:
    """A scale to divide by: one where it vanishes."""
    return np.where(scale > 0.0, scale, 1.0)
