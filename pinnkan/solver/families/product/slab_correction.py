"""The two corrections of a slab: of what it has made itself, and with what earlier slabs have left carried on.

The local one decides whether the slab may stay; the other starts with the error at the end of the slab before and has
the same matrix. Where a solution costs more than what leads up to it, only slabs that may stay are given the other.

What a slab leaves of its residual that no knots lower are equations and conditions that contradict each other in time.
Least squares share a contradiction out. In a short slab that is little beside the residual of a good solution, the
correction of what is shared out is less still, and each of the next slabs begins with what came of it: heat between
sides that let nothing out, its integral growing as 1 + t/100, converged with an estimate of 7e-8 and was 5e-3 off.
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

#: Relative accuracy of the local correction, which is a size to compare with, and of the one that is carried from slab
#: to slab: conjugate gradients take 6 steps for the former where they take 21 for the latter. With the local one as a
#: part of the other, and 3e-3 for the rest, the estimate of Heat2d-LT was 0.8 of its error after 47 slabs, not 1.3.
LOCAL, CARRIED = 2e-2, 1e-3
#: The same however small it is beside the tolerance, over what something may grow in the slab: what grows is what rows
#: see least and conjugate gradients find last, and most of an error may be at rest. Of u_t = (0.5 t - 3)(u - v), from
#: v + 1e-5 cos(3 x - 4 y), the estimate was 3e-4 for an error of 80.
#: LARGEST is more than any slab may grow by (most_folds): one that does is made again, and its share is not rounded
#: to nothing.
MOST_LEFT, LARGEST = 0.1, 10.0
#: Coefficients from which on corrections are made one after the other. Of fewer it is the rows that cost: Taylor and
#: Green's vortices, 12,000 of them, took 1.1 times as long.
APART = 50_000
#: Gauss points per halved interval that the correction has fewer than the slab has per interval, by the coordinates of
#: space. One fewer in time made the effectivity of the wave equation 50. On a line none: with one fewer corrections of
#: Kuramoto-Sivashinsky's equation missed what the nonlinear term makes of 600 intervals, an effectivity of 0.6 at 1e-5
#: where it is 1.26 now, 1.04 for 1.30 of reaction_front; time 1.00 to 1.05, nine problems. In the plane the error of
#: Heat2d-LT correlates to 0.9995 with one fewer, in 0.82 of the time; two cost as much as one, as conjugate gradients
#: take twice as many steps. In space two: a wave around circles in 0.7 of the time, its effectivity 3 % larger.
FEWER = {0: 0, 1: 0, 2: 1, 3: 2}
#: The same for CARRIED: where heat in a cube decays to e^-30 in nine slabs, what is left out of the error carried on,
#: 1e-3 of it, decays less than the solution. The estimate was 5e-4 in the end, not 6e-6, in the same time.
CARRIED_IN_SPACE = 1e-5
#: A correction of no more than NOISY times what rounding makes of the residual is lowered neither by knots nor by
#: shorter slabs: of a fourth derivative it grows with the fourth power of the intervals. Two to six times was seen.
#: That is worked out where a correction of no more than so many times what growth from nothing would make of it is too
#: large; of stiff equations, which let nothing grow, that is a million times as much.
NOISY = 10.0
#: What follows a correction counts where that leaves more than SLOWLY of the residual, up to FIRST_LAYER of the time,
#: and where it is more than MAY_FOLLOW of what is allowed; a larger share of its square than FOR_EVER is not believed
#: to be left by each.
SLOWLY, FIRST_LAYER, MAY_FOLLOW, FOR_EVER = 0.5, 0.01, 0.02, 0.5
#: Share of an error from which on what curvature makes of it is solved for, by one slab and by all so far: many may add
#: up. Heat2d-LT at 1e-2 took 0.02 of each for what is less than 0.005, until its second pass came out at 0.23; to solve
#: for all of these took a twentieth of its time at 1e-3.
MAY_COUNT, MAY_ADD_UP = 0.02, 0.06
#: Across an error so many times as large or as small curvature makes the square of that. What does not is rounding of a
#: formula: v of u_t = 0.5, v_t = 1 + tanh(10 (u - 1)) is 4e-9 at first, and was bent by 0.33 of its error.
FURTHER = 64.0
#: What a residual could make in a slab, or what came in makes, is nothing below this share of what is allowed there.
COUNTS = 1e-2
#: What the residual of a slab makes in its time is nothing below this share of the tolerance: a pulse has left, and
#: what is left of it is as large as its residual.
LEFT = 0.5

ProductPass = Pass[tuple[Space, Array]]


def corrected(
    model: Model, begun: SlabStart, system: System, found: Converged, more: int, at: ProductPass, folds: float
) -> ProductSlab:
    """A solved slab with its local correction, of ``more`` degrees in time; a large one has no other yet.

    ``folds``: by how much something may grow in it.
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
    """The same slab with the error that earlier ones have left at its start carried on by the linearised equation."""
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
    """All local corrections that are to follow, over the first, where that leaves more than SLOWLY of the residual.

    Each leaves the same share of it, and the square of that share of the error: data that an equation contradicts at a
    corner are seen by half only, and what a first slab leaves of them is never less again (heat that a side gives away
    had an integral 1.5 times its error off at all times after; 0.69 of the residual was left). Kinks that run leave as
    much later, and are seen by many degrees in time; and so does what is far below what is allowed. Where equations
    bend, a step that is not the last of an iteration leaves another share.
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
    """Of a nonlinear equation for one unknown that conjugate gradients solve: others have one step, or know more."""
    several = model.is_linear or solved.space.unknowns > 1
    return 0.0 if several or not solved.words else unevenness(solved.kept.rows, length)


def bending(model: Model, slab: ProductSlab, at: ProductPass) -> float:
    """What the curvature of the equations across the error makes in the slab, over the error; nothing of rounding.

    A step solves for it only where it may count: a residual over the rate of what grows in the slab is about that.
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
    """Whether a second difference is the same across less, or nothing across less and hardly more across more."""
    return nearer > norm / FURTHER**0.5 or (nearer < norm / FURTHER**2.5 and further < FURTHER * norm)


def is_large(fine: Space) -> bool:
    """Whether the corrections in a space are made one after the other."""
    return fine.size >= APART


def _moved(
    model: Model, begun: SlabStart, fine: Space, base: Array, sides: list[tuple[BoundaryValue, Array]]
) -> tuple[Array, np.ndarray]:
    """The coefficients of a slab that starts with the errors of earlier ones added to its traces; which are fixed."""
    moved = tuple(t + e for t, e in zip(begun.halved_traces(), begun.errors, strict=True))
    return fixed_by(model, fine, moved, sides, base)


def standing(slab: ProductSlab, at: ProductPass, closer: Callable[[], ProductSlab | None]) -> float:
    """The error that the residual of a slab may hide, relative to the solution, where finer knots leave it all; or 0.

    ``closer``: the same slab with many degrees in time in its correction, None where it has them: of what is even about
    the middle of a slab one degree more sees nothing either.
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
    """Largest local correction accepted: what rounding makes of the residual at least, where that may be rounding."""
    return max(at.allowed(slab.length), NOISY * slab.noise if slab.is_nearly_rounded else 0.0)


def hardly_counts(slab: ProductSlab, loss: float, at: ProductPass) -> bool:
    """Whether a slab may be unresolved: an early one, or one whose residual makes nothing in so short a time."""
    space = at.problem.domain.measure / at.total
    size = np.sqrt(at.mean_square(slab.squares, slab.length).min() / (slab.length * space))
    makes_nothing = np.sqrt(loss) <= LEFT * at.local * size * growth_rate(slab.system.model, slab.length)
    return at.is_early(at.time + slab.length) or bool(makes_nothing)
