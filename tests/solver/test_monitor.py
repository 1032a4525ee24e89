"""The clock of a solve: what is over the limit, and whose limit counts."""

import pytest

from pinnkan.solver.monitor import Monitor, OutOfTimeError


def test_time_is_over_beyond_the_limit_and_never_without_one():
    for monitor, is_over in ((Monitor(1000.0, None, spent=999.0), False), (Monitor(1000.0, None, spent=1001.0), True)):
        assert monitor.expired() == is_over
    with pytest.raises(OutOfTimeError):
        Monitor(1000.0, None, spent=1001.0).check_time()
    Monitor(None, None, spent=1e9).check_time()


def test_a_limit_that_the_user_gave_stays():
    own, none = Monitor(3.0, None), Monitor(None, None)
    for monitor in (own, none):
        monitor.set_default_limit(5.0)
    assert (own.limit, none.limit) == (3.0, 5.0)


@pytest.mark.parametrize(("limit", "spent", "said"), [(100.0, 30.0, True), (100.0, 95.0, False), (None, 30.0, False)])
def test_what_ends_before_its_limit_says_why(limit, spent, said):
    words = Monitor(limit, None, spent=spent).early_end_reason()
    assert words == ("after 30 of 100 s what comes next was predicted to end beyond it" if said else "")
