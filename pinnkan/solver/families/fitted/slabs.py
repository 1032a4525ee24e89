"""Slabs of time in coordinates that move with a front: s = n . x - c(r, t), solved, corrected and accepted one by one.

The course c of a slab is that of the one before, carried on; when the solution shows that the front leaves it, the
course is fitted to its ridge and the slab is solved again. Every slab has coordinates, box and knots of its own: it
takes over the values at its start by rows, not by coefficients. The estimate is the sum of the corrections along s, r
and t; the one along s also carries the error of all earlier slabs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.coordinates.warped_field import InnerField, InnerPiece
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.fitted.course import continued
from pinnkan.solver.families.fitted.crest import carried, ridge, straightened
from pinnkan.solver.families.fitted.levels import Corrections, Reference, marked
from pinnkan.solver.families.fitted.start import Carried, Values, standing
from pinnkan.solver.families.fitted.state import FittedAim, FittedSlab, FittedSlabsState
from pinnkan.solver.families.fitted.system import InnerModel, InnerSystem
from pinnkan.solver.families.product.pace import GROW, MARGIN, SHRINK, fitted
from pinnkan.solver.families.product.slabs import FLOOR_SHARE, LOCAL_SHARE, SMALLEST_SLAB
from pinnkan.solver.families.product.state import Run
from pinnkan.solver.minimise.gauss_newton import Converged, gauss_newton
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.verdict.records import Level

#: Degrees across the front, along it, and in time: a cell has their product, plus one each, of coefficients, and its
#: cost grows with the square of that. Degree 6 in all three took six times longer for a slab (measured).
DEGREES = (5, 4, 4)
#: First slab, relative to the whole time: short, since the speed of the front is not known yet.
FIRST_SLAB = 0.02
#: A slab is solved again in better coordinates when the front leaves its course by this share of its width; at most so
#: many times.
LEFT, AGAIN = 0.5, 3
#: Most rejections of one slab; then it is accepted, and the estimate says what that costs.
MOST_REJECTIONS = 8
#: When so many attempts in a row were worse than the best one, that is accepted: what the slab before has left at the
#: sides does not fall with knots or length (turning_front at 1e-5: 72 to 214 intervals, and a slab of 0.002).
IN_VAIN = 2
#: Gauss-Newton in a slab stops when its next step is predicted below this share of the allowed correction.
SETTLED = 0.05


@dataclass(frozen=True, eq=False)
class Solved:
    """A slab, the system that it solves, and its local corrections."""

    slab: FittedSlab
    system: InnerSystem
    local: Corrections


@dataclass(eq=False)
class March:
    """One pass through time; ``local`` is the tolerance that the slabs share, ``run`` what is accepted so far."""

    inner: InnerModel
    local: float
    degree: int  # in time
    watch: Watch
    reference: Reference | None
    initial: Values  # values at the start, (x, y) to (point, unknown)
    run: Run[InnerPiece]

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Of (x, y, t)."""
        return self.inner.model.problem.ranges

    @property
    def estimate(self) -> float:
        """SAFETY times the relative size of the global error over all slabs so far."""
        return SAFETY * relative_root(self.run.error_squares, self.run.squares)

    def allowed(self, length: float) -> float:
        """Largest local correction accepted for a slab of this length."""
        start, end = self.ranges[-1]
        return LOCAL_SHARE * self.local * max(length / (end - start), FLOOR_SHARE) ** 0.5

    def go(self, state: FittedSlabsState, out: Outcome) -> None:
        """March to the end; ``state`` is that of the beginning.

        Raises:
            SolverError: a slab that is as short as may be cannot be solved.
            OutOfTimeError: the time limit is over, after one attempt at the earliest.
        """
        start, end = self.ranges[-1]
        aim = state.aim
        while self.run.ends[-1] < end - 1e-12 * (end - start):
            records = tuple(out.levels), tuple(out.history)
            self.watch.keep(replace(state, aim=aim, run=self.run, levels=records[0], history=records[1]))
            if aim is not state.aim or out.levels:
                self.watch.check()
            aim = self._step(aim, out)

    def _step(self, aim: FittedAim, out: Outcome) -> FittedAim:
        """One attempt, and what is aimed at next: the next slab, or the same one again."""
        (start, end), time = self.ranges[-1], self.run.ends[-1]
        h = fitted(aim.length, end - time)
        try:
            solved = self.attempt(aim.coordinates, aim.axes, time, h)
        except SolverError:  # Gauss-Newton starts nearer in a shorter one
            if SHRINK * h < SMALLEST_SLAB * (end - start):
                raise
            return replace(aim, length=SHRINK * h)
        slab, system = solved.slab, solved.system
        best, since = (slab, 0) if aim.best is None else (aim.best, aim.since + 1)
        if sum(slab.sizes) < sum(best.sizes):
            best, since = slab, 0
        if since >= IN_VAIN:
            slab, system = best, self.system(best.piece.coordinates, best.space)
        elif sum(slab.sizes) > self.allowed(h) and aim.rejections < MOST_REJECTIONS:
            return self._again(aim, solved, best, since)
        self.advance(slab, system, out)
        length = slab.length * min(max(self._change(slab), SHRINK), GROW)
        return FittedAim(slab.piece.coordinates, slab.space.axes[:2], length)

    def _again(self, aim: FittedAim, solved: Solved, best: FittedSlab, since: int) -> FittedAim:
        """The same slab with more knots, or shorter, or both, as the sizes of its corrections say."""
        slab, local = solved.slab, solved.local
        allowed, axes, length = self.allowed(slab.length), slab.space.axes[:2], aim.length
        if max(slab.sizes[:2]) > 0.3 * allowed:
            plane = Corrections(local.pieces[:2], local.sizes[:2], local.masses[:2])
            marks = marked(plane, allowed, along=1.0)
            axes = tuple(a.inserted(m) for a, m in zip(axes, marks, strict=True))
        if slab.sizes[2] > 0.3 * allowed:
            length = slab.length * min(max(self._change(slab), SHRINK), 0.8)
        start, end = self.ranges[-1]
        if length < SMALLEST_SLAB * (end - start):
            raise SolverError(f"at t = {self.run.ends[-1]:.6g} the slabs became too short")
        return FittedAim(slab.piece.coordinates, axes, length, aim.rejections + 1, best, since)

    def _change(self, slab: FittedSlab) -> float:
        """Factor on the length of a slab at which its correction in time would be what is wanted."""
        wanted = 0.3 * self.allowed(slab.length)
        return MARGIN * (wanted / max(slab.sizes[2], 1e-300)) ** (1.0 / (self.degree + 0.5))

    def system(self, coordinates: Coordinates, space: Space) -> InnerSystem:
        """Of the next slab, whose times are those of the space."""
        start, end = space.axes[2].breaks[[0, -1]]
        ranges = (*self.ranges[:2], (float(start), float(end)))
        return InnerSystem(self.inner, space, coordinates, ranges, before=self.run.slabs[-1:])

    def attempt(
        self, guess: Coordinates, axes: tuple[Axis, ...], time: float, length: float
    ) -> Solved:
        """Solve one slab on the course of ``guess``, again while the front leaves it, and correct it."""
        ranges = (*self.ranges[:2], (time, time + length))
        coordinates = continued(guess, ranges)
        for turn in range(AGAIN):
            box = coordinates.box(ranges)
            axes = tuple(carried(a, ends, 0.0) for a, ends in zip(axes, box, strict=False))
            space = Space((*axes, Axis(np.array(ranges[2]), self.degree)), len(self.inner.model.problem.unknowns))
            system = self.system(coordinates, space)
            found = self.solved(system)
            course = ridge(space, found.coefficients, coordinates, ranges)
            if course.distance <= LEFT * course.width or turn == AGAIN - 1:
                break
            moved = straightened(coordinates, course, ranges)
            if moved is None:  # as straight as it gets, beside the middle
                moved = coordinates.moved(coordinates.warp, coordinates.bend + course.middle)
            coordinates = moved
        return self.corrected(system, found, length)

    def solved(self, system: InnerSystem) -> Converged:
        """Gauss-Newton, from the state at the start, carried along with the front."""
        start, begin = np.zeros(system.space.shape), self.run.ends[-1]
        if not self.inner.is_linear:
            values = self.run.slabs[-1].at(begin) if self.run.slabs else self.initial
            start = system.fitted(Carried(values, system.coordinates, begin, self.ranges))
        settled = SETTLED * self.allowed(system.ranges[2][1] - begin)
        found = gauss_newton(system, start, system.fixed, settled, self.watch)
        if not found.stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        return found

    def corrected(self, system: InnerSystem, found: Converged, length: float) -> Solved:
        """Corrections along s, r and t; the one along s is solved a second time with the error so far at its start."""
        space, coordinates, c = system.space, system.coordinates, found.coefficients
        squares = system.squares(c)[0]
        past = self.run.ends[-1] - self.ranges[-1][0]
        share = system.ranges[2][1] - system.ranges[2][0]
        scale = nonzero((self.run.squares + squares) / (past + share) * share)
        pieces, terms, sizes, masses = [], [], [], []
        for i, axis in enumerate(space.axes):
            richer = axis.halved() if i < 2 else Axis(axis.breaks, axis.degree + 1)
            before = (*self.run.slabs[-1:], *self.run.errors[-1:]) if i == 0 else None
            self.watch.check_step(found.steps)
            fine = system.on(space.replaced(i, richer), before=before)
            base = space.prolong(c, fine.space)
            steps = fine.steps(base, [base, base] if before else [base], fine.fixed)
            total, strips = fine.squares(steps[0])
            pieces.append((fine.space, steps[0]))
            terms.append((fine.space, steps[-1]))
            sizes.append(float(np.sqrt((total / scale).max())))
            masses.append((strips[i] / scale).max(-1).reshape(axis.intervals, -1).sum(1))
        error = InnerPiece(coordinates, tuple(terms))
        missing = np.sum([system.grid.values(*term) for term in error.terms], 0)
        error_squares = system.grid.integral(missing**2)
        local = Corrections(tuple(pieces), tuple(sizes), tuple(masses))
        piece = InnerPiece(coordinates, ((space, c),))
        slab = FittedSlab(piece, length, found.steps, tuple(sizes), error, squares, error_squares)
        return Solved(slab, system, local)

    def advance(self, slab: FittedSlab, system: InnerSystem, out: Outcome) -> None:
        """Record an accepted slab."""
        run, c, end = self.run, slab.piece.terms[0][1], system.ranges[2][1]
        checked = system.checked()
        true, distance = None, run.true
        if self.reference is not None:
            distance = distance + np.stack(checked.distance(c, self.reference))
            true = relative_root(distance[0], distance[1])
        self.run = Run(
            slabs=(*run.slabs, slab.piece),
            errors=(*run.errors, slab.error),
            ends=(*run.ends, end),
            squares=run.squares + slab.squares,
            error_squares=run.error_squares + slab.error_squares,
            true=distance,
        )
        for i, s in enumerate(slab.steps):
            out.history.append(self.watch.iteration(len(out.levels), i, s.loss, s.size, s.damping))
        level = Level(
            number=len(out.levels),
            intervals=tuple(a.intervals for a in system.space.axes),
            degree=tuple(a.degree for a in system.space.axes),
            parameters=int((~system.fixed).sum()) + system.coordinates.parameters,
            points=system.points,
            loss=system.mean_square(c),
            heldout=checked.mean_square(c),
            estimate=self.estimate,
            seconds=self.watch.elapsed(),
            iterations=len(slab.steps),
            time=(run.ends[-1], end),
            true_error=true,
            note=str(system.coordinates),
        )
        out.levels.append(self.watch.level(level))


def solve_inner_slabs(
    inner: InnerModel,
    first: Coordinates,
    axes: tuple[Axis, ...],
    passes: int,
    watch: Watch,
    reference: Reference | None,
    initial: Values,
) -> Outcome:
    """March through time; when the propagated estimate exceeds the tolerance, again with a tighter local one."""
    problem = inner.model.problem
    tolerance, resumed = problem.solver.tolerance, watch.resumed(FittedSlabsState)
    begun = first_state(problem, first, axes, initial)
    state = resumed or begun
    out = Outcome(InnerField((), problem.ranges), None, list(state.levels), list(state.history))
    while state.number < passes:
        march = March(inner, state.local, DEGREES[2], watch, reference, initial, state.run)
        try:
            march.go(state, out)
        except (SolverError, np.linalg.LinAlgError) as error:
            if not march.run.slabs:
                raise SolverError(f"least squares failed: {error}") from error
            out.reason, out.detail = getattr(error, "reason", "diverged"), str(error)
        state = replace(state, run=march.run)
        out.field, out.error = state.field, state.error
        if out.reason or march.estimate <= tolerance:
            return out
        local = state.local * max(0.3 * tolerance / march.estimate, 1e-3)
        state = replace(begun, number=state.number + 1, local=local, history=tuple(out.history))
        out.levels = []
    out.reason = "max_levels"
    return out


def first_state(problem: Problem, first: Coordinates, axes: tuple[Axis, ...], initial: Values) -> FittedSlabsState:
    """Before the first slab; what it shows is the initial data, at rest for its length."""
    (start, end), zero = problem.ranges[-1], np.zeros(len(problem.unknowns))
    length = FIRST_SLAB * (end - start)
    shown = standing(initial, first, axes, problem, length)
    run: Run[InnerPiece] = Run((), (), (float(start),), zero, zero)
    aim = FittedAim(first, axes, length)
    return FittedSlabsState(0, problem.solver.tolerance, aim, run, problem.ranges, shown, (), ())
