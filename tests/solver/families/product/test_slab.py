"""Where a slab begins: the Taylor polynomial of the one before, in Bernstein coefficients."""

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.slab import taylor_coefficients, taylor_guess
from pinnkan.solver.families.product.slab_start import SlabStart

X = Axis(np.linspace(0.0, 1.0, 4), 3)


def slab(start, end, degree, function):
    """A function of x and t, linear in x, as coefficients on a slab: interpolated, exact for polynomials in t."""
    time = Axis(np.array([start, end]), degree)
    s = np.linspace(start, end, degree + 1)
    values = function(X.basis.identity_coefficients().numpy()[:, None], s)
    return time, np.linalg.solve(time.matrix(s), values.T).T[..., None]


def polynomial(x, t):
    return (1 + x) * (1 + 2 * t - 3 * t**2 + t**4)


@pytest.mark.parametrize("degree", [4, 6])
def test_a_polynomial_in_time_is_continued_exactly_into_a_slab_of_another_length_and_degree(degree):
    time, before = slab(0.2, 0.5, 5, polynomial)
    start = SlabStart(0.5, (X,), (before[:, -1],), (np.zeros(1),), taylor_coefficients(time, before))
    after, expected = slab(0.5, 1.1, degree, polynomial)
    assert taylor_guess(start, after) == pytest.approx(expected, rel=1e-10)
    without = SlabStart(0.5, (X,), (before[:, -1],), (np.zeros(1),))
    assert np.abs(taylor_guess(without, after) - expected).max() > 0.1


def test_taylor_coefficients_are_the_derivatives_over_factorials():
    time, c = slab(0.2, 0.5, 5, polynomial)
    space, t = Space((X, time)), 0.5
    terms = [2 - 6 * t + 4 * t**3, (-6 + 12 * t**2) / 2, 24 * t / 6, 1.0]
    x = np.array([0.3])
    for k, term in enumerate(terms):
        found = Space((X,)).evaluate_grid(taylor_coefficients(time, c)[..., k], [x], (0,))[0, 0]
        assert found == pytest.approx(1.3 * term, rel=1e-9)
    assert space.evaluate_grid(c, [x, np.array([t])], (0, 1))[0, 0, 0] == pytest.approx(1.3 * terms[0])


def test_a_series_that_grows_ends_with_its_smallest_term():
    rates = np.stack([np.full((X.count, 1), r) for r in (1.0, 1e-3, 50.0)], -1)
    start = SlabStart(0.0, (X,), (np.ones((X.count, 1)),), (np.zeros(1),), rates)
    end = taylor_guess(start, Axis(np.array([0.0, 1.0]), 5))[:, -1]
    assert end == pytest.approx(np.full_like(end, 2.001))
