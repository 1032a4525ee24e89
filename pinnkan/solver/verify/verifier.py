"""All checks of a solution whose estimated error is below the tolerance: a verifier returns the first objection."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.solver.estimate.events import EventFinder
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.verify.balanced_rows import balanced_bounds, slab_stability_objection
from pinnkan.solver.verify.cancellation import CancellationCheck
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck
from pinnkan.solver.verify.hidden_errors.least_product import hidden_product_size, least_product_residual
from pinnkan.solver.verify.neutral_waves import side_wave_refinement
from pinnkan.solver.verify.objection import PERSISTENT_SHARE, Objection, SpacePair, free_function_objection
from pinnkan.solver.verify.periodic_waves import free_waves
from pinnkan.solver.verify.posedness import Posedness
from pinnkan.solver.verify.products.probe import probe
from pinnkan.solver.verify.real_powers import RealPowerCheck
from pinnkan.solver.verify.side_contradiction import side_contradiction
from pinnkan.solver.verify.stability_bounds import (
    FREE_SHARE,
    RESIDUAL_ROUNDING,
    StabilityBounds,
    condition_conflict,
    free_share,
    is_sigma_reproduced,
    near_null_pair,
    stability_bounds,
)
from pinnkan.solver.verify.start_contradiction import start_contradiction
from pinnkan.solver.verify.uniqueness.point_conditions import free_function_share
from pinnkan.solver.verify.uniqueness.uniqueness import Uniqueness
from pinnkan.solver.verify.unresolved_waves import slab_wave_objection, steady_wave_objection
from pinnkan.verdict.records import Reason

#: Residual over terms that is rounding.
ROUNDED_SHARE = 1e-13
#: A constant residual is rounding if it hides at most so many times the error of rounding; contradictions hide 1e9.
ROUNDING_FACTOR = 1e3
#: Safety factor of the residual that conditions must see of a wave along a side.
SIDE_WAVE_SAFETY = 10.0
#: Most coordinates of space for checks that need a grid, which would take longer than the solve.
MAX_GRID_COORDINATES = 3
#: Text where rounding hides more than the tolerance.
HIDDEN_TEXT = "a function of size one exists with a residual of {:.0e}: rounding hides it"


@dataclass(frozen=True, eq=False)
class Verifier:
    """The checks of a solution that its own estimate has accepted, for every family."""

    model: Model

    @cached_property
    def feature_check(self) -> FeatureCheck:
        """The check between the points, prepared once."""
        return FeatureCheck(self.model)

    @cached_property
    def event_finder(self) -> EventFinder:
        """The search for kinks that a solution in time alone passes, prepared once."""
        return EventFinder(self.model)

    @cached_property
    def posedness(self) -> Posedness:
        """The check of well-posedness of evolution equations, prepared once."""
        return Posedness(self.model)

    @cached_property
    def uniqueness(self) -> Uniqueness:
        """The check for other solutions beside the one found, prepared once."""
        return Uniqueness(self.model)

    @cached_property
    def real_powers(self) -> RealPowerCheck:
        """The check that fractional powers are real."""
        return RealPowerCheck(self.model)

    @cached_property
    def cancellation(self) -> CancellationCheck:
        """The check for cancellation in formulas."""
        return CancellationCheck(self.model)

    def _pointwise_objection(self, field: Field, domain: Domain, error: Field | None) -> Objection | None:
        """Return the objection that at points formulas are unknown or not real, or solutions ill-posed or ambiguous."""
        beyond = self.feature_check.unsearched_message(field, domain)
        if beyond:
            return Objection(None, float("inf"), Reason.UNDERSAMPLED, beyond)
        unreal = self.real_powers.objection(field, domain, error)
        if unreal:
            return Objection(None, float("inf"), Reason.NOT_FINITE, unreal)
        share, lost = self.cancellation.lost_digits(field, domain)
        if lost:
            return Objection(None, share, Reason.BELOW_ROUNDING, lost)
        ill = self.posedness.objection(field, domain, error) or self.uniqueness.objection(field, domain, error)
        return Objection(None, float("inf"), Reason.RANK_DEFICIENT, ill) if ill else None

    def check_slab(
        self, field: Field, slab: Domain, loss: float, spaces: SpacePair | None, context: FieldContext
    ) -> Objection | None:
        """Return the first objection to a ``slab`` of time; ``loss``: the mean squared residual there.

        ``spaces``: where it has been solved for and corrected, None where its stability is not asked for.
        """
        missed = self.feature_check.examine(field, slab, loss, context)
        if missed is not None:
            return Objection(missed)
        wrong = start_contradiction(self.model, field, slab, context)
        wrong = wrong or self._pointwise_objection(field, slab, context.error)
        if wrong is None and spaces is not None:
            wrong = slab_wave_objection(self.model, field, slab, context) or slab_stability_objection(
                self.model, spaces
            )
        return wrong or self._nonlinearity_objection(field, context, slab)

    def _nonlinearity_objection(
        self, field: Field, context: FieldContext, domain: Domain, least: float = 0.0
    ) -> Objection | None:
        """Return the objection that beyond linearisation equations change within the error by more than ``least``."""
        found = self.feature_check.undecided_switches.largest_change(field, context, domain)
        if found is None or found.relative_change <= least:
            return None
        return Objection(error_size=found.relative_change, detail=found.words(self.model))

    @property
    def has_start_rows(self) -> bool:
        """Whether conditions at the start are rows, which may leave a part of it undetermined."""
        return self.model.later_slab_model is not self.model

    def narrow_feature_at(self, time: float | None) -> str:
        """Return which narrow feature of the formulas makes slabs about a ``time`` too short, as text; "" for none."""
        return self.feature_check.narrow_feature_near(time)

    def free_function(self, field: Field, spaces: SpacePair | None) -> Objection | None:
        """Return the objection that a function is free, so that a correction, and rounding in it, may have any size."""
        if spaces is not None and spaces.has_free_function:
            return free_function_objection(RESIDUAL_ROUNDING)
        beyond = probe(self.model, field, float("inf"))
        share = 0.0 if beyond is None else free_share(beyond)
        if share == 0.0 and spaces is not None and not (beyond is not None and beyond.is_settled):
            pair = spaces.space, spaces.coefficients, spaces.halved_space
            found = spaces.near_nulls or near_null_pair(self.model, *pair)
            share = found[1].term_share if found[1].term_share < FREE_SHARE else 0.0
            if share > 0.0 and is_sigma_reproduced(found):
                return Objection(None, float("inf"), Reason.BELOW_ROUNDING, HIDDEN_TEXT.format(found[1].sigma))
        return free_function_objection(share) if share > 0.0 else None

    @cached_property
    def least_product_residual(self) -> float | None:
        """The least residual of a product of functions of all coordinates, of norm one."""
        return least_product_residual(self.model)

    @property
    def _has_many_coordinates(self) -> bool:
        """Whether there are too many coordinates of space for checks that need a grid."""
        return self.model.problem.space_dimension > MAX_GRID_COORDINATES

    def missed_feature(self, field: Field, loss: float) -> Objection | None:
        """Return the objection that the points of a field miss a feature; ``loss``: mean squared residual at them."""
        is_asked = not self._has_many_coordinates or self.feature_check.features
        found = self.feature_check.examine(field, self.model.problem.domain, loss) if is_asked else None
        return None if found is None else Objection(found)

    def __call__(
        self, field: Field, loss: float, spaces: SpacePair | None, allowed: float, heldout_rms: float = 0.0,
        error: Field | None = None,
    ) -> Objection | None:  # fmt: skip
        """Return the first objection to a field whose ``error``, a correction, is below ``allowed``, or None.

        ``loss``: its mean squared residual; ``spaces``: where it has been solved for and corrected, if in splines on
        all coordinates; ``heldout_rms``: root mean square of the rows after a correction in many coordinates.
        """
        problem = self.model.problem
        wrong = self.missed_feature(field, loss) or side_contradiction(self.model, field)
        wrong = wrong or self._pointwise_objection(field, problem.domain, None)
        if wrong is not None:
            return wrong
        if self._has_many_coordinates:
            return self._hidden_product(field, heldout_rms, allowed)
        around = free_waves(self.model, field)
        if around is not None and 2 * around.count > len(problem.conditions):
            return free_function_objection(
                around.residual_share, f" around the circles, {around.words(problem)} where these are 2 pi long,"
            )
        against = self._uniqueness_objection(field, spaces, allowed)
        if against is not None and not against.is_within_tolerance:
            return against
        known = FieldContext(error)
        if wave := steady_wave_objection(self.model, field, known, spaces, allowed):
            return wave
        return self._nonlinearity_objection(field, known, problem.domain, allowed) or against

    def _uniqueness_objection(self, field: Field, spaces: SpacePair | None, allowed: float) -> Objection | None:
        """Return the objection that a function may be added to a field, or hides in its remaining residual."""
        if spaces is None:
            return self.free_function(field, None)
        if (share := free_function_share(self.model, spaces.space, spaces.coefficients)) > 0.0:
            return free_function_objection(share, " that conditions at points leave as it is")
        return self._along_sides(field, spaces, allowed) or self._stability(field, spaces, allowed)

    def _along_sides(self, field: Field, spaces: SpacePair, allowed: float) -> Objection | None:
        """Return the objection that waves along sides, finer than the knots, are free or hide remaining residuals."""
        axes = spaces.space.axes

        def seen() -> tuple[float, float]:
            sides, inside = self.feature_check.residual_shares(field, spaces.losses[0])
            return SIDE_WAVE_SAFETY * sides / allowed, SIDE_WAVE_SAFETY * inside / allowed

        found = side_wave_refinement(self.model, field, axes, seen)
        if found.condition_share < np.inf:
            return free_function_objection(found.condition_share, f" of waves {found.wavelength:.1e} long along a side")
        is_finer = any(a.intervals > b.intervals for a, b in zip(found.axes, axes, strict=True))
        return Objection(finer_axes=found.axes) if is_finer else None

    def _hidden_product(self, field: Field, heldout_rms: float, allowed: float) -> Objection | None:
        sigma = self.least_product_residual if heldout_rms > 0.0 else None
        size = 0.0 if sigma is None else hidden_product_size(self.model, field, heldout_rms, sigma)
        return Objection(error_size=size) if size > allowed else None

    def _stability(self, field: Field, spaces: SpacePair, allowed: float) -> Objection | None:
        terms, (loss, corrected) = self.feature_check.mean_square_terms(field), spaces.losses
        found = spaces.space, spaces.coefficients
        nulls = spaces.near_nulls or near_null_pair(self.model, *found, spaces.halved_space)
        near = stability_bounds(self.model, found, nulls, spaces.losses, terms)
        against = _bounds_objection(near, allowed)
        if against is not None and against.reason == Reason.RANK_DEFICIENT:
            again = balanced_bounds(self.model, found, spaces.halved_space, terms)
            if again is not None and again.rounding_error <= allowed and (again.is_settled or near.free_share > 0.0):
                near, against = again, _bounds_objection(again, allowed)
        share = loss / max(terms, 1e-300)
        small = Objection(None, near.step_error, Reason.CONVERGED) if near.step_error > 0.0 else None
        if against is not None or share <= ROUNDED_SHARE**2 or corrected <= PERSISTENT_SHARE * loss:
            return against or small
        words = f"a residual of {share**0.5:.0e} of the terms does not fall with more knots"
        if near.residual_error > allowed:
            detail = words + condition_conflict(self.model.problem)
            return Objection(None, near.residual_error, Reason.STALLED, detail, must_persist=True)
        if near.residual_error <= ROUNDING_FACTOR * near.rounding_error:
            return small
        detail = f"{words}: equations and conditions may contradict each other by as much"
        return Objection(None, near.residual_error, Reason.CONVERGED, detail, must_persist=True)


def _bounds_objection(bounds: StabilityBounds, allowed: float) -> Objection | None:
    if bounds.free_share > 0.0:
        return free_function_objection(bounds.free_share)
    if bounds.rounding_error > allowed:
        size = bounds.rounding_error if bounds.is_settled else float("inf")
        return Objection(None, size, Reason.BELOW_ROUNDING, HIDDEN_TEXT.format(bounds.sigma))
    if not bounds.is_settled:
        detail = f"the least residual of a function of size one falls on with more knots: {bounds.sigma_text}"
        size, is_new = bounds.correction_error, bounds.is_newly_resolved
        return Objection(None, size, Reason.RANK_DEFICIENT, detail, must_persist=True, is_newly_resolved=is_new)
    return Objection(error_size=bounds.correction_error) if bounds.correction_error > allowed else None
