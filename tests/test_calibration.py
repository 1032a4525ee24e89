"""The quick part of the calibration: an estimate below 0.8 of the true error fails the build."""

import numpy as np
import pytest
from benchmark.calibration import measured
from benchmark.random_problems import draw

#: Solved in about a third of a second each: steady on a line and in the plane, in time, near a resonance, nonlinear.
QUICK = (1, 2, 4, 5, 10, 11, 12, 20, 21, 23, 24, 25, 44, 60, 71)


@pytest.mark.parametrize("number", QUICK)
def test_the_estimate_of_a_random_problem_is_honest(number):
    row = measured(draw(number))
    if np.isfinite(row.estimate):
        assert 0.8 <= row.effectivity <= 10.0
    if row.verdict == "converged":
        assert row.error <= 2.0 * row.tolerance


def test_an_estimate_a_tenth_as_large_would_fail(monkeypatch):
    from pinnkan.solver.families.product import level_estimate

    monkeypatch.setattr(level_estimate, "SAFETY", 0.1)
    assert measured(draw(4)).effectivity < 0.8


def test_a_random_problem_is_a_function_of_its_number():
    assert draw(5) == draw(5)
    assert draw(5).text != draw(6).text
    families = {draw(n).family for n in range(60)}
    assert any("in time" in f for f in families)
    assert any("deep" in f for f in families)
    assert any(f.startswith("hard") for f in families)
    assert any("periodic" in f for f in families)
