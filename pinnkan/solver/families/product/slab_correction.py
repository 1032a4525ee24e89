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
from pinnkan.assembly.condition_weights import growth_rate
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import surplus
from pinnkan.solver.families.product.slab import ProductSlab, fixed_by, side_values
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.unevenness import unevenness
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import Converged
from pinnkan.solver.slab_family import Pass
from pinnkan.solver.verify.objection import STANDS

#: Relative accuracy of the local correction, of which only the size is used, and of the global one: conjugate gradients
#: take 6 and 21 steps.
LOCAL, CARRIED = 2e-2, 1e-3
#: What conjugate gradients may leave of corrections, over the tolerance and the growth in a slab: growing functions are
#: found last. The second number bounds the e-folds of growth, beyond what any slab may have.
MOST_LEFT, LARGEST = 0.1, 10.0
#: Coefficients from which on corrections are solved one after the other; of fewer the rows cost most.
APART = 50_000
#: Gauss points per interval that the correction has fewer than the slab, by space coordinates. In the plane one fewer
#: takes 0.82 of the time with the same errors; on a line effectivities fell to 0.6.
FEWER = {0: 0, 1: 0, 2: 1, 3: 2}
#: Relative accuracy of the global correction in space: heat that decays to e^-30 had an estimate of 5e-4 with 1e-3,
#: 6e-6 with this.
CARRIED_IN_SPACE = 1e-5
#: Factor on what rounding makes of a residual below which corrections are not lowered by knots or shorter slabs; 2 to 6
#: occur. It is solved for where a correction is too large, but below this factor times rounding that grows.
NOISY = 10.0
#: Later corrections count where one leaves more than this ratio of the residual, up to this share of the time, from
#: this share of the allowed one on; each is taken to leave at most the last number of its square.
SLOWLY, FIRST_LAYER, MAY_FOLLOW, FOR_EVER = 0.5, 0.01, 0.02, 0.5
#: Shares of an error from which on what curvature makes of it is solved for: in one slab, and in all so far. Heuristic.
MAY_COUNT, MAY_ADD_UP = 0.02, 0.06
#: Factor on an error to tell curvature, which is quadratic in it, from the rounding of a formula.
FURTHER = 64.0
#: What a residual or an incoming error can make in a slab is negligible below this share of what is allowed.
COUNTS = 1e-2
#: What the residual of a slab makes in its time is negligible below this share of the tolerance: after a pulse has
#: left.
LEFT = 0.5

ProductPass = Pass[tuple[Space, Array]]


def corrected(
    model: Model, begun: SlabStart, system: System, found: Converged, more: int, at: ProductPass, folds: float
) -> ProductSlab:
    """Return a solved slab with its local correction, of ``more`` degrees in time; small ones with the global one too.

    ``found``: the end of Gauss-Newton in ``system``; ``folds``: e-folds by which something may grow in the slab.
    """
    space, c = system.space, found.coefficients
    fine = Space((*(a.halved() for a in begun.axes), space.axes[-1].elevated(more)), space.unknowns)
    base = space.prolong(c, fine)
    sides = side_values(model, fine)
    target, fixed = fixed_by(model, fine, begun.halved_traces(), sides, base)
    coordinates = min(model.problem.space_dimension, 3)
    fewer, carried = FEWER[coordinates], CARRIED_IN_SPACE if coordinates == 3 else CARRIED
    targets, accuracy = (
        ([target], LOCAL) if is_large(fine) else ([target, _moved(model, begun, fine, base, sides)[0]], carried)
    )
    if at.run.slabs:
        at.monitor.check()
    richer = System(
        model, fine, accuracy=carried, fewer=fewer, keeping=True, most=MOST_LEFT * np.exp(-min(folds, LARGEST))
    )
    local, error = (steps := richer.steps(base, targets, fixed, accuracy=accuracy))[0], steps[-1]
    length = float(np.ptp(space.axes[-1].breaks))
    scale = np.sqrt(at.mean_square(fine.norm(base) ** 2, length))
    size = float((fine.norm(local) / scale).max())
    share = surplus(space, fine, local, scale).raised_to(size)
    floor, count = richer.kept.floor(base[~fixed]), int(base.size - fixed.sum())
    grown = floor / count**0.5 * length ** model.orders[-1] / float(scale.max())
    is_noisy = at.allowed(length) < size <= NOISY * grown
    noise = float((fine.norm(richer.drawn(floor)) / scale).max()) if is_noisy else 0.0
    alone, _ = fixed_by(model, space, begun.traces, side_values(model, space), np.zeros(space.shape))
    squares, before = fine.norm(error) ** 2, fine.norm(error - local) ** 2
    return ProductSlab(
        (space, c), (fine, error), length, found.steps, space.norm(c) ** 2, squares, before, local, system,
        share, richer, more, system.mean_square(alone), noise, floor, uneven=_uneven(model, richer, length),
        folds=folds, size=size, rounding=richer.rounding,
        least_loss=floor**2 / richer.patches[0].volume,
    )  # fmt: skip


def carried_on(model: Model, begun: SlabStart, slab: ProductSlab, at: ProductPass) -> ProductSlab:
    """Return the slab with the global error: that at its start is carried on by the linearised equations."""
    (fine, error), base, richer, to_come = slab.error, slab.base, slab.richer, _to_come(slab, at)
    if is_large(fine):
        target, fixed = _moved(model, begun, fine, base, side_values(model, fine))
        (error,) = richer.further(base, [target], fixed)
    elif not to_come:
        return slab
    carried, error = fine.norm(error - slab.local) ** 2, error + to_come * slab.local
    squares, rounding = fine.norm(error) ** 2, richer.rounding
    return replace(
        slab, error=(fine, error), error_squares=squares, carried_squares=carried, rounding=rounding, to_come=to_come
    )


def _to_come(slab: ProductSlab, at: ProductPass) -> float:
    """Return the sum of later local corrections over the first, in a first layer of linear problems, else zero.

    With q the ratio of squared residuals after and before: q / (1 - q). Where data contradict an equation at a corner a
    correction shows a part of the error only (q = 0.48 for a cooled side).
    """
    is_first = at.time - at.start + slab.length < FIRST_LAYER * at.total
    if not (is_first and slab.system.model.is_linear) or slab.size < MAY_FOLLOW * at.allowed(slab.length):
        return 0.0
    before, after = slab.losses
    if after <= (SLOWLY**2 * before) or after <= (NOISY * slab.floor) ** 2:
        return 0.0
    q = min(after / before, FOR_EVER)
    return q / (1.0 - q)


def _uneven(model: Model, solved: System, length: float) -> float:
    """Return the unevenness for a single nonlinear unknown that conjugate gradients solve for, else zero."""
    several = model.is_linear or solved.space.unknowns > 1
    return 0.0 if several or not solved.words else unevenness(solved.kept.rows, length)


def bending(model: Model, slab: ProductSlab, at: ProductPass) -> float:
    """Return what the curvature of the equations across the error makes in the slab, over the error; zero if rounding.

    It is estimated by its residual over the rate of growth, and solved for only where it may count.
    """
    (fine, error), base, richer = slab.error, slab.base, slab.richer
    if model.is_linear or not richer.is_kept:
        return 0.0
    left = richer.bent(base, error)
    norm, size = _norm(left), float(np.linalg.norm(fine.norm(error)))
    if not NOISY * slab.floor < norm < np.inf or size == 0.0:
        return 0.0
    if _is_rounded(norm, _norm(richer.bent(base, error / FURTHER)), _norm(richer.bent(base, FURTHER * error))):
        return 0.0
    about = norm / (growth_rate(model, slab.length) * size)
    counts = about > MAY_COUNT or sum(at.run.bendings[-1:]) + about > MAY_ADD_UP
    return float(np.linalg.norm(fine.norm(richer.made_of(left)))) / size if counts else about


def _norm(residuals: list[torch.Tensor]) -> float:
    return float(sum(r.square().sum() for r in residuals)) ** 0.5


def _is_rounded(norm: float, nearer: float, further: float) -> bool:
    """Whether a second difference is rounding: it does not scale as a square for smaller and larger differences."""
    return nearer > norm / FURTHER**0.5 or (nearer < norm / FURTHER**2.5 and further < FURTHER * norm)


def is_large(fine: Space) -> bool:
    """Whether the corrections in a space are solved one after the other."""
    return fine.size >= APART


def _moved(
    model: Model, begun: SlabStart, fine: Space, base: Array, sides: list[tuple[BoundaryValue, Array]]
) -> tuple[Array, np.ndarray]:
    """Return coefficients with the errors of earlier slabs added to the traces, and the mask of the fixed ones."""
    moved = tuple(t + e for t, e in zip(begun.halved_traces(), begun.errors, strict=True))
    return fixed_by(model, fine, moved, sides, base)


def standing(slab: ProductSlab, at: ProductPass, closer: Callable[[], ProductSlab | None]) -> float:
    """Return the relative error that the residual of a slab can hide; zero if the refined space lowers that residual.

    ``closer``: gives the slab with many degrees in time in its correction, None if it has them: one more sees nothing
    of errors that are even about the middle of the slab.
    """
    hidden = _hidden(slab, at)
    other = closer() if hidden > 0.0 else None
    if other is None:
        return hidden
    hidden = min(hidden, _hidden(other, at))
    other.richer.release()
    return hidden


def _hidden(slab: ProductSlab, at: ProductPass) -> float:
    before, left = slab.losses
    if left <= STANDS * before or np.sqrt(before) <= NOISY * slab.floor:
        return 0.0
    scale = float(np.sqrt(at.mean_square(slab.squares, slab.length)).min())
    size = float(np.sqrt(left)) / (growth_rate(slab.system.model, slab.length) * scale)
    return size if size > COUNTS * at.allowed(slab.length) else 0.0


def allowed_in(slab: ProductSlab, at: ProductPass) -> float:
    """Return the largest accepted local correction: at least what rounding makes of a residual that may be rounding."""
    return max(at.allowed(slab.length), NOISY * slab.noise if slab.is_nearly_rounded else 0.0)


def hardly_counts(slab: ProductSlab, loss: float, at: ProductPass) -> bool:
    """Whether a slab may be unresolved: in an initial layer, or if its residual makes a negligible error."""
    space = at.problem.domain.measure / at.total
    size = np.sqrt(at.mean_square(slab.squares, slab.length).min() / (slab.length * space))
    makes_nothing = np.sqrt(loss) <= LEFT * at.local * size * growth_rate(slab.system.model, slab.length)
    return at.is_early(at.time + slab.length) or bool(makes_nothing)
