"""Remedies on synthetic records: each reason has one that is computed from the run."""

from dataclasses import replace

import pytest
from records import LEVEL, levels

from pinnkan.problem.schema import SOLVER
from pinnkan.verdict.advice import MOST_KNOTS, remedy
from pinnkan.verdict.records import Reason


@pytest.mark.parametrize("reason", [r for r in Reason if r])
@pytest.mark.parametrize("records", [[], levels(1e-2), levels(1e-2, 1e-3), levels(1e-3, 1e-3, slabs=True)])
def test_every_reason_has_a_remedy_for_every_run_however_short(reason, records):
    text = remedy(reason, records, 1e-4, 1.0)
    assert text.endswith(".")
    assert "nan" not in text


def test_where_not_one_level_has_ended_more_time_is_asked_for():
    """It had been more of what the file gives a number of, though it gave none."""
    assert "several times the seconds" in remedy("max_time", [], 1e-4)


def test_levels_to_come_are_counted_from_the_decay_and_timed_from_the_growth():
    """100 times per level, each level twice as long as the one before: one more takes 2 x 2 s."""
    records = levels(1e-1, 1e-3, 1e-5)
    one = remedy("max_levels", records, 1e-6)
    assert "100 times per level: 1 more level, about 4 s" in one
    assert "`max_levels: 4`" in one
    three = remedy("max_levels", records, 1e-11)
    assert "3 more levels, about 28 s" in three  # 4 + 8 + 16
    assert "`max_time: 40`" in three  # 4 + 28 s, rounded up
    assert "per level" not in remedy("max_levels", levels(1e-5, 1e-3), 1e-6)


def test_eight_times_per_level_from_the_issue():
    records = [replace(LEVEL, number=k, estimate=8.0**-k, seconds=s) for k, s in enumerate([10.0, 30.0, 70.0])]
    text = remedy("max_levels", records, 8.0**-4 * 1.001)
    assert "8.0 times per level: 2 more levels, about 4 min" in text  # 80 + 160 s


def test_a_slow_decay_asks_for_a_tolerance_that_can_be_had():
    assert "`tolerance` of 0.02" in remedy("max_levels", levels(1.2e-2, 1.1e-2), 1e-6)
    far = remedy("max_levels", levels(2.3, 2.0), 1e-3)  # flow under a lid that jumps at the corners
    assert far.endswith("try another network or method.")


def test_a_time_limit_in_slabs_is_extrapolated_to_the_end_of_time():
    """0.1 of time each, in 1, 1, 2, 4 s: after t = 0.4 of 1 at the latest pace, 0.1 in 3 s, 18 s are left."""
    records = levels(1e-5, 1e-5, 1e-5, 1e-5, slabs=True)
    text = remedy("max_time", records, 1e-4, 1.0)
    assert "t = 0.4 of 1 was reached" in text
    assert "about 18 s" in text
    assert "`max_time: 40`" in text  # 1.2 * (8 + 18)
    assert "the rest" not in remedy("max_time", records, 1e-4, None)


def test_growth_over_the_slabs_is_named():
    grown = remedy("max_levels", levels(1e-6, 1e-5, 1e-5, 1e-2, slabs=True), 1e-4)
    assert "grew 1e+03 times" in grown
    assert "grew" not in remedy("max_levels", levels(1e-3, 1e-3, 1e-3, slabs=True), 1e-4)


def test_a_residual_that_stands_accuses_the_conditions():
    assert "does not fall" in remedy("stalled", levels(1e-2, 1e-2), 1e-4)
    falling = [replace(x, loss=10.0**-x.number) for x in levels(1e-2, 1e-2)]
    assert "milder" in remedy("stalled", falling, 1e-4)


def test_knots_are_counted_from_the_last_level():
    assert "`knots: 34`" in remedy("undersampled", [replace(LEVEL, intervals=(5, 17))], 1e-4)
    assert "`knots: 34`" in remedy("not_asymptotic", [replace(LEVEL, intervals=(5, 17))], 1e-4)
    assert "`knots: 10000`" in remedy("not_asymptotic", [replace(LEVEL, intervals=(7552,))], 1e-4)  # 15104 is refused


def test_more_knots_than_a_file_may_name_are_not_advised():
    (knots,) = (key for key in SOLVER if key.name == "knots")
    assert knots.schema["maximum"] == MOST_KNOTS


def test_slabs_that_shrink_tell_of_a_blow_up():
    times = [(0.0, 0.1), (0.1, 0.15), (0.15, 0.151)]
    records = [replace(LEVEL, number=k, time=t) for k, t in enumerate(times)]
    text = remedy("diverged", records, 1e-4, 1.0)
    assert "towards t = 0.151" in text
    assert "up to 0.14" in text
    assert "blow-up" not in remedy("diverged", records[:2], 1e-4, 1.0)


def test_below_rounding_names_the_least_tolerance_that_can_be_had():
    assert "`tolerance` of 3e-09" in remedy("tolerance_below_rounding", levels(1e-6, 1.1e-9, 4e-9), 1e-12)
    grown = levels(1e-8, 1e-7, 1.5e-5, slabs=True)  # slabs go on: 2e-6 was advised
    assert "`tolerance` of 3e-05" in remedy("tolerance_below_rounding", grown, 1e-6)
    assert "nearly singular" in remedy("tolerance_below_rounding", levels(0.5), 1e-4)
    assert "nearly singular" in remedy("tolerance_below_rounding", levels(1e-9, 0.5), 1e-4)  # of the last one


def test_what_is_not_determined_is_sought_where_it_can_be():
    assert "Add what is missing" in remedy("rank_deficient", levels(1e-2), 1e-4)
    assert "needs a value at a point" in remedy("rank_deficient", [replace(LEVEL, iterations=3)], 1e-4)
    for records in ([], levels(1e-2, slabs=True)):  # refused in the first slab, or later
        assert "highest derivative in time" in remedy("rank_deficient", records, 1e-4, 1.0)


def test_a_residual_as_large_as_the_data_on_every_level_asks_whether_a_solution_exists():
    unresolved = [replace(x, is_resolved=False) for x in levels(3.0, 3.0, 3.0)]
    assert "check that a solution exists" in remedy("max_time", unresolved, 1e-4)
    assert "check that" not in remedy("max_time", unresolved[:2], 1e-4)
    assert "check that" not in remedy("max_time", [*unresolved, levels(1e-3)[0]], 1e-4)


@pytest.mark.parametrize(("ratio", "words"), [(0.5, "Slabs shrink towards t = 1:"), (0.97, "was reached")])
def test_slabs_that_shrink_name_the_time_they_shrink_towards(ratio, words):
    ends = [0.5 * (1.0 - ratio**k) / (1.0 - ratio) for k in range(9)]
    records = [
        replace(x, time=(a, b)) for x, a, b in zip(levels(*[1e-5] * 8, slabs=True), ends[:-1], ends[1:], strict=True)
    ]
    assert words in remedy("max_time", records, 1e-4, 20.0)


def test_a_larger_tolerance_is_named_and_only_where_it_would_say_anything():
    small, large = (levels(x, x, x) for x in (3e-3, 4.0))
    assert "`tolerance` of 0.003" in remedy("max_levels", small, 1e-4)
    assert "tolerance" not in remedy("max_levels", large, 1e-4)
    assert "the only one" in remedy("max_levels", large, 1e-4)
    assert "tolerance" not in remedy("max_levels", [replace(x, is_resolved=False) for x in small[:2]], 1e-4)


def test_one_level_that_took_all_of_the_time_asks_for_more_of_it():
    assert "`max_time`" in remedy("max_time", levels(0.5), 1e-4)
    assert "Raise `max_time`" not in remedy("max_time", levels(0.5, 0.5), 1e-4)


def test_an_estimate_below_the_tolerance_asks_for_no_shorter_time_than_there_was():
    """`max_time: 10` had been advised where 20 were given."""
    told = remedy("max_time", levels(1e-3, 1e-5), 1e-4)
    assert "not all was asked" in told
    assert "`max_time: " not in told
