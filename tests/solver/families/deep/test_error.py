"""Where the true error of a deep network is measured."""

import numpy as np
import pytest
from closed_form import ClosedForm
from deep_problems import T, X, burgers
from pinnkan.solver.families.deep.error import samples_of

from pinnkan.solver.estimate.true_error import true_error


def test_the_samples_are_spread_over_the_box_and_their_sums_are_integrals_over_it():
    """Means of 4000 random points: within 4/sqrt(4000) standard deviations of the integrals."""
    problem, field = burgers(), ClosedForm(X**2 + T, (X, T))
    samples = samples_of(problem, field)
    for x, (low, high) in zip(samples.points, problem.box.ranges, strict=True):
        assert low <= x.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < x.max() <= high
        assert abs(samples.weights @ x - 0.5 * (low + high)) < 0.07 * (high - low) / 12**0.5
    x, t = samples.points
    assert samples.weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(samples.values[:, 0], x**2 + t, rtol=1e-14)
    assert not np.allclose(samples.values[:, 0], x + t**2)


def test_the_true_error_of_a_function_twice_as_large_is_one():
    problem = burgers()
    exact = problem.exact["u"]
    for factor, error in ((1.0, 0.0), (2.0, 1.0), (0.5, 0.5)):
        assert true_error(problem, samples_of(problem, ClosedForm(factor * exact, (X, T)))) == pytest.approx(error)
