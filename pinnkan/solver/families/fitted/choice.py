"""Whether a problem is solved on the axes or in coordinates of its own: a race of predicted gains.

On a steady problem the axes go first. When after some levels the gradient has one direction, askew to the axes, and
the estimate is still large, rotated coordinates get as many coefficients as the next level on the axes would have.
They are kept if their estimate is then below the one predicted for that level, and if they resolve the front in the
end; else the axes go on. In time the front of the initial data decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pinnkan.assembly.clock import OutOfTimeError
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.coordinates.warped import FittedField, rotated
from pinnkan.problem.corners import corners
from pinnkan.problem.mirrors import MIDDLE
from pinnkan.problem.statement import Problem, Side
from pinnkan.solver.families.fitted.front import structure
from pinnkan.solver.families.fitted.left_on_axes import left_on_axes
from pinnkan.solver.families.fitted.levels import FittedLevels
from pinnkan.solver.families.fitted.slabs import DEGREES, FittedSlabs
from pinnkan.solver.families.fitted.start import OBLIQUE, ONE_WAY, front_of, initial_values, knots_for
from pinnkan.solver.families.product.levels import ProductLevels, ProductState
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.levels import begun, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.state import LevelsState
from pinnkan.solver.verify.neutral import is_held_turned
from pinnkan.solver.verify.products.probe import probe
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.records import Level, Reason

#: Levels on the axes before the gradient is trusted to show a direction. On 12x12 intervals a front 1e-3 wide is seen
#: at 31.5 degrees instead of 30, on 6x6 at 56 (measured).
LEVELS = 3
#: Estimates below this are of resolved functions, on which the axes do well.
UNRESOLVED = 0.02
#: Growth of coefficients from one level on the axes to the next: both coordinates halved.
GROWTH = 4.0
#: Moving coordinates are taken when the axes would need this many times as many coefficients in space.
PAYS = 3.0
#: Share of the tolerance to which the initial data are represented; slabs insert what they need beyond.
START_SHARE = 0.5
#: Samples per axis for the structure tensor, levels allowed in inner coordinates.
SAMPLES, MOST_LEVELS = 200, 40
#: Least share of the terms of a function that its residual must be, for a front to be sought: those of the shipped
#: layers and fronts have 0.05 to 0.7, a wave 1e-5 beside its resonance 2e-8. Heuristic.
SEEN = 1e-4


def can_turn(problem: Problem) -> bool:
    """Whether rotated coordinates can be tried: two space coordinates, none periodic, conditions on sides only.

    In the middle of a domain a front askew to the axes meets its mirror image: that is more than one.
    """
    return not (problem.interfaces or any(c.inside for c in corners(problem))) and (
        problem.dimension - (problem.time_axis is not None) == 2
        and not any(problem.box.periodic)
        and all(isinstance(c.place, Side) and c.name != MIDDLE for c in problem.conditions)
    )


@dataclass(frozen=True)
class Promise:
    """Coefficients of the next level on the axes, and its estimate if it falls by as much as the last did."""

    budget: float
    estimate: float

    @classmethod
    def of(cls, levels: Sequence[Level]) -> "Promise":
        """What the levels so far promise."""
        last, before = levels[-1], levels[-2]
        return cls(GROWTH * last.parameters, last.estimate * min(1.0, last.estimate / before.estimate))

    def is_broken(self, state: LevelsState[Any]) -> bool:
        """Whether the other coordinates have had as many coefficients and have not done better."""
        levels = state.own_levels
        return levels[-1].parameters >= self.budget and not any(self.is_kept_by(level) for level in levels)

    def is_kept_by(self, level: Level) -> bool:
        """Whether a level has done better; a bump that it has missed is none of its estimate."""
        return level.estimate < self.estimate and not level.unseen


def solve_axes_or_fitted(axes: ProductLevels, verify: Verifier, monitor: Monitor) -> Outcome:
    """Solve on the axes until a front askew to them is seen, then by whichever coordinates gain more."""
    state = monitor.resumed(LevelsState) or begun(axes)
    if state.beside is None:
        out, state = solve_levels(axes, verify, monitor, state, lambda s: _direction(axes.model, s) is not None)
        if out.reason is not None:
            return out
        angle = _direction(axes.model, state)
        assert angle is not None
        state = begun(_fitted(axes.model, angle), beside=state)
    assert state.beside is not None
    family = _fitted(axes.model, state.own.coordinates.angle)
    promise = Promise.of(state.beside.own_levels)
    on_axes: LevelsState[ProductState] = state.beside
    out = _asked_on_axes(axes, solve_levels(family, verify, monitor, state, promise.is_broken)[0], on_axes)
    if out.reason is None or _is_lost(axes.problem, out):
        dropped = (
            "product: one block of multiplying nodes on all coordinates (rotated ones were tried and dropped: estimate "
            f"{out.levels[-1].estimate:.1e} with {out.levels[-1].parameters} coefficients, where the axes promised "
            f"{promise.estimate:.1e} with {promise.budget:.0f})"
        )
        return solve_levels(axes, verify, monitor, replace(on_axes, own=replace(on_axes.own, words=dropped)))[0]
    return _joined(out, on_axes, promise)


def _asked_on_axes(axes: ProductLevels, out: Outcome, beside: LevelsState[ProductState]) -> Outcome:
    """A converged solve with what it has left of functions that the axes have and its coordinates have not.

    Without a reason where that is more than the tolerance, or cannot be told.
    """
    if out.reason != Reason.CONVERGED or not isinstance(out.field, FittedField):
        return out
    try:
        left = SAFETY * left_on_axes(axes.model, out.field, beside.own.space, beside.own.coefficients)
    except OutOfTimeError:
        return replace(out, reason=Reason.MAX_TIME)
    except (SolverError, np.linalg.LinAlgError):
        return replace(out, reason=None)
    last = replace(out.levels[-1], estimate=max(out.levels[-1].estimate, left))
    reason = out.reason if left <= axes.problem.solver.tolerance else None
    return replace(out, levels=(*out.levels[:-1], last), reason=reason)


def _is_lost(problem: Problem, out: Outcome) -> bool:
    """Whether a solve has not found its front, or something spoke against what it found."""
    estimate = out.levels[-1].estimate
    resolves = problem.solver.tolerance < estimate <= UNRESOLVED
    return out.reason not in (Reason.CONVERGED, Reason.MAX_TIME) and not (out.reason == Reason.MAX_LEVELS and resolves)


def _fitted(model: Model, angle: float) -> FittedLevels:
    problem = model.problem
    centre = [0.5 * (a + b) for a, b in problem.box.ranges[:2]]
    middle = float(np.cos(angle) * centre[0] + np.sin(angle) * centre[1])
    levels = problem.solver.max_levels or MOST_LEVELS
    return FittedLevels(model, rotated(angle, problem.box.ranges, middle), levels)


def _direction(model: Model, state: LevelsState[ProductState]) -> float | None:
    """The angle of rotated coordinates, where the levels show that these are worth a try, the first one."""
    problem = model.problem
    least = max(UNRESOLVED, problem.solver.tolerance)
    if state.own.words or len(state.own_levels) < LEVELS or state.own_levels[-1].estimate < least:
        return None
    assert state.shown is not None
    found = structure(state.shown, problem.domain, SAMPLES)
    if found.ratio > ONE_WAY or found.obliqueness < OBLIQUE:
        return None
    # Waves that the equations do not see have to be held along the front too: that leaves nothing to be gained.
    if not is_held_turned(model, state.shown, _fitted(model, found.angle).first().space.axes):
        return None
    # The residual of a front may hide any amount of a wave that is nearly free. Coordinates fitted to the front see
    # that front only; on the axes two spaces say whether such a wave is resolved.
    free = probe(model, state.shown, float("inf"))
    return None if free is not None and free.share < SEEN else found.angle


def _joined(out: Outcome, axes: LevelsState[ProductState], promise: Promise) -> Outcome:
    """The outcome with the levels on the axes before it, and why it was chosen."""
    first = next((level for level in out.levels if promise.is_kept_by(level)), out.levels[-1])
    network = (
        f"{out.network} (chosen because a front crosses the axes: with {first.parameters} coefficients the estimate "
        f"was {first.estimate:.1e}, where the axes promised {promise.estimate:.1e} with {promise.budget:.0f})"
    )
    levels, history = (*axes.own_levels, *out.levels), (*axes.own_history, *out.history)
    return replace(out, levels=levels, history=history, network=network)


def slabs_fitted(axes: ProductSlabs) -> ProductSlabs | FittedSlabs:
    """The family in time: on the axes, or in coordinates that move with the front of the initial data if these need
    less.

    On the axes a front askew to them needs knots as close as those across it along both; what that makes is predicted.
    """
    problem, values = axes.problem, initial_values(axes.model)
    coordinates = None if values is None else front_of(problem, values)
    if values is None or coordinates is None:
        return axes
    knots = knots_for(values, coordinates, problem, DEGREES[:2], START_SHARE * problem.solver.tolerance)
    if knots is None:
        return axes
    finest = float(np.diff(knots[0].breaks).min())
    spans = [(b - a) * abs(n) / finest for (a, b), n in zip(problem.box.ranges, coordinates.normal, strict=False)]
    on_axes = float(np.prod([span + axes.degree[0] for span in spans]))
    needed = float(np.prod([axis.count for axis in knots]))
    if needed * PAYS > on_axes:
        return axes
    why = (
        f"chosen because the front of the initial data, {coordinates}, needs {needed:.0f} coefficients in space there, "
        f"and about {on_axes:.0f} on the axes"
    )
    return FittedSlabs(axes.model, coordinates, knots, values, axes.most_passes, why)
