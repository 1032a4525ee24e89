"""The protocol of a family of networks in slabs of time."""

from typing import Any, Protocol, TypeVar

from pinnkan.kan.derived_fields import SlabPiece
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.slab_history import SolvedSlab
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature

A = TypeVar("A")
B = TypeVar("B", bound=SolvedSlab[SlabPiece])


class SlabFamily(Protocol[A, B]):
    """Networks of one kind for one problem in time; ``A``: the aim of the next attempt, ``B``: a solved slab."""

    @property
    def problem(self) -> Problem:
        """The problem to solve."""

    @property
    def most_passes(self) -> int:
        """The number of passes after which the solve ends."""

    def initial_aim(self, local_tolerance: float) -> A:
        """Return the aim of the first slab for a local tolerance."""

    def initial_piece(self, aim: A) -> tuple[SlabPiece, float]:
        """Return the initial data, constant in time, and until when: what is shown before the first slab."""

    def next_length(self, aim: A, time_pass: TimePass[Any]) -> float:
        """The length of the next attempt."""

    def attempt(self, aim: A, length: float, time_pass: TimePass[Any]) -> B:
        """Solve a slab and correct it; raises SolverError if that fails."""

    def shorten(self, aim: A, length: float) -> A | None:
        """Return the aim at a shorter slab; None if the lengths are given."""

    def is_accurate(self, aim: A, slab: B, time_pass: TimePass[Any]) -> bool:
        """Whether the local correction is as small as allowed."""

    def add_knots_at(self, aim: A, slab: B, feature: HiddenFeature) -> A | None:
        """Return the aim at the same slab with knots at a missed feature; None after too many attempts."""

    def plan_retry(self, aim: A, slab: B, time_pass: TimePass[Any]) -> A | None:
        """Return the aim after a slab that is not accurate enough; None if that is accepted all the same."""

    def plan_next(self, aim: A, slab: B, time_pass: TimePass[Any]) -> A:
        """Return the aim after an accepted slab."""

    def evaluate_minimum(self, slab: B, time_pass: TimePass[Any]) -> LossMinimum:
        """Return the function of the slab and the figures for its record."""

    def spaces(self, slab: B) -> SpacePair | None:
        """The spaces of the solution and of its correction, if in splines on all coordinates."""

    def samples(self, slab: B) -> Samples:
        """The values of the function at points where a true error can be measured."""

    def network_description(self) -> str:
        """Describe the network."""
