"""What a pass through time tells a family, on a line of length two from the time one to three."""

from dataclasses import replace

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.slab_history import MIN_SLABS, RECENT_SLABS, SlabHistory
from pinnkan.solver.time_pass import (
    EARLY_SLABS,
    FIRST_SLAB_ODE,
    FLOOR_SHARE,
    FLOOR_SHARE_PLANE,
    JUMP_WIDTH,
    LEAST_ALLOWED,
    LOCAL_SHARE,
    MAX_TOLERANCE_SHARE,
    SMALLEST_SLAB,
    SMALLEST_SLAB_ODE,
    TimePass,
    shortest_first_slab,
)

HEAT = """
name: heat
domain: {{{space}, t: [1, 3]}}
unknowns: [u]
equations: ["{equation}"]
conditions:
  - {{where: initial, equation: u = 0}}
  - {{where: boundary, equation: u = 0}}{more}
"""
ALONE = """
name: alone
domain: {t: [0, 2]}
unknowns: [u]
equations: [u_t = -u]
conditions: [{where: initial, equation: u = 1}]
"""
AT_REST = "\n  - {where: initial, equation: u_t = 0}"
LINE, PLANE = "x: [0, 2]", "x: [0, 2], y: [0, 1]"


def problem_of(space=LINE, equation="u_t = lap(u) + 1", more=""):
    return parse_problem(HEAT.format(space=space, equation=equation, more=more), "heat.yaml")


def run_until(*ends, squares=0.0, **more):
    return SlabHistory((), (), (1.0, *ends), np.array([squares]), np.zeros(1), **more)


def passing(run, space=LINE, stops=(3.0,), local=1e-3):
    return TimePass(problem_of(space), run, local, stops, 0.1, Monitor(None, None))


@pytest.mark.parametrize(("length", "share"), [(0.5, 0.5), (2.0, 1.0), (1e-3, FLOOR_SHARE**0.5)])
def test_a_slab_may_make_its_share_of_the_time(length, share):
    assert passing(run_until()).allowed_correction(length) == pytest.approx(LOCAL_SHARE * share * 1e-3)


def test_no_slab_is_asked_for_less_than_its_coefficients_are_rounded():
    assert passing(run_until(), local=1e-15).allowed_correction(0.5) == LEAST_ALLOWED


def test_in_the_plane_a_slab_may_make_what_later_ones_forget():
    """Of errors that lose three quarters of their square from one to the next; of such that lose none, as ever."""
    ends = tuple(1.0 + 0.1 * np.arange(1, 6))
    even = LOCAL_SHARE * FLOOR_SHARE_PLANE**0.5 * 1e-3
    for kept, expected in ((0.5, min(MAX_TOLERANCE_SHARE, 0.75**0.5 / SAFETY) * 1e-3), (1.0, even), (0.97, None)):
        roots = tuple(kept ** np.arange(5))
        run = run_until(*ends, error_rms=roots, carried_rms=(0.0, *(kept * r for r in roots[:-1])))
        assert run.squared_error_decay == pytest.approx(1.0 - kept**2)
        allowed = passing(run, PLANE).allowed_correction(0.1)
        assert allowed == pytest.approx(expected or (1.0 - kept**2) ** 0.5 / SAFETY * 1e-3)
    assert passing(run, LINE).allowed_correction(0.1) < even
    assert passing(run_until(), PLANE).allowed_correction(1.0) == pytest.approx(LOCAL_SHARE * 0.5**0.5 * 1e-3)


def test_of_few_slabs_nothing_is_forgotten_and_of_many_the_last_ones_count():
    roots = (1.0,) * MIN_SLABS
    assert run_until(error_rms=roots, carried_rms=(0.0,) * MIN_SLABS).squared_error_decay == 0.0
    assert run_until(error_rms=(*roots, 1.0), carried_rms=(0.0,) * (MIN_SLABS + 1)).squared_error_decay == 1.0
    assert run_until(error_rms=(0.0,) * 9, carried_rms=(0.0,) * 9).squared_error_decay == 0.0
    early, late = (0.0,) * 5, (0.5,) * RECENT_SLABS
    assert run_until(
        error_rms=(1.0,) * (6 + RECENT_SLABS), carried_rms=(0.0, *early, *late)
    ).squared_error_decay == pytest.approx(0.75)


def test_the_next_slab_ends_at_the_next_stop_and_began_at_the_last_one():
    at = passing(run_until(1.5, 2.0), stops=(1.25, 2.0, 2.5, 3.0))
    assert (at.time, at.next_required_end, at.last_required_end, at.duration) == (2.0, 2.5, 2.0, 2.0)
    at = passing(run_until(1.5), stops=(2.0, 3.0))
    assert (at.next_required_end, at.last_required_end) == (2.0, 1.0)
    at = passing(run_until(2.0), stops=(2.0 + 1e-12, 3.0))
    assert (at.next_required_end, at.last_required_end) == (3.0, 2.0 + 1e-12)  # it ends there but for rounding


@pytest.mark.parametrize(
    ("equation", "more", "power"),
    [("u_t = lap(u)", "", 2.0), ("u_t + u_xxx = 1", "", 3.0), ("u_tt + u_xxxx = 1", AT_REST, 2.0)],
)
def test_the_first_slab_may_be_as_short_as_a_step_takes_to_widen(equation, more, power):
    assert np.log(shortest_first_slab(problem_of(equation=equation, more=more))) == pytest.approx(
        power * np.log(JUMP_WIDTH)
    )
    assert shortest_first_slab(problem_of(equation="u_t + u_x = 1")) == SMALLEST_SLAB < JUMP_WIDTH


def test_slabs_are_shortest_and_early_relative_to_the_whole_time():
    assert passing(run_until(2.0)).shortest() == pytest.approx(2.0 * SMALLEST_SLAB)
    at = replace(passing(run_until()), problem=problem_of(equation="u_t + u_x = 1"))
    instants = 2.0 * EARLY_SLABS * SMALLEST_SLAB
    assert [at.is_early(1.0 + share * instants) for share in (0.9, 1.1)] == [True, False]


def test_slabs_that_begin_later_may_be_longer_at_least_also_at_time_zero():
    at = replace(passing(run_until()), problem=problem_of(equation="u_t = lap(u)"))
    run = SlabHistory((), (), (-1.0, -1.0), np.zeros(1), np.zeros(1))
    at = replace(
        at,
        problem=replace(at.problem, domain=at.problem.domain.time_part(-1.0, 1.0)),
        slab_history=run,
        required_ends=(1.0,),
    )
    assert at.shortest(0.0) == at.shortest(0.5) > at.shortest()


def test_in_time_alone_they_may_be_much_shorter_at_the_start_most_of_all():
    """An enzyme takes up what it can in 1e-9 of the time that its substrate takes."""
    alone = parse_problem(ALONE, "a.yaml")
    first, later = (SlabHistory((), (), (0.0, *ends), np.zeros(1), np.zeros(1)) for ends in ((), (1.0,)))
    at = replace(passing(first), problem=alone)
    assert at.shortest() == pytest.approx(2.0 * FIRST_SLAB_ODE)
    assert replace(at, slab_history=later).shortest() == pytest.approx(2.0 * SMALLEST_SLAB_ODE)


def test_norms_over_a_slab_are_those_of_all_that_was_seen():
    """Squares of 3 in half a unit of time and 5 in a quarter more: 8/3 a quarter; no less than ``least``."""
    squares = np.array([5.0])
    assert passing(run_until(1.5, squares=3.0)).reference_squared_norms(squares, 0.25) == pytest.approx([8.0 / 3.0])
    assert passing(run_until(1.5, squares=3.0, squared_norm_floor=np.array([32.0]))).reference_squared_norms(
        squares, 0.25
    ) == pytest.approx([8.0])


def test_the_size_until_now_is_a_root_mean_square_over_space_and_time():
    """A function that is four everywhere has squares of 16 times length two times the time that is past."""
    assert passing(run_until(1.75, squares=16.0 * 2.0 * 0.75)).rms_so_far == pytest.approx([4.0])
    assert passing(run_until(1.5)).rms_so_far == pytest.approx([0.0])


def test_rounding_is_a_root_mean_square_over_the_time_so_far():
    run = run_until(1.5, squares=8.0, squared_rounding_integral=0.5 * 1e-6)
    assert run.rounding_rms == pytest.approx(1e-3)
    errors = SlabHistory(
        (), (), run.ends, run.squared_norms, np.array([2.0]), squared_rounding_integral=run.squared_rounding_integral
    )
    assert errors.estimate(problem_of()) == pytest.approx(SAFETY * 0.5 + 1e-3)


def test_only_a_run_that_has_reached_the_end_has_seen_all(monkeypatch):
    seen = []
    monkeypatch.setattr("pinnkan.solver.slab_history.contradiction", lambda standing, ends, is_all: seen.append(is_all))
    for end in (2.0, 3.0 - 3e-12, 3.0 - 1e-12, 3.0):
        run_until(end).contradiction(problem_of())
    assert seen == [False, False, True, True]


def test_what_a_contradiction_hides_is_added_to_the_estimate():
    run = run_until(1.5, 2.0, 3.0, squares=8.0, persistent_errors=(0.1, 0.2, 0.3))
    assert run.estimate(problem_of()) == pytest.approx(0.6)
