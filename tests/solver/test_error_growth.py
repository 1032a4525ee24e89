"""What a pass may allow where, after one that has shown how errors grow."""

from dataclasses import replace

import numpy as np
import pytest

from pinnkan.solver.error_growth import (
    FUTURE_PARTS,
    FUTURE_RATE_SHARE,
    TARGET_SHARE,
    ErrorGrowth,
    LocalTolerance,
    next_local_tolerance,
)

#: Slabs of these lengths, on [0, 1].
ENDS = np.array([0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.85, 1.0])


def grown(rate, made, ends=ENDS):
    """Errors that grow at a ``rate`` (slab), with ``made`` (slab) added to them in squares."""
    lengths, errors, carried = np.diff(ends), [], []
    for step, added in zip(np.asarray(rate) * lengths, made, strict=True):
        carried.append(errors[-1] * np.exp(step) if errors else 0.0)
        errors.append(np.hypot(carried[-1], added))
    return ErrorGrowth(ends, np.array(errors), np.array(carried))


def to_come_at(rate, ends=ENDS):
    """Root mean square over [0, 1] of what an error of one made in a slab grows to, from there on."""
    lengths = np.diff(ends)
    factors = np.exp(np.asarray(rate) * lengths)
    squares = [sum(lengths[j] * np.prod(factors[i + 1 : j + 1]) ** 2 for j in range(i, 7)) for i in range(7)]
    return np.sqrt(np.maximum(squares, 1.0))


def ones(size=1.0):
    return np.full(len(ENDS) - 1, size)


def test_where_errors_do_not_grow_all_slabs_fall_alike():
    before = LocalTolerance.constant(1e-3)
    for rate in (0.0, -5.0):
        growth = grown(rate * ones(), ones(4e-3))
        after = next_local_tolerance(before, growth, 1.0, 1e-3)
        cut = TARGET_SHARE * 1e-3 / growth.predicted_error(1.0)
        assert [after.value_at(t) for t in (0.0, 0.5, 0.99)] == pytest.approx([cut * 1e-3] * 3)


def test_where_errors_grow_every_slab_adds_as_much_in_the_end():
    """Those made late may be as large as before; those made early fall by the growth between."""
    growth = grown(8.0 * ones(), ones(1e-4))
    after = next_local_tolerance(LocalTolerance.constant(1e-3), growth, 1.0, 1e-3)
    local = np.array([after.value_at(t) for t in ENDS[:-1]])
    to_come = to_come_at(8.0 * ones())
    assert local * to_come == pytest.approx(np.full(len(local), local[0] * to_come[0]), rel=0.01)
    assert local[-1] > 200 * local[0]


def test_the_next_pass_reaches_what_it_aims_at():
    """Errors made in proportion to what is allowed, and grown as before, come to less than the tolerance."""
    rate, made = np.array([0.0, 9.0, 9.0, 2.0, 12.0, 5.0, 9.0]), ones(1e-4)
    growth = grown(rate, made)
    assert growth.predicted_error(1.0) > 1e-2
    after = next_local_tolerance(LocalTolerance.constant(1e-3), growth, 1.0, 1e-3)
    again = grown(rate, made * np.array([after.value_at(t) for t in ENDS[:-1]]) / 1e-3)
    assert 0.1 * TARGET_SHARE * 1e-3 < again.predicted_error(1.0) < 1e-3


def test_no_slab_is_allowed_more_than_before():
    rate = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0, 40.0])
    before = next_local_tolerance(LocalTolerance.constant(1e-3), grown(rate, ones(1e-4)), 1.0, 1e-3)
    after = next_local_tolerance(before, grown(rate, ones(1e-5)), 1.0, 1e-3)
    assert all(after.value_at(t) <= before.value_at(t) <= 1e-3 for t in np.linspace(0, 1, 50))


def test_after_a_pass_that_was_given_up_errors_are_taken_to_grow_on_at_a_share_of_their_rate():
    ends = np.linspace(0.0, 0.6, 25)
    growth = grown(np.full(24, 10.0), np.append(1e-4, np.zeros(23)), ends)
    assert growth.future_rate == pytest.approx(FUTURE_RATE_SHARE * 10.0, rel=0.1)
    times, to_come = growth.growth_until(1.0)
    assert times[0] == 0.0
    assert np.all(np.diff(times) > 0.0)
    x = 2 * growth.future_rate * 0.4
    assert to_come[np.searchsorted(times, 0.6)] == pytest.approx(np.sqrt(np.expm1(x) / x * 0.4))
    assert growth.predicted_error(1.0) > growth.error_rms[-1]


def test_what_errors_are_for_an_instant_does_not_grow_on():
    """A front that passes: a thousand times in a thousandth of the time, as it would be in all that the mean says."""
    ends = np.array([0.0, 0.3, 0.499, 0.4995])
    front = ErrorGrowth(ends, np.array([1e-6, 1e-6, 1e-3]), np.array([0.0, 1e-6, 1e-3]))
    lasting = ErrorGrowth(np.array([0.0, 0.3, 0.4, 0.5]), front.error_rms, front.carried_rms)
    assert front.predicted_error(1.0) < front.error_rms[-1] < lasting.predicted_error(1.0)
    assert front.growth_so_far(1.0)[0] == pytest.approx(1e3 * 5e-4**0.5, rel=0.01)
    assert front.future_rate < 0.7 * lasting.future_rate


def test_what_a_slab_makes_is_no_growth_of_what_came_before():
    """An early slab that makes next to nothing is not held for what later ones make."""
    errors = np.array([1e-15, 1e-12, 1e-9, 1e-6])
    growth = ErrorGrowth(np.linspace(0, 1, 5), errors, np.append(0.0, errors[:-1]))
    assert growth.growth_so_far(1.0) == pytest.approx(np.ones(4))
    assert ErrorGrowth(growth.ends, errors, errors).growth_so_far(1.0)[0] > 1e8


def test_early_slabs_that_made_less_than_they_were_allowed_are_allowed_less_than_that():
    """Errors a hundredth of what was allowed, except where they grow no more: lowering all alike would change none."""
    made = ones(1e-6)
    made[-1] = 1e-4
    after = next_local_tolerance(LocalTolerance.constant(1e-3), grown(8.0 * ones(), made), 1.0, 1e-3)
    to_come = to_come_at(8.0 * ones())
    assert all(after.value_at(t) <= 1.01e-3 / g for t, g in zip(ENDS, to_come, strict=False))


def test_errors_whose_squares_are_zero_have_not_grown():
    growth = ErrorGrowth(np.arange(4.0), np.array([1e-200, 1e-180, 1e-170]), np.zeros(3))
    np.testing.assert_allclose(growth.log_factors, [0.0, 0.0, 0.0], atol=1e-12)


def test_what_rounding_grows_by_is_no_growth():
    """An error of 1e-17 that is 1e-15 next, and 1e-13 then, has not grown a hundred times twice."""
    errors = np.array([1e-19, 1e-17, 1e-15, 1e-13])
    growth = ErrorGrowth(np.linspace(0, 1, 5), errors, np.append(0.0, errors[1:]))
    assert growth.log_factors[:3] == pytest.approx(np.zeros(3), abs=1e-12)
    assert growth.log_factors[3] == pytest.approx(np.log(100.0))


def test_an_early_slab_is_allowed_no_more_than_a_later_one_that_has_as_much_before_it():
    """Past a front its own error has shrunk a thousand times, and one made there anew has not."""
    front = np.array([0.0, 0.0, -70.0, 0.0, 0.0, 40.0, 0.0])
    after = next_local_tolerance(LocalTolerance.constant(1e-3), grown(front, ones(1e-2)), 1.0, 1e-3)
    local = [after.value_at(t) for t in ENDS[:-1]]
    assert local[0] <= local[2] <= local[4]
    assert local[-1] > 20 * local[4]


def test_time_may_begin_anywhere_and_have_any_unit():
    growth = grown(4.0 * ones(), ones(1e-3))
    later = replace(growth, ends=3.0 + 2.0 * growth.ends)
    assert later.predicted_error(6.0) == pytest.approx(growth.predicted_error(1.5))
    assert later.growth_so_far(6.0) == pytest.approx(growth.growth_so_far(1.5))
    (times, sizes), (times_0, sizes_0) = later.growth_until(6.0), growth.growth_until(1.5)
    assert times == pytest.approx(3.0 + 2.0 * times_0)
    assert len(times) == len(growth.error_rms) + FUTURE_PARTS
    assert sizes == pytest.approx(sizes_0)
    before = LocalTolerance.constant(1e-3)
    allowed, allowed_0 = next_local_tolerance(before, later, 6.0, 1e-3), next_local_tolerance(before, growth, 1.5, 1e-3)
    assert allowed.shares == pytest.approx(allowed_0.shares)


def test_what_is_made_early_grows_on_after_the_last_slab():
    """As an exponential does: an error of one at 0.25 is e^(2 (t - 0.25)) at t, root mean square over [0, 1]."""
    ends = np.linspace(0.0, 0.5, 201)
    sizes = np.exp(2.0 * ends)
    growth = ErrorGrowth(ends, sizes[:-1], np.append(0.0, sizes[1:-1]))
    times, to_come = growth.growth_until(1.0)
    assert growth.future_rate == pytest.approx(FUTURE_RATE_SHARE * 2.0, rel=0.02)
    inside = np.expm1(4.0 * 0.25) / 4.0
    beyond = inside / 0.25 * np.expm1(2.0 * growth.future_rate * 0.5) / (2.0 * growth.future_rate)
    assert to_come[np.searchsorted(times, 0.25)] ** 2 == pytest.approx(inside + beyond, rel=0.03)
