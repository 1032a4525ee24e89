"""The estimated error of a level: by a correction on halved intervals, or by the fall of the residual."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.indicators import decay, surplus
from pinnkan.solver.estimate.norms import have_no_norm, relative, relative_roots, sizes
from pinnkan.solver.families.product.ahead import GLANCE, ahead, twice
from pinnkan.solver.families.product.halting import corrected, mended_by, series
from pinnkan.solver.families.product.hiding import RESOLVING, behind, believable, following, resting
from pinnkan.solver.families.product.thin_layers import towards_layers
from pinnkan.solver.family import ErrorEstimate, Measured
from pinnkan.solver.linear.gauss_points import predicted_work
from pinnkan.solver.linear.solver import LinearSolver
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.verify.near_singular import null_of, prolonged
from pinnkan.solver.verify.objection import STANDS, Spaces
from pinnkan.solver.verify.stability import Null, least_determined, stability
from pinnkan.verdict.records import Evidence

#: Largest factor by which an estimate is raised for having fallen too fast. Errors fall a thousand times in a level
#: once knots see a layer.
LUCK = 4.0
#: Least estimate, some fifty rounding units: a polynomial in its own space had 4e-16 at an error of 1.4e-15.
LEAST = 1e-14
#: Multiplications of a correction that is not made only to judge, some tenths of a second on one core.
LARGE_WORK = 5e9
#: Steps of conjugate gradients up to which no look is made: it costs as much as the correction that it may ask for.
QUICK = 4
#: Largest factor by which the fall of the residual overestimates the error where intervals resolve the solution.
OVER = 10.0
#: Gauss points per interval that a look at the size has fewer, by number of coordinates: sizes change by 0.02 %.
FEWER = {2: 2, 3: 2}


@dataclass(frozen=True, eq=False, kw_only=True)
class HalvedEstimate(ErrorEstimate):
    """An estimate whose error is the function ``correction`` in ``space``.

    ``system``: rows of that space, with the matrix of the last step there, if any; ``leads_away``: whether later steps
    diverge.
    """

    space: Space
    correction: Array
    system: System
    leads_away: bool = False

    @property
    def losses(self) -> tuple[float, float]:
        """Mean squared residuals before and after the correction; zero where unknown."""
        return (0.0, 0.0) if self.spaces is None else self.spaces.losses

    @property
    def predicted(self) -> float:
        """Relative error of the solution with its correction added, if it falls as the residual does."""
        return np.inf if self.spaces is None else self.size * self.share

    @property
    def share(self) -> float:
        """Ratio of the root mean square residuals after and before the correction."""
        before, after = self.losses
        return float(np.sqrt(after / before)) if before > 0.0 else 1.0


@dataclass(frozen=True, eq=False)
class Taken:
    """The ``correction`` that was added to reach a solution, and the ``system`` of the space before."""

    correction: Array
    system: System | None = None


def estimated(
    before: Outcome, solved: System, start: Array, measured: Measured, known: Array | None, step: Taken | None
) -> HalvedEstimate:
    """Estimate the error by the fall of the residual where a correction is expensive, else by a correction.

    Where a correction takes many steps of conjugate gradients, a rough one shows first whether it is the last.
    ``known``: near-null function of a coarser space; ``step``: the correction that led to ``start``, None if
    minimisation did. Raises SolverError: the least squares have no solution.
    """
    tolerance = solved.model.problem.solver.tolerance
    found = None if step is None else estimate_by_fall(before, solved, start, measured.loss, step)
    least = None if found is None or found.spaces is None else found.spaces.nulls
    if least is not None and not stability(*least).settled:
        found = None
    looks = solved.is_kept and solved.kept.iterations > QUICK
    if looks and step is not None and found is not None and tolerance < found.size <= OVER * tolerance:
        fewer, told = FEWER.get(len(solved.space.axes), 0), partial(_told, solved, start, step, found.spaces)
        found = estimate_by_correction(before, solved, start, measured, known, told, fewer)
    if found is None or found.size > tolerance:
        found = estimate_by_correction(before, solved, start, measured, known, own=least and least[1])
    return found if found.evidence == Evidence.FALL else _completed(found, solved.space, start)


def estimate_by_correction(
    before: Outcome,
    solved: System,
    start: Array,
    measured: Measured,
    known: Array | None = None,
    told: Callable[[], Spaces | None] = lambda: None,
    fewer: int = 0,
    own: Null | None = None,
) -> HalvedEstimate:
    """Estimate the error by one Gauss-Newton step from ``start``, in the space with every interval halved.

    ``known``: near-null function of a coarser space; ``own``: that of the ``solved`` space; ``told``: gives spaces
    whose near-null functions serve where the step is small; ``fewer`` Gauss points per interval: for a rough look.

    Raises SolverError: the least squares have no solution there.
    """
    model, space, fine = solved.model, solved.space, twice(solved.space)
    base = space.prolong(start, fine)
    beside = solved.kept if solved.is_kept and model.is_linear else None
    system, accuracy = System(model, fine, fewer=fewer, keeping=True, beside=beside), GLANCE if fewer else 0.0
    correction = corrected(system, base, accuracy)
    all_points = System(model, fine) if fewer else system
    losses = measured.loss, all_points.mean_square(base + correction)
    size, roots, leads_away = _sized(before, measured, system, base, correction, losses[1], accuracy)
    rounding = max(system.rounding, LEAST)
    is_small = size <= model.problem.solver.tolerance  # then the verifier asks whether the residual remains
    # how rounding changes the correction depends on the stability constant
    is_rounding = losses[0] <= floor_of(system.kept, base) ** 2
    stands = measured.is_resolved and not (is_small or is_rounding) and losses[1] > STANDS * losses[0]
    spaces, own = _told_by(told() if is_small else None, Spaces(space, start, fine, None, losses), own)
    if spaces.nulls is None and (is_small or ((stands or is_rounding) and not fewer)):
        spaces = replace(spaces, nulls=_nulls((solved, start), (system, base), correction, known, own))
    nulls = spaces.nulls
    if stands and nulls is not None:
        size = max(size, behind(losses[0], nulls[1], model, float(fine.norm(base).max())))
    if is_small and measured.is_resolved and losses[1] > RESOLVING**2 * losses[0] > 0.0:
        size = max(size, _unresolved((solved, start), (all_points, base + correction), losses, correction, nulls))
    pairs = zip(roots, have_no_norm(model.problem), strict=True)
    parts = tuple(np.inf if none else root / max(*roots, 1e-300) * size + rounding for root, none in pairs)
    return HalvedEstimate(
        size + rounding, ProductField(((fine, correction),)), rounding, spaces,
        parts=parts, space=fine, correction=correction, system=system, leads_away=leads_away,
    )  # fmt: skip


def _completed(found: HalvedEstimate, space: Space, start: Array) -> HalvedEstimate:
    """Return the estimate with the remainder of its step in near-null functions added, where that counts."""
    nulls = None if found.spaces is None else found.spaces.nulls
    if found.spaces is None or nulls is None or nulls[1].step is not found.correction:
        return found
    fine, model = found.space, found.system.model
    base = space.prolong(start, fine)
    null = mended_by(nulls[1], fine, base, model.problem.solver.tolerance)
    correction = null.step
    if correction is None or correction is found.correction:
        return found
    losses = found.spaces.losses[0], found.system.mean_square(base + correction)
    size = max(found.size, SAFETY * relative(model.problem, fine, correction, base))
    return replace(
        found, size=size, error=ProductField(((fine, correction),)), correction=correction,
        spaces=replace(found.spaces, losses=losses, nulls=(nulls[0], null)),
        parts=tuple(part * size / found.size for part in found.parts),
    )  # fmt: skip


def _sized(
    before: Outcome, measured: Measured, system: System, base: Array, correction: Array, left: float, accuracy: float
) -> tuple[float, Sequence[float], bool]:
    """Return the relative size of a correction of ``base``, by unknown too, and whether later steps lead away.

    With the sum of later corrections; ``left``: mean squared residual after this one.
    """
    problem, space = system.model.problem, system.space
    norms, found = (1.0 + accuracy) * space.norm(correction), space.norm(base)
    roots = relative_roots(problem, norms**2, found**2)
    floor = floor_of(system.kept, base)
    size, leads_away = SAFETY * max(roots) * following((measured.loss, left), floor), False
    if size <= problem.solver.tolerance:
        more, leads_away = series(system, base, correction)
        roots = relative_roots(problem, (norms * more) ** 2, found**2)
        size = max(size, SAFETY * max(roots))
    if before.levels:
        size = max(size, min(believable(before.levels[-1], measured.heldout, system.model.orders), LUCK * size))
    return size, roots, leads_away


def _unresolved(
    solved: tuple[System, Array],
    halved: tuple[System, Array],
    losses: tuple[float, float],
    step: Array,
    nulls: tuple[Null, Null] | None,
) -> float:
    """Return the relative error where a small correction ``step`` leaves much of the residual.

    The largest of an enriched correction, one on knots graded towards sides, and what residuals that remain can hide.
    ``losses``: mean squared residuals before and after. Raises SolverError: a correction has no solution.
    """
    (system, start), model = solved, solved[0].model
    size = SAFETY * ahead(model, system.space, start, step)
    layered = towards_layers(model, system.space, start, losses)
    if layered is not None:
        fine, after = layered
        size = max(size, SAFETY * relative(model.problem, fine, after - system.space.prolong(start, fine), after))
    if model.is_linear or nulls is None:
        return size
    scale = float(system.space.norm(start).max())
    return max(size, behind(resting(solved, halved), nulls[1], model, scale))


def _told(solved: System, start: Array, step: Taken, spaces: Spaces | None) -> Spaces | None:
    """Return the ``spaces`` of the level before and this one with near-null functions: a quarter of the usual work."""
    if spaces is None or not solved.is_kept:
        return spaces
    kept = step.system is not None and step.system.space is spaces.space and step.system.is_kept
    coarse = step.system if kept and step.system else System(solved.model, spaces.space)
    return replace(spaces, nulls=_nulls((coarse, spaces.coefficients), (solved, start), step.correction))


def _told_by(other: Spaces | None, spaces: Spaces, own: Null | None) -> tuple[Spaces, Null | None]:
    """Return ``other`` spaces where their stability constants agree, else ``spaces``; and the near-null function."""
    if other is None or other.nulls is None:
        return spaces, own
    return (replace(other, losses=spaces.losses) if stability(*other.nulls).settled else spaces), other.nulls[1]


def _nulls(
    solved: tuple[System, Array],
    halved: tuple[System, Array],
    step: Array,
    known: Array | None = None,
    own: Null | None = None,
) -> tuple[Null, Null]:
    """Return the near-null functions of a solved space and of the halved one, in which the ``step`` was solved for.

    ``solved``, ``halved``: systems with functions to linearise at; ``known``: start of the search; ``own``: the first
    one.
    """
    (coarse, start), (fine, base) = solved, halved
    counted = coarse.model.counted
    if own is not None:
        found = replace(own, step=None)  # that step has no remainder here
    elif coarse.model.is_linear and coarse.is_kept:
        found = least_determined(coarse.kept, coarse.space, start, known=known, counted=counted)
    else:
        found = null_of(System(coarse.model, coarse.space), start, known)
    known = prolonged(found, coarse.space, fine.space)
    return found, least_determined(fine.kept, fine.space, base, step, known, counted)


def floor_of(equations: LinearSolver, coefficients: Array) -> float:
    """Return the norm that rounding leaves in the residual of a function."""
    return equations.floor(coefficients.reshape(-1)[equations.ordering.free.cpu().numpy()])


def estimate_by_fall(before: Outcome, solved: System, start: Array, loss: float, step: Taken) -> HalvedEstimate | None:
    """Estimate the error as the last correction times the fall of the residual, where one more would be expensive.

    ``start`` is the level ``before`` with its ``step`` added. Residuals on held-out points give a ratio by coordinate,
    too large by 2^m for an equation of order m: effectivities are 2 to 10. None where the residual has not fallen
    enough.
    """
    model, space = solved.model, solved.space
    if not (isinstance(before.field, ProductField) and is_large(model, space)):
        return None
    coarse, function = before.field.pieces[0]
    losses = before.levels[-1].loss, loss
    if losses[1] > RESOLVING**2 * losses[0]:
        return None
    between = [System(model, s, extra=1) for s in (coarse, space)]
    scale = sizes(model.problem, space, start)
    left = decay(between[0], function, between[1], start, step.correction / scale)
    share = surplus(coarse, space, step.correction, scale)
    shrunk = share.fallen(left) * step.correction
    size = SAFETY * relative(model.problem, space, shrunk, start)
    spaces: Spaces | None = Spaces(coarse, function, space, None, losses)
    if size <= model.problem.solver.tolerance:  # then the verifier needs near-null functions
        spaces = _told(solved, start, step, spaces)
    error = ProductField(((space, shrunk),))
    return HalvedEstimate(size, error, 0.0, spaces, Evidence.FALL, space=space, correction=shrunk, system=solved)


def is_large(model: Model, space: Space) -> bool:
    """Whether a correction in the space with halved intervals is too expensive to be made only to judge."""
    return predicted_work(model, twice(space)) > LARGE_WORK
