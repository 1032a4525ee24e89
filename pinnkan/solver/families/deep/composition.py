"""Deep networks in many coordinates: growing hidden layers, variable projection, scattered rows, estimates by blocks.

A level is a few Levenberg-Marquardt steps on the inner layers. Once these stall, the network grows by a hidden unit or
by halved knot intervals, whichever lowers the held-out residual most after a few steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.field import DerivativeFunction, Field
from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.blocks.system import (
    HELD_OUT,
    SEED_STRIDE,
    BlocksEstimate,
    estimate_by_blocks,
    mean_square,
    scattered_rows,
    sobol_samples,
)
from pinnkan.solver.families.deep.rows import NetworkSystem, RowGroup
from pinnkan.solver.families.deep.variable_projection import inner_coefficients, project_outer_layer, with_inner
from pinnkan.solver.level_family import LossMinimum, ModelLevelFamily
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.minimise.descent import Iterate
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, Outcome
from pinnkan.solver.verify.findings import Decision
from pinnkan.verdict.records import Iteration

#: First degree and number of intervals of the edges: the five-dimensional Gaussian reaches 1e-10 with them.
DEGREE = 7
INTERVALS = 2
#: Number of random starts, steps of each before the best is selected, and steps of a level.
STARTS = 3
TRIAL_STEPS = 15
LEVEL_STEPS = 15
#: Noise of the first edges relative to their slope.
EDGE_NOISE = 0.1
#: A level has stalled if it lowers the root mean square residual by less than this factor. Heuristic.
LEAST_GAIN = 2.0
#: Points inside per coefficient.
POINTS_PER_COEFFICIENT = 4.0
#: Factor between held-out and training loss beyond which points get denser, by the second factor, up to the third.
MOST_HELDOUT_RATIO = 3.0
DENSITY_FACTOR = 2.0
MOST_DENSITY = 8.0
#: Maximum number of growths.
MOST_GROWTHS = 6


#: Maximum number of levels.
MOST_LEVELS = 40


@dataclass(frozen=True, eq=False)
class CompositionState:
    """A network, None before the first level, and its ``initial_loss`` at the start of the level.

    ``final_loss``: the loss at its end, or None; ``density``: relative number of points; ``growths``: number of
    growths.
    """

    field: DeepField | None
    initial_loss: float = math.inf
    final_loss: float | None = None
    density: float = 1.0
    growths: int = 0
    number: int = 0

    @property
    def network(self) -> Network:
        """The network of the field."""
        return network_of(self.field)


@dataclass(frozen=True, eq=False)
class CompositionLevels(ModelLevelFamily):
    """The family of networks of ``hidden`` widths, None: one layer that grows from one unit.

    ``first_level_deadline``: seconds of the solve at which the first level ends; ``choice_reason``: the reason for this
    choice.
    """

    estimate_space: BlockSum
    hidden: tuple[int, ...] | None
    choice_reason: str
    first_level_deadline: float = math.inf
    most_levels: int = MOST_LEVELS

    @property
    def inputs(self) -> Inputs:
        """The scaling of the coordinates for the first layer."""
        return Inputs(self.problem.box.ranges, self.problem.box.periodic)

    @property
    def seed(self) -> int:
        """The seed of the training points, from which those of all other points follow."""
        return self.problem.solver.seed * 1_000_000 + 500_000

    def initial_state(self) -> CompositionState:
        """Return the state without a network; the starts are part of the first level."""
        return CompositionState(None)

    def minimise(
        self, state: CompositionState, number: int, monitor: Monitor
    ) -> tuple[CompositionState, tuple[Iteration, ...]]:
        """Select a start on the first level, then make the steps of a level."""
        if state.final_loss is not None:
            return state, ()
        run = _LevelTraining(self, state, number, monitor)
        if state.field is None:
            settings = self.problem.solver
            widths = (self.inputs.width, *(self.hidden or (1,)), len(self.problem.unknowns))
            degree, knots = settings.degree or DEGREE, settings.knots or INTERVALS
            starts = [random_network(widths, degree, knots, EDGE_NOISE, settings.seed + k) for k in range(STARTS)]
            state = self._start_level(run.select_by_trial(starts), state)
        network, after = run.minimise(state.network, LEVEL_STEPS)
        return replace(state, field=self.field_of_network(network), final_loss=after), tuple(run.steps)

    def _start_level(self, network: Network, state: CompositionState) -> CompositionState:
        return replace(
            state, field=self.field_of_network(network), initial_loss=self.loss(network, self.seed), final_loss=None
        )

    def field_of_network(self, network: Network) -> DeepField:
        """Return the field of a network on the whole box, with its even intervals as cells of every coordinate."""
        cells = tuple(np.linspace(a, b, network.intervals + 1) for a, b in self.problem.box.ranges)
        return DeepField((Piece(self.inputs, network, cells),), None)

    def make_system(self, count: int, seed: int, network: Network | None) -> NetworkSystem:
        """Return the rows at ``count`` points and of conditions, weighted by sizes at the ``network``."""
        function: DerivativeFunction | None = (
            None if network is None or self.model.is_linear else self.field_of_network(network)
        )
        rows = scattered_rows(self.model, count, seed, function)
        groups = [RowGroup.build([r.equation], r.points, np.full(len(r.points), r.weight), "cpu", None) for r in rows]
        return NetworkSystem(groups, self.inputs)

    def point_count(self, network: Network, density: float) -> int:
        """The number of training points inside for a network."""
        return round(density * POINTS_PER_COEFFICIENT * network.parameters)

    def loss(self, network: Network, seed: int) -> float:
        """Return the mean squared residual at points of ``seed``."""
        system = self.make_system(HELD_OUT, seed, network)
        u, _ = network.forward(system.jets, system.inputs)
        return sum(float(rows @ rows) for rows, _, _ in system.linearise(u))

    def evaluate_minimum(self, state: CompositionState) -> LossMinimum:
        network, width = state.network, self.problem.dimension
        assert state.field is not None
        assert state.final_loss is not None
        heldout = self.loss(network, self.seed + 3 * SEED_STRIDE)
        unsolved = mean_square(scattered_rows(self.model, 500, self.seed), None)
        return LossMinimum(
            field=state.field,
            intervals=(network.intervals,) * width,
            degree=(network.splines[0].basis.degree,) * width,
            parameters=network.parameters,
            points=self.make_system(self.point_count(network, state.density), self.seed, None).row_count,
            loss=state.final_loss,
            heldout=heldout,
            is_resolved=heldout <= RESOLVED_SHARE * unsolved or unsolved == 0.0,
            note=f"deep {list(_widths(network))}",
        )

    def samples(self, state: CompositionState) -> Samples:
        """The network at Sobol points."""
        assert state.field is not None
        return sobol_samples(self.problem, state.field)

    def estimate(self, state: CompositionState, minimum: LossMinimum, previous: Outcome) -> BlocksEstimate:
        """Estimate the error by a correction in blocks."""
        assert state.field is not None
        return estimate_by_blocks(
            self.model, state.field, self.estimate_space, self.seed + 2 * SEED_STRIDE * (state.number + 1)
        )

    def refine(self, state: CompositionState, estimate: BlocksEstimate, decision: Decision) -> CompositionState | None:
        """Return the next state, if needed with denser points or a larger network; None if nothing can follow."""
        if decision.feature is not None:  # a network has no local knots
            return None
        after, network = state.final_loss, state.network
        assert after is not None
        following = replace(state, initial_loss=after, final_loss=None, number=state.number + 1)
        if estimate.heldout > MOST_HELDOUT_RATIO * after and state.density < MOST_DENSITY:
            return replace(following, density=DENSITY_FACTOR * state.density, initial_loss=math.inf)
        if state.final_loss is None or state.final_loss <= state.initial_loss / LEAST_GAIN**2:  # not stalled
            return following
        if state.growths == MOST_GROWTHS:
            return None
        larger = _larger_networks(network, self.hidden is None, self.problem.solver.seed + STARTS + state.growths)
        run = _LevelTraining(self, following, state.number, Monitor(None, None))
        return replace(self._start_level(run.select_by_trial(larger), following), growths=state.growths + 1)

    def network_description(self, state: CompositionState, outcome: Outcome) -> str:
        network = describe_network(state.network)
        return f"deep: {network}, adding nodes, outer layer by least squares ({self.choice_reason})"


class _LevelTraining:
    """The minimisations of one level, and their steps."""

    def __init__(self, family: CompositionLevels, state: CompositionState, number: int, monitor: Monitor) -> None:
        self.family, self.state, self.number, self.monitor = family, state, number, monitor
        self.steps: list[Iteration] = []

    def is_out_of_time(self) -> bool:
        """Whether the time limit is over, or on the first level its own limit."""
        on_trial = self.state.field is None and self.monitor.elapsed() > self.family.first_level_deadline
        return self.monitor.expired() or self.family.model.clock.expired() or on_trial

    def minimise(self, network: Network, steps: int) -> tuple[Network, float]:
        """Make up to ``steps`` Levenberg-Marquardt steps; return the network and its loss."""
        family, best = self.family, network
        system = family.make_system(family.point_count(network, self.state.density), family.seed, network)

        def evaluate(vector: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
            nonlocal best
            rows, jacobian, best = project_outer_layer(system, with_inner(network, vector), family.model.is_linear)
            return rows, jacobian

        def is_over(before: Iterate[lm.ScaledPoint], now: Iterate[lm.ScaledPoint]) -> bool:
            if now.number:
                record = (self.number, len(self.steps), now.loss, now.size, now.control)
                self.steps.append(self.monitor.report_iteration(*record))
            return self.is_out_of_time()

        end = lm.levenberg_marquardt(lm.normal_equations(evaluate), inner_coefficients(network), is_over, steps)
        evaluate(end.point.x)
        return best, end.loss

    def select_by_trial(self, networks: list[Network]) -> Network:
        """Return the network with the least held-out loss after a few steps."""
        found = [self.minimise(n, TRIAL_STEPS)[0] for n in networks]
        return min(found, key=lambda n: self.family.loss(n, self.family.seed + SEED_STRIDE))


def network_of(field: Field | None) -> Network:
    """Return the only network of a field."""
    assert isinstance(field, DeepField)
    return field.pieces[0].network


def describe_network(network: Network) -> str:
    """Describe the widths and the size of a network."""
    return f"B-spline KAN {list(_widths(network))} of {network.parameters} coefficients"


def _widths(network: Network) -> tuple[int, ...]:
    return (*(s.weight.shape[1] for s in network.splines), network.outputs)


def _larger_networks(network: Network, may_widen: bool, seed: int) -> list[Network]:
    """Return larger networks that represent the same function: halved intervals, one more hidden unit if allowed."""
    out = [network.halved()]
    if may_widen:
        basis, (inputs, _, outputs) = network.splines[0].basis, _widths(network)
        fresh = random_network((inputs, 1, outputs), basis.degree, network.intervals, EDGE_NOISE, seed)
        (first, last), (unit, edges) = network.splines, fresh.splines
        wide = replace(first, weight=torch.cat([first.weight, unit.weight], 0))
        fed = replace(last, weight=torch.cat([last.weight, 0.0 * edges.weight], 1))
        out.append(Network((wide, network.layers[1], fed)))
    return out
