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
from pinnkan.kan.coordinates.warped import FittedField, rotated_coordinates
from pinnkan.problem.corners import corners
from pinnkan.problem.reflections import MIDDLE
from pinnkan.problem.statement import Problem, Side
from pinnkan.solver.families.fitted.front import front_direction
from pinnkan.solver.families.fitted.initial_front import (
    LEAST_OBLIQUENESS,
    MOST_EIGENVALUE_RATIO,
    axes_for_data,
    front_coordinates,
    initial_values,
)
from pinnkan.solver.families.fitted.levels import FittedLevels
from pinnkan.solver.families.fitted.near_null_error import near_null_error
from pinnkan.solver.families.fitted.slabs import DEGREES, FittedSlabs
from pinnkan.solver.families.product.levels import ProductLevels, ProductState
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.neutral_waves import resolves_in_rotated_axes
from pinnkan.solver.verify.products.probe import probe
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Level, Reason

#: Levels on the axes before the direction of the gradient is used. On 12x12 intervals a front of width 1e-3 at 30
#: degrees is located at 31.5 degrees, on 6x6 at 56.
LEVELS_ON_AXES = 3
#: Solutions with a smaller estimate count as resolved; on these the axes do well. Heuristic.
RESOLVED_ESTIMATE = 0.02
#: Ratio of the numbers of coefficients of two successive levels on the axes: both coordinates are halved.
COEFFICIENT_RATIO = 4.0
#: Moving coordinates are used if the axes would need this many times as many coefficients in space. Heuristic.
LEAST_SAVING = 3.0
#: Share of the tolerance to which the initial data are represented; the slabs insert further knots where needed.
START_SHARE = 0.5
#: Samples per axis for the structure tensor; default maximum number of levels in fitted coordinates.
SAMPLES, MOST_LEVELS = 200, 40
#: Least residual of the least determined product, relative to its terms, for rotated coordinates to be tried. Layers
#: and fronts have 0.05 to 0.7, a wave 1e-5 off its resonance 2e-8. Heuristic.
LEAST_PRODUCT_SHARE = 1e-4


def can_rotate(problem: Problem) -> bool:
    """Whether rotated coordinates can be tried: two space coordinates, none periodic, conditions on whole sides only.

    No side may be the line of a reflection, where an oblique front meets its mirror image.
    """
    return not (problem.interfaces or any(c.is_inside_side for c in corners(problem))) and (
        problem.dimension - (problem.time_axis is not None) == 2
        and not any(problem.box.periodic)
        and all(isinstance(c.place, Side) and c.name != MIDDLE for c in problem.conditions)
    )


@dataclass(frozen=True)
class LevelForecast:
    """Prediction for the next level on the axes: ``estimate`` if it falls at the last rate."""

    parameters: float
    estimate: float

    @classmethod
    def extrapolate(cls, levels: Sequence[Level]) -> "LevelForecast":
        """Extrapolate from the last two of ``levels``."""
        last, before = levels[-1], levels[-2]
        return cls(COEFFICIENT_RATIO * last.parameters, last.estimate * min(1.0, last.estimate / before.estimate))

    def is_unbeaten_by(self, state: LevelsState[Any]) -> bool:
        """Whether a solve in other coordinates has used as many coefficients without a smaller estimate."""
        levels = state.family_levels
        return levels[-1].parameters >= self.parameters and not any(self.is_beaten_by(level) for level in levels)

    def is_beaten_by(self, level: Level) -> bool:
        """Whether a level has a smaller estimate than predicted, and no feature that its points missed."""
        return level.estimate < self.estimate and not level.unseen


def solve_axes_or_fitted(product: ProductLevels, verify: Verifier, monitor: Monitor) -> Outcome:
    """Solve on the axes until an oblique front is detected, then in whichever coordinates have the smaller estimate."""
    state = monitor.take_resumed_state(LevelsState) or initial_levels_state(product)
    if state.competitor is None:
        out, state = solve_levels(product, verify, monitor, state, lambda s: _front_angle(product.model, s) is not None)
        if out.reason is not None:
            return out
        angle = _front_angle(product.model, state)
        assert angle is not None
        state = initial_levels_state(_rotated_levels(product.model, angle), competitor=state)
    assert state.competitor is not None
    family = _rotated_levels(product.model, state.family_state.coordinates.angle)
    promise = LevelForecast.extrapolate(state.competitor.family_levels)
    on_axes: LevelsState[ProductState] = state.competitor
    out = _add_near_null_error(
        product, solve_levels(family, verify, monitor, state, promise.is_unbeaten_by)[0], on_axes
    )
    if out.reason is None or _has_failed(product.problem, out):
        dropped = (
            "product: one block of multiplying nodes on all coordinates (rotated ones were tried and dropped: estimate "
            f"{out.levels[-1].estimate:.1e} with {out.levels[-1].parameters} coefficients, where the axes promised "
            f"{promise.estimate:.1e} with {promise.parameters:.0f})"
        )
        return solve_levels(
            product, verify, monitor, replace(on_axes, family_state=replace(on_axes.family_state, words=dropped))
        )[0]
    return _prepend_axes_levels(out, on_axes, promise)


def _add_near_null_error(product: ProductLevels, out: Outcome, axes_state: LevelsState[ProductState]) -> Outcome:
    """Raise the estimate of a converged fitted solution to its error in near-null functions on the axes.

    No reason remains if that error exceeds the tolerance or is unknown; other outcomes are returned unchanged.
    """
    if out.reason != Reason.CONVERGED or not isinstance(out.field, FittedField):
        return out
    try:
        left = SAFETY * near_null_error(
            product.model, out.field, axes_state.family_state.space, axes_state.family_state.coefficients
        )
    except OutOfTimeError:
        return replace(out, reason=Reason.MAX_TIME)
    except (SolverError, np.linalg.LinAlgError):
        return replace(out, reason=None)
    last = replace(out.levels[-1], estimate=max(out.levels[-1].estimate, left))
    reason = out.reason if left <= product.problem.solver.tolerance else None
    return replace(out, levels=(*out.levels[:-1], last), reason=reason)


def _has_failed(problem: Problem, out: Outcome) -> bool:
    """Whether a fitted solve failed: not converged, not out of time, not out of levels with the front resolved."""
    estimate = out.levels[-1].estimate
    resolves = problem.solver.tolerance < estimate <= RESOLVED_ESTIMATE
    return out.reason not in (Reason.CONVERGED, Reason.MAX_TIME) and not (out.reason == Reason.MAX_LEVELS and resolves)


def _rotated_levels(model: Model, angle: float) -> FittedLevels:
    problem = model.problem
    centre = [0.5 * (a + b) for a, b in problem.box.ranges[:2]]
    middle = float(np.cos(angle) * centre[0] + np.sin(angle) * centre[1])
    levels = problem.solver.max_levels or MOST_LEVELS
    return FittedLevels(model, rotated_coordinates(angle, problem.box.ranges, middle), levels)


def _front_angle(model: Model, state: LevelsState[ProductState]) -> float | None:
    """Return the angle (radians) of rotated coordinates if they are worth trying after this level, else None."""
    problem = model.problem
    least = max(RESOLVED_ESTIMATE, problem.solver.tolerance)
    if (
        state.family_state.words
        or len(state.family_levels) < LEVELS_ON_AXES
        or state.family_levels[-1].estimate < least
    ):
        return None
    assert state.previous_field is not None
    found = front_direction(state.previous_field, problem.domain, SAMPLES)
    if found.eigenvalue_ratio > MOST_EIGENVALUE_RATIO or found.obliqueness < LEAST_OBLIQUENESS:
        return None
    # Waves that the equations nearly annihilate need fine knots along the front too: nothing is gained then.
    if not resolves_in_rotated_axes(
        model, state.previous_field, _rotated_levels(model, found.angle).initial_state().space.axes
    ):
        return None
    # The residual of a front can hide any amount of a nearly free wave. Fitted coordinates resolve the front only;
    # on the axes the stability constants of two spaces show whether such a wave is resolved.
    free = probe(model, state.previous_field, float("inf"))
    return None if free is not None and free.share < LEAST_PRODUCT_SHARE else found.angle


def _prepend_axes_levels(out: Outcome, axes_state: LevelsState[ProductState], forecast: LevelForecast) -> Outcome:
    """Prepend the levels on the axes to a fitted outcome, and add the reason for the choice to its description."""
    first = next((level for level in out.levels if forecast.is_beaten_by(level)), out.levels[-1])
    network = (
        f"{out.network} (chosen because a front crosses the axes: with {first.parameters} coefficients the estimate "
        f"was {first.estimate:.1e}, where the axes promised {forecast.estimate:.1e} with {forecast.parameters:.0f})"
    )
    levels, history = (*axes_state.family_levels, *out.levels), (*axes_state.family_history, *out.history)
    return replace(out, levels=levels, history=history, network=network)


def choose_slab_family(product: ProductSlabs) -> ProductSlabs | FittedSlabs:
    """Return the family for time slabs: coordinates that move with the front of the initial data, or the axes.

    The coefficients on the axes are predicted: an oblique front needs its narrowest interval along both coordinates.
    """
    problem, values = product.problem, initial_values(product.model)
    coordinates = None if values is None else front_coordinates(problem, values)
    if values is None or coordinates is None:
        return product
    knots = axes_for_data(values, coordinates, problem, DEGREES[:2], START_SHARE * problem.solver.tolerance)
    if knots is None:
        return product
    finest = float(np.diff(knots[0].breaks).min())
    spans = [(b - a) * abs(n) / finest for (a, b), n in zip(problem.box.ranges, coordinates.normal, strict=False)]
    on_axes = float(np.prod([span + product.degree[0] for span in spans]))
    needed = float(np.prod([axis.count for axis in knots]))
    if needed * LEAST_SAVING > on_axes:
        return product
    why = (
        f"chosen because the front of the initial data, {coordinates}, needs {needed:.0f} coefficients in space there, "
        f"and about {on_axes:.0f} on the axes"
    )
    return FittedSlabs(product.model, coordinates, knots, values, product.most_passes, why)
