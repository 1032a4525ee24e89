"""Levels of a steady problem: solve, correct in the refined space, judge, insert knots, prolong exactly, repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made

import numpy as np

from pinnkan.conditions import face_values, fix
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Axis, Space
from pinnkan.kan.product_field import ProductField
from pinnkan.solver.decay import decay
from pinnkan.solver.gauss_newton import MAX_STEPS, Model, System, gauss_newton, require_memory
from pinnkan.solver.objection import objection
from pinnkan.solver.refinement import mark, surplus
from pinnkan.solver.relative import nonzero, relative, relative_root
from pinnkan.solver.state import SteadyState
from pinnkan.solver.watch import Watch
from pinnkan.solver.witness import Missed, Witness, with_knots
from pinnkan.verdict import BY_FALL, UNRESOLVED, Iteration, Level

#: Squared L2 norms of the true error and of the exact solution over a space's box, per unknown.
TrueError = Callable[[Space, Array], tuple[Array, Array]]


#: The correction is the error minus what the refined space still misses: effectivities of 0.78 to 1.1 were seen.
SAFETY = 1.25
#: First knots are moved by up to half this share of an interval. On a symmetric grid a knot in a symmetry point of the
#: solution adds nothing, the refined space is no better and the correction blind: effectivity 0.2 for sin(pi x)
#: sin(pi y).
UNEVEN = 0.15
GOLDEN = 0.6180339887498949
FIRST_MARGIN = 0.5
#: An estimate is raised at most so many times for having fallen faster than it should: no correction was seen further
#: below the error, while an error does fall a thousand times in one level once the knots see a layer.
LUCK = 4.0
#: A level is believed only when its mean squared residual is below this share of that of the lifted data alone. A layer
#: between the points leaves the residual as it was: -1e-5 u'' + u' = 1 had an estimate of 0.08 at an error of 1.
RESOLVED = 1e-2
#: A correction of so many multiplications, some ten seconds of one core, is not made only to judge.
LARGE_WORK = 3e10
#: Where the marked knots of several coordinates make a space of this share of the one with all intervals halved, that
#: one is taken: it is already solved.
WHOLE = 0.85
#: Levels in a row after which what has not moved will not.
STALLS = 4
#: No estimate is below some fifty rounding units: a polynomial in its own space had 4e-16 at an error of 1.4e-15.
LEAST = 1e-14
#: Rounding errors of this share of the coefficients leave nothing to be said about the error.
GARBAGE = 1e-2


@dataclass(eq=False)
class Outcome:
    """Everything a solve leaves: function, estimated error as a function, records, and the reason of a failed end."""

    field: Field
    error: Field | None
    levels: list[Level] = made(default_factory=list)
    history: list[Iteration] = made(default_factory=list)
    reason: str = ""
    detail: str = ""
    network: str = ""
    rounding: float = 0.0


def initial_space(model: Model, degree: int, intervals: int) -> Space:
    """Nearly uniform knots on every coordinate, see UNEVEN."""
    axes = []
    for (a, b), periodic in zip(model.problem.ranges, model.problem.periodic, strict=True):
        n = max(intervals, degree + 1) if periodic else intervals
        place = np.arange(n + 1.0)
        place[1:-1] += UNEVEN * (np.mod(place[1:-1] * GOLDEN, 1.0) - 0.5)
        axes.append(Axis(a + (b - a) * place / n, degree, periodic))
    return Space(tuple(axes), len(model.problem.unknowns))


def with_conditions(model: Model, space: Space, start: Array) -> tuple[Array, np.ndarray]:
    """``start`` with all exact conditions written in, and the mask of the coefficients they fix."""
    layers = [(layer, face_values(layer, space)) for layer in model.conditions.layers]
    return fix(space, layers, start, np.zeros(space.shape, dtype=bool))


@dataclass(frozen=True, eq=False)
class Judged:
    """The estimated error of a level: a function in ``space``, its size relative to the solution, with all margins.

    ``rounding``: what the arithmetic leaves in the coefficients; ``losses``: mean squared residuals of a function and
    of the same one corrected on halved intervals; ``note`` is that of the level.
    """

    space: Space
    error: Array
    estimate: float
    rounding: float
    losses: tuple[float, float]
    note: str = ""


def judge_by_correction(model: Model, out: Outcome, space: Space, start: Array, heldout: float) -> Judged:
    """One Gauss-Newton step in the space with every interval halved.

    Raises:
        SolverError: the least squares have no solution there.
    """
    fine = Space(tuple(a.halved() for a in space.axes), space.unknowns)
    base = space.prolong(start, fine)
    target, fixed = with_conditions(model, fine, base)
    system = System(model, fine)
    try:
        correction = system.steps(base, [target], fixed)[0]
    except np.linalg.LinAlgError as error:
        raise SolverError(f"least squares failed: {error}") from error
    estimate = SAFETY * relative(fine, correction, base)
    if out.levels:
        estimate = max(estimate, min(believable(out.levels[-1], heldout, model.orders), LUCK * estimate))
    rounding = max(system.rounding[-1], LEAST)
    losses = System(model, space).mean_square(start), system.mean_square(base + correction)
    return Judged(fine, correction, estimate + rounding, rounding, losses)


def judge_by_fall(model: Model, out: Outcome, space: Space, start: Array) -> Judged | None:
    """The last correction times the fall of the residual it has brought, where one more would be LARGE_WORK.

    ``start`` in ``space`` is the level before with its correction added. Its error is taken as the correction times the
    ratio of the residuals, coordinate by coordinate (:mod:`pinnkan.solver.decay`): too large by 2^m for an equation of
    order m where the intervals resolve the solution. On the shipped problems the effectivity was 2 to 10, where that of
    a correction is 1.2 to 2; Poisson with waves up to 16 at 1e-9: 4 s instead of 40 s.
    """
    fine = Space(tuple(a.halved() for a in space.axes), space.unknowns)
    if work(fine) <= LARGE_WORK or not isinstance(out.error, ProductField) or not isinstance(out.field, ProductField):
        return None
    (coarse, before), (_, correction) = out.field.pieces[0], out.error.pieces[0]
    left = decay(System(model, coarse, extra=1), before, System(model, space, extra=1), start)
    share = surplus(coarse, space, correction, nonzero(space.norm(start)))
    shrunk = share.fallen(left) * correction
    losses = System(model, coarse).mean_square(before), System(model, space).mean_square(start)
    return Judged(space, shrunk, SAFETY * relative(space, shrunk, start), out.rounding, losses, BY_FALL)


def work(space: Space) -> float:
    """Multiplications of a banded factorisation: coefficients times the square of the band."""
    counts = sorted((a.count, a.degree) for a in space.axes)
    band = (counts[-1][1] + 1) * float(np.prod([n for n, _ in counts[:-1]]))
    return space.size * min(band, space.size) ** 2


def solve_steady(
    model: Model,
    degree: int,
    intervals: int,
    max_levels: int,
    watch: Watch,
    true_error: TrueError | None,
    leave: Callable[[Outcome], bool] = lambda _: False,
) -> Outcome:
    """Refine until the estimated relative L2 error is below the tolerance.

    The returned function is the one of the last level; its estimate is SAFETY times the correction in the space with
    all intervals halved, but never less than :func:`believable`. The first level, which has no predecessor, must be
    below FIRST_MARGIN of the tolerance. Before a level is the last, the witness looks between its points.
    ``leave`` is asked after each level; when it says yes, the outcome ends there with the reason "left".
    """
    tolerance = model.problem.solver.tolerance
    space = initial_space(model, degree, intervals)
    require_memory(model, space)
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    out = Outcome(ProductField(((space, start),)), None)
    first, solved, resolved, stalled = 0, False, False, ""
    missed, witness = None, Witness(model)
    unsolved = System(model, space).mean_square(start)
    state = watch.resumed(SteadyState)
    if state is not None:
        first, space, start, solved, resolved = state.number, state.space, state.start, state.solved, state.resolved
        unsolved, stalled = state.unsolved, state.stalled
        fixed = with_conditions(model, space, start)[1]
        levels, history = list(state.levels), list(state.history)
        out = Outcome(state.shown, state.shown_error, levels, history, state.reason, state.detail, "", state.rounding)
    for number in range(first, max_levels):
        start = np.ascontiguousarray(start)
        watch.keep(_state(number, space, start, solved, resolved, unsolved, stalled, out))
        system = System(model, space)
        if not solved:
            found = gauss_newton(system, start, fixed, 1e-2 * tolerance, watch)
            start = found.coefficients
            for i, s in enumerate(found.steps):
                out.history.append(watch.iteration(number, i, s.loss, s.size, s.damping))
            if not found.stationary:
                out.reason, out.detail = "stalled", "Gauss-Newton still moved after its last step"
            start = np.ascontiguousarray(start)
            watch.keep(_state(number, space, start, True, resolved, unsolved, stalled, out))
        if out.levels:
            watch.check()
        loss, heldout = system.mean_square(start), System(model, space, extra=1).mean_square(start)
        resolved = loss <= RESOLVED * unsolved or unsolved == 0.0
        judged = judge_by_fall(model, out, space, start) if solved else None
        if judged is None or judged.estimate > tolerance:
            judged = judge_by_correction(model, out, space, start, heldout)
        estimate, rounding = judged.estimate, judged.rounding
        out.rounding = rounding
        out.field = ProductField(((space, start),))
        out.error = ProductField(((judged.space, judged.error),))
        out.levels.append(
            watch.level(
                Level(
                    number=number,
                    intervals=tuple(a.intervals for a in space.axes),
                    degree=tuple(a.degree for a in space.axes),
                    parameters=space.size,
                    points=system.points,
                    loss=loss,
                    heldout=heldout,
                    estimate=estimate,
                    seconds=watch.elapsed(),
                    iterations=sum(1 for h in out.history if h.level == number),
                    true_error=relative_root(*true_error(space, start)) if true_error else None,
                    note=judged.note if resolved else UNRESOLVED,
                )
            )
        )
        missed = None
        if resolved and estimate <= (tolerance if number > 0 else FIRST_MARGIN * tolerance) and out.reason == "":
            against = objection(model, witness, out.field, judged.losses, tolerance / SAFETY)
            if against is None:
                return out
            missed = against.missed
            out.levels[-1] = replace(out.levels[-1], estimate=max(estimate, SAFETY * against.size))
            if against.reason:
                out.reason, out.detail = against.reason, against.detail
                return out
        if resolved and rounding > tolerance and out.reason == "":
            known = max(estimate, rounding) if rounding < GARBAGE else float("inf")
            out.levels[-1] = replace(out.levels[-1], estimate=known)
            out.reason, out.detail = "tolerance_below_rounding", f"about {rounding:.0e} in the coefficients"
            return out
        if watch.expired():
            out.reason = "max_time"
            return out
        if leave(out):
            out.reason = "left"
            return out
        if stands(out.levels, tolerance):
            out.reason, out.detail = "stalled", out.detail or "no correction lowers the residual"
            return out
        stalled, out.reason = out.reason, ""
        if missed is not None:
            space, start, fixed, solved = _gather(model, space, start, missed)
            unsolved = max(unsolved, System(model, space).mean_square(start))
        else:
            space, start, fixed, solved = _refine(model, space, start, judged, tolerance)
    out.reason = stalled or ("undersampled" if missed else "max_levels" if resolved else "not_asymptotic")
    return out


def _state(
    number: int, space: Space, start: Array, solved: bool, resolved: bool, unsolved: float, stalled: str, out: Outcome
) -> SteadyState:
    levels, history = tuple(out.levels), tuple(out.history)
    return SteadyState(
        number, space, start, solved, resolved, unsolved, stalled, out.reason, out.detail,
        levels, history, out.field, out.error, out.rounding,
    )  # fmt: skip


def stands(levels: Sequence[Level], tolerance: float) -> bool:
    """Whether more levels are in vain: Gauss-Newton uses up its steps on knots that resolve the data, or a residual as
    large as the data is at rest."""
    last = levels[-STALLS:]
    if len(last) < STALLS:
        return False
    restless = all(x.iterations >= MAX_STEPS and x.note != UNRESOLVED for x in last)
    return restless or all(x.note == UNRESOLVED and x.estimate <= tolerance for x in last)


def believable(before: Level, heldout: float, orders: Sequence[int]) -> float:
    """The least estimate to believe after a level: an error cannot fall faster than the order of the splines allows.

    That is 2^(degree + 1) when every interval is halved (Helmholtz (1,4) on 4x8 intervals had an effectivity of 0.5
    without it), or as much as the residual has fallen off the training points, times 2^m for the order m of the
    equation by which the error converges faster: knots put into a layer gain more than an even halving.
    """
    fall = np.sqrt(heldout / before.heldout) if before.heldout > 0.0 else 1.0
    return before.estimate * min(0.5 ** (max(before.degree) + 1), float(fall) * 0.5 ** max(orders))


def _gather(model: Model, space: Space, start: Array, missed: Missed) -> tuple[Space, Array, np.ndarray, bool]:
    """The space with knots at a feature that lay between the points, and how to start there."""
    finer = Space(with_knots(space.axes, missed), space.unknowns)
    start, fixed = with_conditions(model, finer, space.prolong(start, finer))
    return finer, start, fixed, False


def _refine(
    model: Model, space: Space, start: Array, judged: Judged, tolerance: float
) -> tuple[Space, Array, np.ndarray, bool]:
    """The next space, its starting coefficients and fixed mask, and whether they already solve it."""
    fine, after = judged.space, space.prolong(start, judged.space) + judged.error
    share = surplus(space, fine, judged.error, nonzero(fine.norm(after)))
    largest = max(float(m.max()) for m in share.mass)
    count = sum(a.intervals for a in space.axes)
    marks = [mark(m, largest, (0.3 * tolerance) ** 2 / count) for m in share.mass]
    finer = Space(tuple(a.inserted(m) for a, m in zip(space.axes, marks, strict=True)), space.unknowns)
    nearly_all = len(marks) > 1 and finer.size > WHOLE * fine.size
    if not any(m.any() for m in marks) or nearly_all or all(m.all() for m in marks):
        return fine, after, with_conditions(model, fine, after)[1], model.is_linear
    start, fixed = with_conditions(model, finer, finer.restrict(after, fine))
    return finer, start, fixed, False
