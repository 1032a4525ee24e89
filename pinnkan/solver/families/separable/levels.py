"""Levels of sums of few products: train all edges, correct, enrich by knots and terms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pinnkan.assembly.separable.point_rows import graded_points
from pinnkan.assembly.separable.system import SeparableModel, separable_model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import restrict_axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.estimate.marking import refine_marked
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.blocks.system import sobol_samples
from pinnkan.solver.families.separable.estimate import SEED_STRIDE, estimate_error, held_out_residual, root_mean_square
from pinnkan.solver.families.separable.knots import initial_axes
from pinnkan.solver.families.separable.minimise import TrainedEdges, add_term, levenberg_marquardt, starting_products
from pinnkan.solver.families.separable.state import SeparableEstimate, SeparableState, coefficient_count
from pinnkan.solver.level_family import LossMinimum, ModelLevelFamily
from pinnkan.solver.linear.convergence import rests
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, Outcome
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature
from pinnkan.verdict.records import Iteration, Level

#: Both knots and a term are added if neither gains less than this share of the other.
COMPARABLE_GAIN = 0.3
#: If an estimate exceeds this share of the one before, the next level starts from the richer sum of the correction.
STALLED_RATIO = 0.5
#: The solve has stalled after so many levels without an estimate below STALLED times the smallest before.
STALLED_LEVELS = 4
#: Most coefficients: the normal equations of all edges take 72 MB, four times that on halved knots.
MOST_COEFFICIENTS = 3000


@dataclass(frozen=True, eq=False)
class SeparableLevels(ModelLevelFamily):
    """The family of sums of products of splines, for one unknown; ``choice_reason``: the reason of its choice."""

    degree: int | None
    most_levels: int
    choice_reason: str

    @property
    def returns_best_level(self) -> bool:
        return True

    @cached_property
    def rows(self) -> SeparableModel:
        """The equations in separated form, for all knots."""
        return separable_model(self.model)

    def initial_state(self) -> SeparableState:
        """The state before the first level: initial knots, and functions of one coordinate where conditions allow."""
        settings, singles = self.problem.solver, self.rows.single_coordinates
        axes = initial_axes(self.rows, self.degree, settings.knots)
        edges = [np.ones((len(singles), a.count)) for a in axes]
        for term, i in enumerate(singles):  # edges of zeros, other factors one
            edges[i][term] = 0.0
        return SeparableState(Separable(axes, tuple(edges)), singles, 1, seed=settings.seed * 1_000_000)

    def minimise(
        self, state: SeparableState, number: int, monitor: Monitor
    ) -> tuple[SeparableState, tuple[Iteration, ...]]:
        """Train all edges, adding terms until there are as many as wanted.

        Raises SolverError: the rows do not determine the edges, or are not finite.
        """
        if state.is_solved:
            return state, ()
        try:
            training = EdgeTraining(self.rows, number, monitor)
            return training.minimise(state), tuple(training.steps)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed

    def evaluate_minimum(self, state: SeparableState) -> LossMinimum:
        function, seed = state.function, state.seed + SEED_STRIDE * (2 * state.level + 2)
        heldout = held_out_residual(self.rows, function, seed) ** 2
        data = held_out_residual(self.rows, Separable.zero(function.axes), seed) ** 2
        return LossMinimum(
            field=function,
            intervals=tuple(a.intervals for a in function.axes),
            degree=tuple(a.degree for a in function.axes),
            parameters=state.parameter_count,
            points=sum(a.intervals * (a.degree + 2) for a in function.axes),
            loss=max(state.loss, 0.0),
            heldout=heldout,
            is_resolved=heldout <= RESOLVED_SHARE * data or heldout == 0.0,
        )

    def samples(self, state: SeparableState) -> Samples:
        """The function at Sobol points."""
        return sobol_samples(self.problem, state.function)

    def estimate(self, state: SeparableState, measured: LossMinimum, before: Outcome) -> SeparableEstimate:
        """See :func:`pinnkan.solver.families.separable.estimate.estimate_error`.

        Raises SolverError: the rows of the richer sum do not determine it.
        """
        try:
            return estimate_error(self.rows, state)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"the error of the sum could not be estimated: {failed}") from failed

    def refine(self, state: SeparableState, estimate: SeparableEstimate, decision: Decision) -> SeparableState | None:
        """Add knots at a missed feature or where the correction gains by them, or a term, or both."""
        following = _enrich(state, estimate, decision.feature)
        following = replace(following, level=state.level + 1, previous_estimate=estimate.size, is_solved=False)
        wanted = coefficient_count(following.function.axes, state.singles, following.target_products)
        return following if wanted <= MOST_COEFFICIENTS else None

    def stagnation_reason(self, levels: Sequence[Level]) -> str:
        """A message if knots and terms no longer lower the estimate; else ""."""
        has_stalled = rests([level.estimate for level in levels], STALLED_LEVELS, STALLED_RATIO)
        return "neither knots nor terms lower the estimate" if has_stalled else ""

    def network_description(self, state: SeparableState, outcome: Outcome) -> str:
        products = "1 product" if state.product_count == 1 else f"{state.product_count} products"
        many = f"{products} of functions of one coordinate each"
        beside = f" beside {len(state.singles)} functions of one coordinate" if state.singles else ""
        return f"product: {many}{beside}, all edges trained ({self.choice_reason})"


def _enrich(state: SeparableState, found: SeparableEstimate, missed: HiddenFeature | None) -> SeparableState:
    axes = state.function.axes
    gathered = axes if missed is None else refine_at_feature(axes, missed)
    if [a.intervals for a in gathered] != [a.intervals for a in axes]:
        return replace(state, function=state.function.prolonged(gathered))
    if found.size > STALLED_RATIO * state.previous_estimate:
        return replace(state, function=found.enriched_sum, target_products=state.target_products + 1)
    out = state
    if found.term_gain >= COMPARABLE_GAIN * found.knot_gain:
        pairs = zip(axes, found.new_term.axes, found.new_term.edges, strict=True)
        coarser = Separable(axes, tuple(restrict_axis(coarse, fine, edge, 1) for coarse, fine, edge in pairs))
        out = replace(out, target_products=state.target_products + 1, next_product=coarser)
    if found.knot_gain >= COMPARABLE_GAIN * found.term_gain:
        finer = refine_marked(axes, found.marked_intervals)
        hint = None if out.next_product is None else out.next_product.prolonged(finer)
        out = replace(out, function=state.function.prolonged(finer), next_product=hint)
    return out


#: Most Levenberg-Marquardt steps after each new term.
TRAINING_STEPS = 60
#: Most linearisations of a nonlinear problem per level; they end at a change below this share of the tolerance.
MOST_LINEARISATIONS, LEAST_CHANGE = 12, 0.1
#: Points at which a change is measured.
CHANGE_POINTS = 2048


class EdgeTraining:
    """The training of one level, which ends early when the time limit is over."""

    def __init__(self, rows: SeparableModel, number: int, monitor: Monitor) -> None:
        self.rows, self.number, self.monitor = rows, number, monitor
        self.steps: list[Iteration] = []

    def minimise(self, state: SeparableState) -> SeparableState:
        """Return the state with all edges trained and as many terms as wanted.

        Raises numpy.linalg.LinAlgError: the rows do not determine the edges, or are not finite.
        """
        points, weights = graded_points(state.function.axes, CHANGE_POINTS, state.seed + SEED_STRIDE - 1)
        for _ in range(1 if self.rows.is_linear else MOST_LINEARISATIONS):
            before = state.function
            state = self._train_once(state)
            change = root_mean_square(state.function.plus(before, -1.0), points, weights)
            tolerance = self.rows.problem.solver.tolerance
            if (
                change <= LEAST_CHANGE * tolerance * root_mean_square(state.function, points, weights)
                or self.monitor.expired()
            ):
                break
        return replace(state, next_product=None, is_solved=True)

    def _train_once(self, state: SeparableState) -> SeparableState:
        function, singles = state.function, state.singles
        terms = len(singles) + state.target_products
        seed = state.seed + 2 * SEED_STRIDE * state.level
        system = self.rows.system(function.axes, function, terms, seed)
        edges, loss = system.edges(function), state.loss
        hints: tuple[Separable, ...] = () if state.next_product is None else (state.next_product,)
        if function.terms:
            found = levenberg_marquardt(
                system, edges, system.trained_masks(function.terms, singles), TRAINING_STEPS, self.monitor.expired
            )
            edges, loss = found.edges, self._report(found)
        for number in range(function.terms, terms):
            if self.monitor.expired():
                break
            edges = add_term(system, edges, starting_products(system, edges, seed + number, hints)).edges
            found = levenberg_marquardt(
                system, edges, system.trained_masks(number + 1, singles), TRAINING_STEPS, self.monitor.expired
            )
            edges, loss = found.edges, self._report(found)
        return replace(state, function=system.function(edges), loss=loss)

    def _report(self, found: TrainedEdges) -> float:
        """Report the steps of a training, and return its loss."""
        for step in found.steps:
            record = (self.number, len(self.steps), step.loss, step.size, step.damping)
            self.steps.append(self.monitor.report_iteration(*record))
        return found.loss
