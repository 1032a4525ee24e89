"""A product network on levels: solve, correct in the refined space, insert knots, prolong."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.indicators import coordinate_shares
from pinnkan.solver.estimate.marking import mark_by_maximum, refine_marked
from pinnkan.solver.estimate.norms import Samples, reference_norms
from pinnkan.solver.families.product.boundary_layers import grade_towards_layers
from pinnkan.solver.families.product.enriched_correction import HalvedEstimate, is_correction_expensive
from pinnkan.solver.families.product.grading import (
    NEIGHBOUR_SHARE,
    correction_profiles,
    grade_towards_corners,
    grade_towards_point,
)
from pinnkan.solver.families.product.hidden_error import RESOLVED_RATIO, SLOW_RATIO
from pinnkan.solver.families.product.level_estimate import AcceptedCorrection, estimate_by_correction, estimate_error
from pinnkan.solver.families.product.number_start import settled_space
from pinnkan.solver.families.product.refinement_choice import (
    MarkedPiece,
    is_marking_erratic,
    mark_fewest_intervals,
    record_marked_piece,
    uniformly_refined_space,
)
from pinnkan.solver.families.product.sampling import samples_of
from pinnkan.solver.families.product.start import initial_space, with_conditions
from pinnkan.solver.families.product.stationary_start import initial_coefficients, minimise_with_restart
from pinnkan.solver.homotopy import continue_from_milder_problem
from pinnkan.solver.level_family import LossMinimum, ModelLevelFamily
from pinnkan.solver.linear.convergence import rests
from pinnkan.solver.linear.gauss_point_counts import require_memory
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import MAX_STEPS
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, Outcome
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.hidden_errors.hidden_feature import refine_at_feature
from pinnkan.solver.verify.neutral_waves import intervals_resolve_waves, resolves_neutral_waves
from pinnkan.verdict.records import Evidence, Iteration, Level

#: A space with marked intervals halved that has more than this share of the coefficients with all halved is replaced by
#: that, in which the correction has been solved for.
NEARLY_ALL_HALVED = 0.85
#: Largest estimate at which knots are graded: until then a front askew to the coordinates has spurious peaks.
GRADING_ESTIMATE = 0.1
#: Levels in a row over which stagnation is looked for.
STALLED_LEVELS = 4
#: Ratio of residuals over these levels from which on they stagnate, unless the level is an early one (second number)
#: with few new knots, which may close in on a feature.
STALLED_RATIO, EARLY_LEVELS = 0.5, 24
#: Levels that resolve the data, and the share of the least estimate before that none of them has: x**0.55 takes 9.
FRUITLESS_LEVELS, FRUITLESS_RATIO = 12, 0.5
#: Most intervals of a line unless the file names levels: matrices to the next space would take more than 5 GB.
MOST_LINE_INTERVALS = 4608


@dataclass(frozen=True, eq=False)
class ProductState:
    """A space with coefficients: the start of Gauss-Newton or, if ``is_solved``, its end.

    ``data_residual``: mean squared residual of the data alone, the largest so far; ``rounding``: of a correction that
    is included; ``unsettled``: why Gauss-Newton has not converged; ``words``: the network, if another one was dropped;
    ``linear_solver``: the linear solver; of the level before ``near_null``: its near-null function, ``marked_piece``:
    its marking, and if that led here ``correction``: its correction, ``coarse_system``: its system; ``system``: that of
    the space.
    """

    space: Space
    coefficients: Array
    data_residual: float
    is_solved: bool = False
    rounding: float = 0.0
    unsettled: str = ""
    words: str = ""
    linear_solver: str = ""
    near_null: Array | None = None
    marked_piece: MarkedPiece | None = None
    correction: Array | None = None
    system: System | None = field(default=None, metadata={"stored": False})
    coarse_system: System | None = field(default=None, metadata={"stored": False})


@dataclass(frozen=True, eq=False)
class ProductLevels(ModelLevelFamily):
    """The tensor-product splines of a ``degree``, with so many ``intervals`` per coordinate at first.

    ``words``: the network and why it was chosen; ``is_homotopy_step``: whether the problem is a milder one of a
    homotopy.
    """

    degree: int
    intervals: int
    most_levels: int
    words: str = ""
    is_homotopy_step: bool = False

    def initial_state(self) -> ProductState:
        """Return the first state: nearly uniform knots, exact conditions, smooth inside for nonlinear problems."""
        space = (settled_space if self.problem.free_numbers else initial_space)(self.model, self.degree, self.intervals)
        require_memory(self.model, space)
        system = self._system(space)
        return self.start_state(system, initial_coefficients(system))

    def _system(self, space: Space) -> System:
        """Return the rows of a space; of linear problems the matrix is kept for the near-null function."""
        return System(self.model, space, keeps_solver=self.model.is_linear)

    def start_state(self, system: System, start: Array, previous: ProductState | None = None) -> ProductState:
        """Return the state that begins at ``start`` in the space of ``system``; ``previous``: the one it comes from."""
        space = system.space
        alone, _ = with_conditions(self.model, space, np.zeros(space.shape))
        unsolved, words = (previous.data_residual, previous.words) if previous else (0.0, "")
        unsolved = max(unsolved, system.mean_square(alone))
        return ProductState(space, start, unsolved, words=words, system=system)

    def field_of(self, state: ProductState) -> ProductField:
        return ProductField(((state.space, state.coefficients),))

    def minimise(
        self, state: ProductState, number: int, monitor: Monitor
    ) -> tuple[ProductState, tuple[Iteration, ...]]:
        """Minimise by Gauss-Newton over the free coefficients; return the state there and the steps."""
        system = state.system or self._system(state.space)
        if state.is_solved:
            return replace(state, system=system), ()
        start = np.ascontiguousarray(state.coefficients)
        fixed = with_conditions(self.model, state.space, start)[1]
        found = minimise_with_restart(system, start, fixed, 1e-2 * self.problem.solver.tolerance, monitor, number == 0)
        unsettled = "" if found.is_stationary else "Gauss-Newton still moved after its last step"
        coefficients = np.ascontiguousarray(found.coefficients)
        kept = replace(state, coefficients=coefficients, is_solved=True, rounding=0.0, unsettled=unsettled)
        return replace(kept, system=system, linear_solver=system.solver_words), monitor.report_steps(
            number, found.steps
        )

    def evaluate_minimum(self, state: ProductState) -> LossMinimum:
        space, c, system = state.space, state.coefficients, state.system
        assert system is not None
        loss = system.mean_square(c)
        is_small, field = (
            loss <= RESOLVED_SHARE * state.data_residual or state.data_residual == 0.0,
            self.field_of(state),
        )
        return LossMinimum(
            field=field,
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=space.size,
            points=system.row_count,
            loss=loss,
            heldout=System(self.model, space, extra_points=1).mean_square(c),
            is_resolved=is_small and resolves_neutral_waves(self.model, field, space.axes),
            unconverged_reason=state.unsettled,
            note=state.linear_solver,
        )

    def samples(self, state: ProductState) -> Samples:
        """Return values at Gauss points of the halved intervals."""
        return samples_of(state.space, state.coefficients)

    def estimate(self, state: ProductState, measured: LossMinimum, before: Outcome) -> HalvedEstimate:
        """Estimate the error (:func:`estimate_error`), with the rounding of a correction that the solution includes."""
        assert state.system is not None
        step = None if state.correction is None else AcceptedCorrection(state.correction, state.coarse_system)
        found = estimate_error(before, state.system, state.coefficients, measured, state.near_null, step)
        size = np.inf if found.is_diverging and not self.is_homotopy_step else found.size + state.rounding
        return replace(found, size=size, rounding=max(found.rounding, state.rounding))

    def refine(self, state: ProductState, estimate: HalvedEstimate, decision: Decision) -> ProductState | None:
        """Return the state with knots where the correction is large or a feature is missed; None on too long a line."""
        missed, axes = decision.feature, state.space.axes
        if len(axes) == 1 and axes[0].intervals > MOST_LINE_INTERVALS and self.problem.solver.max_levels is None:
            return None
        finer = decision.axes or (refine_at_feature(axes, missed) if missed else None)
        gathered = None if finer is None else Space(finer, state.space.unknowns)
        if gathered is not None and gathered.shape != state.space.shape:
            return self.start_from(gathered, state.space.prolong(state.coefficients, gathered), state)
        if estimate.evidence == Evidence.FALL:  # that is a function of the space itself
            measured, told = self.evaluate_minimum(state), estimate.spaces
            before = Outcome(measured.field, None)
            assert state.system is not None
            estimate = estimate_by_correction(
                before, state.system, state.coefficients, measured, coarse_spaces=lambda: told
            )
        layered = grade_towards_layers(self.model, state.space, state.coefficients, estimate.losses)
        if layered is not None:
            return self.start_from(*layered, state)
        choose = halve_every_interval if decision.waiting else choose_refinement
        space, start, is_solved = choose(self.model, state, estimate)
        system = estimate.system if is_solved else self._system(space)
        if estimate.size > 1.0 and not self.model.is_linear:  # the matrix may be singular but for rounding
            alone, _ = with_conditions(self.model, space, state.space.prolong(state.coefficients, space))
            start = min(alone, start, key=system.loss)
        halved = record_marked_piece(state.marked_piece, state.space, space, estimate)
        begun = replace(
            self.start_state(system, start, state),
            near_null=estimate.near_null_in(state.space, space),
            marked_piece=halved,
        )
        if not is_solved:
            return begun
        solved = replace(begun, is_solved=True, rounding=estimate.rounding, linear_solver=estimate.system.solver_words)
        if decision.waiting:  # the stability constants do not agree
            return solved
        return replace(solved, correction=estimate.correction, coarse_system=state.system)

    def start_from(self, space: Space, coefficients: Array, previous: ProductState | None = None) -> ProductState:
        """Return a state that begins at a function, with exact conditions; ``previous``: the state it comes from."""
        start, _ = with_conditions(self.model, space, np.ascontiguousarray(coefficients))
        return self.start_state(self._system(space), start, previous)

    def alternative_start(self, state: ProductState, monitor: Monitor) -> ProductState | None:
        """Return a state at a solution found by homotopy from a milder problem; None where there is none.

        A milder problem has other eigenvalues: with free numbers there is none.
        """
        if self.model.is_linear or self.problem.interfaces or self.problem.free_numbers:
            return None
        found = continue_from_milder_problem(
            self.model, lambda model: replace(self, model=model, is_homotopy_step=True), monitor
        )
        return None if found is None else self.start_state(self._system(found.space), found.coefficients, state)

    def stagnation_reason(self, levels: Sequence[Level]) -> str:
        """Return why more levels are in vain, "" if they may help.

        On knots that resolve the data estimates stagnate or Gauss-Newton uses up its steps, or a residual as large as
        the data's stagnates.
        """
        last = levels[-STALLED_LEVELS:]
        if len(last) < STALLED_LEVELS:
            return ""
        is_fruitless = rests([x.estimate for x in levels], FRUITLESS_LEVELS, FRUITLESS_RATIO)
        if is_fruitless and all(x.is_resolved for x in levels[-FRUITLESS_LEVELS:]):
            return "more knots do not lower the estimate"
        restless = all(x.iterations >= MAX_STEPS and x.is_resolved for x in last)
        closing = len(levels) < EARLY_LEVELS and last[-1].parameters < 2 * last[0].parameters
        is_held = intervals_resolve_waves(self.model, last[0].intervals, last[0].degree)
        still = last[-1].loss > STALLED_RATIO * last[0].loss and is_held and not closing
        resting = still and all(not x.is_resolved and x.estimate <= self.problem.solver.tolerance for x in last)
        return "no correction lowers the residual" if restless or resting else ""

    def network_description(self, state: ProductState, outcome: Outcome) -> str:
        return state.words or self.words


def halve_every_interval(model: Model, state: ProductState, estimate: HalvedEstimate) -> tuple[Space, Array, bool]:
    """Return the space with every interval halved, the corrected solution, and whether this solves (linear)."""
    base = state.space.prolong(state.coefficients, estimate.space)
    return estimate.space, base + estimate.correction, model.is_linear


def choose_refinement(model: Model, state: ProductState, estimate: HalvedEstimate) -> tuple[Space, Array, bool]:
    """Return the next space, its starting coefficients, and whether they already solve it."""
    space, fine, start, tolerance = state.space, estimate.space, state.coefficients, model.problem.solver.tolerance
    after = space.prolong(start, fine) + estimate.correction
    scale = reference_norms(model.problem, fine, after)
    share = coordinate_shares(space, fine, estimate.correction, scale)
    allowed = (0.3 * tolerance) ** 2 / sum(a.intervals for a in space.axes)
    counts = max(float(m.max()) for m in share.mass) > allowed
    if not counts and estimate.residual_ratio > SLOW_RATIO:  # no interval counts, but all together do
        allowed = 0.0
    is_last = model.is_linear and estimate.predicted_error <= tolerance
    if is_last and is_correction_expensive(model, fine):  # its error is estimated by the fall of the residual
        return halve_every_interval(model, state, estimate)
    near, towards, system = model.corner_weights, None, state.system
    if near is not None and system is not None and estimate.residual_ratio > RESOLVED_RATIO:
        others = mark_by_maximum(share.mass, allowed, NEIGHBOUR_SHARE)
        towards = grade_towards_corners(space.axes, near.corners, system.squares_by_interval(start), others)
    if towards is None and estimate.size <= GRADING_ESTIMATE and system is not None:
        profiles = correction_profiles(
            system, start, System(system.model, fine), estimate.correction, share.mass, scale
        )
        towards = grade_towards_point(space.axes, profiles, allowed)
    if towards is not None:
        finer = Space(towards, space.unknowns)
        return finer, with_conditions(model, finer, space.prolong(start, finer))[0], False
    marks = mark_by_maximum(share.mass, allowed)
    if not model.is_linear and len(marks) > 1 and not any(m.any() for m in marks):
        marks = mark_fewest_intervals(share.mass, estimate.residual_ratio, estimate.size / tolerance)
    if len(marks) == 1 and is_marking_erratic(state.marked_piece, space.axes[0], marks[0], estimate):
        return halve_every_interval(model, state, estimate)
    finer = Space(refine_marked(space.axes, marks, space.unknowns), space.unknowns)
    nearly = len(marks) > 1 and finer.size > NEARLY_ALL_HALVED * fine.size
    if nearly or not any(m.any() for m in marks) or all(m.all() for m in marks):
        asked = model.is_linear and is_correction_expensive(model, fine)
        fewer = (
            uniformly_refined_space(model, space, estimate.predicted_error, estimate.residual_ratio) if asked else None
        )
        if fewer is None:
            return halve_every_interval(model, state, estimate)
        return fewer, with_conditions(model, fewer, np.zeros(fewer.shape))[0], False
    return finer, with_conditions(model, finer, finer.restrict(after, fine))[0], False
