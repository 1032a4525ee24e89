"""Adaptive time slabs: one space-time box after the other, each accepted by its correction.

A slab has one interval in time. It is solved by Gauss-Newton from the exact trace of the one before, then corrected
in the space with every interval halved and a higher degree in time. Two corrections share one factorisation:

* the local one, e(t0) = 0, decides acceptance, the next step length and where knots go;
* the global one, e(t0) = end trace of the previous global one, is the error estimate: errors of all earlier slabs,
carried on by the linearised equation, so that growth and decay are counted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pinnkan.assembly.boundary_values import end_trace
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.solver.estimate.indicators import surplus
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.product.pace import GROW, MANY, SHRINK, Aim, change, next_degree, slab_length
from pinnkan.solver.families.product.slab import Slab, fixed_by, predicted, side_values, taylor
from pinnkan.solver.families.product.slab_start import Front, prepared, wanted
from pinnkan.solver.families.product.start import first_front
from pinnkan.solver.families.product.state import Run, SlabsState
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import Converged, contraction, gauss_newton
from pinnkan.solver.monitor import OutOfTimeError, Watch
from pinnkan.solver.outcome import SAFETY, Outcome, TrueError
from pinnkan.solver.verify.hidden_features import Missed, Witness, with_knots
from pinnkan.verdict.records import Level

#: A slab's correction may be this share of the tolerance times the larger of its share of the time and FLOOR_SHARE:
#: an error per unit time, relaxed for the many tiny slabs of an initial layer. Heuristic; the estimate does not rest
#: on it.
LOCAL_SHARE = 0.3
FLOOR_SHARE = 0.02
#: First slab, relative to the whole time; a rejected one costs little.
FIRST_SLAB = 0.05
#: Most rejections of one slab; then it is accepted, and the estimate says what that costs.
MOST_REJECTIONS = 40
#: Gauss-Newton in a slab stops when its next step is predicted below this share of the allowed correction.
SETTLED = 0.05
#: Relative accuracy of a Gauss-Newton step and of a correction: what they leave is below what either may be.
STEP, CORRECTION = 1e-12, 1e-6
#: Gauss points per halved interval that the correction has fewer than the slab has per interval. Effectivities of nine
#: shipped problems stay within 1 % with one, 10 % with two; one fewer in time made that of the wave equation 50.
FEWER = 1
#: A slab about to be accepted whose correction takes more than LARGE of what is allowed, and leaves more than SLOW of
#: the residual, is corrected once more, with MANY degrees. Where that finds FOUNDED times as much, all later slabs have
#: them; where it does not, only every second, fourth, .. doubt is looked into.
SLOW, LARGE, FOUNDED = 0.3, 0.3, 1.2
#: Steps before this slab that show how fast Gauss-Newton contracts: those of about four attempts.
RECENT = 12
#: Smallest slab, relative to the whole time.
SMALLEST_SLAB = 1e-7
#: Until then, relative to the whole time, a slab that would have to be shorter is accepted as it is: data that disagree
#: at a corner. The estimate says what that costs.
EARLY = 1e-6


class March:
    """One pass through time with a given local tolerance."""

    def __init__(self, model: Model, degree: tuple[int, int], intervals: int, tolerance: float, watch: Watch) -> None:
        self.model, self.watch, self.tolerance = model, watch, tolerance
        self.witness = Witness(model)
        self.degree, self.time_degree = degree
        self.free = model.problem.solver.degree is None and model.problem.solver.time_slabs is None
        self.start, self.end = model.problem.ranges[-1]
        self.number = model.problem.solver.time_slabs
        self.order = model.orders[-1]
        self.intervals = intervals
        self.unknowns = len(model.problem.unknowns)
        zero = np.zeros(self.unknowns)
        self.run: Run[tuple[Space, Array]] = Run((), (), (float(self.start),), zero, zero)

    @property
    def estimate(self) -> float:
        """SAFETY times the relative L2 norm of the global correction over all slabs so far, worst unknown."""
        return SAFETY * float(np.sqrt((self.run.error_squares / nonzero(self.run.squares)).max()))

    def attempt(self, aim: Aim, length: float, known: float) -> Slab:
        """Solve one slab and correct it; ``known``: the contraction of the Gauss-Newton steps before."""
        front = aim.front
        time = Axis(np.array([front.time, front.time + length]), aim.degree)
        space = Space((*front.axes, time), self.unknowns)
        guess = predicted(front, time) if aim.guess is None else aim.guess
        start, fixed = fixed_by(self.model, space, front.traces, side_values(self.model, space), guess)
        system = System(self.model, space, accuracy=STEP, keeping=not self.model.is_linear)
        found = gauss_newton(system, start, fixed, SETTLED * self.allowed(length), self.watch, known)
        system.release()
        if not found.stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        slab = self._corrected(aim, length, system, found, aim.more)
        if aim.more == MANY or not self._is_doubtful(slab, length) or len(self.run.slabs) % 2**aim.doubts:
            return slab
        closer = self._corrected(aim, length, system, found, MANY)
        founded = closer.size > FOUNDED * slab.size
        return closer if founded else replace(slab, doubts=slab.doubts + 1)

    def _corrected(self, aim: Aim, length: float, system: System, found: Converged, more: int) -> Slab:
        """A solved slab with its corrections, of ``more`` degrees in time."""
        front, space = aim.front, system.space
        axes = (*(a.halved() for a in front.axes), space.axes[-1].elevated(more))
        fine = Space(axes, self.unknowns)
        base = space.prolong(found.coefficients, fine)
        traces, sides = front.halved_traces(), side_values(self.model, fine)
        local_target, fine_fixed = fixed_by(self.model, fine, traces, sides, base)
        if self.run.slabs:
            self.watch.check()
        moved = tuple(t + e for t, e in zip(traces, front.errors, strict=True))
        target, _ = fixed_by(self.model, fine, moved, sides, base)
        richer = System(self.model, fine, accuracy=CORRECTION, fewer=FEWER)
        local, error = richer.steps(base, [local_target, target], fine_fixed)
        scale = self._scale(fine, base, length)
        size = float((fine.norm(local) / scale).max())
        share = surplus(space, fine, local, scale).raised_to(size)
        return Slab(space, found.coefficients, fine, local, error, found, system, size, share, richer, more, aim.doubts)

    def _is_doubtful(self, slab: Slab, length: float) -> bool:
        """Whether a correction that may be accepted has left too much of the residual to be all of the error."""
        allowed = self.allowed(length)
        is_last = slab.size <= allowed or self.number is not None
        return is_last and slab.size > LARGE * allowed and slab.fall > SLOW

    def _scale(self, fine: Space, base: Array, length: float) -> Array:
        """Norm of u over a time as long as the slab, from all slabs so far."""
        squares = fine.norm(base) ** 2
        past = self.run.ends[-1] - self.start
        return nonzero(np.sqrt((self.run.squares + squares) / (past + length) * length))

    def allowed(self, length: float) -> float:
        """Largest local correction accepted for a slab of this length."""
        return LOCAL_SHARE * self.tolerance * max(length / (self.end - self.start), FLOOR_SHARE) ** 0.5

    def refined(self, front: Front, slab: Slab, allowed: float) -> tuple[Front, Array]:
        """Knots inserted where the local correction is; the same traces in it, and a starting guess for the slab."""
        marks = wanted(slab.share.mass[:-1], allowed)
        axes = tuple(a.inserted(m) for a, m in zip(front.axes, marks, strict=True))
        finer = front.moved_to(axes)
        space = Space((*axes, slab.space.axes[-1]), self.unknowns)
        base = slab.space.prolong(slab.coefficients, slab.fine)
        return finer, np.ascontiguousarray(space.restrict(base + slab.local, slab.fine))

    def gathered(self, front: Front, missed: Missed) -> Front:
        """The same state with knots at a feature that lay between the points."""
        return front.moved_to(with_knots(front.axes, missed))

    def advance(self, slab: Slab) -> Front:
        """Record an accepted slab; the front at its end."""
        end = float(slab.space.axes[-1].breaks[-1])
        self.run = Run(
            slabs=(*self.run.slabs, (slab.space, slab.coefficients)),
            errors=(*self.run.errors, (slab.fine, slab.error)),
            ends=(*self.run.ends, end),
            squares=self.run.squares + slab.space.norm(slab.coefficients) ** 2,
            error_squares=self.run.error_squares + slab.fine.norm(slab.error) ** 2,
            true=self.run.true,
        )
        last = len(slab.space.axes) - 1
        traces = [end_trace(slab.space.axes[-1], slab.coefficients, k, last) for k in range(self.order)]
        errors = [end_trace(slab.fine.axes[-1], slab.error, k, last) for k in range(self.order)]
        rates = taylor(slab.space.axes[-1], slab.coefficients)
        return Front(end, slab.space.axes[:-1], tuple(traces), tuple(errors), rates)

    def go(self, out: Outcome, true_error: TrueError | None, number: int = 0, state: SlabsState | None = None) -> None:
        """March to the end, or until the time limit or the smallest slab; from ``state`` on, in pass ``number``."""
        total, tried = self.end - self.start, False
        if state is None:
            front = first_front(self.model, (self.degree, self.time_degree), self.intervals, self.tolerance)
            aim = Aim(front, FIRST_SLAB * total, self.time_degree)
        else:
            self.run, aim = state.run, state.aim
        while aim.front.time < self.end - 1e-12 * total:
            at = number, self.tolerance, aim, self.run
            self.watch.keep(SlabsState(*at, tuple(out.levels), tuple(out.history)))
            if self.watch.expired() and (tried or self.run.slabs):
                raise OutOfTimeError
            tried = True
            aim = self._step(aim, out, true_error)

    def _step(self, aim: Aim, out: Outcome, true_error: TrueError | None) -> Aim:
        """One attempt, and what is aimed at next: the next slab, or the same one again."""
        h = slab_length(aim, self.start, self.end, self.number)
        try:
            slab = self.attempt(aim, h, contraction(out.history[-RECENT:]))
        except (SolverError, np.linalg.LinAlgError) as error:
            if self.number or h < SMALLEST_SLAB * (self.end - self.start):
                reason = error.reason if isinstance(error, SolverError) else "diverged"
                raise SolverError(f"at t = {aim.front.time:.6g}: {error}", reason) from error
            return replace(aim, length=0.3 * h, guess=None)
        aim = replace(aim, more=slab.more, doubts=slab.doubts)
        for i, s in enumerate(slab.found.steps):
            out.history.append(self.watch.iteration(len(self.run.slabs), i, s.loss, s.size, s.damping))
        allowed, in_time = self.allowed(h), slab.share.size[-1]
        factor = change(h, in_time, allowed, aim.late, aim.degree)
        rejected = replace(aim, rejections=aim.rejections + 1, guess=None, late=(h, in_time))
        missed = self.witness.examine(*slab.seen()) if slab.size <= allowed else None
        if aim.rejections < MOST_REJECTIONS:
            if missed is not None:
                length = h if self.number else SHRINK * h
                return replace(rejected, front=self.gathered(aim.front, missed), length=length)
            if slab.size > allowed and (again := self._again(rejected, slab, h, factor)) is not None:
                return again
        front = prepared(self.advance(slab), slab.share.mass[:-1], allowed)
        note = "" if missed is None else missed.words(self.model.problem)
        out.levels.append(self.watch.level(self._record(slab, true_error, note)))
        degree = next_degree(aim.degree, in_time, allowed) if self.free else aim.degree
        return Aim(front, h * min(factor, GROW), degree, more=slab.more, doubts=slab.doubts)

    def _again(self, aim: Aim, slab: Slab, h: float, factor: float) -> Aim | None:
        """The same slab shorter, or with more knots, or both, as the shares of its correction say."""
        allowed, in_time = self.allowed(h), slab.share.size[-1]
        in_space = float(np.sqrt(sum(s**2 for s in slab.share.size[:-1])))
        too_long = in_time > 0.7 * allowed
        shrink, refine = too_long and not self.number, in_space > 0.5 * allowed or not too_long
        if refine:
            front, guess = self.refined(aim.front, slab, allowed)
            aim = replace(aim, front=front, guess=guess)
        if shrink:
            aim = replace(aim, length=h * min(factor, 0.8), guess=None)
        total = self.end - self.start
        if aim.length < SMALLEST_SLAB * total:
            if aim.front.time - self.start < EARLY * total:
                return None
            raise SolverError(f"at t = {aim.front.time:.6g} the slabs became too short")
        return aim if refine or shrink else None

    def _record(self, slab: Slab, true_error: TrueError | None, note: str) -> Level:
        time = slab.space.axes[-1].breaks
        return Level(
            number=len(self.run.slabs) - 1,
            intervals=tuple(a.intervals for a in slab.space.axes),
            degree=tuple(a.degree for a in slab.space.axes),
            parameters=slab.space.size,
            points=slab.system.points,
            loss=slab.system.mean_square(slab.coefficients),
            heldout=System(self.model, slab.space, extra=1).mean_square(slab.coefficients),
            estimate=self.estimate,
            seconds=self.watch.elapsed(),
            iterations=len(slab.found.steps),
            time=(float(time[0]), float(time[-1])),
            true_error=self._true_error(slab, true_error),
            note=note,
        )

    def _true_error(self, slab: Slab, true_error: TrueError | None) -> float | None:
        if true_error is None:
            return None
        error, exact = true_error(slab.space, slab.coefficients)
        self.run = replace(self.run, true=self.run.true + np.stack([error, exact]))
        return relative_root(*self.run.true)

    def fields(self) -> tuple[ProductField, ProductField | None]:
        """The solution and its estimated error, up to the time reached."""
        if not self.run.slabs:
            state = self.watch.state
            assert isinstance(state, SlabsState)
            return state.field, state.error
        ends = np.array(self.run.ends)
        return ProductField(self.run.slabs, ends), ProductField(self.run.errors, ends)


def solve_slabs(
    model: Model, degree: tuple[int, int], intervals: int, max_levels: int, watch: Watch, true_error: TrueError | None
) -> Outcome:
    """March through time; when the propagated estimate exceeds the tolerance, again with a tighter local one."""
    tolerance = model.problem.solver.tolerance
    state = watch.resumed(SlabsState)
    first, local = (state.number, state.local) if state is not None else (0, tolerance)
    out = Outcome(ProductField(()), None)
    for number in range(first, max_levels):
        march = March(model, degree, intervals, local, watch)
        out.levels, out.reason = [], ""
        if state is not None:
            out.levels, out.history = list(state.levels), list(state.history)
        try:
            march.go(out, true_error, number, state)
        except OutOfTimeError:
            out.reason = "max_time"
        state = None
        out.field, out.error = march.fields()
        if out.reason or march.estimate <= tolerance or march.number:
            break
        local *= max(0.3 * tolerance / march.estimate, 1e-3)
    else:
        out.reason = "max_levels"
    if not out.reason and march.estimate > tolerance:
        out.reason = "max_levels"
    return out
