"""Whether a function may be added to a solution, or may hide in the residual that remains."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Field
from pinnkan.solver.verify.balanced_rows import balanced_bounds
from pinnkan.solver.verify.candidate import Candidate, SpacePair, is_persistent
from pinnkan.solver.verify.findings import ErrorAtLeast, Finding, Refused, Remark, refused_for_free_function
from pinnkan.solver.verify.prepared_checks import MAX_GRID_COORDINATES, PreparedChecks
from pinnkan.solver.verify.products.probe import probe
from pinnkan.solver.verify.stability_bounds import (
    FEW_KNOTS_SHARE,
    FREE_SHARE,
    RESIDUAL_ROUNDING,
    StabilityBounds,
    condition_conflict,
    free_share,
    is_sigma_reproduced,
    near_null_on_few_knots,
    near_null_pair,
    stability_bounds,
)
from pinnkan.verdict.records import Reason

#: Intervals and degrees above the order, for the search of a free function where no spline space is known.
MANY_INTERVALS, EXTRA_DEGREES = 24, 6
#: Residual over terms that is rounding.
ROUNDED_SHARE = 1e-13
#: A constant residual is rounding if it hides at most so many times the error of rounding; contradictions hide 1e9.
ROUNDING_FACTOR = 1e3
#: Text where rounding hides more than the tolerance.
HIDDEN_TEXT = "a function of size one exists with a residual of {:.0e}: rounding hides it"


def free_function(model: Model, field: Field, spaces: SpacePair | None) -> Refused | None:
    """Return the finding that a function is free, so that a correction, and rounding in it, may have any size."""
    if spaces is not None and spaces.has_free_function:
        return refused_for_free_function(RESIDUAL_ROUNDING)
    if spaces is None and model.is_linear and len(model.problem.box.ranges) <= MAX_GRID_COORDINATES:
        share = near_null_on_few_knots(model, _even_axes(model)).term_share
        if share <= FEW_KNOTS_SHARE:
            return refused_for_free_function(share)
    beyond = probe(model, field, float("inf"))
    share = 0.0 if beyond is None else free_share(beyond)
    if share == 0.0 and spaces is not None and not (beyond is not None and beyond.is_settled):
        pair = spaces.space, spaces.coefficients, spaces.halved_space
        found = spaces.near_nulls or near_null_pair(model, *pair)
        share = found[1].term_share if found[1].term_share < FREE_SHARE else 0.0
        if share > 0.0 and is_sigma_reproduced(found):
            return Refused(Reason.BELOW_ROUNDING, HIDDEN_TEXT.format(found[1].sigma))
    return refused_for_free_function(share) if share > 0.0 else None


def _even_axes(model: Model) -> tuple[Axis, ...]:
    """An axis for each coordinate with many even intervals, of a degree well above the order of the equations."""
    box, degree = model.problem.box, max(model.orders) + EXTRA_DEGREES
    pairs = zip(box.ranges, box.periodic, strict=True)
    return tuple(Axis(np.linspace(*ends, MANY_INTERVALS + 1), degree, is_periodic) for ends, is_periodic in pairs)


def stability(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    """Return what the smallest singular value of the rows says of a candidate's remaining residual and rounding."""
    model, field, spaces, allowed = prepared.model, candidate.field, candidate.spaces, candidate.allowed
    assert spaces is not None
    terms, (loss, corrected) = prepared.feature_check.mean_square_terms(field), spaces.losses
    found = spaces.space, spaces.coefficients
    nulls = spaces.near_nulls or near_null_pair(model, *found, spaces.halved_space)
    near = stability_bounds(model, found, nulls, spaces.losses, terms)
    finding = _finding_of_bounds(near, allowed)
    if isinstance(finding, Refused) and finding.reason == Reason.RANK_DEFICIENT:
        again = balanced_bounds(model, found, spaces.halved_space, terms) if model.problem.is_on_box else None
        if again is not None and again.rounding_error <= allowed and (again.is_settled or near.free_share > 0.0):
            near, finding = again, _finding_of_bounds(again, allowed)
    share = loss / max(terms, 1e-300)
    small = ErrorAtLeast(near.step_error) if near.step_error > 0.0 else None
    if finding is not None or share <= ROUNDED_SHARE**2 or not is_persistent(loss, corrected):
        return finding or small
    words = f"a residual of {share**0.5:.0e} of the terms does not fall with more knots"
    if near.residual_error > allowed:
        sentence = words + condition_conflict(model.problem)
        return Refused(Reason.STALLED, sentence, near.residual_error, must_persist=True)
    if near.residual_error <= ROUNDING_FACTOR * near.rounding_error:
        return small
    return Remark(f"{words}: equations and conditions may contradict each other by as much", near.residual_error)


def _finding_of_bounds(bounds: StabilityBounds, allowed: float) -> Finding | None:
    if bounds.free_share > 0.0:
        return refused_for_free_function(bounds.free_share)
    if bounds.rounding_error > allowed:
        size = bounds.rounding_error if bounds.is_settled else float("inf")
        return Refused(Reason.BELOW_ROUNDING, HIDDEN_TEXT.format(bounds.sigma), size)
    if not bounds.is_settled:
        sentence = f"the least residual of a function of size one falls on with more knots: {bounds.sigma_text}"
        size, is_new = bounds.correction_error, bounds.is_newly_resolved
        return Refused(Reason.RANK_DEFICIENT, sentence, size, must_persist=True, is_newly_resolved=is_new)
    return ErrorAtLeast(bounds.correction_error) if bounds.correction_error > allowed else None
