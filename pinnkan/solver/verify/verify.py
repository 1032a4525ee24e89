"""All checks of a solution whose estimated error is below the tolerance: a verifier returns the first objection."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.assembly.condition_weights import growth_rate, slowest_rate
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.solver.estimate.bends import Bends
from pinnkan.solver.estimate.undecided import Beside
from pinnkan.solver.verify.balanced import balanced, balanced_nearness, present
from pinnkan.solver.verify.circles import free_waves
from pinnkan.solver.verify.contradicted import contradicted
from pinnkan.solver.verify.digits import Digits
from pinnkan.solver.verify.missed.feature_check import FeatureCheck
from pinnkan.solver.verify.missed.hidden_products import hidden_size, least_residual
from pinnkan.solver.verify.near_singular import (
    LOST,
    UNIT,
    Nearness,
    first_disagreement,
    found_twice,
    free_share,
    near_singular,
    nulls_of,
)
from pinnkan.solver.verify.neutral import holding_growth, unheld_on_sides
from pinnkan.solver.verify.objection import STANDS, Objection, Spaces, freely
from pinnkan.solver.verify.posedness import Posedness
from pinnkan.solver.verify.products.probe import probe
from pinnkan.solver.verify.roots import Roots
from pinnkan.solver.verify.stability import Null, stability
from pinnkan.solver.verify.uniqueness.held_at_points import left_free
from pinnkan.solver.verify.uniqueness.uniqueness import Uniqueness
from pinnkan.solver.verify.unmet import unmet
from pinnkan.solver.verify.unsettled import constraint
from pinnkan.solver.verify.waves import lacking_waves, left_in_waves
from pinnkan.verdict.records import Reason

#: Residual over terms that is rounding.
ROUNDED = 1e-13
#: A constant residual is rounding if it hides at most this many times the error of rounding; contradictions hide 1e9
#: times.
OF_ROUNDING = 1e3
#: In a slab sigma below this share of the growth rate may fall further: heat backwards has 0.01, forwards 0.3.
FALLING_ON = 0.1
#: Below this share of the slowest rate a function is free in a slab, as t w is in t u_t = t u_xx + u where w_t = w_xx.
VANISHING = 1e-4
#: Safety factor of the residual that conditions must see of a wave along a side.
SURE = 10.0
#: Most coordinates of space for checks that need a grid, which would take longer than the solve.
MOST_COORDINATES = 3
#: Text where equations do not see a function that is zero at the start of a slab.
SINGULAR = "beside the solution from here on there are others with the same start: the equations are singular there"

#: Text where rounding hides more than the tolerance.
HIDDEN = "a function of size one exists with a residual of {:.0e}: rounding hides it"


@dataclass(frozen=True, eq=False)
class Verifier:
    """The checks of a solution that its own estimate has accepted, for every family."""

    model: Model

    @cached_property
    def feature_check(self) -> FeatureCheck:
        """The check between the points, prepared once."""
        return FeatureCheck(self.model)

    @cached_property
    def bends(self) -> Bends:
        """The search for kinks that a solution in time alone passes, prepared once."""
        return Bends(self.model)

    @cached_property
    def posedness(self) -> Posedness:
        """The check of well-posedness of evolution equations, prepared once."""
        return Posedness(self.model)

    @cached_property
    def uniqueness(self) -> Uniqueness:
        """The check for other solutions beside the one found, prepared once."""
        return Uniqueness(self.model)

    @cached_property
    def roots(self) -> Roots:
        """The check that fractional powers are real."""
        return Roots(self.model)

    @cached_property
    def digits(self) -> Digits:
        """The check for cancellation in formulas."""
        return Digits(self.model)

    def _local(self, field: Field, domain: Domain, error: Field | None) -> Objection | None:
        """Return the objection that at points formulas are unknown or not real, or solutions ill-posed or ambiguous."""
        beyond = self.feature_check.beyond(field, domain)
        if beyond:
            return Objection(None, float("inf"), Reason.UNDERSAMPLED, beyond)
        unreal = self.roots.objection(field, domain, error)
        if unreal:
            return Objection(None, float("inf"), Reason.NOT_FINITE, unreal)
        share, lost = self.digits.lost(field, domain)
        if lost:
            return Objection(None, share, Reason.BELOW_ROUNDING, lost)
        ill = self.posedness.objection(field, domain, error) or self.uniqueness.objection(field, domain, error)
        return Objection(None, float("inf"), Reason.RANK_DEFICIENT, ill) if ill else None

    def between(
        self, field: Field, slab: Domain, loss: float, spaces: Spaces | None, known: Beside
    ) -> Objection | None:
        """Return the first objection to a ``slab`` of time; ``loss``: the mean squared residual there.

        ``spaces``: where it has been solved for and corrected, None where its stability is not asked for.
        """
        missed = self.feature_check.examine(field, slab, loss, known)
        if missed is not None:
            return Objection(missed)
        wrong = unmet(self.model, field, slab, known) or self._local(field, slab, known.error)
        if wrong is None and spaces is not None:
            wrong = lacking_waves(self.model, field, slab, known) or self._growing(spaces)
        return wrong or self._bent(field, known, slab)

    def _bent(self, field: Field, known: Beside, domain: Domain, least: float = 0.0) -> Objection | None:
        """Return the objection that beyond linearisation equations change within the error by more than ``least``."""
        found = self.feature_check.undecided.change(field, known, domain)
        if found is None or found.share <= least:
            return None
        return Objection(size=found.share, detail=found.words(self.model))

    @property
    def has_open_start(self) -> bool:
        """Whether conditions at the start are rows, which may leave a part of it undetermined."""
        return self.model.after_start is not self.model

    def narrow_at(self, time: float | None) -> str:
        """Return which narrow feature of the formulas makes slabs about a ``time`` too short, as text; "" for none."""
        return self.feature_check.narrow_at(time)

    def _growing(self, spaces: Spaces) -> Objection | None:
        """Return the objection that on finer knots the least residual of functions, zero at the start of a slab, falls.

        In a slab of length h a function of size one has a residual of about 1 / h on all knots; for the heat equation
        backwards, or Laplace's in time, the finest wave on the knots has ever less.
        """
        space, start, halved = spaces.space, spaces.coefficients, spaces.halved
        length = float(np.ptp(space.axes[-1].breaks))
        against = self._grows(spaces.nulls or nulls_of(self.model, space, start, halved), length)
        if against is None:
            return None
        held = holding_growth(self.model, space, start)
        if held is not None:
            return self._growing(Spaces(*held, None, spaces.losses))
        now = present(self.model, space, start, halved)
        if now is not None and not self._grows(nulls_of(now[0], space, start, halved), length, now[1]):
            return None
        rows = balanced(self.model, space, start, halved)
        return against if rows is None or self._grows(nulls_of(rows, space, start, halved), length) else None

    def _grows(self, nulls: tuple[Null, Null], length: float, rate: float | None = None) -> Objection | None:
        """Return the objection of the near-null functions of a slab of some length, on two levels of knots.

        ``rate``: what derivatives in time make of them, if not that of the problem.
        """
        slowest = slowest_rate(self.model, length) if rate is None else rate
        if min(null.sigma for null in nulls) <= VANISHING * slowest:
            return Objection(None, float("inf"), Reason.RANK_DEFICIENT, SINGULAR)
        found = stability(*nulls)
        if found.settled or found.halved > FALLING_ON * growth_rate(self.model, length):
            return None
        values = f"{found.solved:.1e}, {found.halved:.1e}"
        detail = f"in time, the least residual of a function of size one falls on with more knots: {values}"
        detail = "; ".join(filter(None, (constraint(self.model.problem), detail)))
        return Objection(None, float("inf"), Reason.RANK_DEFICIENT, detail, is_lasting=True)

    def free(self, field: Field, spaces: Spaces | None) -> Objection | None:
        """Return the objection that a function is free, so that a correction, and rounding in it, may have any size."""
        if spaces is not None and spaces.is_loose:
            return freely(UNIT)
        beyond = probe(self.model, field, float("inf"))
        share = 0.0 if beyond is None else free_share(beyond)
        if share == 0.0 and spaces is not None and not (beyond is not None and beyond.settled):
            found = spaces.nulls or nulls_of(self.model, spaces.space, spaces.coefficients, spaces.halved)
            share = found[1].share if found[1].share < LOST else 0.0
            if share > 0.0 and found_twice(found):
                return Objection(None, float("inf"), Reason.BELOW_ROUNDING, HIDDEN.format(found[1].sigma))
        return freely(share) if share > 0.0 else None

    @cached_property
    def least_product(self) -> float | None:
        """The least residual of a product of functions of all coordinates, of norm one."""
        return least_residual(self.model)

    @property
    def _is_in_many(self) -> bool:
        """Whether there are too many coordinates of space for checks that need a grid."""
        return self.model.problem.space_dimension > MOST_COORDINATES

    def missed(self, field: Field, loss: float) -> Objection | None:
        """Return the objection that the points of a field miss a feature; ``loss``: mean squared residual at them."""
        is_asked = not self._is_in_many or self.feature_check.features
        found = self.feature_check.examine(field, self.model.problem.domain, loss) if is_asked else None
        return None if found is None else Objection(found)

    def __call__(
        self, field: Field, loss: float, spaces: Spaces | None, allowed: float, left: float = 0.0,
        error: Field | None = None,
    ) -> Objection | None:  # fmt: skip
        """Return the first objection to a field whose ``error``, a correction, is below ``allowed``, or None.

        ``loss``: its mean squared residual; ``spaces``: where it has been solved for and corrected, if in splines on
        all coordinates; ``left``: root mean square of the rows after a correction in many coordinates.
        """
        problem = self.model.problem
        wrong = self.missed(field, loss) or contradicted(self.model, field)
        wrong = wrong or self._local(field, problem.domain, None)
        if wrong is not None:
            return wrong
        if self._is_in_many:
            return self._hidden_product(field, left, allowed)
        around = free_waves(self.model, field)
        if around is not None and 2 * around.count > len(problem.conditions):
            return freely(around.share, f" around the circles, {around.words(problem)} where these are 2 pi long,")
        against = self._determined(field, spaces, allowed)
        if against is not None and not against.is_small:
            return against
        known = Beside(error)
        if wave := left_in_waves(self.model, field, known, spaces, allowed):
            return wave
        return self._bent(field, known, problem.domain, allowed) or against

    def _determined(self, field: Field, spaces: Spaces | None, allowed: float) -> Objection | None:
        """Return the objection that a function may be added to a field, or hides in its remaining residual."""
        if spaces is None:
            return self.free(field, None)
        if (share := left_free(self.model, spaces.space, spaces.coefficients)) > 0.0:
            return freely(share, " that conditions at points leave as it is")
        return self._along_sides(field, spaces, allowed) or self._stability(field, spaces, allowed)

    def _along_sides(self, field: Field, spaces: Spaces, allowed: float) -> Objection | None:
        """Return the objection that waves along sides, finer than the knots, are free or hide remaining residuals."""
        axes = spaces.space.axes

        def seen() -> tuple[float, float]:
            sides, inside = self.feature_check.left(field, spaces.losses[0])
            return SURE * sides / allowed, SURE * inside / allowed

        found = unheld_on_sides(self.model, field, axes, seen)
        if found.share < np.inf:
            return freely(found.share, f" of waves {found.length:.1e} long along a side")
        is_finer = any(a.intervals > b.intervals for a, b in zip(found.axes, axes, strict=True))
        return Objection(axes=found.axes) if is_finer else None

    def _hidden_product(self, field: Field, left: float, allowed: float) -> Objection | None:
        sigma = self.least_product if left > 0.0 else None
        size = 0.0 if sigma is None else hidden_size(self.model, field, left, sigma)
        return Objection(size=size) if size > allowed else None

    def _stability(self, field: Field, spaces: Spaces, allowed: float) -> Objection | None:
        terms, (loss, corrected) = self.feature_check.terms(field), spaces.losses
        found = spaces.space, spaces.coefficients
        nulls = spaces.nulls or nulls_of(self.model, *found, spaces.halved)
        near = near_singular(self.model, found, nulls, spaces.losses, terms)
        against = _of_nearness(near, allowed)
        if against is not None and against.reason == Reason.RANK_DEFICIENT:
            again = balanced_nearness(self.model, found, spaces.halved, terms)
            if again is not None and again.rounding <= allowed and (again.settled or near.free > 0.0):
                near, against = again, _of_nearness(again, allowed)
        share = loss / max(terms, 1e-300)
        small = Objection(None, near.missing, Reason.CONVERGED) if near.missing > 0.0 else None
        if against is not None or share <= ROUNDED**2 or corrected <= STANDS * loss:
            return against or small
        words = f"a residual of {share**0.5:.0e} of the terms does not fall with more knots"
        if near.residual > allowed:
            detail = words + first_disagreement(self.model.problem)
            return Objection(None, near.residual, Reason.STALLED, detail, is_lasting=True)
        if near.residual <= OF_ROUNDING * near.rounding:
            return small
        detail = f"{words}: equations and conditions may contradict each other by as much"
        return Objection(None, near.residual, Reason.CONVERGED, detail, is_lasting=True)


def _of_nearness(near: Nearness, allowed: float) -> Objection | None:
    if near.free > 0.0:
        return freely(near.free)
    if near.rounding > allowed:
        size = near.rounding if near.settled else float("inf")
        return Objection(None, size, Reason.BELOW_ROUNDING, HIDDEN.format(near.sigma))
    if not near.settled:
        detail = f"the least residual of a function of size one falls on with more knots: {near.falling}"
        return Objection(None, near.size, Reason.RANK_DEFICIENT, detail, is_lasting=True, is_fresh=near.is_fresh)
    return Objection(size=near.size) if near.size > allowed else None
