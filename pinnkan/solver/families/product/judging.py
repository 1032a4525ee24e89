"""The estimated error of a level: by a correction on halved intervals, or by the fall of the residual."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.indicators import decay, surplus
from pinnkan.solver.estimate.norms import have_no_norm, relative, relative_roots, sizes
from pinnkan.solver.families.product.halting import corrected, series
from pinnkan.solver.family import ErrorEstimate, Measured
from pinnkan.solver.linear.gauss_points import predicted_work
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.verify.near_singular import null_of, prolonged
from pinnkan.solver.verify.stability import Null, least_determined
from pinnkan.solver.verify.verify import STANDS, Spaces
from pinnkan.verdict.records import Evidence, Level

#: An estimate is raised at most so many times for having fallen faster than it should: no correction was seen further
#: below the error, while an error does fall a thousand times in one level once the knots see a layer.
LUCK = 4.0
#: No estimate is below some fifty rounding units: a polynomial in its own space had 4e-16 at an error of 1.4e-15.
LEAST = 1e-14
#: A correction of so many multiplications, some tenths of a second of one core, is not made only to judge.
LARGE_WORK = 5e9
#: Where a correction leaves more than this of the residual (root mean square), its knots may not resolve the solution
#: yet. It is looked at with intervals 2^AHEAD times smaller where the correction is: those with LARGE of the largest
#: mass. An eikonal equation with a kink 1e-3 wide, on knots 5e-3 apart, had a correction of a twelfth of its error,
#: with 0.55 left; a thin beam of a thousandth, with all of it left. Resolved solutions leave 0.05 and less, singular
#: ones 0.3 to 0.6.
RESOLVING, AHEAD, LARGE = 0.2, 3, 0.1
#: Relative accuracy of looks, of which only the size is asked for. Diffusion with a coefficient that varies 19
#: times, on 243 x 201 intervals: 11 steps of conjugate gradients in place of 25, the size within 0.3 %.
GLANCE = 0.01
#: Times the error that the fall of the residual tells at most where the intervals resolve the solution.
OVER = 10.0
#: Gauss points per interval that a look at the size has fewer, by number of coordinates: as in slabs, of which
#: effectivities stayed within 1 % and 3 %.
FEWER = {2: 1, 3: 2}
#: A correction that leaves more than SLOW of the residual is not the last one that counts; more than SLOWEST of it is
#: not believed to be left for ever.
SLOW, SLOWEST = 0.5, 0.9


@dataclass(frozen=True, eq=False, kw_only=True)
class HalvedEstimate(ErrorEstimate):
    """An estimate whose error is the function ``correction`` in ``space``.

    ``system``: of the rows of that space, with the matrix of the last step if one was taken there; ``leads_away``:
    whether the steps after it lead nowhere.
    """

    space: Space
    correction: Array
    system: System
    leads_away: bool = False

    @property
    def predicted(self) -> float:
        """The relative error of the solution with its correction added, if it falls as the residual does."""
        return np.inf if self.spaces is None else self.size * self.share

    @property
    def share(self) -> float:
        """Of the residual, what the correction leaves."""
        before, after = (0.0, 0.0) if self.spaces is None else self.spaces.losses
        return float(np.sqrt(after / before)) if before > 0.0 else 1.0


def estimated(
    before: Outcome, solved: System, start: Array, measured: Measured, known: Array | None, rounding: float
) -> HalvedEstimate:
    """By the fall of the residual where a correction would take long, else by a correction on halved intervals.

    One that is likely the last is a look at first. ``rounding``: of the correction that ``start`` was taken from, 0 if
    it was not.

    Raises SolverError: the least squares have no solution there.
    """
    tolerance, found = solved.model.problem.solver.tolerance, None
    if rounding > 0.0:
        found = estimate_by_fall(before, solved, start, measured.loss, rounding)
    if found is not None and tolerance < found.size <= OVER * tolerance:
        fewer = FEWER.get(len(solved.space.axes), 0)
        found = estimate_by_correction(before, solved, start, measured, known, fewer)
    if found is None or found.size > tolerance:
        found = estimate_by_correction(before, solved, start, measured, known)
    return found


def estimate_by_correction(
    before: Outcome, solved: System, start: Array, measured: Measured, known: Array | None = None, fewer: int = 0
) -> HalvedEstimate:
    """One Gauss-Newton step from ``start``, which is ``solved``, in the space with every interval halved.

    ``known``: the least determined function of the space, as far as a level before has found it; ``fewer`` Gauss
    points per interval: for a look at the size.

    Raises SolverError: the least squares have no solution there.
    """
    model, space, fine = solved.model, solved.space, twice(solved.space)
    base = space.prolong(start, fine)
    system, accuracy = System(model, fine, fewer=fewer, keeping=True), GLANCE if fewer else 0.0
    correction = corrected(system, base, accuracy)
    all_points = System(model, fine) if fewer else system
    losses = measured.loss, all_points.mean_square(base + correction)
    norms, found = (1.0 + accuracy) * fine.norm(correction), fine.norm(base)
    roots = relative_roots(model.problem, norms**2, found**2)
    floor = system.kept.floor(base.reshape(-1)[system.kept.ordering.free.cpu().numpy()])  # of rounding
    size, leads_away = SAFETY * max(roots) * following(losses, floor), False
    if size <= model.problem.solver.tolerance:
        more, leads_away = series(system, base, correction)
        roots = relative_roots(model.problem, (norms * more) ** 2, found**2)
        size = max(size, SAFETY * max(roots))
    if before.levels:
        size = max(size, min(believable(before.levels[-1], measured.heldout, model.orders), LUCK * size))
    rounding = max(system.rounding, LEAST)
    is_small = size <= model.problem.solver.tolerance  # then the verifier asks whether the residual stands
    is_rounding = losses[0] <= floor**2  # and what it makes of the correction depends on what holds the solution
    stands = measured.is_resolved and not (is_small or is_rounding) and losses[1] > STANDS * losses[0]
    nulls = _nulls((solved, start), (system, base), correction, known) if stands or is_small or is_rounding else None
    if stands and nulls is not None:
        size = max(size, behind(losses[0], nulls[1], model, float(found.max())))
    if is_small and losses[1] > RESOLVING**2 * losses[0] > 0.0:
        size = max(size, SAFETY * ahead(model, space, start, correction))
        if not model.is_linear and nulls is not None:
            rests = resting((solved, start), (all_points, base + correction))
            size = max(size, behind(rests, nulls[1], model, float(found.max())))
    pairs = zip(roots, have_no_norm(model.problem), strict=True)
    parts = tuple(np.inf if none else root / max(*roots, 1e-300) * size + rounding for root, none in pairs)
    return HalvedEstimate(
        size + rounding, ProductField(((fine, correction),)), rounding, Spaces(space, start, fine, nulls, losses),
        parts=parts, space=fine, correction=correction, system=system, leads_away=leads_away,
    )  # fmt: skip


def _nulls(
    solved: tuple[System, Array], halved: tuple[System, Array], step: Array, known: Array | None
) -> tuple[Null, Null]:
    """The least determined functions of a solved space and of the halved one, where the ``step`` has been solved for.

    Each system with a function of its space at which it is linearised.
    """
    (coarse, start), (fine, base) = solved, halved
    is_known = coarse.model.is_linear and coarse.is_kept
    found = (
        least_determined(coarse.kept, coarse.space, start, known=known, counted=coarse.model.counted)
        if is_known
        else null_of(coarse.model, coarse.space, start, known)
    )
    known, counted = prolonged(found, coarse.space, fine.space), coarse.model.counted
    return found, least_determined(fine.kept, fine.space, base, step, known, counted)


def ahead(model: Model, space: Space, start: Array, correction: Array) -> float:
    """The relative size of a Gauss-Newton step with many knots where the ``correction`` on halved intervals is large.

    Raises SolverError: the least squares have no solution there.
    """
    fine = twice(space)
    masses = surplus(space, fine, correction, sizes(model.problem, fine, space.prolong(start, fine))).mass
    largest = max(float(mass.max()) for mass in masses)
    axes = [_deepened(axis, mass > LARGE * largest) for axis, mass in zip(space.axes, masses, strict=True)]
    finer = Space(tuple(axes), space.unknowns)
    base = space.prolong(start, finer)
    step = corrected(System(model, finer), base, GLANCE)
    return (1.0 + GLANCE) * max(relative_roots(model.problem, finer.norm(step) ** 2, finer.norm(base) ** 2))


def _deepened(axis: Axis, marks: np.ndarray) -> Axis:
    """An axis with the marked intervals halved AHEAD times."""
    for _ in range(AHEAD):
        axis, marks = axis.inserted(marks), np.repeat(marks, np.where(marks, 2, 1))
    return axis


def behind(loss: float, null: Null, model: Model, relative_to: float) -> float:
    """The relative error that all of a residual may hide, which no step of a nonlinear problem lowers.

    Its minimum may be a spurious one, where every correction vanishes: (u')^2 - 1e-3 u'' = 1 has one at about -u, with
    corrections of 4e-4 and a residual of 9e-2.
    """
    return SAFETY * float(np.sqrt(loss * model.problem.domain.measure)) / max(null.sigma * relative_to, 1e-300)


def resting(solved: tuple[System, Array], halved: tuple[System, Array]) -> float:
    """What of a mean squared residual stays in cells where halving them hardly lowers it.

    Each system with a function. At a kink of a solution (u_x**2 = 1 with values at both ends) it halves with the
    intervals; to either side a minimum keeps slopes of 1.007 and 0.993 for ever, since its kink could move to wider
    intervals only. All corrections are 1e-5 there, and the error is 7e-3.
    """
    (before, after), volume = (system.by_cell(c) for system, c in (solved, halved)), solved[0].patches[0].volume
    halves = [n for width in before.shape for n in (width, 2)]
    summed = after.reshape(halves).sum(tuple(range(1, 2 * before.ndim, 2)))
    return float(summed[summed > STANDS * before].sum()) / volume


def following(losses: tuple[float, float], floor: float) -> float:
    """The sum of all corrections to come over the first, where each leaves the same share of the residual.

    1 / (1 - q) for the ratio q of the residuals after and before, from SLOW on, and as far as a ``floor`` of rounding
    does not hide it. Their sizes fall as the residuals at least, faster for an equation of order m on fine knots. A
    wave equation with data all around (q = 0.91) had a correction of a fifth of its error, x^0.3 (0.57) of 0.4.
    """
    before, after = losses
    if after <= floor**2 or before <= 0.0:
        return 1.0
    q = float(np.sqrt(after / before))
    return 1.0 / (1.0 - min(q, SLOWEST)) if q > SLOW else 1.0


def twice(space: Space) -> Space:
    """The space with every interval halved."""
    return Space(tuple(a.halved() for a in space.axes), space.unknowns)


def estimate_by_fall(
    before: Outcome, solved: System, start: Array, loss: float, rounding: float
) -> HalvedEstimate | None:
    """The last correction times the fall of the residual it has brought, where one more would be LARGE_WORK.

    ``start`` is the level before with its correction added, which is ``solved``, ``rounding`` that of the correction.
    Its error is taken as the correction times the ratio of the residuals, coordinate by coordinate
    (:mod:`pinnkan.solver.estimate.indicators`): too large by 2^m for an equation of order m where the intervals
    resolve the solution. On the shipped problems the effectivity was 2 to 10, where that of a correction is 1.2 to 2;
    Poisson with waves up to 16 at 1e-9: 4 s instead of 40 s. None where the residual has not fallen as RESOLVING says.
    """
    model, space = solved.model, solved.space
    known = isinstance(before.error, ProductField) and isinstance(before.field, ProductField)
    if not (known and is_large(model, space)):
        return None
    assert isinstance(before.error, ProductField)
    assert isinstance(before.field, ProductField)
    (coarse, function), (richer, correction) = before.field.pieces[0], before.error.pieces[0]
    losses = before.levels[-1].loss, loss
    if richer.shape != space.shape or losses[1] > RESOLVING**2 * losses[0]:  # or judged by a fall itself
        return None
    between = [System(model, s, extra=1) for s in (coarse, space)]
    scale = sizes(model.problem, space, start)
    left = decay(between[0], function, between[1], start, correction / scale)
    share = surplus(coarse, space, correction, scale)
    shrunk = share.fallen(left) * correction
    size, nulls = SAFETY * relative(model.problem, space, shrunk, start), None
    if size <= model.problem.solver.tolerance and solved.is_kept:  # then the verifier asks for them
        nulls = _nulls((System(model, coarse), function), (solved, start), correction, None)
    spaces, error = Spaces(coarse, function, space, nulls, losses), ProductField(((space, shrunk),))
    return HalvedEstimate(size, error, rounding, spaces, Evidence.FALL, space=space, correction=shrunk, system=solved)


def is_large(model: Model, space: Space) -> bool:
    """Whether a correction of a function of a space is not made only to judge it."""
    return predicted_work(model, twice(space)) > LARGE_WORK


def believable(before: Level, heldout: float, orders: Sequence[int]) -> float:
    """The least estimate to believe after a level: an error cannot fall faster than the order of the splines allows.

    That is 2^(degree + 1) when every interval is halved (Helmholtz (1,4) on 4x8 intervals had an effectivity of 0.5
    without it), or as much as the residual has fallen off the training points, times 2^m for the order m of the
    equation by which the error converges faster: knots put into a layer gain more than an even halving.
    """
    fall = np.sqrt(heldout / before.heldout) if before.heldout > 0.0 else 1.0
    return before.estimate * min(0.5 ** (max(before.degree) + 1), float(fall) * 0.5 ** max(orders))
