import numpy as np
import pytest
from reference.allen_cahn import allen_cahn
from reference.burgers import burgers

from pinnkan.study import references

X = np.linspace(-1, 1, 101)


@pytest.mark.parametrize("nu", [0.01, 0.03])
def test_cole_hopf_by_gauss_hermite_agrees_with_the_trapezoidal_rule(nu):
    t = np.array([0.0, 0.1, 0.4, 1.0])[:, None]
    ours, theirs = references.burgers(X, t, nu), burgers(X, t, nu)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.abs(references.burgers(X, t, 1.1 * nu) - theirs).max() > 1e-4


def test_the_cosine_series_agrees_with_spectral_elements():
    times = (0.0, 0.2, 0.7, 1.0)
    ours = references.allen_cahn(X, times)
    theirs = np.stack([allen_cahn(times=times[1:])(X, t) for t in times[1:]])
    np.testing.assert_allclose(ours[0], X**2 * np.cos(np.pi * X), rtol=0, atol=1e-3)  # the kink at x = 1
    np.testing.assert_allclose(ours[1:], theirs, rtol=0, atol=1e-5)
    assert np.abs(references.allen_cahn(X, times, diffusion=1.1e-4)[1:] - theirs).max() > 1e-4
