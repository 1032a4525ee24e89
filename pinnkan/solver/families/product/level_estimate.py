"""The estimated error of a level: by a correction on halved intervals, or by the fall of the residual."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.indicators import coordinate_shares, residual_decay
from pinnkan.solver.estimate.norms import groups_without_norm, norm_ratios, reference_norms, relative_norm
from pinnkan.solver.families.product.boundary_layers import grade_towards_layers
from pinnkan.solver.families.product.enriched_correction import (
    ROUGH_ACCURACY,
    HalvedEstimate,
    enriched_correction_size,
    is_correction_expensive,
)
from pinnkan.solver.families.product.hidden_error import (
    RESOLVED_RATIO,
    error_from_residual,
    least_credible_estimate,
    persistent_residual,
    series_factor,
)
from pinnkan.solver.families.product.newton_series import add_step_remainder, gauss_newton_correction, sum_newton_series
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.linear.solver import LinearSolver
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.verify.candidate import SpacePair, is_persistent
from pinnkan.solver.verify.stability import NearNull, compare_stability, find_near_null
from pinnkan.solver.verify.stability_bounds import near_null_function, prolonged_near_null
from pinnkan.verdict.records import Evidence

#: Largest factor by which an estimate is raised for having fallen too fast. Errors fall a thousand times in a level
#: once knots see a layer.
MOST_RAISE = 4.0
#: Least estimate, some fifty rounding units: a polynomial in its own space had 4e-16 at an error of 1.4e-15.
LEAST_ROUNDING = 1e-14
#: Steps of conjugate gradients up to which no look is made: it costs as much as the correction that it may ask for.
FEW_ITERATIONS = 4
#: Largest factor by which the fall of the residual overestimates the error where intervals resolve the solution.
FALL_OVERESTIMATE = 10.0
#: Gauss points per interval that a look at the size has fewer, by number of coordinates: sizes change by 0.02 %.
FEWER_GAUSS_POINTS = {2: 2, 3: 2}


@dataclass(frozen=True, eq=False)
class AcceptedCorrection:
    """The ``correction`` that was added to reach a solution, and the ``system`` of the space before."""

    correction: Array
    system: System | None = None


def estimate_error(
    previous: Outcome,
    solved: System,
    start: Array,
    measured: LossMinimum,
    near_null_start: Array | None,
    accepted: AcceptedCorrection | None,
) -> HalvedEstimate:
    """Estimate the error by the fall of the residual where a correction is expensive, else by a correction.

    Where a correction takes many steps of conjugate gradients, a rough one shows first whether it is the last.
    ``near_null_start``: near-null function of a coarser space; ``accepted``: the correction that led to ``start``, None
    if minimisation did. Raises SolverError: the least squares have no solution.
    """
    tolerance = solved.model.problem.solver.tolerance
    found = None if accepted is None else estimate_by_fall(previous, solved, start, measured.loss, accepted)
    least = None if found is None or found.spaces is None else found.spaces.near_nulls
    if least is not None and not compare_stability(*least).is_settled:
        found = None
    looks = solved.has_kept_solver and solved.kept_solver.iterations > FEW_ITERATIONS
    if looks and accepted is not None and found is not None and tolerance < found.size <= FALL_OVERESTIMATE * tolerance:
        fewer, told = (
            FEWER_GAUSS_POINTS.get(len(solved.space.axes), 0),
            partial(_with_near_nulls, solved, start, accepted, found.spaces),
        )
        found = estimate_by_correction(previous, solved, start, measured, near_null_start, told, fewer)
    if found is None or found.size > tolerance:
        found = estimate_by_correction(previous, solved, start, measured, near_null_start, near_null=least and least[1])
    return found if found.evidence == Evidence.FALL else _with_step_remainder(found, solved.space, start)


def estimate_by_correction(
    previous: Outcome,
    solved: System,
    start: Array,
    measured: LossMinimum,
    near_null_start: Array | None = None,
    coarse_spaces: Callable[[], SpacePair | None] = lambda: None,
    fewer_points: int = 0,
    near_null: NearNull | None = None,
) -> HalvedEstimate:
    """Estimate the error by one Gauss-Newton step from ``start``, in the space with every interval halved.

    ``near_null_start``, ``near_null``: near-null functions of a coarser and the ``solved`` space; ``coarse_spaces``:
    whose near-null functions serve where the step is small; ``fewer_points`` per interval: for a rough look. Raises
    SolverError: the least squares have no solution there.
    """
    model, space, fine = solved.model, solved.space, solved.space.halved()
    base = space.prolong(start, fine)
    beside = solved.kept_solver if solved.has_kept_solver and model.is_linear else None
    system = System(model, fine, fewer_points=fewer_points, keeps_solver=True, coarse_solver=beside)
    accuracy = ROUGH_ACCURACY if fewer_points else 0.0
    correction = gauss_newton_correction(system, base, accuracy)
    all_points = System(model, fine) if fewer_points else system
    losses = measured.loss, all_points.mean_square(base + correction)
    size, roots, leads_away = _correction_size(previous, measured, system, base, correction, losses[1], accuracy)
    rounding = max(system.relative_solution_error, LEAST_ROUNDING)
    is_small = size <= model.problem.solver.tolerance  # then the verifier asks whether the residual remains
    is_rounding = losses[0] <= rounding_floor(system.kept_solver, base) ** 2
    stands = measured.is_resolved and not (is_small or is_rounding) and is_persistent(*losses)
    spaces = SpacePair(space, start, fine, None, losses)
    spaces, near_null = _settled_spaces(coarse_spaces() if is_small else None, spaces, near_null)
    if spaces.near_nulls is None and (is_small or ((stands or is_rounding) and not fewer_points)):
        pair = _near_nulls((solved, start), (system, base), correction, near_null_start, near_null)
        spaces = replace(spaces, near_nulls=pair)
    nulls = spaces.near_nulls
    if stands and nulls is not None:
        size = max(size, error_from_residual(losses[0], nulls[1], model, float(fine.norm(base).max())))
    if is_small and measured.is_resolved and losses[1] > RESOLVED_RATIO**2 * losses[0] > 0.0:
        size = max(size, _unresolved_error((solved, start), (all_points, base + correction), losses, correction, nulls))
    pairs = zip(roots, groups_without_norm(model.problem), strict=True)
    parts = tuple(np.inf if none else root / max(*roots, 1e-300) * size + rounding for root, none in pairs)
    return HalvedEstimate(
        size + rounding, ProductField(((fine, correction),)), rounding, spaces,
        sizes_by_unknown=parts, space=fine, correction=correction, system=system, is_diverging=leads_away,
    )  # fmt: skip


def _with_step_remainder(estimate: HalvedEstimate, space: Space, start: Array) -> HalvedEstimate:
    """Return the estimate with the remainder of its step in near-null functions added, where that counts."""
    nulls = None if estimate.spaces is None else estimate.spaces.near_nulls
    if estimate.spaces is None or nulls is None or nulls[1].step is not estimate.correction:
        return estimate
    fine, model = estimate.space, estimate.system.model
    base = space.prolong(start, fine)
    null = add_step_remainder(nulls[1], fine, base, model.problem.solver.tolerance)
    correction = null.step
    if correction is None or correction is estimate.correction:
        return estimate
    losses = estimate.spaces.losses[0], estimate.system.mean_square(base + correction)
    size = max(estimate.size, SAFETY * relative_norm(model.problem, fine, correction, base))
    return replace(
        estimate, size=size, error=ProductField(((fine, correction),)), correction=correction,
        spaces=replace(estimate.spaces, losses=losses, near_nulls=(nulls[0], null)),
        sizes_by_unknown=tuple(part * size / estimate.size for part in estimate.sizes_by_unknown),
    )  # fmt: skip


def _correction_size(
    previous: Outcome,
    measured: LossMinimum,
    system: System,
    base: Array,
    correction: Array,
    remaining_loss: float,
    accuracy: float,
) -> tuple[float, Sequence[float], bool]:
    """Return the relative size of a correction of ``base``, by unknown too, and whether later steps lead away.

    With the sum of later corrections; ``remaining_loss``: mean squared residual after this one.
    """
    problem, space = system.model.problem, system.space
    norms, found = (1.0 + accuracy) * space.norm(correction), space.norm(base)
    roots = norm_ratios(problem, norms**2, found**2)
    floor = rounding_floor(system.kept_solver, base)
    size, leads_away = SAFETY * max(roots) * series_factor((measured.loss, remaining_loss), floor), False
    if size <= problem.solver.tolerance:
        more, leads_away = sum_newton_series(system, base, correction)
        roots = norm_ratios(problem, (norms * more) ** 2, found**2)
        size = max(size, SAFETY * max(roots))
    if previous.levels:
        size = max(
            size,
            min(least_credible_estimate(previous.levels[-1], measured.heldout, system.model.orders), MOST_RAISE * size),
        )
    return size, roots, leads_away


def _unresolved_error(
    solved: tuple[System, Array],
    halved: tuple[System, Array],
    losses: tuple[float, float],
    step: Array,
    nulls: tuple[NearNull, NearNull] | None,
) -> float:
    """Return the relative error where a small correction ``step`` leaves much of the residual.

    The largest of an enriched correction, one on knots graded towards sides, and what residuals that remain can hide.
    ``losses``: mean squared residuals before and after. Raises SolverError: a correction has no solution.
    """
    (system, start), model = solved, solved[0].model
    size = SAFETY * enriched_correction_size(model, system.space, start, step)
    layered = grade_towards_layers(model, system.space, start, losses)
    if layered is not None:
        fine, after = layered
        size = max(size, SAFETY * relative_norm(model.problem, fine, after - system.space.prolong(start, fine), after))
    if model.is_linear or nulls is None:
        return size
    scale = float(system.space.norm(start).max())
    return max(size, error_from_residual(persistent_residual(solved, halved), nulls[1], model, scale))


def _with_near_nulls(
    solved: System, start: Array, accepted: AcceptedCorrection, spaces: SpacePair | None
) -> SpacePair | None:
    """Return the ``spaces`` of the level before and this one with near-null functions: a quarter of the usual work."""
    if spaces is None or not solved.has_kept_solver:
        return spaces
    kept = accepted.system is not None and accepted.system.space is spaces.space and accepted.system.has_kept_solver
    coarse = accepted.system if kept and accepted.system else System(solved.model, spaces.space)
    return replace(spaces, near_nulls=_near_nulls((coarse, spaces.coefficients), (solved, start), accepted.correction))


def _settled_spaces(
    alternative: SpacePair | None, spaces: SpacePair, near_null: NearNull | None
) -> tuple[SpacePair, NearNull | None]:
    """Return ``alternative`` spaces where their stability constants agree, else ``spaces``.

    And the near-null function.
    """
    if alternative is None or alternative.near_nulls is None:
        return spaces, near_null
    return (
        replace(alternative, losses=spaces.losses) if compare_stability(*alternative.near_nulls).is_settled else spaces
    ), alternative.near_nulls[1]


def _near_nulls(
    solved: tuple[System, Array],
    halved: tuple[System, Array],
    step: Array,
    near_null_start: Array | None = None,
    near_null: NearNull | None = None,
) -> tuple[NearNull, NearNull]:
    """Return the near-null functions of a solved space and of the halved one, in which the ``step`` was solved for.

    ``solved``, ``halved``: systems with functions to linearise at; ``near_null_start``: start of the search;
    ``near_null``: the first one.
    """
    (coarse, start), (fine, base) = solved, halved
    counted = coarse.model.norm_weights
    if near_null is not None:
        found = replace(near_null, step=None)  # that step has no remainder here
    elif coarse.model.is_linear and coarse.has_kept_solver:
        found = find_near_null(
            coarse.kept_solver, coarse.space, start, near_null_start=near_null_start, unknown_weights=counted
        )
    else:
        found = near_null_function(System(coarse.model, coarse.space), start, near_null_start)
    near_null_start = prolonged_near_null(found, coarse.space, fine.space)
    return found, find_near_null(fine.kept_solver, fine.space, base, step, near_null_start, counted)


def rounding_floor(solver: LinearSolver, coefficients: Array) -> float:
    """Return the norm that rounding leaves in the residual of a function."""
    return solver.image_rounding(coefficients.reshape(-1)[solver.ordering.free.cpu().numpy()])


def estimate_by_fall(
    previous: Outcome, solved: System, start: Array, loss: float, accepted: AcceptedCorrection
) -> HalvedEstimate | None:
    """Estimate the error as the last correction times the fall of the residual, where one more would be expensive.

    ``start`` is the level ``previous`` with its ``accepted`` added. Residuals on held-out points give a ratio by
    coordinate, too large by 2^m for an equation of order m: effectivities are 2 to 10. None where the residual has not
    fallen enough.
    """
    model, space = solved.model, solved.space
    if not (isinstance(previous.field, ProductField) and is_correction_expensive(model, space)):
        return None
    coarse, function = previous.field.pieces[0]
    losses = previous.levels[-1].loss, loss
    if losses[1] > RESOLVED_RATIO**2 * losses[0]:
        return None
    between = [System(model, s, extra_points=1) for s in (coarse, space)]
    scale = reference_norms(model.problem, space, start)
    left = residual_decay(between[0], function, between[1], start, accepted.correction / scale)
    share = coordinate_shares(coarse, space, accepted.correction, scale)
    shrunk = share.combined_decay(left) * accepted.correction
    size = SAFETY * relative_norm(model.problem, space, shrunk, start)
    spaces: SpacePair | None = SpacePair(coarse, function, space, None, losses)
    if size <= model.problem.solver.tolerance:  # then the verifier needs near-null functions
        spaces = _with_near_nulls(solved, start, accepted, spaces)
    error = ProductField(((space, shrunk),))
    return HalvedEstimate(size, error, 0.0, spaces, Evidence.FALL, space=space, correction=shrunk, system=solved)
