"""Choose between splines on the coordinate axes and splines in coordinates fitted to a front.

A steady problem is first solved on the axes. If its front is oblique and the estimate is still large, rotated
coordinates get as many coefficients as the next level on the axes. They are kept if their estimate falls below the one
extrapolated for that level. In time the front of the initial data decides.
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

#: Levels on the axes before the direction of the gradient is used. On 12x12 intervals a front of width 1e-3 at 30
#: degrees is located at 31.5 degrees, on 6x6 at 56.
LEVELS = 3
#: Solutions with a smaller estimate count as resolved; on these the axes do well. Heuristic.
UNRESOLVED = 0.02
#: Ratio of the numbers of coefficients of two successive levels on the axes: both coordinates are halved.
GROWTH = 4.0
#: Moving coordinates are used if the axes would need this many times as many coefficients in space. Heuristic.
PAYS = 3.0
#: Share of the tolerance to which the initial data are represented; the slabs insert further knots where needed.
START_SHARE = 0.5
#: Samples per axis for the structure tensor; default maximum number of levels in fitted coordinates.
SAMPLES, MOST_LEVELS = 200, 40
#: Least residual of the least determined product, relative to its terms, for rotated coordinates to be tried. Layers
#: and fronts have 0.05 to 0.7, a wave 1e-5 off its resonance 2e-8. Heuristic.
SEEN = 1e-4


def can_turn(problem: Problem) -> bool:
    """Whether rotated coordinates can be tried: two space coordinates, none periodic, conditions on whole sides only.

    No side may be the line of a reflection, where an oblique front meets its mirror image.
    """
    return not (problem.interfaces or any(c.inside for c in corners(problem))) and (
        problem.dimension - (problem.time_axis is not None) == 2
        and not any(problem.box.periodic)
        and all(isinstance(c.place, Side) and c.name != MIDDLE for c in problem.conditions)
    )


@dataclass(frozen=True)
class Promise:
    """Prediction for the next level on the axes: ``budget`` coefficients, ``estimate`` if it falls at the last rate."""

    budget: float
    estimate: float

    @classmethod
    def of(cls, levels: Sequence[Level]) -> "Promise":
        """Extrapolate from the last two of ``levels``."""
        last, before = levels[-1], levels[-2]
        return cls(GROWTH * last.parameters, last.estimate * min(1.0, last.estimate / before.estimate))

    def is_broken(self, state: LevelsState[Any]) -> bool:
        """Whether a solve in other coordinates has used as many coefficients without a smaller estimate."""
        levels = state.own_levels
        return levels[-1].parameters >= self.budget and not any(self.is_kept_by(level) for level in levels)

    def is_kept_by(self, level: Level) -> bool:
        """Whether a level has a smaller estimate than predicted, and no feature that its points missed."""
        return level.estimate < self.estimate and not level.unseen


def solve_axes_or_fitted(axes: ProductLevels, verify: Verifier, monitor: Monitor) -> Outcome:
    """Solve on the axes until an oblique front is detected, then in whichever coordinates have the smaller estimate."""
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
    """Raise the estimate of a converged fitted solution to its error in near-null functions on the axes.

    No reason remains if that error exceeds the tolerance or is unknown; other outcomes are returned unchanged.
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
    """Whether a fitted solve failed: not converged, not out of time, not out of levels with the front resolved."""
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
    """Return the angle (radians) of rotated coordinates if they are worth trying after this level, else None."""
    problem = model.problem
    least = max(UNRESOLVED, problem.solver.tolerance)
    if state.own.words or len(state.own_levels) < LEVELS or state.own_levels[-1].estimate < least:
        return None
    assert state.shown is not None
    found = structure(state.shown, problem.domain, SAMPLES)
    if found.ratio > ONE_WAY or found.obliqueness < OBLIQUE:
        return None
    # Waves that the equations nearly annihilate need fine knots along the front too: nothing is gained then.
    if not is_held_turned(model, state.shown, _fitted(model, found.angle).first().space.axes):
        return None
    # The residual of a front can hide any amount of a nearly free wave. Fitted coordinates resolve the front only;
    # on the axes the stability constants of two spaces show whether such a wave is resolved.
    free = probe(model, state.shown, float("inf"))
    return None if free is not None and free.share < SEEN else found.angle


def _joined(out: Outcome, axes: LevelsState[ProductState], promise: Promise) -> Outcome:
    """Prepend the levels on the axes to a fitted outcome, and add the reason for the choice to its description."""
    first = next((level for level in out.levels if promise.is_kept_by(level)), out.levels[-1])
    network = (
        f"{out.network} (chosen because a front crosses the axes: with {first.parameters} coefficients the estimate "
        f"was {first.estimate:.1e}, where the axes promised {promise.estimate:.1e} with {promise.budget:.0f})"
    )
    levels, history = (*axes.own_levels, *out.levels), (*axes.own_history, *out.history)
    return replace(out, levels=levels, history=history, network=network)


def slabs_fitted(axes: ProductSlabs) -> ProductSlabs | FittedSlabs:
    """Return the family for time slabs: coordinates that move with the front of the initial data, or the axes.

    The coefficients on the axes are predicted: an oblique front needs its narrowest interval along both coordinates.
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
