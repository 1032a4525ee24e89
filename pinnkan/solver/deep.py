"""Solve with a deep network: all layers by Levenberg-Marquardt, coarse knots first, slab after slab.

A level is one sweep over the time slabs (a steady problem is one slab). In each slab the rows are the equations at Gauss
points and the conditions, weighted; the initial data are those of the problem or the trace of the slab before. When a
sweep has stalled everywhere the field is judged; while its estimate exceeds the tolerance every knot interval of every
network is halved, exactly, and the next sweep goes on from there.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.kan.field import Array, Field
from pinnkan.kan.network import Network, random_network
from pinnkan.problem.statement import Problem
from pinnkan.solver import levenberg_marquardt as lm
from pinnkan.solver.deep_field import DeepField, Piece
from pinnkan.solver.deep_rows import Inputs, System
from pinnkan.solver.deep_system import Slab, cells_for, heldout_loss, make_system, mean_square
from pinnkan.verdict import Iteration, Level

__all__ = ["DeepField", "DeepResult", "solve_deep"]

#: A sweep's Levenberg-Marquardt has stalled when its last steps gained less than this each, on average.
LEAST_GAIN = 0.1
WINDOW = 5
MOST_STEPS = 150

#: Random starts on the coarsest level, and the steps each is given before the best goes on.
STARTS = 3
RACE_STEPS = 10

#: A held-out loss above this many times the training loss calls for denser points, at most MOST_ROUNDS - 1 times.
MOST_GAP = 3.0
MOST_ROUNDS = 3
DENSER = 1.6

#: Noise of the starting edges relative to their slope.
SPREAD = 0.1


@dataclass(frozen=True)
class DeepSettings:
    """What the rules below chose, or the user."""

    hidden: tuple[int, ...]
    degree: int
    knots: int
    slabs: int
    max_levels: int
    max_time: float


@dataclass(frozen=True)
class DeepResult:
    """The field, one record per level (sweep) and per step, and why it ended: "" when the tolerance is reached."""

    field: DeepField
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    reason: str


Progress = Callable[[Level], None]
Estimate = Callable[[Field], float]


def choose_settings(problem: Problem) -> DeepSettings:
    """The user's settings, completed."""
    s = problem.solver
    order = max(sum(jet.order) for e in problem.equations for jet in e.jets.values())
    return DeepSettings(
        hidden=s.hidden if s.hidden is not None else (5, 5),
        degree=s.degree if s.degree is not None else max(5, order + 2),
        knots=s.knots if s.knots is not None else 4,
        slabs=1 if problem.time_axis is None else (s.time_slabs or 8),
        max_levels=s.max_levels if s.max_levels is not None else 4,
        max_time=s.max_time if s.max_time is not None else 300.0,
    )


class _Sweeps:
    """The state of one solve: networks per slab, records, the clock."""

    def __init__(self, problem: Problem, settings: DeepSettings, device: str) -> None:
        self.problem, self.settings, self.device = problem, settings, device
        self.start = clock.perf_counter()
        self.deadline = self.start + settings.max_time
        self.history: list[Iteration] = []

    def sweep(self, level: int, before: DeepField | None) -> tuple[DeepField, Level] | None:
        """All slabs at one level; None when the time was up before the end and an earlier field exists."""
        pieces: list[Piece] = []
        losses, held, rows, steps = 0.0, 0.0, 0, 0
        for number, slab in enumerate(slabs_of(self.problem, self.settings.slabs)):
            if before is not None and clock.perf_counter() > self.deadline:
                return None
            previous = pieces[-1] if pieces else None
            known = (
                None
                if before is None
                else replace(before.pieces[number], network=before.pieces[number].network.halved())
            )
            piece, system, state, unseen = self._slab(level, slab, previous, known)
            pieces.append(piece)
            losses, rows, steps = losses + mean_square(system, piece), rows + system.rows, steps + state.iteration
            held += unseen
        field = DeepField(tuple(pieces), self.problem.time_axis)
        network = pieces[-1].network
        return field, Level(
            number=level,
            intervals=(network.intervals,) * self.problem.dimension,
            degree=(network.bases[0].degree,) * self.problem.dimension,
            parameters=field.parameters,
            points=rows,
            loss=losses,
            heldout=held,
            estimate=float("nan"),
            seconds=clock.perf_counter() - self.start,
            iterations=steps,
        )

    def _slab(
        self, level: int, slab: Slab, previous: Piece | None, known: Piece | None
    ) -> tuple[Piece, System, lm.State, float]:
        inputs = Inputs(slab.ranges, self.problem.periodic)
        if known is not None:
            piece = known
        elif previous is not None:
            piece = self._start(slab, inputs, previous)
        else:
            piece = self._race(slab, inputs)
        density = 1.0
        for _ in range(MOST_ROUNDS):
            piece = replace(piece, cells=cells_for(slab, piece, density))
            system = make_system(self.problem, slab, piece, previous, self.device)
            network, state = self._minimise(system, piece.network, level, MOST_STEPS)
            piece = replace(piece, network=network)
            held = heldout_loss(self.problem, slab, piece, previous, self.device)
            if held <= MOST_GAP * mean_square(system, piece):
                break
            density *= DENSER
        return piece, system, state, held

    def _start(self, slab: Slab, inputs: Inputs, previous: Piece) -> Piece:
        """The continuation of ``previous`` with the smallest loss."""
        best: tuple[float, Piece] | None = None
        for network in continuations(previous.network):
            piece = Piece(inputs, network, previous.cells)
            piece = replace(piece, cells=cells_for(slab, piece))
            loss = mean_square(make_system(self.problem, slab, piece, previous, self.device), piece)
            if best is None or loss < best[0]:
                best = loss, piece
        assert best is not None
        return best[1]

    def _race(self, slab: Slab, inputs: Inputs) -> Piece:
        s = self.settings
        widths = (inputs.width, *s.hidden, len(self.problem.unknowns))
        best: tuple[float, Piece] | None = None
        for seed in range(STARTS):
            network = random_network(widths, s.degree, s.knots, SPREAD, self.problem.solver.seed + seed, self.device)
            piece = Piece(inputs, network, ())
            piece = replace(piece, cells=cells_for(slab, piece))
            system = make_system(self.problem, slab, piece, None, self.device)
            network, state = self._minimise(system, network, 0, RACE_STEPS)
            if best is None or state.loss < best[0]:
                best = state.loss, replace(piece, network=network)
        assert best is not None
        return best[1]

    def _minimise(self, system: System, network: Network, level: int, most: int) -> tuple[Network, lm.State]:
        def evaluate(x: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
            return system.evaluate(network.with_flat(x))

        state = lm.init(evaluate, network.flat())
        losses = [state.loss]
        while state.iteration < most and not state.stuck and clock.perf_counter() < self.deadline:
            state = lm.step(evaluate, state)
            losses.append(state.loss)
            seconds = clock.perf_counter() - self.start
            self.history.append(Iteration(level, state.iteration, state.loss, state.step, state.damping, seconds))
            if len(losses) > WINDOW and losses[-1] > (1 - LEAST_GAIN) ** WINDOW * losses[-1 - WINDOW]:
                break
        return network.with_flat(state.x), state


def slabs_of(problem: Problem, count: int) -> list[Slab]:
    """Equal time slabs; the whole box for a steady problem."""
    axis = problem.time_axis
    if axis is None:
        return [Slab(problem.ranges, None, True)]
    ends = np.linspace(*problem.ranges[axis], count + 1)
    out = []
    for n in range(count):
        ranges = tuple(r if i != axis else (float(ends[n]), float(ends[n + 1])) for i, r in enumerate(problem.ranges))
        out.append(Slab(ranges, axis, n == 0))
    return out


def continuations(network: Network) -> list[Network]:
    """Starts for the next slab: the network as it is, and hidden coordinates that stay, or go on along their tangent.

    For the last two the first layer's edges of time (the last input) become straight lines through the value at the
    common time, so that the initial data are met and all structure in space is kept.
    """
    basis, first = network.bases[0], network.weights[0]
    end = basis.dense(first.new_ones(1), 1)[:, 0]  # (2, function)
    value, slope = first[:, -1] @ end[0], first[:, -1] @ end[1]
    out = [network]
    for share in (0.0, 1.0):
        line = first.clone()
        line[:, -1] = value.unsqueeze(-1) + share * slope.unsqueeze(-1) * (basis.greville() + 1.0)
        out.append(Network(network.bases, (line, *network.weights[1:])))
    return out


def difference(a: DeepField, b: DeepField, problem: Problem) -> float:
    """Relative L2 difference of two fields of the same slabs, worst unknown, on random points."""
    rng = np.random.default_rng(0)
    low, high = np.array(problem.ranges).T
    points: Array = low + (high - low) * rng.random((4000, problem.dimension))
    zero = [(0,) * problem.dimension]
    u, v = a(points, zero)[..., 0], b(points, zero)[..., 0]
    norms = np.sqrt((u**2).mean(0))
    return float((np.sqrt(((u - v) ** 2).mean(0)) / np.maximum(norms, 1e-300)).max())


def solve_deep(
    problem: Problem,
    estimate: Estimate | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
) -> DeepResult:
    """Solve ``problem`` with a deep network.

    Args:
        estimate: relative L2 error of a field; None takes the difference between the last two levels.
        progress: called with the record of every level.
        device: torch device of coefficients and rows.
    """
    settings = choose_settings(problem)
    sweeps = _Sweeps(problem, settings, device)
    field: DeepField | None = None
    levels: list[Level] = []
    reason = "max_levels"
    for number in range(settings.max_levels):
        swept = sweeps.sweep(number, field)
        if swept is None:
            reason = "max_time"
            break
        new, record = swept
        if estimate is not None:
            value = estimate(new)
        else:
            value = float("inf") if field is None else difference(new, field, problem)
        field = new
        levels.append(replace(record, estimate=value, seconds=clock.perf_counter() - sweeps.start))
        if progress is not None:
            progress(levels[-1])
        if value <= problem.solver.tolerance:
            reason = ""
            break
        if clock.perf_counter() > sweeps.deadline:
            reason = "max_time"
            break
    assert field is not None
    return DeepResult(field, tuple(levels), tuple(sweeps.history), reason)
