"""Deep networks in many coordinates: hidden units one by one, variable projection, scattered rows, judged by blocks.

A level is a few steps of Levenberg-Marquardt on the inner layers. Where these have stalled, the network grows by what
lowers the held-out residual most after a short race: one more hidden unit, or all knot intervals halved.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.field import Field, Jets
from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.blocks.system import (
    HELD_OUT,
    STRIDE,
    BlocksEstimate,
    judge_by_blocks,
    mean_square,
    samples_of,
    scattered,
)
from pinnkan.solver.families.deep.rows import Group, NetworkSystem
from pinnkan.solver.families.deep.variable_projection import inner, projected, with_inner
from pinnkan.solver.family import Measured, ModelLevels
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED, Outcome
from pinnkan.solver.verify.objection import Objection
from pinnkan.verdict.records import Iteration

#: Degree and knot intervals of the edges at first: the five-dimensional Gaussian reaches 1e-10 with them.
DEGREE = 7
INTERVALS = 2
#: Random starts, steps of each in a race, and steps of a round.
STARTS = 3
RACE_STEPS = 15
ROUND_STEPS = 15
#: Noise of the starting edges relative to their slope.
SPREAD = 0.1
#: A round has stalled when it lowers the residual by less than this factor.
LEAST_GAIN = 2.0
#: Points inside per coefficient.
ROWS = 4.0
#: A held-out loss above MOST_GAP times the training loss calls for DENSER points before anything grows.
MOST_GAP = 3.0
DENSER = 2.0
DENSEST = 8.0
#: Growths before giving up.
MOST = 6


#: Levels of a composition: rounds of steps and growths together.
MOST_LEVELS = 40


@dataclass(frozen=True, eq=False)
class ComposedState:
    """A network, or None before the race of the starts; its ``loss`` at the beginning of the level.

    ``after``: its loss at the end, None before; ``density``: points per coefficient relative to ROWS; ``grown``: how
    often it has grown; ``number`` of the level.
    """

    field: DeepField | None
    loss: float = math.inf
    after: float | None = None
    density: float = 1.0
    grown: int = 0
    number: int = 0

    @property
    def network(self) -> Network:
        """The network of the field."""
        return network_of(self.field)


@dataclass(frozen=True, eq=False)
class Composed(ModelLevels):
    """Networks of ``hidden`` widths, or of one hidden layer that grows from one unit; judged in ``space``.

    ``until``: seconds of the solve at which the first level is cut short; ``why`` they were chosen.
    """

    space: BlockSum
    hidden: tuple[int, ...] | None
    why: str
    until: float = math.inf
    most_levels: int = MOST_LEVELS

    @property
    def inputs(self) -> Inputs:
        """What the first layer sees."""
        return Inputs(self.problem.box.ranges, self.problem.box.periodic)

    @property
    def seed(self) -> int:
        """Of all points."""
        return self.problem.solver.seed * 1_000_000 + 500_000

    def first(self) -> ComposedState:
        """No network yet: the race of the starts is part of the first level."""
        return ComposedState(None)

    def minimise(
        self, state: ComposedState, number: int, monitor: Monitor
    ) -> tuple[ComposedState, tuple[Iteration, ...]]:
        """The race of the starts on the first level, then a round of steps."""
        if state.after is not None:
            return state, ()
        run = _Round(self, state, number, monitor)
        if state.field is None:
            settings = self.problem.solver
            widths = (self.inputs.width, *(self.hidden or (1,)), len(self.problem.unknowns))
            degree, knots = settings.degree or DEGREE, settings.knots or INTERVALS
            starts = [random_network(widths, degree, knots, SPREAD, settings.seed + k) for k in range(STARTS)]
            state = self._begun(run.race(starts), state)
        network, after = run.minimise(state.network, ROUND_STEPS)
        return replace(state, field=self.function(network), after=after), tuple(run.steps)

    def _begun(self, network: Network, state: ComposedState) -> ComposedState:
        return replace(state, field=self.function(network), loss=self.loss(network, self.seed), after=None)

    def function(self, network: Network) -> DeepField:
        """The network on the whole box; as knots, its intervals on every coordinate."""
        cells = tuple(np.linspace(a, b, network.intervals + 1) for a, b in self.problem.box.ranges)
        return DeepField((Piece(self.inputs, network, cells),), None)

    def system(self, count: int, seed: int, at: Network | None) -> NetworkSystem:
        """Rows at ``count`` points inside and those of the conditions."""
        function: Jets | None = None if at is None or self.model.is_linear else self.function(at)
        rows = scattered(self.model, count, seed, function)
        groups = [Group.build([r.equation], r.points, np.full(len(r.points), r.weight), "cpu", None) for r in rows]
        return NetworkSystem(groups, self.inputs)

    def count(self, network: Network, density: float) -> int:
        """Points inside for the training of a network."""
        return round(density * ROWS * network.parameters)

    def loss(self, network: Network, seed: int) -> float:
        """Mean square of the residual at points of that seed."""
        system = self.system(HELD_OUT, seed, network)
        u, _ = network.forward(system.jets, system.inputs)
        return sum(float(rows @ rows) for rows, _, _ in system.linearise(u))

    def measured(self, state: ComposedState) -> Measured:
        network, width = state.network, self.problem.dimension
        assert state.field is not None
        assert state.after is not None
        heldout = self.loss(network, self.seed + 3 * STRIDE)
        unsolved = mean_square(scattered(self.model, 500, self.seed), None)
        return Measured(
            field=state.field,
            intervals=(network.intervals,) * width,
            degree=(network.splines[0].basis.degree,) * width,
            parameters=network.parameters,
            points=self.system(self.count(network, state.density), self.seed, None).rows,
            loss=state.after,
            heldout=heldout,
            is_resolved=heldout <= RESOLVED * unsolved or unsolved == 0.0,
            note=f"deep {list(_widths(network))}",
        )

    def samples(self, state: ComposedState) -> Samples:
        """At Sobol points."""
        assert state.field is not None
        return samples_of(self.problem, state.field)

    def estimate(self, state: ComposedState, measured: Measured, before: Outcome) -> BlocksEstimate:
        """By a correction in blocks."""
        assert state.field is not None
        return judge_by_blocks(self.model, state.field, self.space, self.seed + 2 * STRIDE * (state.number + 1))

    def refine(self, state: ComposedState, estimate: BlocksEstimate, against: Objection) -> ComposedState | None:
        """Another round; on denser points where the residual off them is far larger, or of a larger network."""
        if against.missed is not None:  # no knots can be put there
            return None
        after, network = state.after, state.network
        assert after is not None
        following = replace(state, loss=after, after=None, number=state.number + 1)
        if estimate.heldout > MOST_GAP * after and state.density < DENSEST:
            return replace(following, density=DENSER * state.density, loss=math.inf)
        if state.after is None or state.after <= state.loss / LEAST_GAIN**2:  # the level has lowered the loss
            return following
        if state.grown == MOST:
            return None
        larger = _grown(network, self.hidden is None, self.problem.solver.seed + STARTS + state.grown)
        run = _Round(self, following, state.number, Monitor(None, None))
        return replace(self._begun(run.race(larger), following), grown=state.grown + 1)

    def in_words(self, state: ComposedState, outcome: Outcome) -> str:
        return f"deep: {described(state.network)}, adding nodes, outer layer by least squares ({self.why})"


class _Round:
    """The minimisations of a level, and the steps they take."""

    def __init__(self, family: Composed, state: ComposedState, number: int, monitor: Monitor) -> None:
        self.family, self.state, self.number, self.monitor = family, state, number, monitor
        self.steps: list[Iteration] = []

    def is_late(self) -> bool:
        """Whether the time limit is over, or that of a first level on trial."""
        on_trial = self.state.field is None and self.monitor.elapsed() > self.family.until
        return self.monitor.expired() or self.family.model.clock.expired() or on_trial

    def minimise(self, network: Network, steps: int) -> tuple[Network, float]:
        """So many steps on points of their own, fewer when stuck or late; and the loss after them."""
        family, best = self.family, network
        system = family.system(family.count(network, self.state.density), family.seed, network)

        def evaluate(vector: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
            nonlocal best
            rows, jacobian, best = projected(system, with_inner(network, vector), family.model.is_linear)
            return rows, jacobian

        state = lm.init(evaluate, inner(network))
        while state.iteration < steps and not state.stuck and not self.is_late():
            state = lm.step(evaluate, state)
            record = (self.number, len(self.steps), state.loss, state.step, state.damping)
            self.steps.append(self.monitor.iteration(*record))
        evaluate(state.x)
        return best, state.loss

    def race(self, networks: list[Network]) -> Network:
        """The one with the least held-out residual after a few steps."""
        found = [self.minimise(n, RACE_STEPS)[0] for n in networks]
        return min(found, key=lambda n: self.family.loss(n, self.family.seed + STRIDE))


def network_of(field: Field | None) -> Network:
    """The only network of a field."""
    assert isinstance(field, DeepField)
    return field.pieces[0].network


def described(network: Network) -> str:
    """Widths and size of a network, in words."""
    return f"B-spline KAN {list(_widths(network))} of {network.parameters} coefficients"


def _widths(network: Network) -> tuple[int, ...]:
    return (*(s.weight.shape[1] for s in network.splines), network.outputs)


def _grown(network: Network, may_widen: bool, seed: int) -> list[Network]:
    """The larger networks to choose from; all of them represent the function of this one."""
    out = [network.halved()]
    if may_widen:
        basis, (inputs, _, outputs) = network.splines[0].basis, _widths(network)
        fresh = random_network((inputs, 1, outputs), basis.degree, network.intervals, SPREAD, seed)
        (first, last), (unit, edges) = network.splines, fresh.splines
        wide = replace(first, weight=torch.cat([first.weight, unit.weight], 0))
        fed = replace(last, weight=torch.cat([last.weight, 0.0 * edges.weight], 1))
        out.append(Network((wide, network.layers[1], fed)))
    return out
