"""The minimisation of a level: all linearisations, term after term, and the steps they take."""

from dataclasses import replace

from pinnkan.assembly.separable.points import graded
from pinnkan.assembly.separable.system import SeparableModel
from pinnkan.kan.separable import Separable
from pinnkan.solver.families.separable.estimate import STRIDE, size
from pinnkan.solver.families.separable.minimise import TrainedEdges, descend, starts, with_term
from pinnkan.solver.families.separable.state import SeparableState
from pinnkan.solver.monitor import Monitor
from pinnkan.verdict.records import Iteration

#: Most Levenberg-Marquardt steps after each new term.
STEPS = 60
#: Most linearisations of a nonlinear problem on a level; the last changes the function by less than this share of the
#: tolerance.
LINEARISED, CHANGE = 12, 0.1
#: Points where a change is measured.
MEASURED = 2048


class Training:
    """One level, cut short where the time limit is over."""

    def __init__(self, rows: SeparableModel, number: int, monitor: Monitor) -> None:
        self.rows, self.number, self.monitor = rows, number, monitor
        self.steps: list[Iteration] = []

    def minimised(self, state: SeparableState) -> SeparableState:
        """With all edges trained, and as many terms as wanted.

        Raises:
            numpy.linalg.LinAlgError: the rows do not determine the edges, or are not finite.
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
        """The loss of a training whose steps are reported."""
        for step in found.steps:
            record = (self.number, len(self.steps), step.loss, step.size, step.damping)
            self.steps.append(self.monitor.iteration(*record))
        return found.loss
