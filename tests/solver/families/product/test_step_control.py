"""The length of slabs: functions of what the last attempts have shown, and one problem beside two jumps."""

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.step_control import (
    LEAST_DEGREE,
    LEAST_FACTOR,
    LIMITED_LEAST_DEGREE,
    MOST_DEGREE,
    SHRINK,
    Aim,
    length_factor,
    limit_shortening,
    next_degree,
    plan_after_failure,
    slab_length,
)

START = SlabStart(0.0, (), (np.zeros(1),), (np.zeros(1),))


def test_the_order_that_two_attempts_have_shown_shortens_a_slab_at_a_kink():
    """The share in time fell like the square root of the length: order 1/2 instead of 8 1/2."""
    blind = length_factor(0.5, 1e-5, 1e-6, None, 8)
    seen = length_factor(0.5, 1e-5, 1e-6, (1.0, 2**0.5 * 1e-5), 8)
    assert blind > 0.5
    assert seen < 0.1


def test_at_a_jump_a_slab_is_shortened_by_many_times_at_once():
    """The share in time fell like the fourth root of the length, as it does there: less than is believed."""
    assert length_factor(0.5, 1e-1, 1e-6, (1.0, 2**0.25 * 1e-1), 8) == LEAST_FACTOR
    assert length_factor(0.5, 1e-1, 1e-6, (1.0, 2 * 1e-1), 8) == SHRINK**2


def test_slabs_that_are_not_solved_are_shortened_by_more_and_more():
    aim, lengths = Aim(START, 1.0, 8), []
    for _ in range(6):
        aim = plan_after_failure(aim, 0.3 * aim.length)
        lengths.append(aim.length)
    assert lengths == pytest.approx(0.3 ** np.array([1, 2, 4, 7, 11, 16]))


@pytest.mark.parametrize(("length", "expected"), [(0.3, 0.3), (0.7, 0.5), (1.5, 1.0)])
def test_no_sliver_of_time_is_left_over(length, expected):
    assert slab_length(Aim(START, length, 8), 0.0, 1.0, 1.0, None) == expected


def test_a_given_number_of_slabs_is_kept():
    assert slab_length(Aim(START, 0.9, 8), 0.0, 1.0, 1.0, 4) == 0.25


@pytest.mark.parametrize(
    ("degree", "in_time", "expected"),
    [
        (8, 0.2, 9),
        (8, 0.01, 8),
        (8, 1e-6, 7),
        (MOST_DEGREE, 0.2, MOST_DEGREE),
        (LEAST_DEGREE, 0.0, LEAST_DEGREE),
        (5, 0.0, 5),
        (5, 0.2, 6),
    ],
)
def test_the_degree_in_time_rises_where_time_limits_the_slabs_and_falls_where_it_is_idle(degree, in_time, expected):
    assert next_degree(degree, in_time * 1e-6, 1e-6) == expected


@pytest.mark.parametrize(
    ("degree", "in_time", "expected"), [(6, 0.01, 5), (6, 0.2, 6), (6, 0.6, 7), (LIMITED_LEAST_DEGREE, 0.0, 4)]
)
def test_where_something_else_limits_the_slabs_the_degree_in_time_follows_what_it_is_needed_for(
    degree, in_time, expected
):
    assert next_degree(degree, in_time * 1e-6, 1e-6, True) == expected


PULSE = """
name: pulse
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t = 0.1*u_xx]
conditions:
  - {where: initial, equation: u = 0}
  - {where: left, equation: u = heaviside(t - 0.159154943) - heaviside(t - 0.659154943)}
  - {where: right, equation: u = 0}
solver: {tolerance: 1e-4}
"""


def test_a_side_that_is_switched_on_and_off_late_is_solved():
    """After a first instant of 1e-10 of its time slabs shrank to 1e-15: 'the solution may end there (blow-up)'."""
    solution = solve(parse_problem(PULSE, "t.yaml"))
    x, k = np.linspace(0.05, 1.0, 20), np.pi * np.arange(1, 200)

    def since(time):
        return (1.0 - x - 2.0 * np.sin(np.outer(x, k)) @ (np.exp(-0.1 * k**2 * time) / k)) if time > 0.0 else 0.0 * x

    assert solution.verdict.converged
    for t in (0.2, 0.6, 0.7, 1.0):
        exact = since(t - 0.159154943) - since(t - 0.659154943)
        np.testing.assert_allclose(solution(np.stack([x, 0.0 * x + t], 1))["u"], exact, atol=1e-4)


def test_a_slab_is_no_shorter_than_may_be_unless_one_of_that_length_has_failed():
    assert limit_shortening(1.0, 5.0, 2.0) == 2.0
    assert limit_shortening(3.0, 5.0, 2.0) == 3.0
    assert limit_shortening(1.0, 2.0 * (1.0 + 1e-6), 2.0) == 1.0
