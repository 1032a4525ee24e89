"""Pieces of a function, one per slab of time, as one field."""

from collections.abc import Sequence

import numpy as np

from pinnkan.kan.coordinates.warped import FittedField, FittedPiece
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space

#: A spline space with coefficients, or such over coordinates of its own.
SlabPiece = tuple[Space, Array] | FittedPiece


def field_of_slabs(
    pieces: Sequence[SlabPiece], ends: Sequence[float], ranges: tuple[tuple[float, float], ...]
) -> Field:
    """The field of ``pieces`` of one kind between ``ends``; ``ranges`` of the whole problem."""
    times = np.array(ends)
    warped = tuple(p for p in pieces if isinstance(p, FittedPiece))
    if warped:
        return FittedField(warped, (*ranges[:-1], (float(times[0]), float(times[-1]))), times)
    return ProductField(tuple(p for p in pieces if not isinstance(p, FittedPiece)), times)
