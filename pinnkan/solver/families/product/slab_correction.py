"""The two corrections of a slab: the local one of its own error, the global one with the error of earlier slabs.

The local correction decides whether the slab is accepted. The global one starts with the error at the end of the slab
before and has the same matrix; large ones are solved only for slabs that may be accepted.

Equations and conditions that contradict each other in time leave a residual that no knots lower. In short slabs its
correction is small, and each slab begins with what the last ones made of it. What such a residual can hide is therefore
estimated too.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from pinnkan.assembly.boundary_values import BoundaryValue
from pinnkan.assembly.condition_weights import growth_residual
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.indicators import coordinate_shares
from pinnkan.solver.families.product.slab import ProductSlab, side_values, with_fixed_values
from pinnkan.solver.families.product.slab_row_weights import residual_by_equation, with_natural_weights
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.linear.rate_spread import rate_spread
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import GaussNewtonResult
from pinnkan.solver.outcome import RESOLVED_SHARE
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.candidate import is_persistent

#: Relative accuracy of the local correction, of which only the size is used, and of the global one: conjugate gradients
#: take 6 and 21 steps.
LOCAL_ACCURACY, GLOBAL_ACCURACY = 2e-2, 1e-3
#: What conjugate gradients may leave of corrections, over the tolerance and the growth in a slab: growing functions are
#: found last. The second number bounds the e-folds of growth, beyond what any slab may have.
SOLVER_REMAINDER, MOST_EXPONENT = 0.1, 10.0
#: Coefficients from which on corrections are solved one after the other; of fewer the rows cost most.
SEPARATE_SIZE = 50_000
#: Gauss points per interval that the correction has fewer than the slab, by space coordinates. In the plane one fewer
#: takes 0.82 of the time with the same errors; on a line effectivities fell to 0.6.
FEWER_GAUSS_POINTS = {0: 0, 1: 0, 2: 1, 3: 2}
#: Relative accuracy of the global correction in space: heat that decays to e^-30 had an estimate of 5e-4 with 1e-3,
#: 6e-6 with this.
GLOBAL_ACCURACY_IN_SPACE = 1e-5
#: Factor on what rounding makes of a residual below which corrections are not lowered by knots or shorter slabs; 2 to 6
#: occur. It is solved for where a correction is too large, but below this factor times rounding that grows.
NOISE_FACTOR = 10.0
#: Later corrections count where one leaves more than this ratio of the residual, up to this share of the time, from
#: this share of the allowed one on; each is taken to leave at most the last number of its square.
SLOW_RATIO, INITIAL_LAYER, SERIES_SHARE, MOST_RATIO = 0.5, 0.01, 0.02, 0.5
#: Shares of an error from which on what curvature makes of it is solved for: in one slab, and in all so far. Heuristic.
CURVATURE_SHARE, CURVATURE_TOTAL = 0.02, 0.06
#: Factor on an error to tell curvature, which is quadratic in it, from the rounding of a formula.
SCALING = 64.0
#: What a residual or an incoming error can make in a slab is negligible below this share of what is allowed.
NEGLIGIBLE_SHARE = 1e-2
#: What the residual of a slab makes in its time is negligible below this share of the tolerance: after a pulse has
#: left.
NEGLIGIBLE_RESIDUAL = 0.5

ProductPass = TimePass[tuple[Space, Array]]


def correct_slab(
    model: Model,
    slab_start: SlabStart,
    system: System,
    converged: GaussNewtonResult,
    extra_degrees: int,
    time_pass: ProductPass,
    growth_exponent: float,
) -> ProductSlab:
    """Return a solved slab with its local correction, of ``extra_degrees`` in time.

    ``converged``: the end of Gauss-Newton in ``system``; ``growth_exponent``: of e, by which anything may grow.
    """
    space, c = system.space, converged.coefficients
    fine = Space((*(a.halved() for a in slab_start.axes), space.axes[-1].elevated(extra_degrees)), space.unknowns)
    base = space.prolong(c, fine)
    sides = side_values(model, fine)
    target, fixed = with_fixed_values(model, fine, slab_start.halved_traces(), sides, base)
    coordinates = min(model.problem.space_dimension, 3)
    fewer, carried = FEWER_GAUSS_POINTS[coordinates], GLOBAL_ACCURACY_IN_SPACE if coordinates == 3 else GLOBAL_ACCURACY
    targets, accuracy = [target], LOCAL_ACCURACY
    if not solves_separately(fine):
        targets, accuracy = [target, _with_initial_errors(model, slab_start, fine, base, sides)[0]], carried
    if time_pass.slab_history.slabs:
        time_pass.monitor.check_time()
    most = SOLVER_REMAINDER * np.exp(-min(growth_exponent, MOST_EXPONENT))
    richer = System(model, fine, accuracy=carried, fewer_points=fewer, keeps_solver=True, max_step_error=most)
    local, error = (steps := richer.gauss_newton_steps(base, targets, fixed, accuracy=accuracy))[0], steps[-1]
    length = float(np.ptp(space.axes[-1].breaks))
    scale = np.sqrt(time_pass.reference_squared_norms(fine.norm(base) ** 2, length))
    size = float((fine.norm(local) / scale).max())
    share = coordinate_shares(space, fine, local, scale).scaled_to_norm(size)
    floor, count = richer.kept_solver.image_rounding(base[~fixed]), int(base.size - fixed.sum())
    grown = floor / count**0.5 * length ** model.orders[-1] / float(scale.max())
    is_noisy = time_pass.allowed_correction(length) < size <= NOISE_FACTOR * grown
    noise = float((fine.norm(richer.step_for_random_residuals(floor)) / scale).max()) if is_noisy else 0.0
    alone, _ = with_fixed_values(model, space, slab_start.traces, side_values(model, space), np.zeros(space.shape))
    squares, before = fine.norm(error) ** 2, fine.norm(error - local) ** 2
    return ProductSlab(
        (space, c), (fine, error), length, converged.steps, space.norm(c) ** 2, squares, before, local, system,
        share, richer, extra_degrees, system.mean_square(alone), noise, floor,
        rate_spread=_rate_spread(model, richer, length),
        growth_exponent=growth_exponent, correction_size=size, rounding=richer.relative_solution_error,
        rounding_loss=floor**2 / richer.patches[0].volume,
    )  # fmt: skip


def propagate_error(model: Model, slab_start: SlabStart, slab: ProductSlab, time_pass: ProductPass) -> ProductSlab:
    """Return the slab with the global error: that at its start is carried on by the linearised equations."""
    (fine, error), base, richer, to_come = (
        slab.error,
        slab.base,
        slab.correction_system,
        _series_remainder(slab, time_pass),
    )
    if solves_separately(fine):
        target, fixed = _with_initial_errors(model, slab_start, fine, base, side_values(model, fine))
        (error,) = richer.steps_by_kept_solver(base, [target], fixed)
    elif not to_come:
        return slab
    carried, error = fine.norm(error - slab.local_correction) ** 2, error + to_come * slab.local_correction
    squares, rounding = fine.norm(error) ** 2, richer.relative_solution_error
    return replace(
        slab,
        error=(fine, error),
        squared_error_norms=squares,
        squared_carried_norms=carried,
        rounding=rounding,
        series_remainder=to_come,
    )


def _series_remainder(slab: ProductSlab, time_pass: ProductPass) -> float:
    """Return the sum of later local corrections over the first, in a first layer of linear problems, else zero.

    With q the ratio of squared residuals after and before: q / (1 - q). Where data contradict an equation at a corner a
    correction shows a part of the error only (q = 0.48 for a cooled side).
    """
    is_first = time_pass.time - time_pass.start + slab.length < INITIAL_LAYER * time_pass.duration
    if not (
        is_first and slab.system.model.is_linear
    ) or slab.correction_size < SERIES_SHARE * time_pass.allowed_correction(slab.length):
        return 0.0
    before, after = slab.losses
    if after <= (SLOW_RATIO**2 * before) or after <= (NOISE_FACTOR * slab.residual_floor) ** 2:
        return 0.0
    q = min(after / before, MOST_RATIO)
    return q / (1.0 - q)


def _rate_spread(model: Model, system: System, length: float) -> float:
    """Return the unevenness for a single nonlinear unknown that conjugate gradients solve for, else zero."""
    several = model.is_linear or system.space.unknowns > 1
    return 0.0 if several or not system.solver_words else rate_spread(system.kept_solver.rows, length)


def curvature_share(model: Model, slab: ProductSlab, time_pass: ProductPass) -> float:
    """Return what the curvature of the equations across the error makes in the slab, over the error; zero if rounding.

    It is estimated by its residual over the rate of growth, and solved for only where it may count.
    """
    (fine, error), base, richer = slab.error, slab.base, slab.correction_system
    if model.is_linear or not richer.has_kept_solver:
        return 0.0
    left = richer.second_difference(base, error)
    norm, size = _norm(left), float(np.linalg.norm(fine.norm(error)))
    if not NOISE_FACTOR * slab.residual_floor < norm < np.inf or size == 0.0:
        return 0.0
    if _is_rounding(
        norm,
        _norm(richer.second_difference(base, error / SCALING)),
        _norm(richer.second_difference(base, SCALING * error)),
    ):
        return 0.0
    about = norm / (growth_residual(model, slab.length) * size)
    counts = about > CURVATURE_SHARE or sum(time_pass.slab_history.curvature_shares[-1:]) + about > CURVATURE_TOTAL
    return float(np.linalg.norm(fine.norm(richer.step_for_residuals(left)))) / size if counts else about


def _norm(residuals: list[torch.Tensor]) -> float:
    return float(sum(r.square().sum() for r in residuals)) ** 0.5


def _is_rounding(norm: float, nearer: float, further: float) -> bool:
    """Whether a second difference is rounding: it does not scale as a square for smaller and larger differences."""
    return nearer > norm / SCALING**0.5 or (nearer < norm / SCALING**2.5 and further < SCALING * norm)


def solves_separately(fine: Space) -> bool:
    """Whether the corrections in a space are solved one after the other."""
    return fine.size >= SEPARATE_SIZE


def _with_initial_errors(
    model: Model, slab_start: SlabStart, fine: Space, base: Array, sides: list[tuple[BoundaryValue, Array]]
) -> tuple[Array, np.ndarray]:
    """Return coefficients with the errors of earlier slabs added to the traces, and the mask of the fixed ones."""
    moved = tuple(t + e for t, e in zip(slab_start.halved_traces(), slab_start.errors, strict=True))
    return with_fixed_values(model, fine, moved, sides, base)


def persistent_error(
    slab: ProductSlab, time_pass: ProductPass, enriched_slab: Callable[[], ProductSlab | None]
) -> float:
    """Return the relative error that the residual of a slab can hide; zero if the refined space lowers that residual.

    ``enriched_slab``: gives the slab with many degrees in time in its correction, None if it has them: one more sees
    nothing of errors that are even about the middle of the slab.
    """
    hidden = _persistent_error(slab, time_pass)
    other = enriched_slab() if hidden > 0.0 else None
    if other is None:
        return hidden
    hidden = min(hidden, _persistent_error(other, time_pass))
    other.correction_system.release_solver()
    return hidden


def _persistent_error(slab: ProductSlab, time_pass: ProductPass) -> float:
    before, left = slab.losses
    if not is_persistent(before, left) or np.sqrt(before) <= NOISE_FACTOR * slab.residual_floor:
        return 0.0
    scale = float(np.sqrt(time_pass.reference_squared_norms(slab.squared_norms, slab.length)).min())
    size = float(np.sqrt(left)) / (growth_residual(slab.system.model, slab.length) * scale)
    return size if size > NEGLIGIBLE_SHARE * time_pass.allowed_correction(slab.length) else 0.0


def allowed_correction(slab: ProductSlab, time_pass: ProductPass) -> float:
    """Return the largest accepted local correction: at least what rounding makes of a residual that may be rounding."""
    return max(
        time_pass.allowed_correction(slab.length),
        NOISE_FACTOR * slab.correction_noise if slab.is_near_rounding else 0.0,
    )


def may_stay_unresolved(slab: ProductSlab, loss: float, time_pass: ProductPass) -> bool:
    """Whether a slab may be unresolved: in an initial layer, or if its residual makes a negligible error."""
    space = time_pass.problem.domain.measure / time_pass.duration
    size = np.sqrt(time_pass.reference_squared_norms(slab.squared_norms, slab.length).min() / (slab.length * space))
    makes_nothing = np.sqrt(loss) <= NEGLIGIBLE_RESIDUAL * time_pass.local_tolerance * size * growth_residual(
        slab.system.model, slab.length
    )
    return time_pass.is_early(time_pass.time + slab.length) or bool(makes_nothing)


def slab_minimum(slab: ProductSlab, time_pass: ProductPass) -> LossMinimum:
    """The least-squares minimum of a slab, its residuals by natural row weights."""
    (space, c), system, loss = slab.piece, with_natural_weights(slab.system), slab.system.mean_square(slab.piece[1])
    return LossMinimum(
        field=ProductField(((space, c),)),
        intervals=tuple(a.intervals for a in space.axes),
        degree=tuple(a.degree for a in space.axes),
        parameters=space.size,
        points=slab.system.row_count,
        loss=system.mean_square(c),
        heldout=System(system.model, space, extra_points=1).mean_square(c),
        fine_loss=with_natural_weights(slab.correction_system).mean_square(slab.base),
        is_resolved=loss <= RESOLVED_SHARE * slab.data_residual or may_stay_unresolved(slab, loss, time_pass),
        note=slab.system.solver_words,
        losses_by_equation=residual_by_equation(system, c, slab.rounding_loss),
    )
