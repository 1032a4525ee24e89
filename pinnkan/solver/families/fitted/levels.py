"""Levels of a steady problem in inner coordinates: solve, correct along each coordinate, judge, insert knots, repeat.

The coordinates are trained on the way, coarse to fine: after each level the ridge of the solution says how the front
still bends in them, and they are moved until it does not. On a coarse level a front is as wide as its knots, so that a
wrong angle is seen from afar; each level narrows the front and the error of the angle together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.cut_cells import Ranges
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.coordinates.warped_field import InnerField, InnerPiece
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.fitted.crest import carried, ridge, straightened
from pinnkan.solver.families.fitted.state import FittedState
from pinnkan.solver.families.fitted.system import RIDGE, InnerModel, InnerSystem
from pinnkan.solver.families.product.start import GOLDEN, UNEVEN
from pinnkan.solver.families.product.state import SteadyState
from pinnkan.solver.minimise.gauss_newton import Converged, gauss_newton
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import RESOLVED, SAFETY, Outcome
from pinnkan.verdict.records import Level

Reference = Callable[[Array], Array]
#: Degree of the splines. Degree 9 on knots graded by halving has a worse best approximation of a tanh than degree 7
#: (2.8e-3 against 1.0e-4 on 24 intervals, measured): its functions reach over ten intervals.
DEGREE = 7
#: First knot intervals across and along the front.
FIRST = (6, 3)
#: Knots go where the largest masses are that make up this share of the correction (Doerfler 1996); across a front that
#: is not resolved, a wider marking spends knots on its echoes.
BULK = 0.9
#: What a correction along the front counts for, against one across it: while the front is not resolved its traces on
#: the sides look like a need of knots along it.
ALONG = 0.5
#: Share of the tolerance below which an interval needs no knot.
IDLE = 0.1
#: Coefficients are pulled towards zero by PULL times the square of the last estimate: functions that the domain only
#: touches would take up the residual of a front that is not resolved, and the ridge would be sought there. With 1e-10
#: throughout a layer at 28 degrees was seen at 52 and, with other points, at -12, until it was lost; with 1e-4 at 36,
#: 32, 28, 27. With 1e-3 some fronts are never resolved.
PULL = 1e-4
#: After so many levels with neither a smaller estimate nor half of the residual, more are in vain: rounding. By the
#: estimate alone, two random problems with a pole beside a wave ended too early, one of them short of its tolerance.
IN_VAIN = 3


@dataclass(frozen=True, eq=False)
class Corrections:
    """One Gauss-Newton step in each space with one coordinate halved: the share of that coordinate in the error.

    ``pieces``: (space, correction) per coordinate; ``sizes``: L2 norms over the domain relative to the solution, worst
    unknown; ``masses``: their squares over the strips of that coordinate's (unhalved) intervals.
    """

    pieces: tuple[tuple[Space, Array], ...]
    sizes: tuple[float, ...]
    masses: tuple[Array, ...]


def corrections(system: InnerSystem, coefficients: Array, scale: Array) -> Corrections:
    """Correct a solution of ``system`` along each coordinate; ``scale``: squared norm of each unknown."""
    space = system.space
    pieces, sizes, masses = [], [], []
    for i, axis in enumerate(space.axes):
        fine = space.replaced(i, axis.halved())
        richer = system.on(fine)
        step = richer.steps(space.prolong(coefficients, fine), [coefficients], richer.fixed)[0]
        total, strips = richer.squares(step)
        pieces.append((fine, step))
        sizes.append(float(np.sqrt((total / scale).max())))
        masses.append((strips[i] / scale).max(-1).reshape(axis.intervals, 2).sum(1))
    return Corrections(tuple(pieces), tuple(sizes), tuple(masses))


def first_space(
    coordinates: Coordinates, ranges: Ranges, degree: Sequence[int], intervals: Sequence[int], unknowns: int
) -> Space:
    """Nearly uniform knots on the box of the inner coordinates."""
    axes = []
    for (a, b), p, n in zip(coordinates.box(ranges), degree, intervals, strict=True):
        place = np.arange(n + 1.0)
        place[1:-1] += UNEVEN * (np.mod(place[1:-1] * GOLDEN, 1.0) - 0.5)
        axes.append(Axis(a + (b - a) * place / n, p))
    return Space(tuple(axes), unknowns)


def marked(found: Corrections, tolerance: float, along: float = ALONG) -> list[np.ndarray]:
    """Intervals to halve: the bulk of the coordinate with the largest share."""
    weights = [size * (along if i == 1 else 1.0) for i, size in enumerate(found.sizes)]
    marks = [np.zeros(len(mass), dtype=bool) for mass in found.masses]
    chosen = int(np.argmax(weights))
    mass = found.masses[chosen]
    order = np.argsort(-mass)
    count = int(np.searchsorted(np.cumsum(mass[order]), BULK * mass.sum())) + 1
    marks[chosen][order[:count]] = True
    marks[chosen] &= mass > (IDLE * tolerance) ** 2 / len(mass)
    if not marks[chosen].any():
        marks[chosen][order[0]] = True
    return marks


def _in_vain(levels: Sequence[Level], best: Level) -> bool:
    since = [level for level in levels if level.number > best.number]
    return len(since) >= IN_VAIN and min(level.loss for level in since) > 0.5 * best.loss


def first_state(problem: Problem, coordinates: Coordinates, axes: SteadyState | None = None) -> FittedState:
    """Before the first level in these coordinates; ``axes``: where the levels on the axes stand."""
    space = first_space(coordinates, problem.ranges, (DEGREE, DEGREE), FIRST, len(problem.unknowns))
    return FittedState(axes, coordinates, space)


def solve_inner(
    inner: InnerModel,
    state: FittedState,
    max_levels: int,
    watch: Watch,
    reference: Reference | None,
    go_on: Callable[[Sequence[Level]], bool],
) -> Outcome:
    """Refine until the estimate, SAFETY times the sum of the corrections, is below the tolerance.

    ``go_on`` is asked after each level; when it says no, the outcome ends there with the reason "left". The levels of
    the outcome are those in inner coordinates alone.

    Raises:
        SolverError: the least squares have no solution.
        OutOfTimeError: the time limit is over; what there is lies in the watch's state.
    """
    problem = inner.model.problem
    tolerance, resolved = problem.solver.tolerance, False
    while len(state.own_levels) < max_levels:
        watch.keep(state)
        watch.check_step(())
        try:
            system, solved, found = _level(inner, state, watch)
        except np.linalg.LinAlgError as error:
            raise SolverError(f"least squares failed: {error}") from error
        out = _judged(state, system, solved, found, watch, reference)
        level, best = out.levels[-1], state.best
        out.reason = "" if solved.stationary else "stalled"
        resolved = level.loss <= RESOLVED * system.mean_square(np.zeros(state.space.shape))
        if resolved and level.estimate <= tolerance and not out.reason:
            return out
        if resolved and (best is None or level.estimate < best[0].estimate):
            best = level, out.field, out.error
        if best is not None and _in_vain(out.levels, best[0]):
            again, out.field, out.error = best
            out.levels.append(replace(again, number=level.number + 1, seconds=level.seconds))
            out.reason, out.detail = "stalled", "more knots no longer lower the estimate"
            return out
        if not go_on(out.levels):
            out.reason = "left"
            return out
        coordinates, space = _refined(state, problem.ranges, solved.coefficients, found, tolerance)
        records = tuple(out.levels), tuple(out.history)
        state = FittedState(state.axes, coordinates, space, *records, out.field, out.error, best)
    out.reason = "max_levels" if resolved else "not_asymptotic"
    return out


def _level(inner: InnerModel, state: FittedState, watch: Watch) -> tuple[InnerSystem, Converged, Corrections]:
    """Solve and correct in the space of a state."""
    problem, before = inner.model.problem, state.shown
    shown = min(1.0, state.own_levels[-1].estimate) if state.own_levels else 1.0
    pull = max(RIDGE, PULL * shown**2)
    system = InnerSystem(inner, state.space, state.coordinates, problem.ranges, pull=pull)
    start = np.zeros(state.space.shape)
    if isinstance(before, InnerField) and not inner.is_linear:
        start = system.fitted(before.pieces[0].values)
    solved = gauss_newton(system, start, system.fixed, 1e-2 * problem.solver.tolerance, watch)
    watch.check_step(())
    scale = nonzero(system.squares(solved.coefficients)[0])
    return system, solved, corrections(system, solved.coefficients, scale)


def _judged(
    state: FittedState,
    system: InnerSystem,
    solved: Converged,
    found: Corrections,
    watch: Watch,
    reference: Reference | None,
) -> Outcome:
    """The function of a level, its correction, and the records up to it."""
    space, coordinates, ranges = state.space, state.coordinates, system.ranges
    field = InnerField((InnerPiece(coordinates, ((space, solved.coefficients),)),), tuple(ranges))
    error = InnerField((InnerPiece(coordinates, found.pieces),), tuple(ranges))
    steps = enumerate(solved.steps)
    history = [watch.iteration(state.number, i, s.loss, s.size, s.damping) for i, s in steps]
    estimate = SAFETY * float(sum(found.sizes))
    if state.own_levels:
        estimate = max(estimate, state.own_levels[-1].estimate * 0.5 ** (DEGREE + 1))
    checked = system.checked()
    true = None if reference is None else relative_root(*checked.distance(solved.coefficients, reference))
    level = Level(
        number=state.number,
        intervals=tuple(a.intervals for a in space.axes),
        degree=tuple(a.degree for a in space.axes),
        parameters=int((~system.fixed).sum()) + coordinates.parameters,
        points=system.points,
        loss=system.mean_square(solved.coefficients),
        heldout=checked.mean_square(solved.coefficients),
        estimate=estimate,
        seconds=watch.elapsed(),
        iterations=len(solved.steps),
        true_error=true,
        note=str(coordinates),
    )
    return Outcome(field, error, [*state.own_levels, watch.level(level)], [*state.own_history, *history])


def _refined(
    state: FittedState, ranges: Ranges, coefficients: Array, found: Corrections, tolerance: float
) -> tuple[Coordinates, Space]:
    """The next coordinates and space: knots where the correction is, and the front straight."""
    space, coordinates = state.space, state.coordinates
    axes = [a.inserted(m) for a, m in zip(space.axes, marked(found, tolerance), strict=True)]
    course = ridge(space, coefficients, coordinates, ranges)
    moved = straightened(coordinates, course, ranges)
    if moved is not None:
        box = moved.box(ranges)
        axes = [carried(a, box[i], course.middle if i == 0 else 0.0) for i, a in enumerate(axes)]
        coordinates = moved
    return coordinates, replace(space, axes=tuple(axes))
