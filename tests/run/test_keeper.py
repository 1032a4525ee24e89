"""The state of a run under way is written as often as its share of the time allows, and not more often."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pinnkan.run import keeper
from pinnkan.run.folder import RESUME
from pinnkan.run.keeper import FIRST, LONGEST, SHARE, Keeper
from pinnkan.solver.families.deep.state import DeepState

STATE = DeepState((), (), (), None, None)


class Clock:
    """Time that passes only where a test says so: each write of a state takes ``cost`` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.now, self.writes = 1000.0, 0
        write = keeper.write_signed

        def slow(*given: object) -> None:
            self.now += cost
            self.writes += 1
            write(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(keeper, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(keeper, "write_signed", slow)


def test_nothing_is_written_while_it_is_cheap_to_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 0.1)
    keeping = Keeper(tmp_path, {})
    clock.now += 0.99 * FIRST
    keeping.keep(STATE, 0.0)
    assert not (tmp_path / RESUME).exists()
    clock.now += 0.02 * FIRST
    keeping.keep(STATE, 0.0)
    assert (tmp_path / RESUME).exists()


@pytest.mark.parametrize(
    ("cost", "pause"), [(0.2, 0.2 / SHARE), (6.0, LONGEST)], ids=["a share of the time", "at the latest"]
)
def test_a_state_is_written_when_that_takes_its_share_of_the_time_since_the_last(
    cost: float, pause: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, cost)
    keeping = Keeper(tmp_path, {})
    clock.now += FIRST
    keeping.keep(STATE, 0.0)
    assert clock.writes == 1
    clock.now += 0.99 * pause
    keeping.keep(STATE, 1.0)
    assert (clock.writes, keeping.written) == (1, False)
    clock.now += 0.02 * pause
    keeping.keep(STATE, 2.0)
    assert (clock.writes, keeping.written) == (2, True)
