"""What speaks against a solution, and what it has been solved in."""

from dataclasses import dataclass

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature
from pinnkan.solver.verify.stability import Null
from pinnkan.verdict.records import Reason

#: A residual that keeps this share of its square when every interval is halved is not one of the splines: the equation
#: and its conditions contradict each other. At a jump of the data it keeps 0.5 to 0.8.
STANDS = 0.95


@dataclass(frozen=True, eq=False)
class Objection:
    """A feature between the points, or a larger error, or (``reason``, ``detail``) why there is no solution.

    ``axes``: that hold waves which decide about one, where its own do not. A larger error with a ``detail`` is one of
    what is not decided within the estimated one. ``is_lasting``: whether that is the reason only if it lasts on finer
    and finer knots; one that is then ``Reason.CONVERGED`` is said beside the verdict. Any other with that reason is a
    larger error which is below the tolerance still. ``is_fresh``: what it is about is first resolved on these knots, so
    that finer ones are to be asked whatever others have said.
    """

    missed: HiddenFeature | None = None
    size: float = 0.0
    reason: Reason | None = None
    detail: str = ""
    is_lasting: bool = False
    axes: tuple[Axis, ...] | None = None
    is_fresh: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it is no more than a larger error, below the tolerance."""
        return self.reason == Reason.CONVERGED and not self.is_lasting


@dataclass(frozen=True, eq=False)
class Spaces:
    """A spline space on all coordinates with a solution in it, and the one with its intervals halved.

    ``nulls``: the least determined function of each, None where they are still to be found; ``losses``: mean squared
    residuals of the solution, and with its correction in the latter.
    """

    space: Space
    coefficients: Array
    halved: Space
    nulls: tuple[Null, Null] | None
    losses: tuple[float, float]

    @property
    def is_loose(self) -> bool:
        """Whether a function of the latter is known whose residual is rounding."""
        return self.nulls is not None and self.nulls[1].sigma == 0.0


def freely(share: float, which: str = "") -> Objection:
    """That a function may be added to a solution, whose residual is a ``share`` of its terms."""
    detail = f"a function{which} exists whose residual is {share:.0e} of its terms: it may be added almost freely"
    return Objection(None, float("inf"), Reason.RANK_DEFICIENT, detail)
