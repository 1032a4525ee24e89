"""Levels of a steady problem in fitted coordinates: solve, correct along each coordinate, insert knots, repeat.

After each level the coordinates are changed until the ridge of the solution is straight in them. A front on coarse
knots is as wide as these, so that a wrong angle is detected; its width and the error of the angle shrink together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pinnkan.domain.box import Ranges
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, FittedField, FittedPiece
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.marking import mark_bulk, refine_marked
from pinnkan.solver.estimate.norms import Samples, safe_divisors
from pinnkan.solver.families.fitted.front import front_of_spline, shift_axis, straighten_coordinates
from pinnkan.solver.families.fitted.system import REGULARISATION, ImmersedSystem
from pinnkan.solver.families.product.start import nearly_uniform
from pinnkan.solver.level_family import ErrorEstimate, LossMinimum, ModelLevelFamily
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, SAFETY, Outcome
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature
from pinnkan.solver.verify.neutral_waves import resolves_in_rotated_axes
from pinnkan.verdict.records import Iteration, Level

#: The network in words.
NETWORK_WORDS = "product in trained inner coordinates, across and along the front"
IMMERSION_WORDS = "one block of multiplying nodes on them, the domain immersed in their box"
#: Degree of the splines. On 24 graded intervals degree 9 approximates a tanh to 2.8e-3, degree 7 to 1.0e-4.
DEGREE = 7
#: First numbers of knot intervals across and along the front.
FIRST_INTERVALS = (6, 3)
#: Marked is this share of the squared correction, largest intervals first (Doerfler 1996); a larger one spends knots on
#: oscillations beside an unresolved front.
MARKED_SHARE = 0.9
#: Weight of the correction along the front: traces of an unresolved front on the sides look like a need of knots there.
ALONG_WEIGHT = 0.5
#: Intervals with less than an even part of this share of the tolerance are not marked. Heuristic.
NEGLIGIBLE_SHARE = 0.1
#: Tikhonov weight over the square of the last estimate: functions whose support hardly meets the domain would take up
#: the residual of an unresolved front. A layer at 28 degrees was located at 52 with 1e-10; some never resolve with
#: 1e-3.
REGULARISATION_FACTOR = 1e-4
#: Number of levels after which a solve ends if neither the estimate falls nor the residual halves. Heuristic.
MOST_STAGNANT_LEVELS = 3


@dataclass(frozen=True, eq=False)
class Corrections:
    """One Gauss-Newton step per coordinate, each in a space enriched in that coordinate only.

    ``pieces``: (space, correction) per coordinate; ``sizes``: their L2 norms relative to the solution (worst unknown);
    ``interval_squares``: their squares by interval (interval,); ``propagated_pieces``: the pieces with the error of
    earlier slabs.
    """

    pieces: tuple[tuple[Space, Array], ...]
    sizes: tuple[float, ...]
    interval_squares: tuple[Array, ...]
    propagated_pieces: tuple[tuple[Space, Array], ...] = ()


def corrections_by_axis(
    system: ImmersedSystem,
    coefficients: Array,
    scale: Array,
    initial_pieces: Sequence[FittedPiece] = (),
    check_time: Callable[[], None] = lambda: None,
) -> Corrections:
    """Correct a solution along each coordinate: intervals of s and r halved, the degree in time raised by one.

    ``scale``: squared norm of each unknown (unknown,); ``initial_pieces``: the slab before and its error, which the
    correction along s carries on; ``check_time``: called before each correction, may raise OutOfTimeError.
    """
    space = system.space
    pieces, carried_on, sizes, masses = [], [], [], []
    for i, axis in enumerate(space.axes):
        check_time()
        given = initial_pieces if i == 0 and initial_pieces else None
        richer = system.in_space(space.with_axis(i, axis.halved() if i < 2 else axis.elevated(1)), initial_fields=given)
        base = space.prolong(coefficients, richer.space)
        steps = richer.gauss_newton_steps(base, [base, base] if given else [base], richer.fixed)
        total, strips = richer.squared_norms(steps[0])
        pieces.append((richer.space, steps[0]))
        carried_on.append((richer.space, steps[-1]))
        sizes.append(float(np.sqrt((total / scale).max())))
        masses.append((strips[i] / scale).max(-1).reshape(axis.intervals, -1).sum(1))
    return Corrections(tuple(pieces), tuple(sizes), tuple(masses), tuple(carried_on))


def first_space(
    coordinates: Coordinates, ranges: Ranges, degree: Sequence[int], intervals: Sequence[int], unknowns: int
) -> Space:
    """Return a spline space with nearly uniform knots on the box of the inner coordinates."""
    chosen = zip(coordinates.covering_ranges(ranges), degree, intervals, strict=True)
    return Space(tuple(Axis(nearly_uniform(a, b, n), p) for (a, b), p, n in chosen), unknowns)


def mark_intervals(corrections: Corrections, tolerance: float, along_weight: float = ALONG_WEIGHT) -> list[np.ndarray]:
    """Return masks (interval,) of the intervals to halve, in the coordinate with the largest weighted correction."""
    weights = [size * (along_weight if i == 1 else 1.0) for i, size in enumerate(corrections.sizes)]
    marks = [np.zeros(len(mass), dtype=bool) for mass in corrections.interval_squares]
    chosen = int(np.argmax(weights))
    mass = corrections.interval_squares[chosen]
    counts = mass > (NEGLIGIBLE_SHARE * tolerance) ** 2 / len(mass)
    (marks[chosen],) = mark_bulk([mass], MARKED_SHARE if counts.any() else 0.0)
    marks[chosen] &= counts | ~counts.any()
    return marks


@dataclass(frozen=True, eq=False)
class FittedState:
    """Coordinates, the spline space on them and, once ``is_solved``, the coefficients.

    ``previous_field``: the solution of the level before, where Gauss-Newton starts; ``previous_estimate``: its
    estimate, at most one; ``unconverged_reason``: why Gauss-Newton has not converged; ``has_fixed_coordinates``: the
    coordinates stay, since they missed a feature.
    """

    coordinates: Coordinates
    space: Space
    previous_field: FittedField | None = None
    previous_estimate: float = 1.0
    coefficients: Array | None = None
    unconverged_reason: str = ""
    has_fixed_coordinates: bool = False
    system: ImmersedSystem | None = field(default=None, metadata={"stored": False})

    @property
    def is_solved(self) -> bool:
        """Whether the coefficients minimise the loss."""
        return self.coefficients is not None


@dataclass(frozen=True, eq=False, kw_only=True)
class AxisEstimate(ErrorEstimate):
    """An estimate whose error function is the sum of corrections, one along each coordinate."""

    corrections: Corrections


@dataclass(frozen=True, eq=False)
class FittedLevels(ModelLevelFamily):
    """The family of tensor-product splines on fitted ``coordinates``, which change from level to level."""

    coordinates: Coordinates
    most_levels: int

    @property
    def returns_best_level(self) -> bool:
        return True

    def initial_state(self) -> FittedState:
        """Return the first state: few intervals on the box of the first coordinates."""
        unknowns = len(self.problem.unknowns)
        space = first_space(self.coordinates, self.problem.box.ranges, (DEGREE, DEGREE), FIRST_INTERVALS, unknowns)
        return FittedState(self.coordinates, space)

    def _system(self, state: FittedState) -> ImmersedSystem:
        pull = max(REGULARISATION, REGULARISATION_FACTOR * state.previous_estimate**2)
        return state.system or ImmersedSystem(
            self.model, state.space, state.coordinates, self.problem.domain, relative_regularisation=pull
        )

    def minimise(self, state: FittedState, number: int, monitor: Monitor) -> tuple[FittedState, tuple[Iteration, ...]]:
        """Minimise the loss by Gauss-Newton in the space of the state. SolverError: the least squares fail."""
        system = self._system(state)
        if state.is_solved:
            return replace(state, system=system), ()
        start = np.zeros(state.space.shape)
        if state.previous_field is not None and not self.model.is_linear:
            start = system.fit_function(state.previous_field.pieces[0].values)
        try:
            found = gauss_newton(system, start, system.fixed, 1e-2 * self.problem.solver.tolerance, monitor)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        unsettled = "" if found.is_stationary else "Gauss-Newton still moved after its last step"
        solved = replace(state, coefficients=found.coefficients, unconverged_reason=unsettled, system=system)
        return solved, monitor.report_steps(number, found.steps)

    def _function(self, state: FittedState) -> FittedField:
        assert state.coefficients is not None
        piece = FittedPiece(state.coordinates, ((state.space, state.coefficients),))
        return FittedField((piece,), self.problem.box.ranges)

    def evaluate_minimum(self, state: FittedState) -> LossMinimum:
        space, c, system = state.space, state.coefficients, self._system(state)
        assert c is not None
        loss, field = system.mean_square(c), self._function(state)
        return LossMinimum(
            field=field,
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=int((~system.fixed).sum()) + state.coordinates.parameters,
            points=system.row_count,
            loss=loss,
            heldout=system.held_out_system().mean_square(c),
            is_resolved=loss <= RESOLVED_SHARE * system.mean_square(np.zeros(space.shape))
            and resolves_in_rotated_axes(self.model, field, space.axes),
            unconverged_reason=state.unconverged_reason,
            note=str(state.coordinates),
        )

    def samples(self, state: FittedState) -> Samples:
        """The solution at held-out points."""
        assert state.coefficients is not None
        return self._system(state).held_out_system().samples(state.coefficients)

    def estimate(self, state: FittedState, minimum: LossMinimum, previous: Outcome) -> AxisEstimate:
        """Sum the corrections; at least 2^-(degree + 1) of the last estimate. SolverError: the least squares fail."""
        system, c = self._system(state), state.coefficients
        assert c is not None
        try:
            found = corrections_by_axis(system, c, safe_divisors(system.squared_norms(c)[0]))
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        size = SAFETY * float(sum(found.sizes))
        if previous.levels:
            size = max(size, previous.levels[-1].estimate * 0.5 ** (DEGREE + 1))
        error = FittedField((FittedPiece(state.coordinates, found.pieces),), self.problem.box.ranges)
        return AxisEstimate(size, error, corrections=found)

    def refine(self, state: FittedState, estimate: AxisEstimate, decision: Decision) -> FittedState:
        """Insert knots at a missed feature, or else where the correction is large, and straighten the front."""
        c, before = state.coefficients, self._function(state)
        assert c is not None
        shown = min(1.0, estimate.size)
        if decision.feature is not None:
            axes = refine_at_feature(state.space.axes, feature_in_coordinates(decision.feature, state.coordinates))
            gathered = replace(state.space, axes=axes)
            if gathered.shape != state.space.shape:
                return FittedState(state.coordinates, gathered, before, shown, has_fixed_coordinates=True)
        coordinates, space = _next_space(state, self.problem, c, estimate.corrections)
        return FittedState(coordinates, space, before, shown, has_fixed_coordinates=state.has_fixed_coordinates)

    def stagnation_reason(self, levels: Sequence[Level]) -> str:
        """Return why more levels are useless, "" if they may help: neither estimate nor residual falls any more."""
        since = max((i + 1 for i, level in enumerate(levels) if level.unseen), default=0)
        resolved = [i for i in range(since, len(levels)) if levels[i].is_resolved]
        if not resolved:
            return ""
        best = min(resolved, key=lambda i: levels[i].estimate)
        later = levels[best + 1 :]
        stuck = len(later) >= MOST_STAGNANT_LEVELS and min(level.loss for level in later) > 0.5 * levels[best].loss
        return "more knots no longer lower the estimate" if stuck else ""

    def network_description(self, state: FittedState, outcome: Outcome) -> str:
        return f"{NETWORK_WORDS} ({state.coordinates}): {IMMERSION_WORDS}"


def feature_in_coordinates(feature: HiddenFeature, coordinates: Coordinates) -> HiddenFeature:
    """Map a feature to inner coordinates; its width there is its largest width in any coordinate."""
    place = coordinates.forward(feature.place[None])[0]
    beside = tuple(feature_in_coordinates(other, coordinates) for other in feature.train)
    return replace(feature, place=place, width=np.full(len(place), float(feature.width.max())), train=beside)


def _next_space(
    state: FittedState, problem: Problem, coefficients: Array, corrections: Corrections
) -> tuple[Coordinates, Space]:
    """Return coordinates in which the front is straight, and the space with knots where the correction is large."""
    space, coordinates, ranges = state.space, state.coordinates, problem.box.ranges
    marks = mark_intervals(corrections, problem.solver.tolerance, 1.0 if state.has_fixed_coordinates else ALONG_WEIGHT)
    axes = list(refine_marked(space.axes, marks))
    course = front_of_spline(space, coefficients, coordinates, problem.domain)
    moved = None if state.has_fixed_coordinates else straighten_coordinates(coordinates, course, ranges)
    if moved is not None:
        box = moved.covering_ranges(ranges)
        axes = [shift_axis(a, box[i], course.mean_position if i == 0 else 0.0) for i, a in enumerate(axes)]
        coordinates = moved
    return coordinates, replace(space, axes=tuple(axes))
