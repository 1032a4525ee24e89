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
    previous_size: float = float("inf")


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

    def with_newton(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps."""


@dataclass(frozen=True, eq=False)
class BestLevel:
    """The resolved level with the smallest estimate so far, its function and its estimated error."""

    level: Level
    field: Field
    error: Field | None


@dataclass(frozen=True, eq=False)
class LevelsState(Generic[S]):
    """The state before or in a level: the family's state ``family_state``, and the results of the levels before.

    ``initial_field``: the function to show before the first level has ended; ``previous_field``, ``previous_error``:
    those of the level before; ``network_words``: the network; ``competitor``: the state of a competing family, which
    goes on if this one loses; ``has_alternative_start``: whether an alternative start was found, None before it is
    sought.
    """

    family_state: S
    initial_field: Field | None
    family_levels: tuple[Level, ...] = ()
    family_history: tuple[Iteration, ...] = ()
    previous_field: Field | None = None
    previous_error: Field | None = None
    network_words: str = ""
    best: BestLevel | None = None
    newton: NewtonState | None = None
    competitor: "LevelsState[Any] | None" = None
    has_alternative_start: bool | None = None

    @property
    def level_number(self) -> int:
        """The number of the level, counted from the first one of all families."""
        return len(self.family_levels) + (len(self.competitor.levels) if self.competitor else 0)

    @property
    def _leading_competitor(self) -> "LevelsState[Any] | None":
        """The state of the competing family while its last estimate is smaller, else None."""
        other = self.competitor
        if other is None or not other.levels:
            return None
        behind = not self.family_levels or self.family_levels[-1].estimate >= other.levels[-1].estimate
        return other if behind else None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The records of the levels that led to the function shown."""
        if self._leading_competitor is not None:
            return self._leading_competitor.levels
        return (*(self.competitor.levels if self.competitor else ()), *self.family_levels)

    @property
    def history(self) -> tuple[Iteration, ...]:
        """The steps of :attr:`levels`."""
        if self._leading_competitor is not None:
            return self._leading_competitor.history
        return (*(self.competitor.history if self.competitor else ()), *self.family_history)

    @property
    def field(self) -> Field | None:
        """The function of the level before; before the first one what the family has to show."""
        if self._leading_competitor is not None:
            return self._leading_competitor.field
        return self.previous_field if self.family_levels else self.initial_field

    @property
    def error(self) -> Field | None:
        """The estimated error of the level before."""
        return self.previous_error if self._leading_competitor is None else self._leading_competitor.error

    @property
    def network(self) -> str:
        """The network of the function shown, in words."""
        return self.network_words if self._leading_competitor is None else self._leading_competitor.network

    def with_family_state(self, family_state: S) -> Self:
        """Return the state with the family at ``family_state``."""
        return replace(self, family_state=family_state)

    def with_newton(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps of the level."""
        return replace(self, newton=newton)
