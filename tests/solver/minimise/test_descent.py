from functools import partial

import pytest

from pinnkan.solver.minimise.descent import (
    LEAST_DAMPING,
    MOST_HALVINGS,
    MOST_REJECTIONS,
    Iterate,
    damp_by_gain_ratio,
    descend,
    halve,
    is_small_or_lowers,
)


def newton_on_a_root(now):
    """Steps on |x|^(3/4), that overshoot fourfold, to its root at 2."""
    move = -4.0 * (now.point - 2.0)
    return lambda share: Iterate(x := now.point + share * move, abs(x - 2.0) ** 1.5, abs(share * move), share)


def test_a_step_is_halved_until_the_loss_falls_and_the_whole_one_comes_first_again():
    start = Iterate(3.0, 1.0, next_control=1.0)
    once, rejected = descend(start, newton_on_a_root, halve, lambda *_: False, 1)
    assert (once.number, once.control, once.next_control, rejected) == (1, 0.25, 1.0, None)
    assert once.point == 2.0
    stuck, rejected = descend(once, newton_on_a_root, halve, lambda *_: False)
    assert stuck is once
    assert rejected.control == 0.5 ** (MOST_HALVINGS - 1)


def test_a_descent_ends_where_it_is_said_to_with_the_last_two_iterates():
    seen = []
    uphill = partial(is_small_or_lowers, tolerance=10.0)
    end, _ = descend(
        Iterate(3.0, 1.0, next_control=1.0), newton_on_a_root, halve,
        lambda before, now: seen.append((before.number, now.number)) or now.number == 2, accepts=uphill,
    )  # fmt: skip
    assert seen == [(0, 0), (0, 1), (1, 2)]
    assert end.number == 2


@pytest.mark.parametrize(
    ("loss", "size", "accepted"),
    [(2.0, 1.0, True), (2.000001, 1.0, True), (2.1, 1.0, False), (2.1, 0.01, True), (float("nan"), 0.01, False)],
)
def test_a_loss_may_rise_by_rounding_or_after_a_small_step(loss, size, accepted):
    assert is_small_or_lowers(Iterate(0, 2.0), Iterate(1, loss, size), 0.01) == accepted


def test_damping_follows_the_gain_ratio():
    now = Iterate(0, 4.0)
    tried = [Iterate(1, 4.0 - fall, control=0.3, promised=2.0) for fall in (2.0, 1.0, 0.2)]
    assert [damp_by_gain_ratio(now, t, 0) for t in tried] == pytest.approx([0.1, 0.3, 0.3 * (1 + 0.8**3)])
    assert damp_by_gain_ratio(now, Iterate(1, 2.0, control=0.0, promised=2.0), 0) == LEAST_DAMPING
    assert [damp_by_gain_ratio(now, tried[0], n) for n in (1, 3)] == pytest.approx([0.6, 2.4])
    assert damp_by_gain_ratio(now, tried[0], MOST_REJECTIONS) is None
