"""A candidate for a solution, whose own estimate is below the tolerance, and the spaces that it was solved in."""

from dataclasses import dataclass

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.linearisation_check import NO_CORRECTION, FieldContext
from pinnkan.solver.verify.stability import NearNull

#: A squared residual that keeps this share when every interval is halved does not come from the knots: the equation and
#: its conditions contradict each other. At a jump of the data it keeps 0.5 to 0.8.
PERSISTENT_SHARE = 0.95


def is_persistent(before: float, after: float) -> bool:
    """Whether squared residuals before and after a correction on halved intervals do not come from the knots."""
    return after > PERSISTENT_SHARE * before


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


@dataclass(frozen=True, eq=False)
class Candidate:
    """A ``field`` on a ``window``: the whole domain at a level, a slab of time in a march (``is_slab``).

    ``loss``: its mean squared residual at training points; ``spaces``: where it was solved for and corrected, if in
    splines on all coordinates (in a march None where stability is not asked for); ``context``: its correction and what
    else is known beside it; ``allowed``: the largest relative error that may be missed, zero in a march, where errors
    add up; ``heldout_rms``: root mean square of the rows after a correction in many coordinates.
    """

    field: Field
    window: Domain
    loss: float
    spaces: SpacePair | None = None
    context: FieldContext = NO_CORRECTION
    allowed: float = 0.0
    heldout_rms: float = 0.0
    is_slab: bool = False
