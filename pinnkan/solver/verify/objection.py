"""Objections: reasons to reject a solution; and the spaces in which it has been solved and corrected."""

from dataclasses import dataclass

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.stability import NearNull
from pinnkan.verdict.records import Reason

#: A squared residual that keeps this share when every interval is halved does not come from the knots: the equation and
#: its conditions contradict each other. At a jump of the data it keeps 0.5 to 0.8.
PERSISTENT_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Objection:
    """A ``hidden_feature`` between the points, a larger ``error_size``, or why there is no solution.

    ``finer_axes``: finer ones that are needed to decide. A larger error with a ``detail`` is what equations leave
    undecided within the estimated one. ``must_persist``: it counts only if it persists on finer knots; with
    ``Reason.CONVERGED`` it is then said beside the verdict. Any other with that reason is an error within the
    tolerance. ``is_newly_resolved``: it concerns a function resolved on these knots for the first time, so that finer
    ones have to be tried.
    """

    hidden_feature: HiddenFeature | None = None
    error_size: float = 0.0
    reason: Reason | None = None
    detail: str = ""
    must_persist: bool = False
    finer_axes: tuple[Axis, ...] | None = None
    is_newly_resolved: bool = False

    @property
    def is_within_tolerance(self) -> bool:
        """Whether it only says that the error is larger than estimated, but within the tolerance."""
        return self.reason == Reason.CONVERGED and not self.must_persist


@dataclass(frozen=True, eq=False)
class SpacePair:
    """The spline space of a solution on all coordinates, its coefficients, and the ``halved_space``.

    ``near_nulls``: the near-null function of each, if known; ``losses``: mean squared residuals before and after
    correction.
    """

    space: Space
    coefficients: Array
    halved_space: Space
    near_nulls: tuple[NearNull, NearNull] | None
    losses: tuple[float, float]

    @property
    def has_free_function(self) -> bool:
        """Whether the near-null function of the halved space is known, and its residual is rounding."""
        return self.near_nulls is not None and self.near_nulls[1].sigma == 0.0


def free_function_objection(share: float, description: str = "") -> Objection:
    """The objection that a function may be added whose residual is a ``share`` of its terms; ``description``: text."""
    detail = f"a function{description} exists whose residual is {share:.0e} of its terms: it may be added almost freely"
    return Objection(None, float("inf"), Reason.RANK_DEFICIENT, detail)
