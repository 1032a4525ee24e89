"""A family of networks: how it begins, finds a minimum, estimates its error and refines. The driver does the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Field
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature
from pinnkan.solver.verify.objection import Objection, Spaces
from pinnkan.verdict.records import Evidence, Iteration, Level


@dataclass(frozen=True, eq=False)
class ErrorEstimate:
    """The estimated error of a function: its size relative to the solution, worst unknown, and itself as a function.

    ``rounding``: what the arithmetic leaves, relative; ``spaces``: where it was corrected, if in splines on all
    coordinates; ``parts``: sizes of each of several unknowns and vectors, where known; ``left``: root mean square of
    the rows off the training points that the correction leaves, where products of all coordinates are no part of the
    estimate.
    """

    size: float
    error: Field | None
    rounding: float = 0.0
    spaces: Spaces | None = None
    evidence: Evidence = Evidence.CORRECTION
    left: float = 0.0
    parts: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Measured:
    """A minimum in the space of a state: its function, and what the record of the level says of it.

    ``corrected``: see :class:`pinnkan.verdict.records.Level`; ``is_resolved``: the residual is well below that of the
    data alone; ``unsettled``: why the iteration is not at rest, "" where it is; ``losses``: mean squared residuals by
    equation, where they are known.
    """

    field: Field
    intervals: tuple[int, ...]
    degree: tuple[int, ...]
    parameters: int
    points: int
    loss: float
    heldout: float
    corrected: float = 0.0
    is_resolved: bool = True
    unsettled: str = ""
    note: str = ""
    losses: tuple[float, ...] = ()

    def record(self, number: int, estimate: float, seconds: float, iterations: int) -> Level:
        """The record of a level or slab at this minimum."""
        return Level(
            number=number,
            intervals=self.intervals,
            degree=self.degree,
            parameters=self.parameters,
            points=self.points,
            loss=self.loss,
            heldout=self.heldout,
            corrected=self.corrected,
            estimate=estimate,
            seconds=seconds,
            iterations=iterations,
            note=self.note,
            is_resolved=self.is_resolved,
        )


@dataclass(frozen=True, eq=False)
class ModelFamily:
    """What all families share: the compiled model that they are made of."""

    model: Model

    @property
    def problem(self) -> Problem:
        """What is solved."""
        return self.model.problem


@dataclass(frozen=True, eq=False)
class ModelLevels(ModelFamily):
    """A :class:`Family` of a model, with the answers that most of them give."""

    @property
    def ends_at_best(self) -> bool:
        """No."""
        return False

    def shown(self, state: Any) -> Field | None:
        """Nothing."""
        return None

    def clears(self, measured: Measured, missed: HiddenFeature) -> bool:
        """No."""
        return False

    def elsewhere(self, state: Any, monitor: Monitor) -> Any:
        """Nowhere."""
        return None

    def in_vain(self, levels: Sequence[Level]) -> str:
        """Never."""
        return ""


S = TypeVar("S")
E = TypeVar("E", bound=ErrorEstimate)


class Family(Protocol[S, E]):
    """Networks of one kind for one problem; ``S``: its frozen state between two levels, ``E``: its estimates."""

    @property
    def problem(self) -> Problem:
        """What is solved."""

    @property
    def most_levels(self) -> int:
        """After so many levels the solve ends."""

    @property
    def ends_at_best(self) -> bool:
        """Whether levels in vain are those since the smallest estimate, which is then shown."""

    def first(self) -> S:
        """The state before the first level."""

    def shown(self, state: S) -> Field | None:
        """What there is to show before the first level has ended; None where it is nothing."""

    def minimise(self, state: S, number: int, monitor: Monitor) -> tuple[S, tuple[Iteration, ...]]:
        """The state with the loss at its minimum, and the steps there; a state already there comes back as it is."""

    def measured(self, state: S) -> Measured:
        """What there is at the minimum."""

    def samples(self, state: S) -> Samples:
        """Its values where a true error can be measured."""

    def estimate(self, state: S, measured: Measured, before: Outcome) -> E:
        """The estimated error at the minimum; ``before``: the levels before and the last of their functions."""

    def refine(self, state: S, estimate: E, against: Objection) -> S | None:
        """The next state: richer where the estimate says, or what speaks ``against`` it; None where it cannot."""

    def clears(self, measured: Measured, missed: HiddenFeature) -> bool:
        """Whether a feature that was missed is known to be within the tolerance all the same."""

    def elsewhere(self, state: S, monitor: Monitor) -> S | None:
        """A state from which the minimum of the loss may be another one; None where there is none."""

    def in_vain(self, levels: Sequence[Level]) -> str:
        """Why more levels are in vain, "" where they may not be."""

    def in_words(self, state: S, outcome: Outcome) -> str:
        """The network in words."""
