"""Product networks over inner coordinates as a field of (x, y[, t]); one piece, or one per slab of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array, Field, by_slab, on_grid, slab_of
from pinnkan.kan.product import Space, joined

#: Sampling intervals per coordinate, least and most: a front askew to the axes needs fine samples along both.
COARSEST, FINEST = 16, 150


@dataclass(frozen=True, eq=False)
class FittedPiece:
    """A sum of spline functions, ``terms``, on nested axes of the same inner coordinates."""

    coordinates: Coordinates
    terms: tuple[tuple[Space, Array], ...]

    @cached_property
    def _joined(self) -> tuple[Space, Array]:
        return joined(self.terms)

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives in (x, y[, t]): (point, unknown, order)."""
        inner = self.coordinates.forward(points)
        betas, transfer = self.coordinates.transfer(inner[:, 1:], orders)
        space, coefficients = self._joined
        values = space.evaluate(coefficients, inner, betas)
        total = np.zeros((len(points), space.unknowns, len(orders)))
        for (a, b), factor in transfer.items():
            total[..., a] += values[..., b] * factor[:, None]
        return total

    def values(self, points: Array) -> Array:
        """Values at points (x, y[, t]): (point, unknown)."""
        return self(points, [(0,) * points.shape[1]])[..., 0]

    def at(self, time: float) -> Callable[[Array], Array]:
        """Values at one time: points (x, y) to (point, unknown)."""
        return lambda points: self.values(np.column_stack([points, np.full(len(points), time)]))


@dataclass(frozen=True, eq=False)
class FittedField(Field):
    """Functions of inner coordinates, on the box ``ranges`` of (x, y[, t]); ``ends`` of slabs, or None."""

    pieces: tuple[FittedPiece, ...]
    ranges: tuple[tuple[float, float], ...]
    ends: Array | None = None

    def piece(self, time: float) -> FittedPiece:
        """The piece whose slab ends at or after ``time``."""
        return self.pieces[0 if self.ends is None else int(slab_of(self.ends, np.array([time]))[0])]

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        return by_slab(self.ends, points, lambda k, there: self.pieces[k](there, orders))

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return on_grid(self, axes, orders)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Equal steps as fine as the narrowest interval across the front appears along this axis, within limits."""
        low, high = self.ranges[axis]
        if axis == 2:
            return np.array([low, high]) if self.ends is None else self.ends
        pieces = self.pieces if time is None else (self.piece(time),)
        steps = [abs(p.coordinates.normal[axis]) / float(np.diff(p.terms[0][0].axes[0].breaks).min()) for p in pieces]
        return np.linspace(low, high, int(np.clip((high - low) * max(steps), COARSEST, FINEST)) + 1)

    def knot_lines(self, time: float | None = None, samples: int = 65) -> list[Array]:
        """Lines of constant s and of constant r at the knots: (sample, (x, y)) each."""
        piece = self.pieces[0] if time is None else self.piece(time)
        s, r = (a.breaks for a in piece.terms[0][0].axes[:2])
        lines = []
        for knots, other, fixed in ((s, r, 0), (r, s, 1)):
            for knot in knots:
                points = np.full((samples, len(self.ranges)), 0.0 if time is None else time)
                points[:, fixed], points[:, 1 - fixed] = knot, np.linspace(other[0], other[-1], samples)
                lines.append(piece.coordinates.inverse(points)[:, :2])
        return lines

    def intervals(self, time: float | None = None) -> tuple[int, ...]:
        """Knot intervals across and along the front."""
        piece = self.pieces[0] if time is None else self.piece(time)
        return tuple(a.intervals for a in piece.terms[0][0].axes[:2])
