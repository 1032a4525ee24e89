"""An attempt at a solve that fails: what it leaves behind, and what it says of that."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from pinnkan.errors import Exit, OutOfMemoryError, ResourceError
from pinnkan.problem.statement import Problem
from pinnkan.run import solving
from pinnkan.run.attempt import Attempt
from pinnkan.run.commands import run_solve
from pinnkan.run.folder import CHECKPOINT, RESUME
from pinnkan.run.signals import Stopped
from pinnkan.solver.monitor import Monitor

Command = Callable[..., Namespace]


@pytest.mark.parametrize(
    ("failure", "words"),
    [(OutOfMemoryError("no memory"), "Where there is more memory"), (ResourceError("no disk"), "To go on")],
)
def test_without_memory_going_on_is_advised_only_where_there_is_more(
    failure: Exception, words: str, files: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(problem: Problem, monitor: Monitor, device: str) -> None:
        raise failure

    monkeypatch.setattr(solving, "solve_monitored", fails)
    monkeypatch.setattr(Attempt, "left_behind", lambda attempt, when="To go on": [when])
    with pytest.raises(ResourceError) as refused:
        run_solve(command())
    assert str(refused.value).splitlines()[-1] == words


def test_a_signal_in_the_middle_of_leaving_hides_no_state(
    files: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process of a job has died, and whoever started them ends the others."""

    def fails(problem: Problem, monitor: Monitor, device: str) -> None:
        raise ResourceError("process 1 of 2 has ended")

    def torn(attempt: Attempt, folder: Path, *_: object) -> None:
        (folder / CHECKPOINT).mkdir()
        (folder / CHECKPOINT / RESUME).write_text("{}")
        raise Stopped(Exit.TERMINATED)

    monkeypatch.setattr(solving, "solve_monitored", fails)
    monkeypatch.setattr(Attempt, "_leave", torn)
    assert run_solve(command()) == 143
    assert "the state is in" in capsys.readouterr().err
