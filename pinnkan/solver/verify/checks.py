"""The table of checks: what is asked of every candidate for a solution before it is accepted, in this order.

A check answers with a finding (:mod:`.findings`) or with None. It sees a window: the whole domain of a steady problem,
or one slab of time. Cheap checks come first, since the first finding that decides ends the questions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnkan.solver.verify.balanced_rows import falling_stability
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.findings import ErrorAtLeast, Finding, NeedsKnots, Refused, refused_for_free_function
from pinnkan.solver.verify.hidden_errors.least_product import hidden_product_size
from pinnkan.solver.verify.neutral_waves import side_wave_refinement
from pinnkan.solver.verify.periodic_waves import free_waves
from pinnkan.solver.verify.prepared_checks import PreparedChecks
from pinnkan.solver.verify.side_contradiction import side_contradiction
from pinnkan.solver.verify.stability_check import free_function, stability
from pinnkan.solver.verify.start_contradiction import start_contradiction
from pinnkan.solver.verify.uniqueness.point_conditions import free_function_share
from pinnkan.solver.verify.unresolved_waves import missing_wave
from pinnkan.verdict.records import Reason

#: Safety factor of the residual that conditions must see of a wave along a side.
SIDE_WAVE_SAFETY = 10.0


@dataclass(frozen=True, eq=False)
class Check:
    """One row of the table: a ``name``, the ``question``, whether it ``applies``, and how it is answered."""

    name: str
    question: str
    applies: Callable[[PreparedChecks, Candidate], bool]
    run: Callable[[PreparedChecks, Candidate], Finding | None]


def _to_any(prepared: PreparedChecks, candidate: Candidate) -> bool:
    return True


def _to_steady_boxes(prepared: PreparedChecks, candidate: Candidate) -> bool:
    return _to_steady_grids(prepared, candidate) and prepared.model.problem.is_on_box


def _to_grids(prepared: PreparedChecks, candidate: Candidate) -> bool:
    return candidate.is_slab or not prepared.has_many_coordinates


def _to_steady_grids(prepared: PreparedChecks, candidate: Candidate) -> bool:
    return not (candidate.is_slab or prepared.has_many_coordinates)


def _to_steady_spaces(prepared: PreparedChecks, candidate: Candidate) -> bool:
    return _to_steady_grids(prepared, candidate) and candidate.spaces is not None


def _missed_feature(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    found = prepared.feature_check.examine(candidate.field, candidate.window, candidate.loss, candidate.context)
    return None if found is None else NeedsKnots(found)


def _unsearched(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    sentence = prepared.feature_check.unsearched_message(candidate.field, candidate.window)
    return Refused(Reason.UNDERSAMPLED, sentence) if sentence else None


def _real_powers(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    sentence = prepared.real_powers.objection(candidate.field, candidate.window, candidate.context.error)
    return Refused(Reason.NOT_FINITE, sentence) if sentence else None


def _cancellation(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    share, sentence = prepared.cancellation.lost_digits(candidate.field, candidate.window)
    return Refused(Reason.BELOW_ROUNDING, sentence, share) if sentence else None


def _posedness(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    sentence = prepared.posedness.objection(candidate.field, candidate.window, candidate.context.error)
    return Refused(Reason.RANK_DEFICIENT, sentence) if sentence else None


def _uniqueness(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    sentence = prepared.uniqueness.objection(candidate.field, candidate.window, candidate.context.error)
    return Refused(Reason.RANK_DEFICIENT, sentence) if sentence else None


def _hidden_product(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    heldout = candidate.heldout_rms
    sigma = prepared.least_product_residual if heldout > 0.0 else None
    size = 0.0 if sigma is None else hidden_product_size(prepared.model, candidate.field, heldout, sigma)
    return ErrorAtLeast(size) if size > candidate.allowed else None


def _periodic_waves(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    problem, around = prepared.model.problem, free_waves(prepared.model, candidate.field)
    if around is None or 2 * around.count <= len(problem.conditions):
        return None
    where = f" around the circles, {around.words(problem)} where these are 2 pi long,"
    return refused_for_free_function(around.residual_share, where)


def _free_functions(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    return free_function(prepared.model, candidate.field, candidate.spaces)


def _point_conditions(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    spaces = candidate.spaces
    assert spaces is not None
    share = free_function_share(prepared.model, spaces.space, spaces.coefficients)
    return refused_for_free_function(share, " that conditions at points leave as it is") if share > 0.0 else None


def _side_waves(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    spaces = candidate.spaces
    assert spaces is not None
    axes, loss = spaces.space.axes, spaces.losses[0]

    def hiding_shares() -> tuple[float, float]:
        sides, inside = prepared.feature_check.residual_shares(candidate.field, loss)
        return SIDE_WAVE_SAFETY * sides / candidate.allowed, SIDE_WAVE_SAFETY * inside / candidate.allowed

    found = side_wave_refinement(prepared.model, candidate.field, axes, hiding_shares)
    if found.condition_share < np.inf:
        return refused_for_free_function(found.condition_share, f" of waves {found.wavelength:.1e} long along a side")
    is_finer = any(a.intervals > b.intervals for a, b in zip(found.axes, axes, strict=True))
    return NeedsKnots(axes=found.axes) if is_finer else None


def _nonlinearity(prepared: PreparedChecks, candidate: Candidate) -> Finding | None:
    switches = prepared.feature_check.undecided_switches
    found = switches.largest_change(candidate.field, candidate.context, candidate.window)
    if found is None or found.relative_change <= candidate.allowed:
        return None
    return ErrorAtLeast(found.relative_change, found.words(prepared.model))


FEATURES = Check(
    "narrow-features",
    "Do the training points miss a narrow feature of the formulas, the data or the solution?",
    lambda p, c: _to_grids(p, c) or bool(p.feature_check.features),
    _missed_feature,
)

FREE_FUNCTIONS = Check(
    "free-functions",
    "Can a function be added that the equations do not see?",
    lambda p, c: _to_steady_grids(p, c) and c.spaces is None,
    _free_functions,
)

CHECKS: tuple[Check, ...] = (
    FEATURES,
    Check(
        "values-at-sides",
        "Do values given at a side contradict an equation that loses its derivatives there?",
        lambda p, c: not c.is_slab,
        lambda p, c: side_contradiction(p.model, c.field),
    ),
    Check(
        "values-at-the-start",
        "Do the other conditions contradict one at the start?",
        lambda p, c: c.is_slab,
        lambda p, c: start_contradiction(p.model, c.field, c.window, c.context),
    ),
    Check("unsearched-formulas", "Are there more narrow features than were looked for?", _to_any, _unsearched),
    Check("real-powers", "Are all powers and logarithms real at the solution?", _to_any, _real_powers),
    Check("cancellation", "Do the formulas lose more digits than the tolerance allows?", _to_any, _cancellation),
    Check("well-posedness", "Do ever shorter waves grow ever faster in time?", _to_any, _posedness),
    Check("local-uniqueness", "Do the equations leave a value open, or let solutions branch?", _to_any, _uniqueness),
    Check(
        "hidden-products",
        "Can a product of functions of one coordinate each hide in the residual?",
        lambda p, c: not _to_grids(p, c),
        _hidden_product,
    ),
    Check("periodic-waves", "Can a wave be added in a periodic box?", _to_steady_boxes, _periodic_waves),
    FREE_FUNCTIONS,
    Check(
        "conditions-at-points",
        "Can a function be added that conditions at points do not see?",
        lambda p, c: _to_steady_boxes(p, c) and c.spaces is not None,
        _point_conditions,
    ),
    Check(
        "waves-along-sides",
        "Can waves along a side, finer than the knots, be added?",
        lambda p, c: _to_steady_boxes(p, c) and c.spaces is not None,
        _side_waves,
    ),
    Check(
        "stability",
        "How large is a function whose residual is as small as the one that remains, or as rounding?",
        _to_steady_spaces,
        stability,
    ),
    Check(
        "missing-waves",
        "Does the solution miss a wave that the equations hardly see?",
        lambda p, c: c.spaces is not None if c.is_slab else _to_steady_boxes(p, c),
        lambda p, c: missing_wave(p.model, c),
    ),
    Check(
        "stability-in-time",
        "Does the least residual of a function that is zero at the start of a slab fall with more knots?",
        lambda p, c: c.is_slab and c.spaces is not None,
        lambda p, c: None if c.spaces is None else falling_stability(p.model, c.spaces),
    ),
    Check(
        "nonlinearity",
        "Do the equations change by more than the linearised ones say, within the estimated error?",
        _to_grids,
        _nonlinearity,
    ),
)
