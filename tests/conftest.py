"""Slow tests end in time: one that would begin after SLOW_UNTIL, in seconds since 1970, is skipped and says so."""

import os
import time

import pytest


def pytest_runtest_setup(item):
    until = os.environ.get("SLOW_UNTIL")
    if until is not None and item.get_closest_marker("slow") is not None and time.time() > float(until):
        pytest.skip("no time is left for slow tests (SLOW_UNTIL)")
