"""What a pass may allow where, after one that has shown how errors grow."""

import numpy as np
import pytest

from pinnkan.solver.growth import AIM_SHARE, GROWS_ON, Growth, LocalTolerance, shared_out

#: Slabs of these lengths, on [0, 1].
ENDS = np.array([0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.85, 1.0])


def grown(rate, made, ends=ENDS):
    """Errors that grow at a ``rate`` (slab), with ``made`` (slab) added to them in squares."""
    lengths, errors = np.diff(ends), []
    for step, added in zip(np.asarray(rate) * lengths, made, strict=True):
        errors.append(np.hypot(errors[-1] * np.exp(step) if errors else 0.0, added))
    return Growth(ends, np.array(errors), np.asarray(made))


def ones(size=1.0):
    return np.full(len(ENDS) - 1, size)


def test_where_errors_do_not_grow_all_slabs_fall_alike():
    before = LocalTolerance.even(1e-3)
    for rate in (0.0, -5.0):
        growth = grown(rate * ones(), ones(4e-3))
        after = shared_out(before, growth, 1.0, 1e-3)
        cut = AIM_SHARE * 1e-3 / growth.predicted(1.0)
        assert [after.at(t) for t in (0.0, 0.5, 0.99)] == pytest.approx([cut * 1e-3] * 3)


def test_where_errors_grow_every_slab_adds_as_much_in_the_end():
    """Those made late may be as large as before; those made early fall by the growth between."""
    growth = grown(8.0 * ones(), ones(1e-4))
    after = shared_out(LocalTolerance.even(1e-3), growth, 1.0, 1e-3)
    local = np.array([after.at(t) for t in ENDS[:-1]])
    to_come = np.exp(8.0 * (1.0 - ENDS[1:]))
    assert (local * to_come)[:-1] == pytest.approx(np.full(len(local) - 1, local[0] * to_come[0]), rel=0.01)
    assert local[-1] == 1e-3 > 200 * local[0]


def test_the_next_pass_reaches_what_it_aims_at():
    """Errors made in proportion to what is allowed, and grown as before, come to less than the tolerance."""
    rate, made = np.array([0.0, 9.0, 9.0, 2.0, 12.0, 5.0, 9.0]), ones(1e-4)
    growth = grown(rate, made)
    assert growth.predicted(1.0) > 1e-2
    after = shared_out(LocalTolerance.even(1e-3), growth, 1.0, 1e-3)
    again = grown(rate, made * np.array([after.at(t) for t in ENDS[:-1]]) / 1e-3)
    assert 0.1 * AIM_SHARE * 1e-3 < again.predicted(1.0) < 1e-3


def test_no_slab_is_allowed_more_than_before():
    rate = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 40.0, 40.0])
    before = shared_out(LocalTolerance.even(1e-3), grown(rate, ones(1e-4)), 1.0, 1e-3)
    after = shared_out(before, grown(rate, ones(1e-5)), 1.0, 1e-3)
    assert all(after.at(t) <= before.at(t) <= 1e-3 for t in np.linspace(0, 1, 50))


def test_after_a_pass_that_was_given_up_errors_are_taken_to_grow_on_at_a_share_of_their_rate():
    growth = grown(10.0 * ones()[:4], ones(1e-4)[:4], ENDS[:5])
    assert growth.rate == pytest.approx(GROWS_ON * 10.0 * 5 / 6, rel=0.02)  # the first slab begins with no error
    times, to_come = growth.to_come(1.0)
    assert times[0] == 0.0
    assert np.all(np.diff(times) > 0.0)
    assert to_come[np.searchsorted(times, 0.6)] == pytest.approx(np.exp(growth.rate * 0.4))
    assert growth.predicted(1.0) > growth.errors[-1]


def test_early_slabs_that_made_less_than_they_were_allowed_are_allowed_less_than_that():
    """Errors a hundredth of what was allowed, except where they grow no more: lowering all alike would change none."""
    made = ones(1e-6)
    made[-1] = 1e-4
    after = shared_out(LocalTolerance.even(1e-3), grown(8.0 * ones(), made), 1.0, 1e-3)
    to_come = np.exp(8.0 * (1.0 - ENDS[1:]))
    assert all(after.at(t) <= 1.01e-3 / g for t, g in zip(ENDS, to_come, strict=False))


def test_errors_whose_squares_are_zero_have_not_grown():
    growth = Growth(np.arange(4.0), np.array([1e-200, 1e-180, 1e-170]), np.zeros(3))
    np.testing.assert_allclose(growth.factors, [0.0, 0.0, 0.0], atol=1e-12)
