"""States of a product network: before a level of a steady solve, before an attempt at a slab of time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.solver.families.product.pace import Aim
from pinnkan.solver.state import Newton
from pinnkan.verdict.records import Iteration, Level

_Slab = TypeVar("_Slab")


@dataclass(frozen=True, eq=False)
class SteadyState:
    """Before level ``number`` of a steady solve: its space and starting coefficients, ``solved`` if they are its end.

    ``unsolved``: mean squared residual of the lifted data; ``shown``, ``shown_error``, ``rounding``: the level before.
    ``network``: what else was tried and dropped, in words; it is not tried again.
    """

    number: int
    space: Space
    start: Array
    solved: bool
    resolved: bool
    unsolved: float
    stalled: str
    reason: str
    detail: str
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    shown: Field
    shown_error: Field | None
    rounding: float
    network: str = ""
    newton: Newton | None = None

    def within(self, newton: Newton) -> Self:
        """The same level between two of its steps."""
        return replace(self, newton=newton)

    @property
    def field(self) -> Field:
        """The level before; of the first one its start, or what Gauss-Newton made of it."""
        if self.levels:
            return self.shown
        return ProductField(((self.space, self.start if self.newton is None else self.newton.coefficients),))

    @property
    def error(self) -> Field | None:
        """The correction of the level before."""
        return self.shown_error


@dataclass(frozen=True, eq=False)
class Run(Generic[_Slab]):
    """What accumulates over the slabs of one pass: functions, errors, ends, squared norms per unknown."""

    slabs: tuple[_Slab, ...]
    errors: tuple[_Slab, ...]
    ends: tuple[float, ...]
    squares: Array
    error_squares: Array
    true: Array = field(default_factory=lambda: np.zeros((2, 1)))


@dataclass(frozen=True, eq=False)
class SlabsState:
    """Before an attempt at a slab, in pass ``number`` with local tolerance ``local``."""

    number: int
    local: float
    aim: Aim
    run: Run[tuple[Space, Array]]
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    newton: Newton | None = None
    network: str = ""

    def within(self, newton: Newton) -> Self:
        """The same attempt between two of its steps."""
        return replace(self, newton=newton)

    @property
    def field(self) -> ProductField:
        """The slabs so far; before the first, the initial data carried on unchanged through its length."""
        if self.run.slabs:
            return ProductField(self.run.slabs, np.array(self.run.ends))
        front = self.aim.front
        start, end = front.time, front.time + self.aim.length
        space = Space((*front.axes, Axis(np.array([start, end]), 1)), front.unknowns)
        constant = np.stack([front.traces[0]] * 2, axis=-2)
        return ProductField(((space, constant),), np.array([start, end]))

    @property
    def error(self) -> ProductField | None:
        """The propagated correction of the slabs so far."""
        return ProductField(self.run.errors, np.array(self.run.ends)) if self.run.slabs else None
