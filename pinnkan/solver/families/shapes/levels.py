"""Levels of a steady problem on a shape: solve, correct along each coordinate, insert knots, repeat."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pinnkan.domain.box import Ranges
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space, sum_terms
from pinnkan.solver.estimate.marking import mark_bulk, refine_marked
from pinnkan.solver.estimate.norms import Samples, safe_divisors
from pinnkan.solver.families.shapes.near_null import find_near_null
from pinnkan.solver.families.shapes.system import ShapeSystem, domain_of
from pinnkan.solver.level_family import ErrorEstimate, LossMinimum, ModelLevelFamily
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, SAFETY, Outcome
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.stability import NearNull
from pinnkan.verdict.records import Iteration

#: The network in words.
NETWORK_WORDS = "product: one block of multiplying nodes on both coordinates, the domain immersed in their box"
#: Degree of the splines. Four disks cut out of a square, on 64 intervals per side: 1.8e-7 with degree 6, 7e-8 with 8,
#: 3e-8 with 10, by the difference to 96 intervals, in 0.3, 0.3 and 0.6 s.
SHAPE_DEGREE = 8
#: Knot intervals along the shorter side of the box on the first level.
FIRST_SHAPE_INTERVALS = 4
#: Marked is this share of the squared correction, largest intervals first (Doerfler 1996). Four disks cut out of a
#: square to 1e-7: 9 levels and 34 s with 0.9, 6 and 15 s with 0.99, 7 and 108 s with 0.999.
MARKED_SHARE = 0.99


def loss_minimum(system: ShapeSystem, field: ProductField, coefficients: Array, loss: float) -> LossMinimum:
    """Return the figures of a minimum, which is ``loss`` at the ``coefficients`` of a ``field``."""
    space = system.space
    return LossMinimum(
        field=field,
        intervals=tuple(a.intervals for a in space.axes),
        degree=tuple(a.degree for a in space.axes),
        parameters=int((~system.fixed).sum()),
        points=system.row_count,
        loss=loss,
        heldout=system.in_space(space, extra_points=1).mean_square(coefficients),
        is_resolved=loss <= RESOLVED_SHARE * system.mean_square(np.zeros(space.shape)),
    )


@dataclass(frozen=True, eq=False)
class ShapeState:
    """A space and, once ``is_solved``, the coefficients; ``start``: where Gauss-Newton starts, if not at zero."""

    space: Space
    start: Array | None = None
    coefficients: Array | None = None
    unconverged_reason: str = ""
    system: ShapeSystem | None = field(default=None, metadata={"stored": False})

    @property
    def is_solved(self) -> bool:
        """Whether the coefficients minimise the loss."""
        return self.coefficients is not None


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeEstimate(ErrorEstimate):
    """An estimate with the squared corrections by interval, one array for each coordinate."""

    interval_squares: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class ShapeLevels(ModelLevelFamily):
    """The family of tensor-product splines of one ``degree`` on the box of a shape."""

    degree: int
    first_intervals: int
    most_levels: int

    def initial_state(self) -> ShapeState:
        """Return a space with nearly square cells on the box of the domain."""
        axes = first_axes(domain_of(self.model).box.ranges, self.degree, self.first_intervals)
        return ShapeState(Space(axes, len(self.problem.unknowns)))

    def _system(self, state: ShapeState) -> ShapeSystem:
        return state.system or ShapeSystem(self.model, state.space)

    def minimise(self, state: ShapeState, number: int, monitor: Monitor) -> tuple[ShapeState, tuple[Iteration, ...]]:
        """Minimise the loss by Gauss-Newton in the space of the state. SolverError: the least squares fail."""
        system = self._system(state)
        if state.is_solved:
            return replace(state, system=system), ()
        start = np.zeros(state.space.shape) if state.start is None or self.model.is_linear else state.start
        try:
            found = gauss_newton(system, start, system.fixed, 1e-2 * self.problem.solver.tolerance, monitor)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        unsettled = "" if found.is_stationary else "Gauss-Newton still moved after its last step"
        solved = replace(state, coefficients=found.coefficients, unconverged_reason=unsettled, system=system)
        return solved, monitor.report_steps(number, found.steps)

    def evaluate_minimum(self, state: ShapeState) -> LossMinimum:
        space, c, system = state.space, state.coefficients, self._system(state)
        assert c is not None
        found = loss_minimum(system, ProductField(((space, c),)), c, system.mean_square(c))
        return replace(found, unconverged_reason=state.unconverged_reason)

    def samples(self, state: ShapeState) -> Samples:
        """The solution at the points inside."""
        assert state.coefficients is not None
        return self._system(state).in_space(state.space, extra_points=1).samples(state.coefficients)

    def estimate(self, state: ShapeState, minimum: LossMinimum, previous: Outcome) -> ShapeEstimate:
        """Sum the corrections along each coordinate. SolverError: the least squares fail.

        Their sum is 1.0 to 2.4 times the error of solutions in disks, annuli and squares with holes once these are
        resolved, and 0.3 to 2.2 times before.
        """
        system, c = self._system(state), state.coefficients
        assert c is not None
        scale = safe_divisors(system.squared_norms(c)[0])
        terms, sizes, squares, losses, richer_systems = [], [], [], [], []
        try:
            for i, axis in enumerate(state.space.axes):
                richer = system.in_space(state.space.with_axis(i, axis.halved()))
                base = state.space.prolong(c, richer.space)
                step = richer.gauss_newton_steps(base, [base], richer.fixed)[0]
                total, strips = richer.squared_norms(step)
                terms.append((richer.space, step))
                sizes.append(np.sqrt(total / scale))
                squares.append((strips[i] / scale).max(-1).reshape(axis.intervals, -1).sum(1))
                losses.append(richer.mean_square(base + step))
                richer_systems.append((richer, base + step))
            by_unknown = SAFETY * np.sum(sizes, axis=0)
            size = float(by_unknown.max())
            nulls = _near_nulls(system, c, richer_systems) if self._counts(size) else []
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        least = min(nulls[1:], key=lambda found: found.sigma, default=None)
        finer = terms[0 if least is None else nulls.index(least) - 1][0]
        pair = None if least is None else (nulls[0], least)
        spaces = SpacePair(state.space, c, finer, pair, (minimum.loss, min(losses)))
        known = tuple(map(float, by_unknown)) if len(by_unknown) > 1 else ()
        error = ProductField((sum_terms(terms),))
        return ShapeEstimate(size, error, spaces=spaces, sizes_by_unknown=known, interval_squares=tuple(squares))

    def _counts(self, size: float) -> bool:
        """Whether a level with an estimate of this size may be the last, or its solution be undetermined."""
        return not self.problem.solver.tolerance < size <= 1.0

    def refine(self, state: ShapeState, estimate: ShapeEstimate, decision: Decision) -> ShapeState:
        """Halve the intervals where the corrections are large."""
        assert state.coefficients is not None
        marks = mark_bulk(estimate.interval_squares, MARKED_SHARE)
        space = replace(state.space, axes=refine_marked(state.space.axes, marks))
        return ShapeState(space, state.space.prolong(state.coefficients, space))

    def network_description(self, state: ShapeState, outcome: Outcome) -> str:
        return NETWORK_WORDS


def first_axes(ranges: Ranges, degree: int, intervals: int) -> tuple[Axis, ...]:
    """Return axes with nearly square cells, so many along the shorter side."""
    width = min(b - a for a, b in ranges) / intervals
    return tuple(Axis(np.linspace(a, b, max(1, round((b - a) / width)) + 1), degree) for a, b in ranges)


def _near_nulls(
    system: ShapeSystem, coefficients: Array, richer: Sequence[tuple[ShapeSystem, Array]]
) -> list[NearNull]:
    """The near-null functions of a system and of richer ones, given with their coefficients."""
    own = find_near_null(system, coefficients)
    assert own.coefficients is not None
    starts = (system.space.prolong(own.coefficients, finer.space) for finer, _ in richer)
    return [own, *(find_near_null(*found, start) for found, start in zip(richer, starts, strict=True))]
