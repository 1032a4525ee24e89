"""Deep networks in many coordinates: hidden units one by one, variable projection, scattered rows, judged by blocks.

A round is a few steps of Levenberg-Marquardt on the inner layer; after each the field is judged. Where the rounds have
stalled, the network grows by what lowers the held-out residual most after a short race: one more hidden unit, or all
knot intervals halved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.kan.blocks import BlockSum
from pinnkan.kan.layers.deep_field import DeepField, Piece
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.solver.families.blocks.judging import HELD_OUT, STRIDE, Judged, judge_by_blocks
from pinnkan.solver.families.blocks.scattered import Jets, Statement, exact_error, mean_square, scattered
from pinnkan.solver.families.deep.rows import Group, System
from pinnkan.solver.families.deep.variable_projection import inner, projected, with_inner
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import FIRST_MARGIN, RESOLVED
from pinnkan.verdict.records import Iteration, Level
from pinnkan.verdict.verdict import is_undersampled

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


@dataclass(frozen=True, eq=False)
class Round:
    """A network after a round: its judgement, record and steps.

    ``reason`` as in :class:`pinnkan.solver.families.blocks.levels.State`.
    ``stalled``: the next round begins with a larger network.
    """

    field: DeepField
    widths: tuple[int, ...]
    judged: Judged
    level: Level
    steps: tuple[Iteration, ...]
    stalled: bool
    reason: str | None


class Training:
    """Rows, judging space and clock of one solve."""

    def __init__(self, statement: Statement, space: BlockSum, watch: Watch) -> None:
        self.statement, self.space, self.watch = statement, space, watch
        self.problem = statement.problem
        self.inputs = Inputs(self.problem.ranges, self.problem.periodic)
        self.seed = self.problem.solver.seed * 1_000_000 + 500_000
        self.steps: list[Iteration] = []
        self.until = math.inf  # seconds of the watch at which a trial is cut
        self.density = 1.0

    def is_late(self) -> bool:
        """Whether the time limit is over, or that of a trial."""
        return self.watch.expired() or self.watch.elapsed() > self.until

    def field(self, network: Network) -> DeepField:
        """The network on the whole box; as knots, its intervals on every coordinate."""
        cells = tuple(np.linspace(a, b, network.intervals + 1) for a, b in self.problem.ranges)
        return DeepField((Piece(self.inputs, network, cells),), None)

    def system(self, count: int, seed: int, at: Network | None) -> System:
        """Rows at ``count`` points inside and those of the conditions."""
        function: Jets | None = None if at is None or self.statement.is_linear else self.field(at)
        rows = scattered(self.statement, count, seed, function)
        groups = [Group.build([r.equation], r.points, np.full(len(r.points), r.weight), "cpu") for r in rows]
        return System(groups, self.inputs)

    def count(self, network: Network) -> int:
        """Points inside for the training of a network."""
        return round(self.density * ROWS * network.parameters)

    def loss(self, network: Network, seed: int) -> float:
        """Mean square of the residual at points of that seed."""
        system = self.system(HELD_OUT, seed, network)
        u, _ = network.forward(system.jets, system.inputs)
        return sum(float(rows @ rows) for rows, _, _ in system.linearise(u))

    def minimise(self, network: Network, steps: int, number: int) -> tuple[Network, float]:
        """So many steps on points of their own, fewer when stuck or late; and the loss after them."""
        system = self.system(self.count(network), self.seed, network)
        linear = self.statement.is_linear
        best = network

        def evaluate(vector: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
            nonlocal best
            rows, jacobian, best = projected(system, with_inner(network, vector), linear)
            return rows, jacobian

        state = lm.init(evaluate, inner(network))
        while state.iteration < steps and not state.stuck and not self.is_late():
            state = lm.step(evaluate, state)
            record = (number, len(self.steps), state.loss, state.step, state.damping)
            self.steps.append(self.watch.iteration(*record))
        evaluate(state.x)
        return best, state.loss

    def race(self, networks: list[Network], number: int) -> Network:
        """The one with the least held-out residual after a few steps."""
        found = [self.minimise(n, RACE_STEPS, number)[0] for n in networks]
        return min(found, key=lambda n: self.loss(n, self.seed + STRIDE))


def composed_rounds(
    statement: Statement, space: BlockSum, hidden: tuple[int, ...] | None, watch: Watch, trial: float = math.inf
) -> Iterator[Round]:
    """One round after the other until converged, late or grown MOST times; the consumer may stop earlier.

    ``hidden`` None: one hidden layer of one unit that grows; else the widths, which stay. ``trial``: seconds until the
    first round, the race of the starts included, is cut short; the following ones may take their time.
    """
    run = Training(statement, space, watch)
    run.until = watch.elapsed() + trial
    settings = statement.problem.solver
    widths = (run.inputs.width, *(hidden or (1,)), len(statement.problem.unknowns))
    degree, knots = settings.degree or DEGREE, settings.knots or INTERVALS
    starts = [random_network(widths, degree, knots, SPREAD, settings.seed + k) for k in range(STARTS)]
    network = run.race(starts, 0)
    loss, grown, number = run.loss(network, run.seed), 0, 0
    unsolved = mean_square(scattered(statement, 500, run.seed), None)
    while True:
        network, after = run.minimise(network, ROUND_STEPS, number)
        stalled = after > loss / LEAST_GAIN**2
        round_ = _judged(run, network, after, number, stalled)
        resolved = round_.level.heldout <= RESOLVED * unsolved or unsolved == 0.0
        below = round_.level.estimate <= settings.tolerance * (1.0 if number else FIRST_MARGIN)
        if resolved and below and not is_undersampled([round_.level], settings.tolerance):
            round_ = replace(round_, reason="")
        elif watch.expired():
            round_ = replace(round_, reason="max_time")
        elif stalled and grown == MOST:
            round_ = replace(round_, reason="max_levels")
        yield round_
        if round_.reason is not None:
            return
        loss, number, run.until = after, number + 1, math.inf
        if round_.level.heldout > MOST_GAP * after and run.density < DENSEST:
            run.density, loss = DENSER * run.density, math.inf
            continue
        if stalled:
            larger = _grown(network, hidden is None, settings.seed + STARTS + grown)
            network, grown = run.race(larger, number), grown + 1
            loss = run.loss(network, run.seed)


def _grown(network: Network, may_widen: bool, seed: int) -> list[Network]:
    """The larger networks to choose from; all of them represent the function of this one."""
    out = [network.halved()]
    if may_widen:
        first, last = network.weights
        basis = network.bases[0]
        fresh = random_network((first.shape[1], 1, len(last)), basis.degree, network.intervals, SPREAD, seed)
        wider = (torch.cat([first, fresh.weights[0]], 0), torch.cat([last, 0.0 * fresh.weights[1]], 1))
        out.append(replace(network, weights=wider))
    return out


def _judged(run: Training, network: Network, loss: float, number: int, stalled: bool) -> Round:
    field = run.field(network)
    judged = judge_by_blocks(run.statement, field, run.space, run.seed + 2 * STRIDE * (number + 1))
    width = run.problem.dimension
    widths = (*(w.shape[1] for w in network.weights), len(network.weights[-1]))
    level = Level(
        number=number,
        intervals=(network.intervals,) * width,
        degree=(network.bases[0].degree,) * width,
        parameters=network.parameters,
        points=run.system(run.count(network), run.seed, None).rows,
        loss=loss,
        heldout=run.loss(network, run.seed + 3 * STRIDE),
        estimate=judged.estimate,
        seconds=run.watch.elapsed(),
        iterations=len(run.steps),
        true_error=exact_error(run.problem, field),
        note=f"deep {list(widths)}",
    )
    steps, run.steps = tuple(run.steps), []
    return Round(field, widths, judged, run.watch.level(level), steps, stalled, None)
