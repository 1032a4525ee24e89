"""A march between two attempts: all that it goes on from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.kan.scaled import SlabPiece, field_of_slabs
from pinnkan.solver.growth import LocalTolerance
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.slab_family import Run
from pinnkan.solver.state import Newton
from pinnkan.verdict.records import Iteration, Level, Reason

#: The first instants, relative to the whole time.
INSTANTS = 1e-6
#: How often the end of a slab is moved on to a bend: each is nearer by a square, or to and fro.
LATER = 4

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class MarchState(Generic[A]):
    """Before an attempt at a slab, in pass ``number`` with the local tolerance ``local``.

    ``ranges``: of the problem; ``stops``: see :class:`Pass`; ``initial``, ``until``: the initial data at rest, and
    until when; ``network`` in words; ``falling``: why of the slabs asked last, each not settled; ``switched``: what
    the equations may have made of errors beyond their linearisation, relative, now and at most, and what in words;
    ``later``: how often the end of the next slab was moved on to where the solution will pass a bend.
    """

    number: int
    local: LocalTolerance
    aim: A
    run: Run[SlabPiece]
    ranges: tuple[tuple[float, float], ...]
    stops: tuple[float, ...]
    initial: SlabPiece
    until: float
    network: str
    falling: tuple[str, ...] = ()
    switched: tuple[float, float, str] = (0.0, 0.0, "")
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    newton: Newton | None = None
    later: int = 0

    def within(self, newton: Newton) -> Self:
        """The same attempt between two of its steps."""
        return replace(self, newton=newton)

    @property
    def field(self) -> Field:
        """The slabs so far; before the first, the initial data."""
        if self.run.slabs:
            return field_of_slabs(self.run.slabs, self.run.ends, self.ranges)
        return field_of_slabs([self.initial], (self.run.ends[0], self.until), self.ranges)

    @property
    def error(self) -> Field | None:
        """The propagated correction of the slabs so far."""
        return field_of_slabs(self.run.errors, self.run.ends, self.ranges) if self.run.slabs else None

    def switching(self, folds: float, more: float = 0.0, words: str = "") -> Self:
        """After what was switched has grown so many ``folds``, and ``more`` has been."""
        now = folds * self.switched[0] + more
        return replace(self, switched=(now, max(now, self.switched[1]), self.switched[2] or words))

    def stopping(self, time: float | None, given: Sequence[float]) -> Self:
        """With a slab to end at a time; others to come but for those ``given`` were guesses of a solution less near.

        From one guess to the next slabs had been so short that rates were rounding.
        """
        if time is None:
            return self
        kept = (s for s in self.stops if s <= self.run.ends[-1] or s in given)
        return replace(self, stops=tuple(sorted((*kept, time))))

    def expects(self, domain: Domain, until: float, given: Sequence[float]) -> bool:
        """Whether a slab in a ``domain`` ends where the solution was expected to pass a bend, and may be moved on."""
        return until not in given and domain.box.ranges[-1][1] >= until and self.later < LATER

    def is_asked(self, end: float) -> bool:
        """Whether the slab until ``end`` is asked for its stability, as the 1st, 2nd, 4th are, and after one without.

        None that ends in the first instants, on knots graded to a jump.
        """
        seen = self.ranges[-1][0] + INSTANTS * (self.ranges[-1][1] - self.ranges[-1][0])
        number = sum(before > seen for before in self.run.ends[1:])
        return end > seen and (number & (number + 1) == 0 or bool(self.falling) or self.run.ends[-1] in self.stops)

    def outcome(self, reason: Reason | None, detail: str = "") -> Outcome:
        """What there is so far, ended for ``reason``."""
        return Outcome(self.field, self.error, self.levels, self.history, reason, detail, self.network)
