"""The state of a march between two attempts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.kan.scaled import SlabPiece, field_of_slabs
from pinnkan.solver.error_growth import LocalTolerance
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.slab_family import SlabHistory
from pinnkan.solver.solver_state import NewtonState
from pinnkan.verdict.records import Iteration, Level, Reason

#: The first instants, relative to the whole time.
FIRST_INSTANTS = 1e-6
#: How often the end of a slab may be moved to a predicted event: the moves converge quadratically, or not at all.
MAX_END_MOVES = 4

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class MarchState(Generic[A]):
    """The state before an attempt at a slab, in pass ``number`` with the local tolerance ``local``.

    ``aim``: the family's aim; ``ranges``: of the problem; ``stops``: see :class:`TimePass`; ``initial``, ``until``: the
    initial data, constant until that time; ``falling``: details of the last checked slabs with a falling stability
    constant; ``switched``: relative error that switches may have made beyond the linearisation, now, at most, and in
    words; ``later``: moves of the next slab's end.
    """

    number: int
    local: LocalTolerance
    aim: A
    run: SlabHistory[SlabPiece]
    ranges: tuple[tuple[float, float], ...]
    stops: tuple[float, ...]
    initial: SlabPiece
    until: float
    network: str
    falling: tuple[str, ...] = ()
    switched: tuple[float, float, str] = (0.0, 0.0, "")
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    newton: NewtonState | None = None
    later: int = 0

    def within(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps of the attempt."""
        return replace(self, newton=newton)

    @property
    def field(self) -> Field:
        """The function of the slabs so far; before the first one, the initial data."""
        if self.run.slabs:
            return field_of_slabs(self.run.slabs, self.run.ends, self.ranges)
        return field_of_slabs([self.initial], (self.run.ends[0], self.until), self.ranges)

    @property
    def error(self) -> Field | None:
        """The global correction of the slabs so far."""
        return field_of_slabs(self.run.errors, self.run.ends, self.ranges) if self.run.slabs else None

    def switching(self, factor: float, increment: float = 0.0, words: str = "") -> Self:
        """Return the state after the error made by switches has grown ``factor``-fold, and by ``increment``."""
        now = factor * self.switched[0] + increment
        return replace(self, switched=(now, max(now, self.switched[1]), self.switched[2] or words))

    def stopping(self, time: float | None, kept_ends: Sequence[float]) -> Self:
        """Return the state with a slab to end at ``time``; None changes nothing.

        Ends to come that are not among ``kept_ends`` are dropped: they were predicted from a less accurate solution.
        """
        if time is None:
            return self
        kept = (s for s in self.stops if s <= self.run.ends[-1] or s in kept_ends)
        return replace(self, stops=tuple(sorted((*kept, time))))

    def expects(self, domain: Domain, predicted_event: float, kept_ends: Sequence[float]) -> bool:
        """Whether a slab on ``domain`` ends at ``predicted_event``, and its end may still be moved."""
        return (
            predicted_event not in kept_ends
            and domain.box.ranges[-1][1] >= predicted_event
            and self.later < MAX_END_MOVES
        )

    def is_asked(self, end: float) -> bool:
        """Whether to check the stability constant of the slab until ``end``: the 1st, 2nd, 4th, .. slab.

        Also a slab after one where it falls, or after a jump; none that ends in the first instants, on knots graded to
        a jump.
        """
        seen = self.ranges[-1][0] + FIRST_INSTANTS * (self.ranges[-1][1] - self.ranges[-1][0])
        number = sum(before > seen for before in self.run.ends[1:])
        return end > seen and (number & (number + 1) == 0 or bool(self.falling) or self.run.ends[-1] in self.stops)

    def outcome(self, reason: Reason | None, detail: str = "") -> Outcome:
        """The outcome of the slabs so far, ended for ``reason``."""
        return Outcome(self.field, self.error, self.levels, self.history, reason, detail, self.network)
