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
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.fitted.crest import carried, ridge, straightened
from pinnkan.solver.families.fitted.system import RIDGE, InnerModel, InnerSystem
from pinnkan.solver.families.product.start import GOLDEN, UNEVEN
from pinnkan.solver.minimise.gauss_newton import gauss_newton
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


def solve_inner(
    inner: InnerModel,
    coordinates: Coordinates,
    max_levels: int,
    watch: Watch,
    reference: Reference | None,
    go_on: Callable[[Outcome], bool],
) -> Outcome:
    """Refine until the estimate, SAFETY times the sum of the corrections, is below the tolerance.

    ``go_on`` is asked after each level; when it says no, the outcome ends there with the reason "left".
    """
    problem = inner.model.problem
    tolerance, ranges = problem.solver.tolerance, problem.ranges
    space = first_space(coordinates, ranges, (DEGREE, DEGREE), FIRST, len(problem.unknowns))
    out = Outcome(InnerField((), ranges), None)
    before: InnerField | None = None
    best: tuple[Level, InnerField, InnerField] | None = None
    for number in range(max_levels):
        try:
            shown = min(1.0, out.levels[-1].estimate) if out.levels else 1.0
            pull = max(RIDGE, PULL * shown**2)
            system = InnerSystem(inner, space, coordinates, ranges, pull=pull)
            start = (
                np.zeros(space.shape) if before is None or inner.is_linear else system.fitted(before.pieces[0].values)
            )
            solved = gauss_newton(system, start, system.fixed, 1e-2 * tolerance)
            found = corrections(system, solved.coefficients, nonzero(system.squares(solved.coefficients)[0]))
        except np.linalg.LinAlgError as error:
            raise SolverError(f"least squares failed: {error}") from error
        for i, s in enumerate(solved.steps):
            out.history.append(watch.iteration(number, i, s.loss, s.size, s.damping))
        before = InnerField((InnerPiece(coordinates, ((space, solved.coefficients),)),), ranges)
        out.field, out.error = before, InnerField((InnerPiece(coordinates, found.pieces),), ranges)
        estimate = SAFETY * float(sum(found.sizes))
        if out.levels:
            estimate = max(estimate, out.levels[-1].estimate * 0.5 ** (DEGREE + 1))
        checked = system.checked()
        true = None if reference is None else relative_root(*checked.distance(solved.coefficients, reference))
        level = Level(
            number=number,
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
        out.levels.append(watch.level(level))
        out.reason = "" if solved.stationary else "stalled"
        resolved = level.loss <= RESOLVED * system.mean_square(np.zeros(space.shape))
        if resolved and estimate <= tolerance and not out.reason:
            return out
        if resolved and (best is None or estimate < best[0].estimate):
            best = level, out.field, out.error
        if best is not None and _in_vain(out.levels, best[0]):
            again, out.field, out.error = best
            out.levels.append(replace(again, number=number + 1, seconds=level.seconds))
            out.reason, out.detail = "stalled", "more knots no longer lower the estimate"
            return out
        if watch.expired() or not go_on(out):
            out.reason = "max_time" if watch.expired() else "left"
            return out
        marks = marked(found, tolerance)
        axes = [a.inserted(m) for a, m in zip(space.axes, marks, strict=True)]
        course = ridge(space, solved.coefficients, coordinates, ranges)
        moved = straightened(coordinates, course, ranges)
        if moved is not None:
            box = moved.box(ranges)
            axes = [carried(a, box[i], course.middle if i == 0 else 0.0) for i, a in enumerate(axes)]
            coordinates = moved
        space = replace(space, axes=tuple(axes))
    out.reason = "max_levels" if resolved else "not_asymptotic"
    return out
