"""The state of a march between two attempts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from pinnkan.domain.domain import Domain
from pinnkan.kan.derived_fields import SlabPiece, field_of_slabs
from pinnkan.kan.field import Field
from pinnkan.solver.error_growth import LocalTolerance
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.solver_state import NewtonState
from pinnkan.verdict.records import Iteration, Level, Reason

#: The first instants, relative to the whole time.
FIRST_INSTANTS = 1e-6
#: How often the end of a slab may be moved to a predicted event: the moves converge quadratically, or not at all.
MAX_END_MOVES = 4

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class MarchState(Generic[A]):
    """The state before an attempt at a slab, in pass ``pass_number`` with the local tolerance ``local_tolerance``.

    ``aim``: the family's aim; ``ranges``: of the problem; ``required_ends``: see :class:`TimePass`; ``initial_piece``,
    ``initial_end``: the initial data, constant until that time; ``stability_details``: details of the last checked
    slabs with a falling stability constant; ``switch_error``: relative error that switches may have made beyond the
    linearisation, now, at most, and in words; ``end_moves``: moves of the next slab's end.
    """

    pass_number: int
    local_tolerance: LocalTolerance
    aim: A
    slab_history: SlabHistory[SlabPiece]
    ranges: tuple[tuple[float, float], ...]
    required_ends: tuple[float, ...]
    initial_piece: SlabPiece
    initial_end: float
    network: str
    stability_details: tuple[str, ...] = ()
    switch_error: tuple[float, float, str] = (0.0, 0.0, "")
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    newton: NewtonState | None = None
    end_moves: int = 0

    def with_newton(self, newton: NewtonState) -> Self:
        """Return the state between two Gauss-Newton steps of the attempt."""
        return replace(self, newton=newton)

    @property
    def field(self) -> Field:
        """The function of the slabs so far; before the first one, the initial data."""
        if self.slab_history.slabs:
            return field_of_slabs(self.slab_history.slabs, self.slab_history.ends, self.ranges)
        return field_of_slabs([self.initial_piece], (self.slab_history.ends[0], self.initial_end), self.ranges)

    @property
    def error(self) -> Field | None:
        """The global correction of the slabs so far."""
        return (
            field_of_slabs(self.slab_history.error_pieces, self.slab_history.ends, self.ranges)
            if self.slab_history.slabs
            else None
        )

    def with_switch_error(self, factor: float, increment: float = 0.0, words: str = "") -> Self:
        """Return the state after the error made by switches has grown ``factor``-fold, and by ``increment``."""
        now = factor * self.switch_error[0] + increment
        return replace(self, switch_error=(now, max(now, self.switch_error[1]), self.switch_error[2] or words))

    def with_required_end(self, time: float | None, kept_ends: Sequence[float]) -> Self:
        """Return the state with a slab to end at ``time``; None changes nothing.

        Ends to come that are not among ``kept_ends`` are dropped: they were predicted from a less accurate solution.
        """
        if time is None:
            return self
        kept = (s for s in self.required_ends if s <= self.slab_history.ends[-1] or s in kept_ends)
        return replace(self, required_ends=tuple(sorted((*kept, time))))

    def can_move_end(self, domain: Domain, predicted_event: float, kept_ends: Sequence[float]) -> bool:
        """Whether a slab on ``domain`` ends at ``predicted_event``, and its end may still be moved."""
        return (
            predicted_event not in kept_ends
            and domain.box.ranges[-1][1] >= predicted_event
            and self.end_moves < MAX_END_MOVES
        )

    def is_stability_due(self, end: float) -> bool:
        """Whether to check the stability constant of the slab until ``end``: the 1st, 2nd, 4th, .. slab.

        Also a slab after one where it falls, or after a jump; none that ends in the first instants, on knots graded to
        a jump.
        """
        seen = self.ranges[-1][0] + FIRST_INSTANTS * (self.ranges[-1][1] - self.ranges[-1][0])
        number = sum(before > seen for before in self.slab_history.ends[1:])
        return end > seen and (
            number & (number + 1) == 0
            or bool(self.stability_details)
            or self.slab_history.ends[-1] in self.required_ends
        )

    def outcome(self, reason: Reason | None, detail: str = "") -> Outcome:
        """The outcome of the slabs so far, ended for ``reason``."""
        return Outcome(self.field, self.error, self.levels, self.history, reason, detail, self.network)
