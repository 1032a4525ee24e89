"""Contenders of an experiment: a network, a schedule over levels, a method; trained from several seeds, recorded.

Algorithm 1 of arXiv:2603.04827: coarsest level first, halve all knot intervals, continue. Coarse only and fine only are
the same loop with zeros in the schedule. Work is counted in evaluations of the loss and its gradient, one on level l
costing 2^l of those on level 0.
"""

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch

from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.minimise.descent import Iterate
from pinnkan.solver.minimise.first_order import LBFGS_ITERATIONS, FirstOrderResult, RateSchedule, adam, lbfgs
from pinnkan.study.chunked import Start
from pinnkan.study.task import Attention, StudyNetwork, Task

#: The paper's first seed; the others count up from it.
FIRST_SEED = 1234
#: What trains on the finest knots only starts there, at random, as the paper's does.
FIRST = {"fine": 3}
#: Records per level: enough for a smooth curve, few enough not to slow the training by their error evaluations.
RECORDS = 20

#: Told of every level of every contender: its name, level, steps, loss and error.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Contender:
    """One line of a table.

    ``start`` maps seeds to the runs' networks, stacked, on level ``first``, their knots halved that often; ``schedule``
    has the steps on each level, zero for levels passed by; ``rate`` gives a level's learning rates; ``paper`` is the
    loss that the paper prints; ``inner`` bounds the iterations of an L-BFGS step.
    """

    name: str
    family: str
    start: Start
    schedule: tuple[int, ...]
    method: str = "adam"
    rate: Callable[[int], RateSchedule] = lambda level: lambda n: 1.0
    paper: float | None = None
    first: int = 0
    inner: int = LBFGS_ITERATIONS

    @property
    def kind(self) -> str:
        """``multilevel``, ``coarse`` or ``fine``; ``single`` for a network without levels."""
        trained = [level for level, steps in enumerate(self.schedule) if steps]
        if len(self.schedule) == 1:
            return "single"
        return "multilevel" if len(trained) > 1 else "coarse" if trained[0] == 0 else "fine"


@dataclass(frozen=True)
class Record:
    """A moment of a training, all runs: loss (run), relative error (run) after ``work`` and CPU ``seconds`` each."""

    level: int
    work: float
    seconds: float
    loss: torch.Tensor
    error: torch.Tensor


@dataclass(frozen=True)
class ContestOutcome:
    """A contender's records, from the start to the end; ``ends``: the first batch's networks after every level."""

    contender: Contender
    parameters: int
    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    ends: tuple[StudyNetwork, ...] = ()

    @property
    def last(self) -> Record:
        """The end of the training."""
        return self.records[-1]

    @property
    def level_ends(self) -> list[Record]:
        """The last record of every level."""
        return list({r.level: r for r in self.records}.values())


class _Book:
    """Keeps the records of one training, on a clock of CPU time that stands still while errors are evaluated."""

    def __init__(self, task: Task, runs: int) -> None:
        self.task, self.runs = task, runs
        self.records: list[Record] = []
        self.level, self.work, self.seconds = 0, 0.0, 0.0
        self._since = time.process_time()

    def evaluated(self) -> None:
        """One evaluation on the present level."""
        self.work += 2.0**self.level

    def write(self, network: StudyNetwork, loss: torch.Tensor) -> None:
        self.seconds += (time.process_time() - self._since) / self.runs
        error = self.task.error(network)
        self.records.append(Record(self.level, self.work, self.seconds, loss.reshape(-1), error.reshape(-1)))
        self._since = time.process_time()


def compete(task: Task, contenders: Sequence[Contender], seeds: Sequence[int], say: Say) -> list[ContestOutcome]:
    """Trains every contender from every seed."""
    return [_told(train(task, contender, seeds), say) for contender in contenders]


#: What processes make for themselves: the task, and who takes part. A function of a module and its arguments.
Trial = Callable[[], tuple[Task, Sequence[Contender]]]


def compete_in_processes(trial: Trial, seeds: Sequence[int], say: Say, workers: int) -> list[ContestOutcome]:
    """The same in ``workers`` processes of one thread each, a contender from one seed in one, so that none waits.

    The numbers do not depend on how many there are.
    """
    contenders = trial()[1]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        found = pool.imap(partial(_trained, trial), product(range(len(contenders)), seeds))
        outcomes = []
        for contender in contenders:
            parts = [next(found) for _ in seeds]
            parameters, _, ends = parts[0]
            records = merged([records for _, records, _ in parts])
            outcomes.append(_told(ContestOutcome(contender, parameters, tuple(seeds), records, ends), say))
        return outcomes


def _trained(trial: Trial, run: tuple[int, int]) -> tuple[int, tuple[Record, ...], tuple[StudyNetwork, ...]]:
    """Parameters, records and ends of a contender (its number) from a seed: a trial's own functions do not travel."""
    torch.set_num_threads(1)
    (task, contenders), (number, seed) = trial(), run
    outcome = train(task, contenders[number], (seed,))
    return outcome.parameters, outcome.records, outcome.ends


def _told(outcome: ContestOutcome, say: Say) -> ContestOutcome:
    last = outcome.last
    say(
        f"{outcome.contender.name:<28} {outcome.parameters:>5} parameters  loss {median(last.loss):.2e}  "
        f"error {median(last.error):.2e}  {last.seconds * len(outcome.seeds):.1f} s"
    )
    return outcome


def train(task: Task, contender: Contender, seeds: Sequence[int]) -> ContestOutcome:
    """One contender from every seed: Adam trains all seeds at once, the others one after the other."""
    batches = [tuple(seeds)] if contender.method == "adam" else [(seed,) for seed in seeds]
    books, parameters, ends = [], 0, list[StudyNetwork]()
    for batch in batches:
        network, book = contender.start(batch), _Book(task, len(batch))
        for level, steps in enumerate(contender.schedule):
            if not any(contender.schedule[level:]):
                break
            book.level = level
            network = network.halved() if level > contender.first else network
            if steps:
                network = METHODS[contender.method](task, network, contender, level, book)
            if batch is batches[0]:
                ends.append(network)
        parameters = network.parameters
        books.append(book)
    return ContestOutcome(contender, parameters, tuple(seeds), merged([b.records for b in books]), tuple(ends))


def merged(runs: Sequence[Sequence[Record]]) -> tuple[Record, ...]:
    """Records of trainings one after the other as those of one batch; a training that ended early keeps its last."""
    out = []
    for n in range(max(map(len, runs))):
        at = [records[min(n, len(records) - 1)] for records in runs]
        furthest = max(at, key=lambda r: r.work)
        seconds = sum(r.seconds for r in at) / len(at)
        loss, error = (torch.cat([getattr(r, name) for r in at]) for name in ("loss", "error"))
        out.append(Record(furthest.level, furthest.work, seconds, loss, error))
    return tuple(out)


Method = Callable[[Task, StudyNetwork, Contender, int, _Book], StudyNetwork]


def _by_adam(task: Task, network: StudyNetwork, contender: Contender, level: int, book: _Book) -> StudyNetwork:
    steps, rate = contender.schedule[level], contender.rate(level)
    watched = _Watched(task, network, max(1, steps // RECORDS), book)
    return watched.ended(adam(watched.objective, network.flat(), steps, rate, watched.watch))


def _by_lbfgs(task: Task, network: StudyNetwork, contender: Contender, level: int, book: _Book) -> StudyNetwork:
    start, steps = network.flat(), contender.schedule[level]
    watched = _Watched(task, network.with_flat(start[0]), max(1, steps // RECORDS), book)
    found = lbfgs(watched.objective, start[0], steps, contender.rate(level), watched.watch, contender.inner)
    return network.with_flat(watched.ended(found).flat().unsqueeze(0))


def _by_gauss_newton(task: Task, network: StudyNetwork, contender: Contender, level: int, book: _Book) -> StudyNetwork:
    """Levenberg-Marquardt on the same rows; a step counts as one evaluation, though it costs more: see the seconds."""
    alone = network.with_flat(network.flat()[0])

    def evaluate(x: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
        return task.evaluate(alone.with_flat(x))

    def is_over(before: Iterate[lm.ScaledPoint], now: Iterate[lm.ScaledPoint]) -> bool:
        if now.number:
            book.evaluated()
        book.write(alone.with_flat(now.point.x), torch.tensor(now.loss))
        return False

    found = lm.levenberg_marquardt(lm.normal_equations(evaluate), alone.flat(), is_over, contender.schedule[level])
    return network.with_flat(found.point.x.unsqueeze(0))


METHODS: dict[str, Method] = {"adam": _by_adam, "lbfgs": _by_lbfgs, "gauss_newton": _by_gauss_newton}


class _Watched:
    """An objective that counts its evaluations and writes a record every few steps."""

    def __init__(self, task: Task, network: StudyNetwork, every: int, book: _Book) -> None:
        self.task, self.network, self.every, self.book = task, network, every, book
        self.attention = Attention(task.terms)
        self.start: torch.Tensor | None = None  # of the present step

    def objective(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.start is None:
            self.start = x.detach().clone()
        self.book.evaluated()
        return self.task.descend(self.network.with_flat(x.detach()), self.attention)

    def watch(self, step: int, loss: torch.Tensor, rate: float) -> bool:
        if (step - 1) % self.every == 0 and self.start is not None:
            self.book.write(self.network.with_flat(self.start), loss)
        self.start = None
        return False

    def ended(self, trained: FirstOrderResult) -> StudyNetwork:
        final = self.network.with_flat(trained.x)
        self.book.write(final, trained.losses[-1])
        return final


def median(values: torch.Tensor) -> float:
    """The middle value, or the mean of the two middle ones; what is not finite counts as larger than everything."""
    middle = values.nan_to_num(float("inf")).sort().values[[(len(values) - 1) // 2, len(values) // 2]]
    return float(middle.mean())


def shortened(schedule: Sequence[int], share: int) -> tuple[int, ...]:
    """1/share of the steps of every level, one at least where there are any."""
    return tuple(max(1, n // share) if n else 0 for n in schedule)


def in_both_bases(
    start: Callable[[int, bool], Start], schedules: Mapping[str, Sequence[int]], first: Mapping[str, int]
) -> list[Contender]:
    """Coarse only, fine only and multilevel, in splines and in powers of ReLU.

    ``start``: networks by how often knots are halved and by whether powers are meant; ``schedules``, and the ``first``
    levels where these are not the coarsest, by kind.
    """
    found = []
    for family, powers in (("spline", False), ("power ReLU", True)):
        for kind, schedule in schedules.items():
            name = f"{family}, {kind}" + ("" if kind == "multilevel" else " only")
            level = first.get(kind, 0)
            found.append(Contender(name, family, start(level, powers), tuple(schedule), first=level))
    return found
