"""Where a solve stands: all that its next steps depend on, and what there is to show of it so far.

The solvers hand such a state to their :class:`pinnkan.solver.monitor.Monitor` before every level, slab and step, and
begin from one when they are given it. Everything else a solve uses is a function of the problem, so that continuing
from a state gives the bits that were to come anyway. Arrays are in C order, since sums depend on the order in memory.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

from pinnkan.kan.field import Array, Field
from pinnkan.verdict.records import Iteration, Level

S = TypeVar("S")


@dataclass(frozen=True)
class Step:
    """What one accepted step did: loss after it, size of the step relative to the coefficients, damping."""

    loss: float
    size: float
    damping: float


@dataclass(frozen=True, eq=False)
class Newton:
    """Between two Gauss-Newton steps: the coefficients, the steps so far, the size of the last one."""

    coefficients: Array
    steps: tuple[Step, ...] = ()
    previous: float = float("inf")


class State(Protocol):
    """What every solver's state can show."""

    @property
    def levels(self) -> tuple[Level, ...]: ...
    @property
    def history(self) -> tuple[Iteration, ...]: ...
    @property
    def field(self) -> Field | None:
        """The solution so far; None when there is none yet."""

    @property
    def error(self) -> Field | None:
        """Its estimated error."""

    @property
    def network(self) -> str:
        """The network in words, where it is not the one that the problem's settings say; else ""."""

    def within(self, newton: Newton) -> Self:
        """The same state between two Gauss-Newton steps."""


@dataclass(frozen=True, eq=False)
class Best:
    """The resolved level with the smallest estimate so far, its function and its estimated error."""

    level: Level
    field: Field
    error: Field | None


@dataclass(frozen=True, eq=False)
class LevelsState(Generic[S]):
    """Before a level, or in it: the family's ``own`` state, and what the levels before have left.

    ``initial``: what there is to show before the first level has ended; ``words``: the network; ``beside``: where
    another family stands that this one races with, and that goes on if this one loses; ``elsewhere``: whether another
    start was found, None before it is tried.
    """

    own: S
    initial: Field | None
    own_levels: tuple[Level, ...] = ()
    own_history: tuple[Iteration, ...] = ()
    shown: Field | None = None
    shown_error: Field | None = None
    words: str = ""
    best: Best | None = None
    newton: Newton | None = None
    beside: "LevelsState[Any] | None" = None
    elsewhere: bool | None = None

    @property
    def number(self) -> int:
        """Of the level, counted from the first one of all families."""
        return len(self.own_levels) + (len(self.beside.levels) if self.beside else 0)

    @property
    def _ahead(self) -> "LevelsState[Any] | None":
        """The family beside, while its estimate is the smaller one."""
        other = self.beside
        if other is None or not other.levels:
            return None
        behind = not self.own_levels or self.own_levels[-1].estimate >= other.levels[-1].estimate
        return other if behind else None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The records that belong to what is shown."""
        if self._ahead is not None:
            return self._ahead.levels
        return (*(self.beside.levels if self.beside else ()), *self.own_levels)

    @property
    def history(self) -> tuple[Iteration, ...]:
        """The steps of :attr:`levels`."""
        if self._ahead is not None:
            return self._ahead.history
        return (*(self.beside.history if self.beside else ()), *self.own_history)

    @property
    def field(self) -> Field | None:
        """The function of the level before; of the first one what its family has to show."""
        if self._ahead is not None:
            return self._ahead.field
        return self.shown if self.own_levels else self.initial

    @property
    def error(self) -> Field | None:
        """The estimated error of the level before."""
        return self.shown_error if self._ahead is None else self._ahead.error

    @property
    def network(self) -> str:
        """The network that is shown, in words."""
        return self.words if self._ahead is None else self._ahead.network

    def having(self, own: S) -> Self:
        """The same level with the family at ``own``."""
        return replace(self, own=own)

    def within(self, newton: Newton) -> Self:
        """The same level between two of its steps."""
        return replace(self, newton=newton)
