"""The clock of a solve: what cannot end in time is not begun, what can is."""

from dataclasses import replace

import pytest

from pinnkan.assembly import clock as module
from pinnkan.assembly.clock import FIRST_RESULT_FACTOR, FIRST_RESULT_SECONDS, Clock, OutOfTimeError
from pinnkan.problem.registry import load_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.monitor import Monitor


class Hands:
    """A clock whose seconds pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch):
    found = Hands()
    monkeypatch.setattr(module, "time", found)
    return found


def showing(limit):
    clock = Clock(limit)
    clock.has_result = True
    return clock


def worked(clock, hands, work, seconds):
    with clock.time_work("band", work):
        hands.now += seconds


def test_a_step_that_would_end_after_the_limit_is_not_begun(hands):
    clock = showing(10.0)
    worked(clock, hands, 1.0, 2.0)
    with pytest.raises(OutOfTimeError):
        worked(clock, hands, 5.0, 0.0)
    worked(clock, hands, 3.0, 6.0)  # as long, and in time
    with pytest.raises(OutOfTimeError):
        worked(clock, hands, 3.0, 0.0)


def test_the_pace_is_the_best_so_far_and_that_of_its_kind(hands):
    clock = showing(1e3)
    worked(clock, hands, 1.0, 3.0)
    worked(clock, hands, 100.0, 1.0)
    clock.limit = 10.0
    worked(clock, hands, 100.0, 0.0)
    with clock.time_work("rows", 1e9):
        pass


def test_the_first_result_has_a_little_longer(hands):
    clock, hands.now = Clock(10.0), 10.0 * FIRST_RESULT_FACTOR + 0.5 * FIRST_RESULT_SECONDS
    assert clock.expired()
    worked(clock, hands, 1.0, 0.0)
    clock.has_result = True
    with pytest.raises(OutOfTimeError):
        clock.check()
    clock.has_result, hands.now = False, 10.0 * FIRST_RESULT_FACTOR + 2.0 * FIRST_RESULT_SECONDS
    with pytest.raises(OutOfTimeError):
        clock.check()


def test_without_a_limit_everything_is_in_time(hands):
    clock, hands.now = showing(None), 1e9
    worked(clock, hands, 1.0, 1e9)
    worked(clock, hands, 1e9, 0.0)


def test_a_level_without_time_for_its_estimate_is_shown_as_not_known(monkeypatch):
    problem = load_problem("poisson1d")
    settings = replace(problem.solver, tolerance=1e-12)

    class Late(Clock):
        asked = 0

        def check(self, seconds=0.0):
            self.asked += 1
            if self.asked > 1:  # the Gauss-Newton step, and no correction
                raise OutOfTimeError

    monitor = Monitor(None, None)
    monitor.clock = Late()
    found = solve(replace(problem, solver=settings), monitor=monitor)
    assert (found.verdict.reason, len(found.levels)) == ("max_time", 1)
    assert not found.verdict.estimate < float("inf")
    assert len(solve(replace(problem, solver=settings)).levels) > 1
