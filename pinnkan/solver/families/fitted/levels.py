"""Levels of a steady problem in inner coordinates: solve, correct along each coordinate, judge, insert knots, repeat.

The coordinates are trained on the way, coarse to fine: after each level the ridge of the solution says how the front
still bends in them, and they are moved until it does not. On a coarse level a front is as wide as its knots, so that a
wrong angle is seen from afar; each level narrows the front and the error of the angle together.
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
from pinnkan.solver.estimate.norms import Samples, nonzero
from pinnkan.solver.families.fitted.front import carried, front_in, straightened
from pinnkan.solver.families.fitted.system import REGULARISATION, ImmersedSystem
from pinnkan.solver.families.product.start import nearly_uniform
from pinnkan.solver.family import ErrorEstimate, Measured, ModelLevels
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED, SAFETY, Outcome
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature, with_knots
from pinnkan.solver.verify.neutral import is_held_turned
from pinnkan.solver.verify.objection import Objection
from pinnkan.verdict.records import Iteration, Level

#: The network in words.
TRAINED = "product in trained inner coordinates, across and along the front"
IMMERSED = "one block of multiplying nodes on them, the domain immersed in their box"
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
    """One Gauss-Newton step in each space with one coordinate richer: the share of that coordinate in the error.

    ``pieces``: (space, correction) per coordinate; ``sizes``: L2 norms over the domain relative to the solution, worst
    unknown; ``masses``: their squares over the strips of that coordinate's own intervals; ``carried``: the pieces with
    the error of earlier slabs in the first.
    """

    pieces: tuple[tuple[Space, Array], ...]
    sizes: tuple[float, ...]
    masses: tuple[Array, ...]
    carried: tuple[tuple[Space, Array], ...] = ()


def corrections(
    system: ImmersedSystem,
    coefficients: Array,
    scale: Array,
    before: Sequence[FittedPiece] = (),
    check: Callable[[], None] = lambda: None,
) -> Corrections:
    """Correct a solution of ``system`` along each coordinate: intervals halved, in time a degree more.

    ``scale``: squared norm of each unknown; ``before``: the slab before and its error, which the correction along the
    first coordinate carries on; ``check`` may end it.
    """
    space = system.space
    pieces, carried_on, sizes, masses = [], [], [], []
    for i, axis in enumerate(space.axes):
        check()
        given = before if i == 0 and before else None
        richer = system.on(space.replaced(i, axis.halved() if i < 2 else axis.elevated(1)), before=given)
        base = space.prolong(coefficients, richer.space)
        steps = richer.steps(base, [base, base] if given else [base], richer.fixed)
        total, strips = richer.squares(steps[0])
        pieces.append((richer.space, steps[0]))
        carried_on.append((richer.space, steps[-1]))
        sizes.append(float(np.sqrt((total / scale).max())))
        masses.append((strips[i] / scale).max(-1).reshape(axis.intervals, -1).sum(1))
    return Corrections(tuple(pieces), tuple(sizes), tuple(masses), tuple(carried_on))


def first_space(
    coordinates: Coordinates, ranges: Ranges, degree: Sequence[int], intervals: Sequence[int], unknowns: int
) -> Space:
    """Nearly uniform knots on the box of the inner coordinates."""
    chosen = zip(coordinates.box(ranges), degree, intervals, strict=True)
    return Space(tuple(Axis(nearly_uniform(a, b, n), p) for (a, b), p, n in chosen), unknowns)


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


@dataclass(frozen=True, eq=False)
class FittedState:
    """Coordinates and the space on them; once ``is_solved``, coefficients there.

    ``before``: the function of the level before, where Gauss-Newton starts; ``shown``: its estimate, at most one;
    ``is_held``: something else than the front was missed in these coordinates, so that they stay.
    """

    coordinates: Coordinates
    space: Space
    before: FittedField | None = None
    shown: float = 1.0
    coefficients: Array | None = None
    unsettled: str = ""
    is_held: bool = False
    system: ImmersedSystem | None = field(default=None, metadata={"stored": False})

    @property
    def is_solved(self) -> bool:
        """Whether the coefficients are at a minimum."""
        return self.coefficients is not None


@dataclass(frozen=True, eq=False, kw_only=True)
class AxisEstimate(ErrorEstimate):
    """An estimate whose error is the sum of corrections, one along each coordinate."""

    corrections: Corrections


@dataclass(frozen=True, eq=False)
class FittedLevels(ModelLevels):
    """The tensor-product spline space on ``coordinates`` that are trained from level to level."""

    coordinates: Coordinates
    most_levels: int

    @property
    def ends_at_best(self) -> bool:
        return True

    def first(self) -> FittedState:
        """Few intervals on the box of the first coordinates."""
        unknowns = len(self.problem.unknowns)
        space = first_space(self.coordinates, self.problem.box.ranges, (DEGREE, DEGREE), FIRST, unknowns)
        return FittedState(self.coordinates, space)

    def _system(self, state: FittedState) -> ImmersedSystem:
        pull = max(REGULARISATION, PULL * state.shown**2)
        return state.system or ImmersedSystem(
            self.model, state.space, state.coordinates, self.problem.domain, pull=pull
        )

    def minimise(self, state: FittedState, number: int, monitor: Monitor) -> tuple[FittedState, tuple[Iteration, ...]]:
        """Gauss-Newton in the space on the present coordinates."""
        system = self._system(state)
        if state.is_solved:
            return replace(state, system=system), ()
        start = np.zeros(state.space.shape)
        if state.before is not None and not self.model.is_linear:
            start = system.fitted(state.before.pieces[0].values)
        try:
            found = gauss_newton(system, start, system.fixed, 1e-2 * self.problem.solver.tolerance, monitor)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        unsettled = "" if found.stationary else "Gauss-Newton still moved after its last step"
        solved = replace(state, coefficients=found.coefficients, unsettled=unsettled, system=system)
        return solved, monitor.steps(number, found.steps)

    def _function(self, state: FittedState) -> FittedField:
        assert state.coefficients is not None
        piece = FittedPiece(state.coordinates, ((state.space, state.coefficients),))
        return FittedField((piece,), self.problem.box.ranges)

    def measured(self, state: FittedState) -> Measured:
        space, c, system = state.space, state.coefficients, self._system(state)
        assert c is not None
        loss, field = system.mean_square(c), self._function(state)
        return Measured(
            field=field,
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=int((~system.fixed).sum()) + state.coordinates.parameters,
            points=system.points,
            loss=loss,
            heldout=system.checked().mean_square(c),
            is_resolved=loss <= RESOLVED * system.mean_square(np.zeros(space.shape))
            and is_held_turned(self.model, field, space.axes),
            unsettled=state.unsettled,
            note=str(state.coordinates),
        )

    def samples(self, state: FittedState) -> Samples:
        """Points never trained on."""
        assert state.coefficients is not None
        return self._system(state).checked().samples(state.coefficients)

    def estimate(self, state: FittedState, measured: Measured, before: Outcome) -> AxisEstimate:
        """The sum of the corrections along the coordinates; it falls no faster than the order of the splines allows."""
        system, c = self._system(state), state.coefficients
        assert c is not None
        try:
            found = corrections(system, c, nonzero(system.squares(c)[0]))
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        size = SAFETY * float(sum(found.sizes))
        if before.levels:
            size = max(size, before.levels[-1].estimate * 0.5 ** (DEGREE + 1))
        error = FittedField((FittedPiece(state.coordinates, found.pieces),), self.problem.box.ranges)
        return AxisEstimate(size, error, corrections=found)

    def refine(self, state: FittedState, estimate: AxisEstimate, against: Objection) -> FittedState:
        """Knots where the correction is, or at what was missed, and coordinates in which the front is straight."""
        c, before = state.coefficients, self._function(state)
        assert c is not None
        shown = min(1.0, estimate.size)
        if against.missed is not None:
            axes = with_knots(state.space.axes, in_coordinates(against.missed, state.coordinates))
            gathered = replace(state.space, axes=axes)
            if gathered.shape != state.space.shape:
                return FittedState(state.coordinates, gathered, before, shown, is_held=True)
        coordinates, space = _refined(state, self.problem, c, estimate.corrections)
        return FittedState(coordinates, space, before, shown, is_held=state.is_held)

    def in_vain(self, levels: Sequence[Level]) -> str:
        """Whether IN_VAIN levels have brought neither a smaller estimate nor half of the residual."""
        since = max((i + 1 for i, level in enumerate(levels) if level.unseen), default=0)
        resolved = [i for i in range(since, len(levels)) if levels[i].is_resolved]
        if not resolved:
            return ""
        best = min(resolved, key=lambda i: levels[i].estimate)
        later = levels[best + 1 :]
        stuck = len(later) >= IN_VAIN and min(level.loss for level in later) > 0.5 * levels[best].loss
        return "more knots no longer lower the estimate" if stuck else ""

    def in_words(self, state: FittedState, outcome: Outcome) -> str:
        return f"{TRAINED} ({state.coordinates}): {IMMERSED}"


def in_coordinates(missed: HiddenFeature, coordinates: Coordinates) -> HiddenFeature:
    """The same feature in inner coordinates, as wide there as in the direction in which it is widest."""
    place = coordinates.forward(missed.place[None])[0]
    beside = tuple(in_coordinates(other, coordinates) for other in missed.beside)
    return replace(missed, place=place, width=np.full(len(place), float(missed.width.max())), beside=beside)


def _refined(
    state: FittedState, problem: Problem, coefficients: Array, found: Corrections
) -> tuple[Coordinates, Space]:
    """The next coordinates and space: knots where the correction is, and the front straight."""
    space, coordinates, ranges = state.space, state.coordinates, problem.box.ranges
    marks = marked(found, problem.solver.tolerance, 1.0 if state.is_held else ALONG)
    axes = [a.inserted(m) for a, m in zip(space.axes, marks, strict=True)]
    course = front_in(space, coefficients, coordinates, problem.domain)
    moved = None if state.is_held else straightened(coordinates, course, ranges)
    if moved is not None:
        box = moved.box(ranges)
        axes = [carried(a, box[i], course.middle if i == 0 else 0.0) for i, a in enumerate(axes)]
        coordinates = moved
    return coordinates, replace(space, axes=tuple(axes))
