"""Whether a problem is solved on the axes or in inner coordinates: a race of predicted gains.

On a steady problem the axes go first. When after some levels the gradient has one direction, askew to the axes, and
the estimate is still large, rotated coordinates get as many coefficients as the next level on the axes would have.
They are kept if their estimate is then below the one predicted for that level, and if they resolve the front in the
end; else the axes go on. In time the front of the initial data decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.coordinates.warped import rotated
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem, Side
from pinnkan.solver.families.fitted.crest import structure
from pinnkan.solver.families.fitted.levels import Reference, first_state, solve_inner
from pinnkan.solver.families.fitted.slabs import DEGREES, solve_inner_slabs
from pinnkan.solver.families.fitted.start import OBLIQUE, ONE_WAY, front_of, initial_values, knots_for
from pinnkan.solver.families.fitted.state import IMMERSED, MOVING, TRAINED, FittedState
from pinnkan.solver.families.fitted.system import inner_model
from pinnkan.solver.families.product.levels import solve_steady
from pinnkan.solver.families.product.slabs import solve_slabs
from pinnkan.solver.families.product.state import SteadyState
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import Outcome, TrueError
from pinnkan.verdict.records import Level

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


@dataclass
class _Axes:
    """What the levels on the axes show; ``left`` is set once a front askew to them is seen."""

    problem: Problem
    left: FittedState | None = None

    def leave(self, state: SteadyState) -> bool:
        """Whether rotated coordinates are worth a try, the first one; ``left`` is then their beginning."""
        least = max(UNRESOLVED, self.problem.solver.tolerance)
        if state.network or len(state.levels) < LEVELS or state.levels[-1].estimate < least:
            return False
        axes = [a + (b - a) * (np.arange(SAMPLES) + 0.5) / SAMPLES for a, b in self.problem.ranges]
        found = structure(state.shown, axes, 0)
        if found.ratio > ONE_WAY or found.obliqueness < OBLIQUE:
            return False
        coordinates = rotated(found.angle, self.problem.ranges, _middle(self.problem, found.angle))
        self.left = first_state(self.problem, coordinates, state)
        return True


def can_turn(problem: Problem) -> bool:
    """Whether rotated coordinates can be tried: two space coordinates, none periodic, conditions on sides."""
    return (
        problem.dimension - (problem.time_axis is not None) == 2
        and not any(problem.periodic)
        and all(isinstance(c.place, Side) for c in problem.conditions)
    )


def solve_axes_or_inner(
    model: Model, degree: int, intervals: int, max_levels: int, watch: Watch, true_error: TrueError | None
) -> Outcome:
    """Solve on the axes until a front askew to them is seen, then by whichever coordinates gain more."""
    problem = model.problem
    state = watch.resumed(FittedState) if watch.resumes(FittedState) else None
    if state is None:
        seen = _Axes(problem)
        on_axes = solve_steady(model, degree, intervals, max_levels, watch, true_error, seen.leave)
        if seen.left is None:
            return on_axes
        state = seen.left
    axes = state.axes
    assert axes is not None
    budget, predicted = _next_level(axes.levels)

    def go_on(levels: Sequence[Level]) -> bool:
        return levels[-1].parameters < budget or any(level.estimate < predicted for level in levels)

    levels = problem.solver.max_levels or MOST_LEVELS
    out = solve_inner(inner_model(model), state, levels, watch, reference_of(problem), go_on)
    lost = out.reason != "" and out.levels[-1].estimate > UNRESOLVED
    if out.reason == "left" or lost:
        dropped = (
            "product: one block of multiplying nodes on all coordinates (rotated ones were tried and dropped: estimate "
            f"{out.levels[-1].estimate:.1e} with {out.levels[-1].parameters} coefficients, where the axes promised "
            f"{predicted:.1e} with {budget:.0f})"
        )
        begun = replace(axes, network=dropped)
        return solve_steady(model, degree, intervals, max_levels, watch, true_error, begun=begun)
    first = next((level for level in out.levels if level.estimate < predicted), out.levels[-1])
    out.levels, out.history = list(axes.levels) + out.levels, list(axes.history) + out.history
    out.network = (
        f"{TRAINED} ({out.levels[-1].note}): {IMMERSED} (chosen because a front crosses the axes: with "
        f"{first.parameters} coefficients the estimate was {first.estimate:.1e}, where the axes promised "
        f"{predicted:.1e} with {budget:.0f})"
    )
    return out


def solve_slabs_or_inner(
    model: Model, degree: tuple[int, int], intervals: int, passes: int, watch: Watch, true_error: TrueError | None
) -> Outcome:
    """Solve in time on the axes, or in coordinates that move with the front of the initial data if these need less.

    On the axes a front askew to them needs knots as close as those across it along both; what that makes is predicted.
    """
    problem = model.problem
    values = initial_values(model)
    coordinates = None if values is None else front_of(problem, values)
    if values is None or coordinates is None:
        return solve_slabs(model, degree, intervals, passes, watch, true_error)
    knots = knots_for(values, coordinates, problem, DEGREES[:2], START_SHARE * problem.solver.tolerance)
    if knots is None:
        return solve_slabs(model, degree, intervals, passes, watch, true_error)
    finest = float(np.diff(knots[0].breaks).min())
    spans = [(b - a) * abs(n) / finest for (a, b), n in zip(problem.ranges, coordinates.normal, strict=False)]
    axes = float(np.prod([span + degree[0] for span in spans]))
    inner = float(np.prod([axis.count for axis in knots]))
    if inner * PAYS > axes:
        return solve_slabs(model, degree, intervals, passes, watch, true_error)
    out = solve_inner_slabs(inner_model(model), coordinates, knots, passes, watch, reference_of(problem), values)
    out.network = (
        f"{MOVING} (chosen because the front of the initial data, {coordinates}, needs {inner:.0f} coefficients in "
        f"space there, and about {axes:.0f} on the axes)"
    )
    return out


def _next_level(levels: Sequence[Level]) -> tuple[float, float]:
    """Coefficients of the next level on the axes, and its estimate if it falls by as much as the last did."""
    last, before = levels[-1], levels[-2]
    return GROWTH * last.parameters, last.estimate * min(1.0, last.estimate / before.estimate)


def _middle(problem: Problem, angle: float) -> float:
    centre = [0.5 * (a + b) for a, b in problem.ranges[:2]]
    return float(np.cos(angle) * centre[0] + np.sin(angle) * centre[1])


def reference_of(problem: Problem) -> Reference | None:
    """``exact`` as a function of points (point, coordinate) to (point, unknown), or None."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    tape = Tape([problem.exact[name] for name in problem.unknowns], list(problem.coordinates))

    def reference(points: np.ndarray) -> np.ndarray:
        columns = [np.broadcast_to(np.asarray(v, dtype=np.float64), len(points)) for v in tape(list(points.T))]
        return np.stack(columns, -1)

    return reference
