"""What the checks of one problem prepare once, for all candidates."""

from dataclasses import dataclass
from functools import cached_property

from pinnkan.assembly.model import Model
from pinnkan.solver.estimate.events import EventFinder
from pinnkan.solver.verify.cancellation import CancellationCheck
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck
from pinnkan.solver.verify.hidden_errors.least_product import least_product_residual
from pinnkan.solver.verify.posedness import Posedness
from pinnkan.solver.verify.real_powers import RealPowerCheck
from pinnkan.solver.verify.uniqueness.uniqueness import Uniqueness

#: Most coordinates of space for checks that need a grid, which would take longer than the solve.
MAX_GRID_COORDINATES = 3


@dataclass(frozen=True, eq=False)
class PreparedChecks:
    """A compiled problem, and the formulas and searches that its checks have prepared."""

    model: Model

    @cached_property
    def feature_check(self) -> FeatureCheck:
        """The check between the points."""
        return FeatureCheck(self.model)

    @cached_property
    def event_finder(self) -> EventFinder:
        """The search for kinks that a solution in time alone passes."""
        return EventFinder(self.model)

    @cached_property
    def posedness(self) -> Posedness:
        """The check of well-posedness of evolution equations."""
        return Posedness(self.model)

    @cached_property
    def uniqueness(self) -> Uniqueness:
        """The check for other solutions beside the one found."""
        return Uniqueness(self.model)

    @cached_property
    def real_powers(self) -> RealPowerCheck:
        """The check that fractional powers are real."""
        return RealPowerCheck(self.model)

    @cached_property
    def cancellation(self) -> CancellationCheck:
        """The check for cancellation in formulas."""
        return CancellationCheck(self.model)

    @cached_property
    def least_product_residual(self) -> float | None:
        """The least residual of a product of functions of all coordinates, of norm one."""
        return least_product_residual(self.model)

    @property
    def has_many_coordinates(self) -> bool:
        """Whether there are too many coordinates of space for checks that need a grid."""
        return self.model.problem.space_dimension > MAX_GRID_COORDINATES

    @property
    def has_start_rows(self) -> bool:
        """Whether conditions at the start are rows, which may leave a part of it undetermined."""
        return self.model.later_slab_model is not self.model
