"""Slabs of time in coordinates that move with a front: s = n . x - c(r, t), solved, corrected and accepted one by one.

The course c of a slab is that of the one before, carried on; when the solution shows that the front leaves it, the
course is fitted to its ridge and the slab is solved again. Every slab has coordinates, box and knots of its own: it
takes over the values at its start by rows, not by coefficients. The estimate is the sum of the corrections along s, r
and t; the one along s also carries the error of all earlier slabs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pinnkan.assembly.cut_cells import Ranges
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.coordinates.warped_field import InnerField, InnerPiece
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.fitted.course import continued
from pinnkan.solver.families.fitted.crest import Ridge, carried, ridge, straightened
from pinnkan.solver.families.fitted.levels import Corrections, Reference, marked
from pinnkan.solver.families.fitted.system import InnerModel, InnerSystem
from pinnkan.solver.families.product.pace import GROW, MARGIN, SHRINK, fitted
from pinnkan.solver.families.product.slabs import FLOOR_SHARE, LOCAL_SHARE, SMALLEST_SLAB
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
class Slab:
    """A solved slab: its coordinates and spline, corrections, the global error, norms."""

    coordinates: Coordinates
    system: InnerSystem
    found: Converged
    local: Corrections
    error: InnerPiece
    squares: Array
    error_squares: Array
    course: Ridge

    @property
    def piece(self) -> InnerPiece:
        """The solution."""
        return InnerPiece(self.coordinates, ((self.system.space, self.found.coefficients),))


@dataclass(eq=False)
class March:
    """One pass through time; ``local`` is the tolerance that the slabs share."""

    inner: InnerModel
    local: float
    degree: int  # in time
    watch: Watch
    reference: Reference | None
    initial: Callable[[Array], Array]  # values at the start, (x, y) to (point, unknown)
    slabs: list[InnerPiece] = field(default_factory=list)
    errors: list[InnerPiece] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    squares: Array | float = 0.0
    error_squares: Array | float = 0.0
    true: Array | float = 0.0

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Of (x, y, t)."""
        return self.inner.model.problem.ranges

    @property
    def estimate(self) -> float:
        """SAFETY times the relative size of the global error over all slabs so far."""
        return SAFETY * relative_root(np.asarray(self.error_squares), np.asarray(self.squares))

    def allowed(self, length: float) -> float:
        """Largest local correction accepted for a slab of this length."""
        start, end = self.ranges[-1]
        return LOCAL_SHARE * self.local * max(length / (end - start), FLOOR_SHARE) ** 0.5

    def go(self, first: Coordinates, axes: tuple[Axis, ...], out: Outcome) -> None:
        """March to the end, or until the time limit."""
        start, end = self.ranges[-1]
        total, time, length, rejections = end - start, start, FIRST_SLAB * (end - start), 0
        coordinates = first
        self.ends, tried = [start], list[tuple[float, float, Slab, tuple[Axis, ...]]]()
        while time < end - 1e-12 * total:
            if self.watch.expired():
                out.reason = "max_time"
                return
            h = fitted(length, end - time)
            try:
                slab, axes = self.attempt(coordinates, axes, time, h)
            except SolverError:  # Gauss-Newton starts nearer in a shorter one
                length = SHRINK * h
                if length < SMALLEST_SLAB * total:
                    raise
                continue
            tried.append((sum(slab.local.sizes), h, slab, axes))
            best = min(range(len(tried)), key=lambda i: tried[i][0])
            in_vain = len(tried) - 1 - best >= IN_VAIN
            if in_vain:
                _, h, slab, axes = tried[best]
            allowed = self.allowed(h)
            across, late = max(slab.local.sizes[:2]), slab.local.sizes[2]
            factor = MARGIN * (0.3 * allowed / max(late, 1e-300)) ** (1.0 / (self.degree + 0.5))
            if sum(slab.local.sizes) > allowed and rejections < MOST_REJECTIONS and not in_vain:
                rejections += 1
                if across > 0.3 * allowed:
                    plane = Corrections(slab.local.pieces[:2], slab.local.sizes[:2], slab.local.masses[:2])
                    marks = marked(plane, allowed, along=1.0)
                    axes = tuple(a.inserted(m) for a, m in zip(axes, marks, strict=True))
                if late > 0.3 * allowed:
                    length = h * min(max(factor, SHRINK), 0.8)
                if length < SMALLEST_SLAB * total:
                    raise SolverError(f"at t = {time:.6g} the slabs became too short")
                coordinates = slab.coordinates
                continue
            rejections, tried = 0, []
            time += h
            self.advance(slab, time, out)
            length = h * min(max(factor, SHRINK), GROW)
            coordinates = slab.coordinates

    def attempt(
        self, guess: Coordinates, axes: tuple[Axis, ...], time: float, length: float
    ) -> tuple[Slab, tuple[Axis, ...]]:
        """Solve one slab on the course of ``guess``, again while the front leaves it, and correct it."""
        ranges = (*self.ranges[:2], (time, time + length))
        coordinates = continued(guess, ranges)
        for turn in range(AGAIN):
            box = coordinates.box(ranges)
            axes = tuple(carried(a, ends, 0.0) for a, ends in zip(axes, box, strict=False))
            space = Space((*axes, Axis(np.array(ranges[2]), self.degree)), len(self.inner.model.problem.unknowns))
            system = InnerSystem(self.inner, space, coordinates, ranges, before=self.slabs[-1:])
            found = self.solved(system)
            course = ridge(space, found.coefficients, coordinates, ranges)
            if course.distance <= LEFT * course.width or turn == AGAIN - 1:
                break
            moved = straightened(coordinates, course, ranges)
            if moved is None:  # as straight as it gets, beside the middle
                moved = coordinates.moved(coordinates.warp, coordinates.bend + course.middle)
            coordinates = moved
        return self.corrected(system, found, coordinates, course), axes

    def solved(self, system: InnerSystem) -> Converged:
        """Gauss-Newton, from the state at the start, carried along with the front."""
        start, begin = np.zeros(system.space.shape), self.ends[-1]
        if not self.inner.is_linear:
            values = self.slabs[-1].at(begin) if self.slabs else self.initial
            start = system.fitted(_Carried(values, system.coordinates, begin, self.ranges))
        found = gauss_newton(system, start, system.fixed, SETTLED * self.allowed(system.ranges[2][1] - self.ends[-1]))
        if not found.stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        return found

    def corrected(self, system: InnerSystem, found: Converged, coordinates: Coordinates, course: Ridge) -> Slab:
        """Corrections along s, r and t; the one along s is solved a second time with the error so far at its start."""
        space, c = system.space, found.coefficients
        squares = system.squares(c)[0]
        past = self.ends[-1] - self.ranges[-1][0]
        length = system.ranges[2][1] - system.ranges[2][0]
        scale = nonzero((self.squares + squares) / (past + length) * length)
        pieces, terms, sizes, masses = [], [], [], []
        for i, axis in enumerate(space.axes):
            richer = axis.halved() if i < 2 else Axis(axis.breaks, axis.degree + 1)
            before = (*self.slabs[-1:], *self.errors[-1:]) if i == 0 else None
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
        return Slab(coordinates, system, found, local, error, squares, error_squares, course)

    def advance(self, slab: Slab, time: float, out: Outcome) -> None:
        """Record an accepted slab."""
        self.slabs.append(slab.piece)
        self.errors.append(slab.error)
        self.squares = self.squares + slab.squares
        self.error_squares = self.error_squares + slab.error_squares
        system, c = slab.system, slab.found.coefficients
        checked = system.checked()
        true = None
        if self.reference is not None:
            self.true = self.true + np.stack(checked.distance(c, self.reference))
            true = relative_root(self.true[0], self.true[1])
        for i, s in enumerate(slab.found.steps):
            out.history.append(self.watch.iteration(len(out.levels), i, s.loss, s.size, s.damping))
        level = Level(
            number=len(out.levels),
            intervals=tuple(a.intervals for a in system.space.axes),
            degree=tuple(a.degree for a in system.space.axes),
            parameters=int((~system.fixed).sum()) + slab.coordinates.parameters,
            points=system.points,
            loss=system.mean_square(c),
            heldout=checked.mean_square(c),
            estimate=self.estimate,
            seconds=self.watch.elapsed(),
            iterations=len(slab.found.steps),
            time=(self.ends[-1], time),
            true_error=true,
            note=str(slab.coordinates),
        )
        self.ends.append(time)
        out.levels.append(self.watch.level(level))

    def fields(self) -> tuple[InnerField, InnerField]:
        """The solution and its estimated error, up to the time reached."""
        ends, ranges = np.array(self.ends), (*self.ranges[:2], (self.ends[0], self.ends[-1]))
        return InnerField(tuple(self.slabs), ranges, ends), InnerField(tuple(self.errors), ranges, ends)


@dataclass(frozen=True, eq=False)
class _Carried:
    """Values at one time, (x, y) to (point, unknown), carried along by moving coordinates: a function of (x, y, t)."""

    values: Callable[[Array], Array]
    coordinates: Coordinates
    time: float
    ranges: Ranges

    def __call__(self, points: Array) -> Array:
        inner = self.coordinates.forward(points)
        inner[:, 2] = self.time
        low, high = np.array(self.ranges[:2]).T
        return self.values(np.clip(self.coordinates.inverse(inner)[:, :2], low, high))


def solve_inner_slabs(
    inner: InnerModel,
    first: Coordinates,
    axes: tuple[Axis, ...],
    passes: int,
    watch: Watch,
    reference: Reference | None,
    initial: Callable[[Array], Array],
) -> Outcome:
    """March through time; when the propagated estimate exceeds the tolerance, again with a tighter local one."""
    problem = inner.model.problem
    tolerance = problem.solver.tolerance
    local = tolerance
    out = Outcome(InnerField((), problem.ranges), None)
    for _ in range(passes):
        march = March(inner, local, DEGREES[2], watch, reference, initial)
        out.levels, out.reason = [], ""
        try:
            march.go(first, axes, out)
        except (SolverError, np.linalg.LinAlgError) as error:
            if not march.slabs:
                raise SolverError(f"least squares failed: {error}") from error
            out.reason, out.detail = getattr(error, "reason", "diverged"), str(error)
        if march.slabs:
            out.field, out.error = march.fields()
        if out.reason or march.estimate <= tolerance:
            return out
        local *= max(0.3 * tolerance / march.estimate, 1e-3)
    out.reason = "max_levels"
    return out
