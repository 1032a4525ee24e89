"""The state of a solve: all that its next steps depend on, and the solution so far.

Solvers hand it to their :class:`pinnkan.solver.monitor.Monitor` before every level, slab and step, and may begin from
one. All else is a function of the problem: a resumed solve gives the same bits. Arrays are in C order, on which sums
depend.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

from pinnkan.kan.field import Array, Field
from pinnkan.verdict.records import Iteration, Level

S = TypeVar("S")


@dataclass(frozen=True)
class Step:
    """An accepted step: the loss after it, its size relative to the coefficients, its damping."""

    loss: float
    size: float
    damping: float


@dataclass(frozen=True, eq=False)
class NewtonState:
    """A Gauss-Newton iteration between two steps: coefficients, steps so far, relative size of the last one."""

    coefficients: Array
    steps: tuple[Step, ...] = ()
    previous: float = float("inf")


class SolverState(Protocol):
    """What the state of every solver can show."""

    @property
    def levels(self) -> tuple[Level, ...]: ...
    @property
    def history(self) -> tuple[Iteration, ...]: ...
    @property
    def field(self) -> Field | None:
        """The solution so far; None before there is one."""

    @property
    def error(self) -> Field | None:
        """The estimated error of the solution."""

    @property
    def network(self) -> str:
        """The network in words, if it is not that of the problem's settings; else ""."""

    def within(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps."""


@dataclass(frozen=True, eq=False)
class BestLevel:
    """The resolved level with the smallest estimate so far, its function and its estimated error."""

    level: Level
    field: Field
    error: Field | None


@dataclass(frozen=True, eq=False)
class LevelsState(Generic[S]):
    """The state before or in a level: the family's state ``own``, and the results of the levels before.

    ``initial``: the function to show before the first level has ended; ``shown``, ``shown_error``: those of the level
    before; ``words``: the network; ``beside``: the state of a competing family, which goes on if this one loses;
    ``elsewhere``: whether an alternative start was found, None before it is sought.
    """

    own: S
    initial: Field | None
    own_levels: tuple[Level, ...] = ()
    own_history: tuple[Iteration, ...] = ()
    shown: Field | None = None
    shown_error: Field | None = None
    words: str = ""
    best: BestLevel | None = None
    newton: NewtonState | None = None
    beside: "LevelsState[Any] | None" = None
    elsewhere: bool | None = None

    @property
    def number(self) -> int:
        """The number of the level, counted from the first one of all families."""
        return len(self.own_levels) + (len(self.beside.levels) if self.beside else 0)

    @property
    def _ahead(self) -> "LevelsState[Any] | None":
        """The state of the competing family while its last estimate is smaller, else None."""
        other = self.beside
        if other is None or not other.levels:
            return None
        behind = not self.own_levels or self.own_levels[-1].estimate >= other.levels[-1].estimate
        return other if behind else None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The records of the levels that led to the function shown."""
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
        """The function of the level before; before the first one what the family has to show."""
        if self._ahead is not None:
            return self._ahead.field
        return self.shown if self.own_levels else self.initial

    @property
    def error(self) -> Field | None:
        """The estimated error of the level before."""
        return self.shown_error if self._ahead is None else self._ahead.error

    @property
    def network(self) -> str:
        """The network of the function shown, in words."""
        return self.words if self._ahead is None else self._ahead.network

    def having(self, family_state: S) -> Self:
        """Return the state with the family at ``family_state``."""
        return replace(self, own=family_state)

    def within(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps of the level."""
        return replace(self, newton=newton)
