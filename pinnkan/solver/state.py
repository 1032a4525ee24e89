"""Where a solve stands: all that its next steps depend on, and what there is to show of it so far.

The solvers hand such a state to their :class:`pinnkan.solver.monitor.Monitor` before every level, slab and step, and
begin from one when they are given it. Everything else a solve uses is a function of the problem, so that continuing
from a
state gives the bits that were to come anyway. Arrays are in C order, since sums depend on the order in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from pinnkan.kan.field import Array, Field
from pinnkan.verdict.records import Iteration, Level


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
        ...

    @property
    def error(self) -> Field | None:
        """Its estimated error."""
        ...

    @property
    def network(self) -> str:
        """The network in words, where it is not the one that the problem's settings say; else ""."""
        ...


@runtime_checkable
class Stepped(State, Protocol):
    """A state that can also stand between two Gauss-Newton steps."""

    def within(self, newton: Newton) -> Self:
        """The same state between two steps."""
        ...


@runtime_checkable
class Divided(State, Protocol):
    """A state that holds one of its family's own."""

    def having(self, own: Any) -> Self:
        """The same state with that of the family at ``own``."""
        ...
