"""Levels of sums of few products: train all edges, correct, enrich by knots and terms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pinnkan.assembly.separable.points import graded
from pinnkan.assembly.separable.system import SeparableModel, rows_of
from pinnkan.errors import SolverError
from pinnkan.kan.axis import nearest
from pinnkan.kan.separable import Separable
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.blocks.system import samples_of
from pinnkan.solver.families.separable.estimate import STRIDE, estimate, held_out, size
from pinnkan.solver.families.separable.knots import first_axes
from pinnkan.solver.families.separable.minimise import TrainedEdges, descend, starts, with_term
from pinnkan.solver.families.separable.state import SeparableEstimate, SeparableState, coefficients
from pinnkan.solver.family import Measured, ModelLevels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED, Outcome
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature, with_knots
from pinnkan.solver.verify.objection import Objection
from pinnkan.verdict.records import Iteration, Level

#: Both knots and a term are added if neither gains less than this share of the other.
BOTH = 0.3
#: If an estimate exceeds this share of the one before, the next level starts from the richer sum of the correction.
STALLED = 0.5
#: The solve has stalled after so many levels without an estimate below STALLED times the smallest before.
VAIN = 4
#: Most coefficients: the normal equations of all edges take 72 MB, four times that on halved knots.
LARGEST = 3000


@dataclass(frozen=True, eq=False)
class SeparableLevels(ModelLevels):
    """The family of sums of products of splines, for one unknown; ``why``: the reason of its choice."""

    degree: int | None
    most_levels: int
    why: str

    @property
    def ends_at_best(self) -> bool:
        return True

    @cached_property
    def rows(self) -> SeparableModel:
        """The equations in separated form, for all knots."""
        return rows_of(self.model)

    def first(self) -> SeparableState:
        """The state before the first level: initial knots, and functions of one coordinate where conditions allow."""
        settings, singles = self.problem.solver, self.rows.singles
        axes = first_axes(self.rows, self.degree, settings.knots)
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
            training = Training(self.rows, number, monitor)
            return training.minimised(state), tuple(training.steps)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed

    def measured(self, state: SeparableState) -> Measured:
        function, seed = state.function, state.seed + STRIDE * (2 * state.number + 2)
        heldout = held_out(self.rows, function, seed) ** 2
        data = held_out(self.rows, Separable.zero(function.axes), seed) ** 2
        return Measured(
            field=function,
            intervals=tuple(a.intervals for a in function.axes),
            degree=tuple(a.degree for a in function.axes),
            parameters=state.parameters,
            points=sum(a.intervals * (a.degree + 2) for a in function.axes),
            loss=max(state.loss, 0.0),
            heldout=heldout,
            is_resolved=heldout <= RESOLVED * data or heldout == 0.0,
        )

    def samples(self, state: SeparableState) -> Samples:
        """The function at Sobol points."""
        return samples_of(self.problem, state.function)

    def estimate(self, state: SeparableState, measured: Measured, before: Outcome) -> SeparableEstimate:
        """See :func:`pinnkan.solver.families.separable.estimate.estimate`.

        Raises SolverError: the rows of the richer sum do not determine it.
        """
        try:
            return estimate(self.rows, state)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"the error of the sum could not be estimated: {failed}") from failed

    def refine(self, state: SeparableState, estimate: SeparableEstimate, against: Objection) -> SeparableState | None:
        """Add knots at a missed feature or where the correction gains by them, or a term, or both."""
        following = _refined(state, estimate, against.missed)
        following = replace(following, number=state.number + 1, before=estimate.size, is_solved=False)
        wanted = coefficients(following.function.axes, state.singles, following.wanted)
        return following if wanted <= LARGEST else None

    def in_vain(self, levels: Sequence[Level]) -> str:
        """A message if knots and terms no longer lower the estimate; else ""."""
        if len(levels) <= VAIN:
            return ""
        best = min(level.estimate for level in levels[:-VAIN])
        rests = min(level.estimate for level in levels[-VAIN:]) > STALLED * best
        return "neither knots nor terms lower the estimate" if rests else ""

    def in_words(self, state: SeparableState, outcome: Outcome) -> str:
        many = f"{state.products} product{'' if state.products == 1 else 's'} of functions of one coordinate each"
        beside = f" beside {len(state.singles)} functions of one coordinate" if state.singles else ""
        return f"product: {many}{beside}, all edges trained ({self.why})"


def _refined(state: SeparableState, found: SeparableEstimate, missed: HiddenFeature | None) -> SeparableState:
    axes = state.function.axes
    gathered = axes if missed is None else with_knots(axes, missed)
    if [a.intervals for a in gathered] != [a.intervals for a in axes]:
        return replace(state, function=state.function.prolonged(gathered))
    if found.size > STALLED * state.before:
        return replace(state, function=found.richer, wanted=state.wanted + 1)
    out = state
    if found.by_term >= BOTH * found.by_knots:
        pairs = zip(axes, found.term.axes, found.term.edges, strict=True)
        coarser = Separable(axes, tuple(nearest(coarse, fine, edge, 1) for coarse, fine, edge in pairs))
        out = replace(out, wanted=state.wanted + 1, hint=coarser)
    if found.by_knots >= BOTH * found.by_term:
        finer = tuple(a.inserted(m) for a, m in zip(axes, found.marked, strict=True))
        hint = None if out.hint is None else out.hint.prolonged(finer)
        out = replace(out, function=state.function.prolonged(finer), hint=hint)
    return out


#: Most Levenberg-Marquardt steps after each new term.
STEPS = 60
#: Most linearisations of a nonlinear problem per level; they end at a change below this share of the tolerance.
LINEARISED, CHANGE = 12, 0.1
#: Points at which a change is measured.
MEASURED = 2048


class Training:
    """The training of one level, which ends early when the time limit is over."""

    def __init__(self, rows: SeparableModel, number: int, monitor: Monitor) -> None:
        self.rows, self.number, self.monitor = rows, number, monitor
        self.steps: list[Iteration] = []

    def minimised(self, state: SeparableState) -> SeparableState:
        """Return the state with all edges trained and as many terms as wanted.

        Raises numpy.linalg.LinAlgError: the rows do not determine the edges, or are not finite.
        """
        points, weights = graded(state.function.axes, MEASURED, state.seed + STRIDE - 1)
        for _ in range(1 if self.rows.is_linear else LINEARISED):
            before = state.function
            state = self._trained(state)
            change = size(state.function.plus(before, -1.0), points, weights)
            tolerance = self.rows.problem.solver.tolerance
            if change <= CHANGE * tolerance * size(state.function, points, weights) or self.monitor.expired():
                break
        return replace(state, hint=None, is_solved=True)

    def _trained(self, state: SeparableState) -> SeparableState:
        function, singles = state.function, state.singles
        terms = len(singles) + state.wanted
        seed = state.seed + 2 * STRIDE * state.number
        system = self.rows.system(function.axes, function, terms, seed)
        edges, loss = system.edges(function), state.loss
        hints: tuple[Separable, ...] = () if state.hint is None else (state.hint,)
        if function.terms:
            found = descend(system, edges, system.trained(function.terms, singles), STEPS, self.monitor.expired)
            edges, loss = found.edges, self._told(found)
        for number in range(function.terms, terms):
            if self.monitor.expired():
                break
            edges = with_term(system, edges, starts(system, edges, seed + number, hints)).edges
            found = descend(system, edges, system.trained(number + 1, singles), STEPS, self.monitor.expired)
            edges, loss = found.edges, self._told(found)
        return replace(state, function=system.function(edges), loss=loss)

    def _told(self, found: TrainedEdges) -> float:
        """Report the steps of a training, and return its loss."""
        for step in found.steps:
            record = (self.number, len(self.steps), step.loss, step.size, step.damping)
            self.steps.append(self.monitor.iteration(*record))
        return found.loss
