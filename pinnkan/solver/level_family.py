"""What the loop over levels asks of a family of networks, and the records that the family returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Field
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.verdict.records import Evidence, Iteration, Level


@dataclass(frozen=True, eq=False)
class ErrorEstimate:
    """An estimated error: ``size``, relative to the solution (worst unknown), and ``error``, as a function.

    ``rounding``: its part due to rounding; ``spaces``: where it was corrected, if in splines on all coordinates;
    ``sizes_by_unknown``: sizes by unknown or vector, if known; ``heldout_rms``: root mean square of the held-out rows
    after the correction, in many coordinates.
    """

    size: float
    error: Field | None
    rounding: float = 0.0
    spaces: SpacePair | None = None
    evidence: Evidence = Evidence.CORRECTION
    heldout_rms: float = 0.0
    sizes_by_unknown: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class LossMinimum:
    """A minimum of the loss in the space of a state: its function, and the figures for the record of the level.

    ``fine_loss``: see :class:`pinnkan.verdict.records.Level`; ``is_resolved``: whether the residual is well below that
    of the data alone; ``unconverged_reason``: why the iteration has not converged, "" if it has;
    ``losses_by_equation``: mean squared residuals by equation, if known.
    """

    field: Field
    intervals: tuple[int, ...]
    degree: tuple[int, ...]
    parameters: int
    points: int
    loss: float
    heldout: float
    fine_loss: float = 0.0
    is_resolved: bool = True
    unconverged_reason: str = ""
    note: str = ""
    losses_by_equation: tuple[float, ...] = ()

    def make_record(self, number: int, estimate: float, seconds: float, iterations: int) -> Level:
        """Return the record of a level or slab at this minimum."""
        return Level(
            number=number,
            intervals=self.intervals,
            degree=self.degree,
            parameters=self.parameters,
            points=self.points,
            loss=self.loss,
            heldout=self.heldout,
            corrected=self.fine_loss,
            estimate=estimate,
            seconds=seconds,
            iterations=iterations,
            note=self.note,
            is_resolved=self.is_resolved,
        )


@dataclass(frozen=True, eq=False)
class ModelFamily:
    """What all families share: the compiled model."""

    model: Model

    @property
    def problem(self) -> Problem:
        """The problem of the model."""
        return self.model.problem


@dataclass(frozen=True, eq=False)
class ModelLevelFamily(ModelFamily):
    """A :class:`LevelFamily` of a model, with the default answers."""

    @property
    def returns_best_level(self) -> bool:
        """False: the outcome is that of the last level."""
        return False

    def field_of(self, state: Any) -> Field | None:
        """None: there is no function to show before the first level has ended."""
        return None

    def is_feature_negligible(self, minimum: LossMinimum, feature: HiddenFeature) -> bool:
        """False: a missed feature always counts."""
        return False

    def alternative_start(self, state: Any, monitor: Monitor) -> Any:
        """None: there is no alternative start."""
        return None

    def stagnation_reason(self, levels: Sequence[Level]) -> str:
        """The empty text: more levels may always help."""
        return ""


S = TypeVar("S")
E = TypeVar("E", bound=ErrorEstimate)


class LevelFamily(Protocol[S, E]):
    """Networks of one kind for one problem; ``S``: the frozen state between two levels, ``E``: the error estimate."""

    @property
    def problem(self) -> Problem:
        """The problem to solve."""

    @property
    def most_levels(self) -> int:
        """The number of levels after which the solve ends."""

    @property
    def returns_best_level(self) -> bool:
        """Whether stagnation is counted from the level with the smallest estimate, which is then the outcome."""

    def initial_state(self) -> S:
        """Return the state before the first level."""

    def field_of(self, state: S) -> Field | None:
        """The function of a state, to show before the first level has ended; None if there is none."""

    def minimise(self, state: S, number: int, monitor: Monitor) -> tuple[S, tuple[Iteration, ...]]:
        """Minimise the loss; return the state at the minimum and the steps. A minimum comes back as it is."""

    def evaluate_minimum(self, state: S) -> LossMinimum:
        """Return the function at the minimum and the figures for its record."""

    def samples(self, state: S) -> Samples:
        """The values of the function at points where a true error can be measured."""

    def estimate(self, state: S, minimum: LossMinimum, previous: Outcome) -> E:
        """Estimate the error at the minimum; ``previous``: the earlier levels, and the function of the last of them."""

    def refine(self, state: S, estimate: E, decision: Decision) -> S | None:
        """Return the next state, richer where the estimate or the findings of a ``decision`` say.

        None if there is none.
        """

    def is_feature_negligible(self, minimum: LossMinimum, feature: HiddenFeature) -> bool:
        """Whether a missed feature is known to leave the error within the tolerance."""

    def alternative_start(self, state: S, monitor: Monitor) -> S | None:
        """Return a state from which another minimum of the loss may be reached; None if there is none."""

    def stagnation_reason(self, levels: Sequence[Level]) -> str:
        """Why more levels would not help; "" if they may."""

    def network_description(self, state: S, outcome: Outcome) -> str:
        """Describe the network."""
