"""What a run says while it lasts: one live line on a terminal, plain lines elsewhere, always on stderr."""

import sys
import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from pinnkan.export.tables import by_x
from pinnkan.problem.evolution import as_time_problem
from pinnkan.problem.statement import Problem
from pinnkan.verdict.fit_records import FitStep
from pinnkan.verdict.records import Iteration, Level

_BAR = 24
#: Seconds after which there is a sign of life where no line moves; a choice.
SILENCE = 10.0


class Progress:
    """Shows the records of one run as they come; use it as a context and hand it to the solver.

    On a terminal the last line lives: steps, losses and the clock move; finished levels stay above it. Elsewhere each
    level is one line. Slabs are one line together, elsewhere one after each SILENCE too. When ``verbose`` each slab and
    each step is a line of its own.
    """

    def __init__(self, problem: Problem, verbose: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._verbose = verbose
        self._marched = as_time_problem(problem)
        self._span = None if self._marched.time_axis is None else self._marched.box.ranges[-1]
        self._level: Level | None = None
        self._step: Iteration | None = None
        self._slabs = 0  # of this pass through time
        self._writing = False
        self._start = self._said = time.perf_counter()
        self._live: Live | None = None

    def __enter__(self) -> "Progress":
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._line, refresh_per_second=5, transient=True,
                redirect_stdout=False,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, record: Level | Iteration | FitStep) -> None:
        """Takes a record from the solver."""
        if isinstance(record, FitStep):
            self.say(fit_line(record))
        elif isinstance(record, Level):
            self._level, self._step = record, None
            begins = record.time is None or self._span is None or record.time[0] <= self._span[0]
            self._slabs = 1 if begins else self._slabs + 1
            silent = self._live is None and time.perf_counter() - self._said > SILENCE
            if record.time is None or self._verbose or silent:
                self.say(level_line(record, self._marched))
        else:
            self._step = record
            if self._verbose:
                self.say("  " + step_line(record))

    def writing(self) -> None:
        """From here on the results are being written."""
        self._writing = True
        last, count = self._level, self._slabs
        if last is not None and last.time is not None and not self._verbose:
            slabs = f"{count} slab{'s' * (count > 1)} to {self._marched.format_march_position(last.time[1], 4)}"
            self.say(f"{slabs}  the last: {numbers_of(last)}  {last.seconds:.2f} s")

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, markup=False, soft_wrap=True)
        self._said = time.perf_counter()

    def _line(self) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        cells: list[RenderableType] = []
        if self._span is not None:
            low, high = self._span
            reached = self._level.time[1] if self._level is not None and self._level.time is not None else low
            cells.append(ProgressBar(total=high - low, completed=reached - low, width=_BAR))
            cells.append(f"{self._marched.format_march_position(reached, 4)} of {high:.4g}")
        if self._writing:
            cells.append("writing the results")
        elif self._level is not None and self._span is not None:
            cells.append(numbers_of(self._level))
        elif self._step is not None:
            cells.append(f"level {self._step.level}, {step_line(self._step)}")
        else:
            cells.append("solving")
        cells.append(f"{time.perf_counter() - self._start:.1f} s")
        row.add_row(*cells)
        return row


def fit_line(step: FitStep) -> str:
    """A step of a fit in one line."""
    values = "  ".join(f"{name} = {value:.8g}" for name, value in step.values.items())
    return f"fit {step.number}  {values}  misfit {step.misfit:.2e} of the noise  {step.seconds:.2f} s"


def level_line(level: Level, problem: Problem) -> str:
    """A level or slab in one line, of the ``problem`` that is solved."""
    name = (
        f"level {level.number}"
        if level.time is None
        else f"slab {level.number}  {problem.format_march_position(level.time[1], 4)}"
    )
    remarks = f"  {level.remarks}" if level.remarks else ""
    return f"{name}  {numbers_of(level)}  {level.seconds:.2f} s{remarks}"


def numbers_of(level: Level) -> str:
    """Intervals, parameters, loss and estimate."""
    return (
        f"{by_x(level.intervals)} intervals  {level.parameters} parameters  "
        f"loss {level.loss:.1e}  estimate {level.estimate:.1e}"
    )


def step_line(step: Iteration) -> str:
    """A step in one line."""
    if step.rate:
        return f"step {step.iteration}  loss {step.loss:.2e}  rate {step.rate:.1e}"
    return f"step {step.iteration}  loss {step.loss:.2e}  change {step.step:.1e}  damping {step.damping:.1e}"
