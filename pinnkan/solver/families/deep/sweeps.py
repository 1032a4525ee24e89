"""Solve with a deep or a ridge network by the method asked for, coarse knots first, slab after slab.

A level is one sweep over the time slabs (a steady problem is one slab). In each slab the rows are the equations at
Gauss points and the conditions, weighted; the initial data are those of the problem or the trace of the slab before.
When a sweep has stalled everywhere the field is judged; while its estimate exceeds the tolerance, every knot interval
of the networks with the larger losses is halved, exactly, and the next sweep goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.field import Field
from pinnkan.kan.layers.deep_field import DeepField, Piece
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.deep.descent import Descents
from pinnkan.solver.families.deep.error import difference, true_error
from pinnkan.solver.families.deep.settings import DeepSettings, choose_settings
from pinnkan.solver.families.deep.starts import continued_piece, random_pieces
from pinnkan.solver.families.deep.system import Slab, cells_for, heldout_loss, make_system, mean_square
from pinnkan.solver.monitor import Watch
from pinnkan.verdict.records import Iteration, Level

__all__ = ["DeepField", "DeepResult", "solve_deep"]

#: Steps of a level, and of every start in a race; those of a method cost about as much time as those of another.
MOST_STEPS = {"gauss_newton": 150, "adam": 1500, "lbfgs": 60}
RACE_STEPS = {"gauss_newton": 10, "adam": 100, "lbfgs": 5}

#: A held-out loss above MOST_GAP times the training loss calls for DENSER points, at most MOST_ROUNDS - 1 times.
MOST_GAP = 3.0
MOST_ROUNDS = 3
DENSER = 1.6

#: A continued start is taken without a race if its loss is below this share of a random one's. Measured: 0.005 and less
#: for heat and Burgers, 0.1 for Klein-Gordon, where ten steps from a random start beat it by a factor 1e4.
GOOD_START = 0.01

#: Slabs with a loss below this share of the largest keep their knots: refined, they only overfit.
REFINED_SHARE = 1e-3


@dataclass(frozen=True)
class DeepResult:
    """The field, its error, one record per level (sweep) and per step, and why it ended: "" if converged."""

    field: DeepField
    error: Field | None
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    reason: str
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Trained:
    """A slab's result: losses per volume, rows of the last system, steps of all rounds."""

    piece: Piece
    loss: float
    heldout: float
    rows: int
    steps: int


Progress = Callable[[Level | Iteration], None]
Estimate = Callable[[Field], tuple[float, Field | None]]


class _Sweeps:
    """The sweeps of one solve: what it solves, and the minimisations that it consists of."""

    def __init__(self, problem: Problem, settings: DeepSettings, descents: Descents, device: str) -> None:
        self.problem, self.settings, self.descents, self.device = problem, settings, descents, device

    def sweep(self, level: int, before: tuple[Trained, ...]) -> tuple[Trained, ...]:
        """All slabs at one level, or ``before`` if the time is up before the end of a later sweep."""
        largest = max((t.loss for t in before), default=0.0)
        done: list[Trained] = []
        for number, slab in enumerate(slabs_of(self.problem, self.settings.slabs)):
            if before and self.descents.is_late():
                return before
            previous = done[-1].piece if done else None
            if before:
                piece = before[number].piece
                if before[number].loss > REFINED_SHARE * largest:
                    piece = replace(piece, network=piece.network.halved())
                done.append(self.train(level, slab, previous, piece))
            else:
                done.append(self.first(slab, previous))
        return tuple(done)

    def first(self, slab: Slab, previous: Piece | None) -> Trained:
        """A slab on the coarsest level: continued from the one before, or the best of several starts."""
        starts = random_pieces(self.problem, slab, self.settings, self.device)
        if previous is None:
            return self.train(0, slab, None, self.race(slab, None, starts))
        continued = continued_piece(self.problem, slab, previous, self.device)
        own, *others = (self.loss(slab, previous, piece) for piece in (continued, *starts))
        if own > GOOD_START * min(others):
            continued = self.race(slab, previous, [continued, *starts[1:]])
        return self.train(0, slab, previous, continued)

    def loss(self, slab: Slab, previous: Piece | None, piece: Piece) -> float:
        """Loss per volume of a start."""
        return mean_square(make_system(self.problem, slab, piece, previous, self.device), piece)

    def race(self, slab: Slab, previous: Piece | None, starts: Sequence[Piece]) -> Piece:
        """The best of the starts after a few steps; a single one as it is."""
        if len(starts) == 1:
            return starts[0]
        found = []
        for piece in starts:
            system = make_system(self.problem, slab, piece, previous, self.device)
            network, end = self.descents.minimise(system, piece.network, 0, RACE_STEPS[self.settings.method])
            found.append((end.loss, replace(piece, network=network)))
        return min(found, key=lambda pair: pair[0])[1]

    def train(self, level: int, slab: Slab, previous: Piece | None, piece: Piece) -> Trained:
        """Steps to a stall, on denser points while the held-out loss asks for them."""
        density, steps = 1.0, 0
        for _ in range(MOST_ROUNDS):
            piece = replace(piece, cells=cells_for(slab, piece, density))
            system = make_system(self.problem, slab, piece, previous, self.device)
            network, end = self.descents.minimise(system, piece.network, level, MOST_STEPS[self.settings.method])
            piece = replace(piece, network=network)
            loss = mean_square(system, piece)
            held = heldout_loss(self.problem, slab, piece, previous, self.device)
            steps += end.steps
            if held <= MOST_GAP * loss or self.descents.is_late():
                break
            density *= DENSER
        return Trained(piece, loss, held, system.rows, steps)

    def record(self, level: int, slabs: tuple[Trained, ...], field: DeepField) -> Level:
        """The record of a sweep, its estimate still to come."""
        finest = max((t.piece.network for t in slabs), key=lambda n: n.intervals)
        dimension = self.problem.dimension
        return Level(
            number=level,
            intervals=(finest.intervals,) * dimension,
            degree=(self.settings.degree,) * dimension,
            parameters=field.parameters,
            points=sum(t.rows for t in slabs),
            loss=sum(t.loss for t in slabs) / len(slabs),
            heldout=sum(t.heldout for t in slabs) / len(slabs),
            estimate=float("inf"),
            seconds=self.descents.watch.elapsed(),
            iterations=sum(t.steps for t in slabs),
        )


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


def solve_deep(
    problem: Problem,
    estimate: Estimate | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
    watch: Watch | None = None,
) -> DeepResult:
    """Solve ``problem`` with a deep or a ridge network.

    Args:
        estimate: relative L2 error of a field, and the error as a function; None takes the difference between the last
            two levels.
        progress: called with the record of every level and of every step.
        device: torch device of coefficients and rows.
        watch: takes the place of ``progress``; keeps states, and may hold one to go on from.
    """
    settings = choose_settings(problem)
    watch = watch or Watch(None, progress)
    watch.limit_to(settings.max_time)
    descents = Descents(settings, watch, device)
    sweeps = _Sweeps(problem, settings, descents, device)
    known, error = descents.state.levels, descents.state.shown_error
    slabs: tuple[Trained, ...] = ()
    field: DeepField | None = None
    levels: list[Level] = []
    reason = "max_levels"
    for number in range(settings.max_levels):
        swept = sweeps.sweep(number, slabs)
        if swept is slabs:
            reason = "max_time"
            break
        new, slabs = DeepField(tuple(t.piece for t in swept), problem.time_axis), swept
        if number < len(known):
            levels.append(known[number])
        else:
            if estimate is not None:
                value, error = estimate(new)
            else:
                value = float("inf") if field is None else difference(new, field, problem)
            record = replace(sweeps.record(number, slabs, new), estimate=value, true_error=true_error(new, problem))
            levels.append(watch.level(record))
            descents.state = replace(descents.state, levels=tuple(levels), shown=new, shown_error=error)
            watch.keep(descents.state)
        field, value = new, levels[-1].estimate
        reason = "" if value <= problem.solver.tolerance else "max_time" if descents.is_late() else reason
        if reason != "max_levels":
            break
    assert field is not None
    widths = (slabs[0].piece.inputs.width, *settings.hidden, len(problem.unknowns))
    return DeepResult(field, error, tuple(levels), descents.state.history, reason, widths)
