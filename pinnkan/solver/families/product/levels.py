"""Levels of a steady problem: solve, correct in the refined space, judge, insert knots, prolong exactly, repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.solver.estimate.indicators import mark, surplus
from pinnkan.solver.estimate.norms import nonzero, relative_root
from pinnkan.solver.families.product.judging import Judged, judge_by_correction, judge_by_fall
from pinnkan.solver.families.product.start import initial_space, with_conditions
from pinnkan.solver.families.product.state import SteadyState
from pinnkan.solver.linear.system import System, require_memory
from pinnkan.solver.minimise.gauss_newton import MAX_STEPS, gauss_newton
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import FIRST_MARGIN, RESOLVED, SAFETY, Outcome, TrueError
from pinnkan.solver.verify.hidden_features import Missed, Witness, with_knots
from pinnkan.solver.verify.verify import objection
from pinnkan.verdict.records import Level
from pinnkan.verdict.verdict import UNRESOLVED

#: Where the marked knots of several coordinates make a space of this share of the one with all intervals halved, that
#: one is taken: it is already solved.
WHOLE = 0.85
#: Levels in a row after which what has not moved will not.
STALLS = 4
#: Rounding errors of this share of the coefficients leave nothing to be said about the error.
GARBAGE = 1e-4


def solve_steady(
    model: Model,
    degree: int,
    intervals: int,
    max_levels: int,
    watch: Watch,
    true_error: TrueError | None,
    leave: Callable[[SteadyState], bool] = lambda _: False,
    begun: SteadyState | None = None,
) -> Outcome:
    """Refine until the estimated relative L2 error is below the tolerance.

    The returned function is the one of the last level; its estimate is SAFETY times the correction in the space with
    all intervals halved, but never less than :func:`pinnkan.solver.families.product.judging.believable`. Before a level
    is the last, the
    witness looks between its points. ``leave`` is asked before each level but the first; when it says yes, the outcome
    ends there with the reason "left". ``begun``: the state from which to go on.
    """
    climb = Climb(model, degree, intervals, watch, true_error, begun)
    for number in range(climb.first, max_levels):
        judged = climb.level(number)
        if climb.accepted(number, judged) or climb.ended(judged):
            return climb.out
        climb.rise(judged)
        if leave(climb.state(number + 1, climb.solved)):
            climb.out.reason = "left"
            return climb.out
    unresolved = "max_levels" if climb.resolved else "not_asymptotic"
    climb.out.reason = climb.stalled or ("undersampled" if climb.missed else unresolved)
    return climb.out


class Climb:
    """Where a steady solve stands between two levels, the next space and its starting coefficients first of all."""

    def __init__(
        self,
        model: Model,
        degree: int,
        intervals: int,
        watch: Watch,
        true_error: TrueError | None,
        begun: SteadyState | None,
    ) -> None:
        self.model, self.watch, self.true_error = model, watch, true_error
        self.tolerance = model.problem.solver.tolerance
        self.witness = Witness(model)
        self.missed: Missed | None = None
        self.space = initial_space(model, degree, intervals)
        require_memory(model, self.space)
        self.start, self.fixed = with_conditions(model, self.space, np.zeros(self.space.shape))
        self.unsolved = self._data()
        self.out = Outcome(ProductField(((self.space, self.start),)), None)
        self.first, self.solved, self.resolved, self.stalled = 0, False, False, ""
        state = begun or watch.resumed(SteadyState)
        if state is not None:
            self._resume(state)

    def _data(self) -> float:
        """Mean squared residual of the lifted data alone, on the points of the present space."""
        alone, _ = with_conditions(self.model, self.space, np.zeros(self.space.shape))
        return System(self.model, self.space).mean_square(alone)

    def _resume(self, state: SteadyState) -> None:
        self.first, self.space, self.start = state.number, state.space, state.start
        self.solved, self.resolved, self.stalled = state.solved, state.resolved, state.stalled
        self.unsolved = state.unsolved
        self.fixed = with_conditions(self.model, self.space, self.start)[1]
        shown = state.shown, state.shown_error, list(state.levels), list(state.history)
        self.out = Outcome(*shown, state.reason, state.detail, state.network, state.rounding)

    def level(self, number: int) -> Judged:
        """Solve in the present space, judge the function by its correction, record both."""
        system = System(self.model, self.space)
        self._solve(number, system)
        left = self.out.rounding  # by the correction that was taken for the solution
        if self.out.levels:
            self.watch.check()
        loss = system.mean_square(self.start)
        heldout = System(self.model, self.space, extra=1).mean_square(self.start)
        self.resolved = loss <= RESOLVED * self.unsolved or self.unsolved == 0.0
        judged = judge_by_fall(self.model, self.out, self.space, self.start, loss) if self.solved else None
        if judged is None or judged.estimate > self.tolerance:
            judged = judge_by_correction(self.model, self.out, self.space, self.start, loss, heldout)
        judged = replace(judged, estimate=judged.estimate + left, rounding=max(judged.rounding, left))
        self.out.rounding = judged.rounding
        self.out.field = ProductField(((self.space, self.start),))
        self.out.error = ProductField(((judged.space, judged.error),))
        self.out.levels.append(self.watch.level(self._record(number, system.points, loss, heldout, judged)))
        return judged

    def _solve(self, number: int, system: System) -> None:
        self.watch.keep(self.state(number, self.solved))
        if self.solved:
            return
        found = gauss_newton(system, self.start, self.fixed, 1e-2 * self.tolerance, self.watch)
        for i, s in enumerate(found.steps):
            self.out.history.append(self.watch.iteration(number, i, s.loss, s.size, s.damping))
        if not found.stationary:
            self.out.reason, self.out.detail = "stalled", "Gauss-Newton still moved after its last step"
        self.start = np.ascontiguousarray(found.coefficients)
        self.out.rounding = 0.0
        self.watch.keep(self.state(number, True))

    def state(self, number: int, solved: bool) -> SteadyState:
        """Before that level, or when it is ``solved`` and not judged yet."""
        self.start, out = np.ascontiguousarray(self.start), self.out
        return SteadyState(
            number, self.space, self.start, solved, self.resolved, self.unsolved, self.stalled, out.reason, out.detail,
            tuple(out.levels), tuple(out.history), out.field, out.error, out.rounding, out.network,
        )  # fmt: skip

    def _record(self, number: int, points: int, loss: float, heldout: float, judged: Judged) -> Level:
        true = relative_root(*self.true_error(self.space, self.start)) if self.true_error else None
        return Level(
            number=number,
            intervals=tuple(a.intervals for a in self.space.axes),
            degree=tuple(a.degree for a in self.space.axes),
            parameters=self.space.size,
            points=points,
            loss=loss,
            heldout=heldout,
            estimate=judged.estimate,
            seconds=self.watch.elapsed(),
            iterations=sum(1 for h in self.out.history if h.level == number),
            true_error=true,
            note=judged.note if self.resolved else UNRESOLVED,
        )

    def accepted(self, number: int, judged: Judged) -> bool:
        """Whether the level ends the solve: below the tolerance with nothing against it, or shown to be hopeless."""
        self.missed = None
        allowed = self.tolerance if number > 0 else FIRST_MARGIN * self.tolerance
        if not self.resolved or judged.estimate > allowed or self.out.reason:
            return False
        against = objection(self.model, self.witness, self.out.field, judged.losses, self.tolerance / SAFETY)
        if against is None:
            return True
        self.missed = against.missed
        self._reestimate(max(judged.estimate, SAFETY * against.size))
        if against.reason:
            self.out.reason, self.out.detail = against.reason, against.detail
        return bool(against.reason)

    def ended(self, judged: Judged) -> bool:
        """Whether more levels are not to be had: rounding, time, or an iteration at rest."""
        out, rounding = self.out, judged.rounding
        if self.resolved and rounding > self.tolerance and out.reason == "":
            self._reestimate(max(judged.estimate, rounding) if rounding < GARBAGE else float("inf"))
            out.reason, out.detail = "tolerance_below_rounding", f"about {rounding:.0e} in the coefficients"
        elif self.watch.expired():
            out.reason = "max_time"
        elif stands(out.levels, self.tolerance):
            out.reason, out.detail = "stalled", out.detail or "no correction lowers the residual"
        else:
            return False
        return True

    def _reestimate(self, estimate: float) -> None:
        self.out.levels[-1] = replace(self.out.levels[-1], estimate=estimate)

    def rise(self, judged: Judged) -> None:
        """To the next level: knots where the correction is, or where the witness saw something."""
        self.stalled, self.out.reason = self.out.reason, ""
        rest = None if self.missed is None else _gather(self.model, self.space, self.start, self.missed)
        if rest is None:
            rest = _refine(self.model, self.space, self.start, judged, self.tolerance)
        self.space, self.start, self.fixed, self.solved = rest
        self.unsolved = max(self.unsolved, self._data())


def stands(levels: Sequence[Level], tolerance: float) -> bool:
    """Whether more levels are in vain: Gauss-Newton uses up its steps on knots that resolve the data, or a residual as
    large as the data is at rest."""
    last = levels[-STALLS:]
    if len(last) < STALLS:
        return False
    restless = all(x.iterations >= MAX_STEPS and x.note != UNRESOLVED for x in last)
    return restless or all(x.note == UNRESOLVED and x.estimate <= tolerance for x in last)


def _gather(model: Model, space: Space, start: Array, missed: Missed) -> tuple[Space, Array, np.ndarray, bool] | None:
    """The space with knots at a feature that lay between the points, and how to start there; None if they are there."""
    finer = Space(with_knots(space.axes, missed), space.unknowns)
    if finer.shape == space.shape:
        return None
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
