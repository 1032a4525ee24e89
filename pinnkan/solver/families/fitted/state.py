"""Where a solve in fitted (inner) coordinates stands; see :mod:`pinnkan.solver.state`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.coordinates.warped_field import InnerField, InnerPiece
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.state import Run, SteadyState
from pinnkan.solver.state import Newton, Step
from pinnkan.verdict.records import Iteration, Level

#: The networks in fitted coordinates, in words.
TRAINED = "product in trained inner coordinates, across and along the front"
IMMERSED = "one block of multiplying nodes on them, the domain immersed in their box"
MOVING = (
    "product in inner coordinates that move with the front, across and along it: one block of multiplying nodes on "
    "them and time in each slab, the domain immersed in their box"
)


@dataclass(frozen=True, eq=False)
class FittedState:
    """Before a level in trained coordinates: these and the space on them.

    ``axes``: where the levels on the axes stand, which go on if these coordinates are dropped; None where there are
    none. ``own_levels``, ``own_history``: records in these coordinates; ``shown``, ``shown_error``: the level before;
    ``best``: the resolved level of the least estimate, its function and error.
    """

    axes: SteadyState | None
    coordinates: Coordinates
    space: Space
    own_levels: tuple[Level, ...] = ()
    own_history: tuple[Iteration, ...] = ()
    shown: Field | None = None
    shown_error: Field | None = None
    best: tuple[Level, Field, Field | None] | None = None
    newton: Newton | None = None

    def within(self, newton: Newton) -> Self:
        """The same level between two of its steps."""
        return replace(self, newton=newton)

    @property
    def number(self) -> int:
        """Of the level, counted from the first one on the axes."""
        return len(self.own_levels) + (0 if self.axes is None else len(self.axes.levels))

    @property
    def _before(self) -> SteadyState | None:
        """The state to show instead: that on the axes, while its estimate is the smaller one."""
        if self.axes is None or not self.axes.levels:
            return None
        ahead = not self.own_levels or self.own_levels[-1].estimate >= self.axes.levels[-1].estimate
        return self.axes if ahead else None

    @property
    def levels(self) -> tuple[Level, ...]:
        """Those on the axes, then those in these coordinates."""
        if self._before is not None:
            return self._before.levels
        return (*(self.axes.levels if self.axes else ()), *self.own_levels)

    @property
    def history(self) -> tuple[Iteration, ...]:
        """The steps of :attr:`levels`."""
        if self._before is not None:
            return self._before.history
        return (*(self.axes.history if self.axes else ()), *self.own_history)

    @property
    def field(self) -> Field | None:
        """The level before, or the last one on the axes."""
        return self.shown if self._before is None else self._before.field

    @property
    def error(self) -> Field | None:
        """Its correction."""
        return self.shown_error if self._before is None else self._before.error

    @property
    def network(self) -> str:
        """The coordinates, if it is their function that is shown."""
        return "" if self._before is not None else f"{TRAINED} ({self.coordinates}): {IMMERSED}"


@dataclass(frozen=True, eq=False)
class FittedSlab:
    """A solved slab in moving coordinates: function, steps, ``sizes`` of its corrections along s, r and t.

    ``error``: the global one; squared norms of both per unknown.
    """

    piece: InnerPiece
    length: float
    steps: tuple[Step, ...]
    sizes: tuple[float, ...]
    error: InnerPiece
    squares: Array
    error_squares: Array

    @property
    def space(self) -> Space:
        """The spline space over (s, r, t)."""
        return self.piece.terms[0][0]


@dataclass(frozen=True, eq=False)
class FittedAim:
    """The next attempt: course and axes of (s, r) to begin with, length.

    ``rejections``: attempts at this slab so far, the ``best`` of them, and how many there were ``since``.
    """

    coordinates: Coordinates
    axes: tuple[Axis, ...]
    length: float
    rejections: int = 0
    best: FittedSlab | None = None
    since: int = 0


@dataclass(frozen=True, eq=False)
class FittedSlabsState:
    """Before an attempt at a slab in moving coordinates, in pass ``number`` with local tolerance ``local``.

    ``ranges`` of (x, y, t); ``initial``: the initial data, at rest for some time.
    """

    number: int
    local: float
    aim: FittedAim
    run: Run[InnerPiece]
    ranges: tuple[tuple[float, float], ...]
    initial: InnerPiece
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    network: str = MOVING

    @property
    def field(self) -> InnerField:
        """The slabs so far; before the first, the initial data."""
        if self.run.slabs:
            return self._over(self.run.slabs, np.array(self.run.ends))
        return self._over((self.initial,), self.initial.terms[0][0].axes[2].breaks)

    @property
    def error(self) -> InnerField | None:
        """The propagated correction of the slabs so far."""
        return self._over(self.run.errors, np.array(self.run.ends)) if self.run.slabs else None

    def _over(self, pieces: tuple[InnerPiece, ...], ends: Array) -> InnerField:
        return InnerField(pieces, (*self.ranges[:2], (float(ends[0]), float(ends[-1]))), ends)
