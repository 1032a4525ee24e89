"""Fields made of others: one times numbers, one for each unknown, and pieces of a function, one per slab of time."""

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


def scaled(field: Field, factors: Sequence[float]) -> Field:
    """The unknowns of a field times their ``factors``: exact, since every outer layer is linear."""
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
        return replace(field, pieces=tuple(_with_outputs(p, torch.from_numpy(f)) for p in field.pieces))
    raise TypeError(f"{type(field).__name__} has one unknown")


def _with_outputs(piece: Piece, factors: torch.Tensor) -> Piece:
    """The network with its last layer, linear in its coefficients, times ``factors``."""
    *below, outer = piece.network.layers
    flat = outer.flat().reshape(outer.outputs, -1)  # outputs come first
    last = outer.with_flat((factors.to(flat)[:, None] * flat).reshape(-1))
    return replace(piece, network=Network((*below, last)))


#: A spline space with coefficients, or such over coordinates of its own.
SlabPiece = tuple[Space, Array] | FittedPiece
#: Coefficients from which on a piece is kept in single precision, where that is enough.
MANY = 20_000


def in_single(piece: SlabPiece) -> SlabPiece:
    """A large piece, such as that of an error, with seven digits: half of the memory."""
    if isinstance(piece, FittedPiece):
        return piece
    space, c = piece
    fits = c.size >= MANY and float(np.abs(c).max()) < float(np.finfo(np.float32).max)
    return (space, cast(Array, c.astype(np.float32))) if fits else piece


def field_of_slabs(
    pieces: Sequence[SlabPiece], ends: Sequence[float], ranges: tuple[tuple[float, float], ...]
) -> Field:
    """The field of ``pieces`` of one kind between ``ends``; ``ranges`` of the whole problem."""
    times = np.array(ends)
    warped = tuple(p for p in pieces if isinstance(p, FittedPiece))
    if warped:
        return FittedField(warped, (*ranges[:-1], (float(times[0]), float(times[-1]))), times)
    return ProductField(tuple(p for p in pieces if not isinstance(p, FittedPiece)), times)
