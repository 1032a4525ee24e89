"""Fields made of others: unknowns multiplied by factors, pieces in single precision, fields of several slabs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch

from pinnkan.kan.blocks import BlockField
from pinnkan.kan.coordinates.warped import FittedField, FittedPiece
from pinnkan.kan.field import Array, Field
from pinnkan.kan.layers.deep_field import DeepField, Piece
from pinnkan.kan.layers.network import Network
from pinnkan.kan.product import ProductField, Space


def scale_unknowns(field: Field, factors: Sequence[float]) -> Field:
    """Multiply the unknowns of a field by ``factors``, exactly. Raises TypeError for fields of one unknown."""
    f = np.array(factors)
    if (f == 1.0).all():
        return field
    if isinstance(field, ProductField):
        return replace(field, pieces=tuple((space, f.astype(c.dtype) * c) for space, c in field.pieces))
    if isinstance(field, FittedField):
        pieces = [replace(p, terms=tuple((space, f * c) for space, c in p.terms)) for p in field.pieces]
        return replace(field, pieces=tuple(pieces))
    if isinstance(field, BlockField):
        return replace(field, coefficients=f * field.coefficients)
    if isinstance(field, DeepField):
        return replace(field, pieces=tuple(_scale_outputs(p, torch.from_numpy(f)) for p in field.pieces))
    raise TypeError(f"{type(field).__name__} has one unknown")


def _scale_outputs(piece: Piece, factors: torch.Tensor) -> Piece:
    """Return the network with its last layer multiplied by ``factors``, one for each output."""
    *below, outer = piece.network.layers
    flat = outer.flat().reshape(outer.outputs, -1)  # outputs come first
    last = outer.with_flat((factors.to(flat)[:, None] * flat).reshape(-1))
    return replace(piece, network=Network((*below, last)))


#: A spline space with coefficients, or such in warped coordinates.
SlabPiece = tuple[Space, Array] | FittedPiece
#: The least number of coefficients from which a piece is stored in single precision. Heuristic.
MIN_SINGLE_PRECISION_SIZE = 20_000


def to_single_precision(piece: SlabPiece) -> SlabPiece:
    """Return a large piece in single precision, half of the memory; small and warped pieces stay as they are."""
    if isinstance(piece, FittedPiece):
        return piece
    space, c = piece
    fits = c.size >= MIN_SINGLE_PRECISION_SIZE and float(np.abs(c).max()) < float(np.finfo(np.float32).max)
    return (space, cast(Array, c.astype(np.float32))) if fits else piece


def field_of_slabs(
    pieces: Sequence[SlabPiece], ends: Sequence[float], ranges: tuple[tuple[float, float], ...]
) -> Field:
    """Return the field of ``pieces`` of one kind between the times ``ends``; ``ranges``: those of the whole problem."""
    times = np.array(ends)
    warped = tuple(p for p in pieces if isinstance(p, FittedPiece))
    if warped:
        return FittedField(warped, (*ranges[:-1], (float(times[0]), float(times[-1]))), times)
    return ProductField(tuple(p for p in pieces if not isinstance(p, FittedPiece)), times)
